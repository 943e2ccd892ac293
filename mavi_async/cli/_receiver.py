"""Receiving callbacks in the command line's own event loop."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator

from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import ConfigurationError
from mavi_async._receiver import DEFAULT_PATH
from mavi_async.asgi import CallbackApp
from mavi_async.emulator._serving import LoopbackServer

__all__ = ["callback_path", "listen", "new_token", "receiving"]

_GRACE = 3.0


def new_token() -> str:
    """Make a secret for the callback's path."""
    return secrets.token_urlsafe(32)


def callback_path(token: str) -> str:
    """Return the path that callbacks come to."""
    return f"{DEFAULT_PATH}/{token}"


def listen(address: str) -> socket.socket:
    """Bind a ``HOST:PORT``, such as ``127.0.0.1:8080`` or ``[::]:8080``.

    Raises:
        ConfigurationError: If it is no address, not one of this machine, or taken.
    """
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and int(port[:6]) < 65_536):
        raise ConfigurationError("listen is HOST:PORT, such as 127.0.0.1:8080 or [::]:8080")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no host name"
        raise ConfigurationError(f"cannot listen on {address}: {why}") from error


@contextlib.asynccontextmanager
async def receiving(
    dispatcher: Dispatcher, listener: socket.socket, token: str
) -> AsyncIterator[None]:
    """Feed what comes to a socket to a dispatcher, for the length of an ``async with`` block.

    Nothing is logged of the requests: their path is a secret.

    Raises:
        ConfigurationError: If the token is too weak.
    """
    app = CallbackApp(dispatcher, token=token)
    serving = asyncio.Event()
    server = LoopbackServer(app, grace=_GRACE, on_serving=serving.set)
    task = asyncio.create_task(server.serve([listener]))
    try:
        ready = asyncio.create_task(serving.wait())
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        yield
    finally:
        server.request_stop()
        await task
