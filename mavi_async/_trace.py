"""How far a request has come, as its HTTP client tells it, and how long it may take there."""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio

__all__ = ["Deadline", "Trace"]

_CONNECTING: Final = "connecting"
_QUEUED: Final = "waiting for its turn"
_SENDING: Final = "sending"
_SENT: Final = "waiting for the answer"
_ANSWERED: Final = "reading the answer"


class Trace:
    """Listens to the HTTP client's progress, to know whether anything has left and to time it.

    Attributes:
        phase: What the request is at; empty where the client does not tell.
    """

    def __init__(
        self, before_leaving: Callable[[], Awaitable[None]], on_leaving: Callable[[], None]
    ) -> None:
        self.phase = ""
        self._before_leaving = before_leaving
        self._on_leaving = on_leaving
        self._heard = False
        self._leaving = False

    @property
    def may_have_left(self) -> bool:
        """True unless the client told of its progress and had not begun to send."""
        return self._leaving or not self._heard

    def at(self, happened: str) -> str:
        """Add to what happened what the request was at."""
        return f"{happened} while {self.phase}" if self.phase else happened

    def describe(self, error: Exception) -> str:
        """Say what went wrong; the timeouts of HTTP clients have no text of their own."""
        name = type(error).__name__
        return f"{name}: {error}" if str(error) else self.at(name)

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        self._heard = True
        if not self._leaving:
            self.phase = _CONNECTING
        if getattr(info.get("request"), "method", None) == b"CONNECT":
            return  # a tunnel through a proxy, before the request itself
        if event.endswith("send_request_headers.started"):
            self.phase = _QUEUED
            await self._before_leaving()
            self._leaving = True
            self.phase = _SENDING
        elif self._leaving and event.endswith("send_request_headers.complete"):
            self._on_leaving()
        elif event.endswith("send_request_body.complete"):
            self.phase = _SENT
        elif self._leaving and event.endswith("receive_response_headers.complete"):
            self.phase = _ANSWERED


class Deadline:
    """The seconds that a request may take for what it is at.

    Attributes:
        seconds: How many those are.
        scope: Ends the request.
    """

    def __init__(self, seconds: float) -> None:
        self.scope = anyio.CancelScope()
        self.begin(seconds)

    def begin(self, seconds: float) -> None:
        """Count anew."""
        self.seconds = seconds
        self.scope.deadline = anyio.current_time() + seconds

    async def pause(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Wait without counting: a turn has bounds of its own."""
        left = self.scope.deadline - anyio.current_time()
        self.scope.deadline = math.inf
        try:
            await wait()
        finally:
            self.scope.deadline = anyio.current_time() + left
