"""The speaker endpoints, and the one about an asset."""

import asyncio
import hmac
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mavi_async.emulator._answers import (
    OVER_THE_LIMIT,
    Answer,
    bad_parameters,
    faulty_answer,
    metadata_data,
    plain_error,
    rejection_answer,
    success_answer,
    transcription_data,
)
from mavi_async.emulator._breaking import BROKEN_KINDS, BrokenResponse
from mavi_async.emulator._callbacks import Courier
from mavi_async.emulator._conversation import Conversation, invent_conversation
from mavi_async.emulator._faults import Fault, FaultPlan
from mavi_async.emulator._jobs import Ledger
from mavi_async.emulator._limiter import Limiter, make_limiter
from mavi_async.emulator._parcels import Parcel, pack
from mavi_async.emulator._requests import Refused, read_json, to_response
from mavi_async.emulator._settings import Settings

__all__ = ["API_PATH", "SpeakerApi"]

API_PATH = "/serve/api/v2"


class SpeakerApi:
    """Answers the two speaker endpoints, and the one about an asset, as MAVI does.

    Args:
        settings: The account and its habits.
        replay: The conversation of each known asset; all others are invented.
        ledger: Where it writes down what happens.
        plan: What is to go wrong.
        courier: Who delivers the callbacks.
    """

    def __init__(
        self,
        settings: Settings,
        replay: Mapping[str, Conversation],
        ledger: Ledger,
        plan: FaultPlan,
        courier: Courier,
    ) -> None:
        self._settings = settings
        self._replay = replay
        self._ledger = ledger
        self._plan = plan
        self._courier = courier
        self.refill()

    def refill(self) -> None:
        """Start all limits anew."""
        self._submit_limiter = self._make_limiter()
        self._transcribe_limiter = self._make_limiter()
        self._describe_limiter = self._make_limiter()

    def _make_limiter(self) -> Limiter:
        return make_limiter(self._settings.limiter, self._settings.requests_per_second)

    def routes(self) -> list[Route]:
        """The endpoints, under their full paths."""
        base = f"{API_PATH}/transcriptions"
        return [
            Route(f"{base}/async-generate-speaker", self.submit, methods=["POST"]),
            Route(f"{base}/sync-generate-speaker", self.transcribe, methods=["POST"]),
            Route(f"{API_PATH}/{{asset_id}}/metadata", self.describe, methods=["GET"]),
        ]

    async def submit(self, request: Request) -> Response:
        """Accept a job whose result is called back."""
        self._authenticate(request)
        # Before the body is read: the limit counts arrivals, and a slow body must not shift them.
        self._limit(request, self._submit_limiter)
        self._ledger.submit_times.append(request.state.arrived)
        asset_id = await _read_asset_id(request)
        fault = self._plan.take_submit(asset_id)
        if fault is not None and not (fault.creates_job or fault.kind == "drip"):
            return self._faulty(request, fault, None)
        self._check_job(asset_id)
        answer = await self._open_job(asset_id)
        return to_response(answer) if fault is None else self._faulty(request, fault, answer)

    async def transcribe(self, request: Request) -> Response:
        """Answer with the result at once."""
        self._authenticate(request)
        self._limit(request, self._transcribe_limiter)
        asset_id = await _read_asset_id(request)
        fault = self._plan.take_submit(asset_id)
        self._check_asset(asset_id)
        data = transcription_data(self._conversation(asset_id))
        answer = success_answer(self._settings.envelope, data)
        return to_response(answer) if fault is None else self._faulty(request, fault, answer)

    async def describe(self, request: Request) -> Response:
        """Answer with what is known of an asset; every asset is uploaded."""
        self._authenticate(request)
        self._limit(request, self._describe_limiter)
        asset_id = request.path_params["asset_id"]
        self._check_asset(asset_id)
        data = metadata_data(asset_id, self._conversation(asset_id))
        return to_response(success_answer(self._settings.envelope, data))

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode("latin-1"), self._settings.api_key.encode()):
            raise Refused(plain_error(401, "Unauthorized"))

    def _limit(self, request: Request, limiter: Limiter) -> None:
        if not limiter.accepts(request.state.arrived):
            self._ledger.rejection_times.append(request.state.arrived)
            raise Refused(rejection_answer(self._settings.rejection))

    def _check_job(self, asset_id: str) -> None:
        if self._ledger.webhook_url is None:
            raise Refused(plain_error(400, "An async request requires at least one webhook."))
        self._check_asset(asset_id)

    def _check_asset(self, asset_id: str) -> None:
        if asset_id in self._settings.unknown_assets:
            raise Refused(plain_error(400, OVER_THE_LIMIT))

    async def _open_job(self, asset_id: str) -> Answer:
        job = self._ledger.open_job(asset_id, self._plan.take_callback(asset_id))
        dialect = self._settings.envelope

        def pack_callbacks() -> list[list[Parcel]]:
            return pack(dialect, job.task_id, self._conversation(asset_id), job.faults)

        carried = self._courier.dispatch(job, pack_callbacks)
        if "early" in job.faults:
            await asyncio.wait([carried])
        return success_answer(dialect, {"task_id": job.task_id})

    def _conversation(self, asset_id: str) -> Conversation:
        return self._replay.get(asset_id) or invent_conversation(asset_id)

    def _faulty(self, request: Request, fault: Fault, answer: Answer | None) -> Response:
        """Answer as a fault wants; where there is no answer to break off, break off an error."""
        if fault.kind == "429":
            self._ledger.rejection_times.append(request.state.arrived)
        instead = faulty_answer(fault, request.url.path)
        if fault.kind == "answer":
            return BrokenResponse(fault, instead)
        if fault.kind in BROKEN_KINDS:
            return BrokenResponse(fault, answer or instead)
        return to_response(instead)


async def _read_asset_id(request: Request) -> str:
    document = await read_json(request)
    asset_id = document.get("asset_id") if isinstance(document, dict) else None
    if not isinstance(asset_id, str) or not asset_id:
        raise Refused(bad_parameters("The parameter asset_id must be a non-empty string."))
    return asset_id
