"""How far a request has come, as its HTTP client tells it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

__all__ = ["Trace"]


class Trace:
    """Listens to the HTTP client's progress, to know whether anything has left and to time it."""

    def __init__(
        self, before_leaving: Callable[[], Awaitable[None]], on_leaving: Callable[[], None]
    ) -> None:
        self._before_leaving = before_leaving
        self._on_leaving = on_leaving
        self._heard = False
        self._leaving = False

    @property
    def may_have_left(self) -> bool:
        """True unless the client told of its progress and had not begun to send."""
        return self._leaving or not self._heard

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        self._heard = True
        if getattr(info.get("request"), "method", None) == b"CONNECT":
            return  # a tunnel through a proxy, before the request itself
        if event.endswith("send_request_headers.started"):
            await self._before_leaving()
            self._leaving = True
        elif self._leaving and event.endswith("send_request_headers.complete"):
            self._on_leaving()
