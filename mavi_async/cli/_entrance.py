"""Where callbacks come in: here, or at another process that has the same store."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import attrs

from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import ConfigurationError
from mavi_async.cli._notes import Note
from mavi_async.cli._receiver import callback_path, listen, new_token, receiving

__all__ = ["Entrance", "entered"]


@attrs.frozen
class Entrance:
    """Where callbacks come in.

    Attributes:
        listener: The bound socket; ``None`` where another process receives them.
        given: The secret in the callback's path; ``None`` makes one.
    """

    listener: socket.socket | None
    given: str | None = attrs.field(repr=False)

    @property
    def makes_token(self) -> bool:
        """Whether the secret is one that has to be told."""
        return self.listener is not None and self.given is None

    @contextlib.asynccontextmanager
    async def receiving(self, dispatcher: Dispatcher, note: Note) -> AsyncIterator[None]:
        """Feed what comes in to a dispatcher, and say where that is."""
        if self.listener is None:
            note("Watching the store: another process receives the callbacks.")
            yield
            return
        token = self.given or new_token()
        async with receiving(dispatcher, self.listener, token):
            host, port = self.listener.getsockname()[:2]
            # A token that was given is known already, and stays out of logs.
            path = callback_path("<your token>" if self.given else token)
            note(f"Receiving callbacks on {host} port {port}.")
            note(f"Webhook URL to set in MAVI's console: https://YOUR-HOST{path}")
            yield


@contextlib.contextmanager
def entered(
    address: str | None, token: str | None, *, received_elsewhere: bool
) -> Iterator[Entrance]:
    """Bind where callbacks are received, for the length of a ``with`` block.

    Jobs are paid for, and their results come nowhere else: that nobody receives them here has to
    be said.

    Raises:
        ConfigurationError: If that cannot be done, or neither or both were asked for.
    """
    if (address is None) is not received_elsewhere:
        both = "not both" if address is not None else "results come nowhere else"
        raise ConfigurationError(
            f"give --listen HOST:PORT to receive callbacks here, or --received-elsewhere where "
            f"another process, such as mavi-async listen, puts them into the same store: {both}"
        )
    if address is None:
        yield Entrance(None, token)
        return
    with listen(address) as listener:
        yield Entrance(listener, token)
