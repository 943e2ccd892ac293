"""What each event loop has of a store: connections belong to the loop they were made in."""

import asyncio
from collections.abc import Callable

import attrs

from mavi_async._errors import TaskStateError
from mavi_async.redis._durability import warn_of_losses
from mavi_async.redis._listener import Listener
from mavi_async.redis._server import Client, Server, address_of, checked_client, client_of

__all__ = ["Connections"]


@attrs.frozen(eq=False)
class _Connected:
    server: Server
    listener: Listener


class Connections:
    """One client and one listener for each event loop, from when it first needs them.

    Args:
        server: A URL, or a client, which is then used by all and left open.
        channel: Where hints are published.
    """

    def __init__(self, server: str | Client, channel: str) -> None:
        self._is_given = not isinstance(server, str)
        self._make_client = _maker_of(server)
        self._channel = channel
        self.address = address_of(self._make_client())
        self._connected: dict[asyncio.AbstractEventLoop, _Connected] = {}
        self._is_checked = False

    async def server(self) -> Server:
        """Return the server, having looked once whether it keeps what it acknowledges."""
        server = self._here().server
        if not self._is_checked:
            self._is_checked = True
            try:
                self._is_checked = await warn_of_losses(server)
            except BaseException:
                self._is_checked = False
                raise
        return server

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None] | None:
        """Ask for hints, which a client of a cluster may not be able to get."""
        here = self._here()
        if not hasattr(here.server.client, "pubsub"):
            return None
        return await here.listener.watch(notify)

    async def aclose(self) -> None:
        """End what the event loop that runs right now has."""
        connected = self._connected.pop(_running_loop(), None)
        if connected is not None:
            await connected.listener.aclose()
            # One that lost its connection would make another one, which nobody would close.
            await connected.server.all_ended()
            if not self._is_given:
                await connected.server.client.aclose()

    def _here(self) -> _Connected:
        loop = _running_loop()
        if loop not in self._connected:
            for each in [each for each in self._connected if each.is_closed()]:
                del self._connected[each]
            server = Server(self._make_client(), self.address)
            self._connected[loop] = _Connected(server, Listener(server, self._channel))
        return self._connected[loop]


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise TaskStateError(
            "a RedisStore runs under asyncio alone; under trio there is SQLiteStore"
        ) from None


def _maker_of(server: str | Client) -> Callable[[], Client]:
    if isinstance(server, str):
        return lambda: client_of(server)  # which shows its password to nobody who looks
    client = checked_client(server)
    return lambda: client
