"""Bodies that are sent in pieces, for as long as they get on."""

from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

from mavi_async._trace import Deadline

__all__ = ["STALL_SECONDS", "STORING_SECONDS", "Content", "Watched"]

STALL_SECONDS: Final = 60.0
"""How long it may take until the first piece is asked for, and to send each of them."""
STORING_SECONDS: Final = 300.0
"""How long the answer may take: the receiver may have to pass the body on first."""


class Content(Protocol):
    """A body that is sent in pieces, as they come.

    What it raises is the fault of its source, and goes to whoever sends it. It bounds the time
    that it takes to read a piece itself.
    """

    @property
    def headers(self) -> Mapping[str, str]:
        """What it is, and how long if that is known."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Watched:
    """Hands out the pieces of a body; each that is taken has its time to be sent.

    Attributes:
        fault: What reading the body raised, which is none of the network's.
    """

    def __init__(self, content: Content) -> None:
        self.fault: Exception | None = None
        self.deadline = Deadline(STALL_SECONDS)
        self._content = content

    def __aiter__(self) -> "Watched":
        self._pieces = aiter(self._content)
        return self

    async def __anext__(self) -> bytes:
        self.deadline.begin(float("inf"))
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self.deadline.begin(STORING_SECONDS)
            raise
        except Exception as error:
            self.fault = error
            raise
        self.deadline.begin(STALL_SECONDS)
        return piece
