"""Serving an ASGI application on loopback without touching the process around it.

`LoopbackServer` runs in whatever event loop calls it; `ServerThread` gives one a thread.
"""

import asyncio
import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import TypeAlias

import uvicorn
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from mavi_async._errors import ConfigurationError

__all__ = [
    "LoopbackServer",
    "ServerThread",
    "Serves",
    "disconnected",
    "loopback_listener",
    "reset_connection",
    "transport_of",
]

_HOST = "127.0.0.1"


def loopback_listener(port: int) -> socket.socket:
    """Bind a loopback port, so that its number is known before anything serves.

    Args:
        port: 0 is any free one.

    Raises:
        ConfigurationError: The port is taken, or not ours to take.
    """
    # asyncio turns Nagle's algorithm off only where the protocol is named; otherwise a small
    # answer waits 40 ms for the acknowledgement of its head.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"cannot listen on {_HOST}:{port}: {error.strerror}") from error
    return listener


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]  # chosen at run time
    """Shows the application the connection under a request, so that it can break it."""

    app_state: dict[str, object]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class LoopbackServer(uvicorn.Server):
    """A uvicorn server that logs nothing, leaves signals alone and stops when told.

    uvicorn's own `serve` announces itself in the log, takes the process's signal handlers and
    polls ten times a second whether to stop: this one does without it. Run
    ``await server.serve(sockets=[listener])`` in a task; `request_stop` ends it.

    Args:
        app: What to serve.
        grace: Seconds that requests in flight have to finish; then they are cut off.
        on_serving: Called once it serves.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        grace: float = 0.0,
        on_serving: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
            )
        )
        self._grace = grace
        self._on_serving = on_serving
        self._stop = asyncio.Event()

    def request_stop(self) -> None:
        """Make `serve` return soon; call it in the server's own loop."""
        self.should_exit = True
        self._stop.set()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `request_stop` is called or the task is cancelled."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets)
        self._on_serving()
        try:
            await self.main_loop()
        finally:
            await self.shutdown(sockets)

    async def main_loop(self) -> None:
        """Keep the ``Date`` header fresh until it is time to stop."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        """Stop accepting, let requests finish within the grace, and cut off the rest."""
        await self._stop_accepting()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self._grace and self.server_state.tasks:
            await asyncio.wait(list(self.server_state.tasks), timeout=self._grace)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await self._end_tasks()

    async def _stop_accepting(self) -> None:
        """Close the listening sockets without losing what they accepted a moment ago.

        It takes some turns of the loop to become a connection, and asyncio drops it with an
        error, unclosed, if its server was closed meanwhile.
        """
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                with contextlib.suppress(NotImplementedError):  # a proactor has no readers
                    loop.remove_reader(listener.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()

    async def _end_tasks(self) -> None:
        """Let the requests see that their connections are gone; cancel those that do not look."""
        # An aborted connection is gone one turn of the loop later.
        while self.server_state.connections:  # noqa: ASYNC110
            await asyncio.sleep(0)
        tasks = list(self.server_state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def transport_of(scope: Scope) -> asyncio.Transport:
    """The connection of a request that a `LoopbackServer` serves."""
    transport = scope["state"]["transport"]
    assert isinstance(transport, asyncio.Transport)  # noqa: S101 - tells type checkers
    return transport


def reset_connection(transport: asyncio.Transport) -> None:
    """Close a connection so that the peer sees a TCP reset instead of an orderly end."""
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


async def disconnected(receive: Receive) -> None:
    """Wait until the peer of a request is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


Serves: TypeAlias = Callable[[Callable[[], None]], None]
Main: TypeAlias = Callable[[Serves], Coroutine[object, object, None]]


class ServerThread:
    """One coroutine in an event loop and a thread of its own.

    Args:
        main: Called in the thread with a function that it must call once it serves, giving the
            way to make it stop; it returns when it has stopped.
    """

    def __init__(self, main: Main) -> None:
        self._main = main
        self._ready = threading.Event()
        self._stop: Callable[[], None] | None = None
        self._failure: BaseException | None = None
        # A daemon, so that a program which forgets to stop it can still end.
        self._thread = threading.Thread(target=self._run, name="mavi-emulator", daemon=True)

    def start(self) -> None:
        """Return once it serves, or raise what kept it from doing so."""
        self._thread.start()
        self._ready.wait()
        if self._stop is None:
            self._thread.join()
            assert self._failure is not None  # noqa: S101 - tells type checkers
            raise self._failure

    def stop(self) -> None:
        """Stop it, wait for its end, and raise what went wrong in it, if anything did."""
        if self._stop is not None:
            self._stop()
        self._thread.join(timeout=10)
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            # Always the selector loop: the same behaviour whatever policy the program has set.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._main(self._serves))
        except BaseException as error:  # noqa: BLE001 - raised again by start() or stop()
            self._failure = error
        finally:
            self._ready.set()

    def _serves(self, request_stop: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
                loop.call_soon_threadsafe(request_stop)

        self._stop = stop
        self._ready.set()
