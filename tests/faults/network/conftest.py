"""A network that misbehaves: a proxy between two real ends, switched while they speak."""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import urlsplit

import attrs
import pytest

Direction = Literal["to_target", "to_caller"]
Cut = Literal["hang", "half-close", "close", "reset"]


@attrs.frozen
class Way:
    """What becomes of the bytes that flow in one direction.

    Attributes:
        latency: Seconds by which each piece is late.
        jitter: Seconds at random on top of that.
        piece: Bytes that pass together; 1 is a drip.
        bytes_per_second: How much passes; ``None`` is as much as comes.
        cut_after: Bytes of a connection after which ``cut`` happens; 0 is at once.
        cut: Silence for as long as nothing is changed, as of a network that lost its way; or the
            end, towards the receiver alone or of both directions.
    """

    latency: float = 0.0
    jitter: float = 0.0
    piece: int = 65_536
    bytes_per_second: float | None = None
    cut_after: int | None = None
    cut: Cut = "hang"

    def room(self, passed: int) -> int:
        """How many bytes may pass at once after so many."""
        if self.cut_after is None:
            return self.piece
        return max(0, min(self.piece, self.cut_after - passed))


FREE = Way()


@attrs.define(eq=False)
class Link:
    """One connection through the proxy: the caller's end and the target's."""

    caller: asyncio.StreamWriter
    target: asyncio.StreamWriter

    def close(self) -> None:
        """Close both ends."""
        self.caller.close()
        self.target.close()

    def reset(self) -> None:
        """Reset both ends."""
        for end in (self.caller, self.target):
            raw = end.get_extra_info("socket")
            with contextlib.suppress(OSError):  # closed meanwhile
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()


class FaultProxy:
    """Forwards TCP connections to a target, in a thread of its own: a stuck test is no excuse.

    Both directions may be changed at any time, also for connections that are open.

    Args:
        target: The URL of the other end.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self.connections = 0
        self._ways: dict[Direction, Way] = {"to_target": FREE, "to_caller": FREE}
        self._changed = asyncio.Event()
        self._random = random.Random(1)
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="fault proxy", daemon=True
        )

    @property
    def url(self) -> str:
        """The target's URL with this proxy in its place."""
        port = self._listener.getsockname()[1]
        return self._target._replace(netloc=f"127.0.0.1:{port}").geturl()

    def start(self) -> None:
        """Begin to forward."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """End all connections and the thread."""
        self._call(self._stopped.set)
        self._thread.join()

    def switch(self, to_target: Way = FREE, to_caller: Way = FREE) -> None:
        """Let something else become of the bytes, also of those that are held."""

        def change() -> None:
            self._ways = {"to_target": to_target, "to_caller": to_caller}
            self._changed.set()
            self._changed = asyncio.Event()

        self._call(change)

    def reset_all(self) -> None:
        """Reset every connection that is open right now."""
        self._on_each(Link.reset)

    def close_all(self) -> None:
        """Close every connection that is open right now."""
        self._on_each(Link.close)

    def _on_each(self, act: Callable[[Link], None]) -> None:
        def act_on_each() -> None:
            for link in tuple(self._links):
                act(link)

        self._call(act_on_each)

    def _call(self, change: Callable[[], None]) -> None:
        done = threading.Event()

        def change_and_say_so() -> None:
            change()
            done.set()

        assert self._loop is not None
        self._loop.call_soon_threadsafe(change_and_say_so)
        done.wait()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connect, sock=self._listener)
        self._started.set()
        await self._stopped.wait()
        server.close()
        for link in tuple(self._links):
            link.reset()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            host, port = self._target.hostname, self._target.port
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        link = Link(writer, far_writer)
        self._links.add(link)
        try:
            await asyncio.gather(
                self._pump("to_target", link, reader, far_writer),
                self._pump("to_caller", link, far_reader, writer),
            )
        finally:
            self._links.discard(link)
            link.close()

    async def _pump(
        self,
        direction: Direction,
        link: Link,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        passed = 0
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                while chunk:
                    way = await self._open_way(direction, passed)
                    most = way.room(passed)
                    if most == 0:
                        self._cut(way.cut, link, writer)
                        break
                    piece, chunk = chunk[:most], chunk[most:]
                    await asyncio.sleep(self._pause(way, piece))
                    writer.write(piece)
                    await writer.drain()
                    passed += len(piece)
            writer.write_eof()

    async def _open_way(self, direction: Direction, passed: int) -> Way:
        """Wait for as long as the network swallows what comes."""
        while True:
            changed = self._changed
            way = self._ways[direction]
            if way.cut != "hang" or way.room(passed):
                return way
            await changed.wait()

    def _pause(self, way: Way, piece: bytes) -> float:
        rate = way.bytes_per_second
        slow = 0.0 if rate is None else len(piece) / rate
        return way.latency + way.jitter * self._random.random() + slow

    def _cut(self, cut: Cut, link: Link, writer: asyncio.StreamWriter) -> None:
        if cut == "half-close":
            if not writer.is_closing():
                writer.write_eof()
        elif cut == "close":
            link.close()
        elif cut == "reset":
            link.reset()


ProxyTo = Callable[[str], FaultProxy]


@pytest.fixture
def proxy_to() -> Iterator[ProxyTo]:
    """Puts a proxy in front of a URL, for as long as the test runs."""
    with contextlib.ExitStack() as stack:

        def start(target: str) -> FaultProxy:
            proxy = FaultProxy(target)
            proxy.start()
            stack.callback(proxy.stop)
            return proxy

        yield start


@pytest.fixture
def way() -> type[Way]:
    """Makes what becomes of the bytes in one direction."""
    return Way
