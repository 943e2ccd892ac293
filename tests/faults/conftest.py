"""What goes wrong on the way to MAVI: a server that breaks off wherever it is told to."""

import asyncio
import contextlib
import io
import logging
import pickle
import socket
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

import attrs
import httpx
import httpx2
import pytest
import pytest_asyncio
import uvicorn

from mavi_async import Dispatcher, MaviClient
from mavi_async._transport import HttpClient
from mavi_async.asgi import CallbackApp
from mavi_async.stores import TaskStore

KEY: Final = "sk-mavi-canary-5f0e1d2c3b4a59687786"
TOKEN: Final = "token-0123456789abcdef"
FAST: Final = 100_000.0


@pytest.fixture
def key() -> str:
    """The API key of every client here; no test may end with it in a log."""
    return KEY


class Log(logging.Handler):
    """All that anybody logs, at any level, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        """Write it down, with the traceback and with what formatters may show of a record."""
        print(self.format(record), record.__dict__, file=self.text)


@pytest.fixture(autouse=True)
def log() -> Iterator[Log]:
    """Hear everything; the API key must not be in it."""
    root, handler = logging.getLogger(), Log()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    assert KEY not in handler.text.getvalue()


Report = Callable[[BaseException], str]


@pytest.fixture
def report_of() -> Report:
    """All that a crash reporter would tell of an error."""

    def report(error: BaseException) -> str:
        lines = traceback.TracebackException.from_exception(error).format()
        return "\n".join([*lines, repr(error), repr(vars(error)), repr(pickle.dumps(error))])

    return report


@pytest_asyncio.fixture(params=[httpx.AsyncClient, httpx2.AsyncClient], ids=["httpx", "httpx2"])
async def http_client(request: pytest.FixtureRequest) -> AsyncIterator[HttpClient]:
    """Either library's client, told to follow redirects, which must not matter."""
    async with request.param(follow_redirects=True) as client:
        yield client


class ClientAt(Protocol):
    """Makes a client that either library serves, faster than anybody could be too fast."""

    def __call__(
        self, base_url: str, *, store: TaskStore | None = None, submit_timeout: float = 30.0
    ) -> MaviClient:
        """Return a client of an API."""
        ...


@pytest.fixture
def client_at(http_client: HttpClient) -> ClientAt:
    """Makes a client that either library serves, faster than anybody could be too fast."""

    def make(
        base_url: str, *, store: TaskStore | None = None, submit_timeout: float = 30.0
    ) -> MaviClient:
        return MaviClient(
            KEY,
            base_url=base_url,
            requests_per_second=FAST,
            http_client=http_client,
            store=store,
            submit_timeout=submit_timeout,
        )

    return make


@attrs.define
class Peer:
    """The server's end of one connection."""

    server: "FaultServer"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read_head(self) -> int:
        """Read a request up to its body; return the length of that."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        [length] = [line for line in lines if line.startswith(b"content-length:")]
        return int(length.partition(b":")[2])

    async def read_request(self, *, creates_job: bool = False) -> None:
        """Read all of a request, which may create a job."""
        await self.reader.readexactly(await self.read_head())
        self.server.requests += 1
        self.server.jobs += creates_job

    async def accept(self) -> None:
        """Read all of a request and create its job."""
        await self.read_request(creates_job=True)

    async def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def drip(self, data: bytes, every: float) -> None:
        """Send some bytes one by one, each after a pause."""
        for byte in data:
            await asyncio.sleep(every)
            await self.send(bytes([byte]))

    async def silence(self) -> None:
        """Do nothing until the client goes away."""
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """Close the connection with a reset."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Peer], Awaitable[None]]


@attrs.define
class FaultServer:
    """A server that behaves as it is told; it counts the jobs that MAVI would bill."""

    behaviour: Behaviour
    port: int = 0
    connections: int = 0
    requests: int = 0
    jobs: int = 0
    _peers: set[asyncio.Task[None]] = attrs.field(factory=set)

    @property
    def base_url(self) -> str:
        """What to give a client."""
        return f"http://127.0.0.1:{self.port}/api"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FaultServer"]:
        """Serve for a while."""
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for peer in self._peers:
                peer.cancel()
            await asyncio.gather(*self._peers, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._peers.add(task)
        try:
            await self.behaviour(Peer(self, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client gave up first
        finally:
            writer.close()


ServeFaults = Callable[[Behaviour], AbstractAsyncContextManager[FaultServer]]


@pytest.fixture
def serve_faults() -> ServeFaults:
    """Serve a behaviour for a while."""
    return lambda behaviour: FaultServer(behaviour).serving()


Receiving = Callable[[Dispatcher], AbstractAsyncContextManager[str]]


@pytest.fixture
def receiving() -> Receiving:
    """Receives callbacks under uvicorn for a while; gives the webhook's URL."""

    @asynccontextmanager
    async def receive(dispatcher: Dispatcher) -> AsyncIterator[str]:
        app = CallbackApp(dispatcher, token=TOKEN)
        config = uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        listener = config.bind_socket()
        listener.listen()  # whoever learns the address may connect at once
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield "http://{}:{}/mavi/callback/{}".format(*listener.getsockname(), TOKEN)
        finally:
            server.should_exit = True
            await serving
            listener.close()

    return receive


Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Wait until something holds that happens in another thread or process."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110 - nobody here can set an event
                await asyncio.sleep(0.01)

    return wait
