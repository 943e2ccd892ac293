"""Bodies that are sent in pieces, for as long as they get on."""

from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

import anyio

__all__ = ["STALL_SECONDS", "STORING_SECONDS", "Content", "Watched"]

STALL_SECONDS: Final = 60.0
"""How long one piece may take to be read and sent."""
STORING_SECONDS: Final = 300.0
"""How long the answer may take: the receiver may have to pass the body on first."""


class Content(Protocol):
    """A body that is sent in pieces, as they come.

    What it raises is the fault of its source, and goes to whoever sends it.
    """

    @property
    def headers(self) -> Mapping[str, str]:
        """What it is, and how long if that is known."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Watched:
    """Hands out the pieces of a body; each that is taken gives the next one its time."""

    def __init__(self, content: Content, scope: anyio.CancelScope) -> None:
        self._content = content
        self._scope = scope

    def __aiter__(self) -> "Watched":
        self._pieces = aiter(self._content)
        return self

    async def __anext__(self) -> bytes:
        self._scope.deadline = anyio.current_time() + STALL_SECONDS
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            self._scope.deadline = anyio.current_time() + STORING_SECONDS
            raise
