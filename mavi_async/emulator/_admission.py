"""What stands before every endpoint: the key, the limit, and the faults that answer instead."""

import hmac

from starlette.requests import Request
from starlette.responses import Response

from mavi_async.emulator._answers import (
    Answer,
    faulty_answer,
    plain_error,
    rejection_answer,
)
from mavi_async.emulator._breaking import BROKEN_KINDS, BrokenResponse
from mavi_async.emulator._faults import Fault
from mavi_async.emulator._jobs import Ledger
from mavi_async.emulator._limiter import Limiter, make_limiter
from mavi_async.emulator._requests import Refused, to_response
from mavi_async.emulator._settings import Settings

__all__ = ["Admission"]


class Admission:
    """Lets in who has the key and is within the limit.

    Args:
        settings: The account and its habits.
        ledger: Where it writes down whom it told to slow down.
    """

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._limiters: dict[str, Limiter] = {}

    def refill(self) -> None:
        """Start all limits anew."""
        self._limiters.clear()

    def admit(self, request: Request, endpoint: str) -> None:
        """Check the key, then the limit, of which each endpoint has its own.

        Raises:
            Refused: It must not come in.
        """
        settings = self._settings
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode("latin-1"), settings.api_key.encode()):
            raise Refused(plain_error(401, "Unauthorized"))
        limiter = self._limiters.get(endpoint)
        if limiter is None:
            limiter = make_limiter(settings.limiter, settings.requests_per_second)
            self._limiters[endpoint] = limiter
        if not limiter.accepts(request.state.arrived):
            self._ledger.rejection_times.append(request.state.arrived)
            raise Refused(rejection_answer(settings.rejection))

    def answer(self, request: Request, fault: Fault | None, answer: Answer | None) -> Response:
        """Answer as a fault wants; where there is no answer to break off, break off an error."""
        if fault is None:
            assert answer is not None  # noqa: S101 - tells type checkers
            return to_response(answer)
        if fault.kind == "429":
            self._ledger.rejection_times.append(request.state.arrived)
        instead = faulty_answer(fault, request.url.path)
        if fault.kind == "answer":
            return BrokenResponse(fault, instead)
        if fault.kind in BROKEN_KINDS:
            return BrokenResponse(fault, answer or instead)
        return to_response(instead)
