"""Answers that do not arrive whole."""

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mavi_async.emulator._answers import Answer
from mavi_async.emulator._faults import Fault
from mavi_async.emulator._serving import disconnected, reset_connection, transport_of

__all__ = ["BROKEN_KINDS", "BrokenResponse"]

# ``answer`` is among them although it arrives whole: written by hand, its status and headers may
# be ones that no server would send.
BROKEN_KINDS = frozenset(["answer", "close", "drip", "hang", "reset"])


class BrokenResponse(Response):
    """Writes an answer around the server, past what HTTP allows.

    Args:
        fault: How it breaks.
        answer: What the beginning is taken from.
    """

    def __init__(self, fault: Fault, answer: Answer) -> None:
        super().__init__()
        self._fault = fault
        self._wire = answer.to_wire()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - bypassed
        """Write, break off, and wait until the connection is gone."""
        transport = transport_of(scope)
        if self._fault.kind == "drip":
            await self._drip(transport, receive)
        else:
            self._break_off(transport)
        await disconnected(receive)

    def _break_off(self, transport: asyncio.Transport) -> None:
        whole = self._fault.kind == "answer"
        transport.write(self._wire if whole else self._wire[: self._fault.after_bytes])
        if self._fault.kind == "reset":
            reset_connection(transport)
        elif self._fault.kind != "hang":
            transport.close()

    async def _drip(self, transport: asyncio.Transport, receive: Receive) -> None:
        gone = asyncio.create_task(disconnected(receive))
        pause = 0.01 if self._fault.seconds is None else self._fault.seconds
        for index in range(len(self._wire)):
            # Doubles as the pause: a peer that leaves, or a server that stops, ends it.
            await asyncio.wait([gone], timeout=pause)
            if gone.done():
                return
            transport.write(self._wire[index : index + 1])
        transport.close()
        await gone
