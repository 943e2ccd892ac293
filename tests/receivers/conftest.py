"""The receivers on real sockets, all of them behind one face."""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from typing import Any, Final, Literal, Protocol

import attrs
import httpx
import pytest
import pytest_asyncio
import uvicorn
from aiohttp import web
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.types import ASGIApp

from mavi_async import Dispatcher, MaviClient, SpeakerTask
from mavi_async.aiohttp import add_callback_route
from mavi_async.asgi import CallbackApp
from mavi_async.fastapi import callback_router

KEY: Final = "sk-mavi-canary-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TOKEN: Final = "token-canary-Zm9vYmFyYmF6cXV4"
DEADLINE: Final = 30
"""Seconds after which a test that waits in vain fails."""

KINDS: Final = ("asgi", "starlette", "fastapi", "fastapi with a prefix", "aiohttp")


@attrs.frozen
class RawAnswer:
    """An answer as it came over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def fingerprint(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """Everything but the date."""
        headers = tuple(each for each in self.headers if each[0].lower() != "date")
        return self.status, headers, self.body

    def header(self, name: str) -> str | None:
        """A header's value."""
        return {key.lower(): value for key, value in self.headers}.get(name)


class Connection(asyncio.Protocol):
    """A connection that sends exactly what it is told and keeps whatever comes back."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._news = asyncio.Event()
        self._received = bytearray()
        self._is_open = True
        self._may_write = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self._received += data
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end; a reset is one as well."""
        self._is_open = False
        self._news.set()

    def pause_writing(self) -> None:
        """Note that the server does not read."""
        self._may_write = False

    def resume_writing(self) -> None:
        """Note that the server reads again."""
        self._may_write = True
        self._news.set()

    @property
    def is_answered(self) -> bool:
        """Whether anything came back that was not asked for yet."""
        return bool(self._received)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self._transport is not None
        self._transport.write(data)

    def end(self) -> None:
        """Send no more."""
        assert self._transport is not None
        self._transport.write_eof()

    def cut(self) -> None:
        """Go away at once."""
        assert self._transport is not None
        self._transport.abort()

    async def pour(self, data: bytes) -> None:
        """Send bytes no faster than they are taken, until an answer comes."""
        for begin in range(0, len(data), 65_536):
            while not self._may_write and self._is_open and not self.is_answered:
                await self._more()
            if not self._is_open or self.is_answered:
                return
            self.send(data[begin : begin + 65_536])

    async def continued(self) -> None:
        """Wait until the server asks for the body."""
        while not self._received.startswith(b"HTTP/1.1 100"):
            await self._more()

    async def closed(self) -> bytes:
        """Wait until the server closes and return everything that came."""
        while self._is_open:
            await self._more()
        return bytes(self._received)

    async def answer(self) -> RawAnswer:
        """Wait for the next answer; one that only says to continue is none."""
        while True:
            head, separator, rest = bytes(self._received).partition(b"\r\n\r\n")
            if separator:
                answer = _answer(head, rest)
                length = int(answer.header("content-length") or 0)
                if len(rest) >= length:
                    del self._received[: len(head) + len(separator) + length]
                    if answer.status != 100:
                        return attrs.evolve(answer, body=rest[:length])
                    continue
            if not self._is_open:
                raise ConnectionResetError(f"it ended after {bytes(self._received)!r}")
            await self._more()

    async def _more(self) -> None:
        self._news.clear()
        async with asyncio.timeout(DEADLINE):
            await self._news.wait()


def _answer(head: bytes, body: bytes) -> RawAnswer:
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = (line.split(": ", 1) for line in lines)
    return RawAnswer(int(status.split()[1]), tuple((name, value) for name, value in headers), body)


@attrs.frozen
class Service:
    """A web service with a receiver, a client whose tasks it resolves, and a way to call it.

    Attributes:
        kind: Which receiver, see `KINDS`.
        port: Where it listens on loopback.
        path: What stands before the token.
        client: Its client.
        answers: All bodies it ever answered with, through `post` and `raw`.
    """

    kind: str
    port: int
    path: str
    client: MaviClient
    http: httpx.AsyncClient
    answers: list[bytes] = attrs.field(factory=list)

    @property
    def dispatcher(self) -> Dispatcher:
        """What the receiver feeds."""
        return self.client.dispatcher

    @property
    def url(self) -> str:
        """Where callbacks go to."""
        return f"http://127.0.0.1:{self.port}{self.path}/{TOKEN}"

    def task(self, task_id: str) -> SpeakerTask:
        """Attach to a job."""
        return self.client.speaker_task(task_id)

    async def post(self, body: bytes, **headers: str) -> httpx.Response:
        """Send a callback the way most senders do."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.http.post(self.url, content=body, headers=names)
        self.answers.append(response.content)
        return response

    async def connect(self) -> Connection:
        """Open a connection."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
        return connection

    async def begin(self, *headers: str, method: str = "POST", target: str = "") -> Connection:
        """Open a connection and send a request up to the end of its headers."""
        connection = await self.connect()
        target = target or f"{self.path}/{TOKEN}"
        head = (f"{method} {target} HTTP/1.1", "Host: service.test", *headers, "", "")
        connection.send("\r\n".join(head).encode("latin-1"))
        return connection

    async def burst(self, bodies: Iterable[bytes]) -> list[RawAnswer]:
        """Send many callbacks over several connections at once, in order on each of them."""
        left = list(enumerate(bodies))
        answers: dict[int, RawAnswer] = {}

        async def work() -> None:
            connection = await self.connect()
            while left:
                number, body = left.pop(0)
                head = f"POST {self.path}/{TOKEN} HTTP/1.1\r\nHost: service.test\r\n"
                connection.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                answers[number] = await connection.answer()
            connection.cut()

        await asyncio.gather(*(work() for _ in range(20)))
        self.answers.extend(answer.body for answer in answers.values())
        return [answer for _, answer in sorted(answers.items())]

    async def raw(self, *headers: str, method: str, target: str, body: bytes = b"") -> RawAnswer:
        """Send a request as it is, on a connection of its own, and return the whole answer."""
        headers = (*headers, f"Content-Length: {len(body)}") if body else headers
        connection = await self.begin(*headers, "Connection: close", method=method, target=target)
        connection.send(body)
        head, _, rest = (await connection.closed()).partition(b"\r\n\r\n")
        self.answers.append(rest)
        return _answer(head, rest)


class Serve(Protocol):
    """Start a service of the kind that the test is run for."""

    def __call__(
        self, *, dispatcher: Dispatcher | None = None, **options: Any
    ) -> Awaitable[Service]:
        """Serve; the options are the receiver's."""
        ...


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the receivers in turn."""
    return str(request.param)


class _Log(logging.Handler):
    """Everything that anybody logs, as text, together with who logs it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what a handler would write, tracebacks included."""
        self.lines.append((record.name, self.format(record)))


@pytest.fixture
def _log(caplog: pytest.LogCaptureFixture) -> Iterator[_Log]:
    """Hear everything; `caplog` itself forgets it before a fixture ends."""
    caplog.set_level(logging.DEBUG)
    for sender in ("httpx", "httpcore"):  # they speak of what the tests send
        caplog.set_level(logging.WARNING, sender)
    handler = _Log()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest_asyncio.fixture
async def serve(kind: str, _log: _Log) -> AsyncIterator[Serve]:
    """Start services; all end with the test, and none may have given away a secret."""
    services: list[Service] = []
    async with AsyncExitStack() as stack:

        async def start(*, dispatcher: Dispatcher | None = None, **options: Any) -> Service:
            serving = _service(kind, dispatcher or Dispatcher(), options)
            services.append(await stack.enter_async_context(serving))
            return services[-1]

        yield start
    _check_secrets(services, _log)


def _check_secrets(services: list[Service], log: _Log) -> None:
    shown = b"".join(answer for service in services for answer in service.answers).decode()
    shown += repr([(each.client, each.dispatcher, each.dispatcher.pending) for each in services])
    logged = "".join(line for _, line in log.lines)
    ours = "".join(line for name, line in log.lines if name.startswith("mavi_async"))

    assert KEY not in shown + logged
    assert TOKEN not in shown + ours
    assert "Traceback" not in shown


@contextlib.asynccontextmanager
async def _service(
    kind: str, dispatcher: Dispatcher, options: dict[str, Any]
) -> AsyncIterator[Service]:
    options = {"token": TOKEN, **options}
    path = options.get("path", "/mavi/callback").rstrip("/")
    path = ("/hooks" if kind in ("starlette", "fastapi with a prefix") else "") + path
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    # asyncio sets it only where the socket names its protocol, and each answer would take 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listener.getsockname()[1]
    # One for both ends, since loading certificates takes longer than most tests.
    http = httpx.AsyncClient(trust_env=False, timeout=DEADLINE, verify=False)
    client = MaviClient(
        KEY,
        base_url="http://127.0.0.1:9",
        dispatcher=dispatcher,
        http_client=http,
        result_timeout=DEADLINE,
    )
    run = _run_aiohttp if kind == "aiohttp" else _run_asgi
    async with client, run(kind, dispatcher, options, listener), http:
        yield Service(kind, port, path, client, http)
    await dispatcher.aclose()


@contextlib.asynccontextmanager
async def _run_aiohttp(
    kind: str, dispatcher: Dispatcher, options: dict[str, Any], listener: socket.socket
) -> AsyncIterator[None]:
    app = web.Application()
    add_callback_route(app, dispatcher, **options)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01, lingering_time=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    yield
    await runner.cleanup()


def _asgi_app(kind: str, dispatcher: Dispatcher, options: dict[str, Any]) -> ASGIApp:
    if kind == "asgi":
        return CallbackApp(dispatcher, **options)
    if kind == "starlette":
        starlette = Starlette()
        starlette.mount("/hooks", CallbackApp(dispatcher, **options))
        return starlette
    app = FastAPI()
    router = callback_router(dispatcher, **options)
    app.include_router(router, prefix="/hooks" if kind == "fastapi with a prefix" else "")
    return app


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and its polling."""

    def __init__(self, app: ASGIApp, http: Literal["auto", "h11"]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=http,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_keep_alive=60,
            )
        )

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup([listener])

    async def stop(self) -> None:
        """Stop accepting and drop what is open."""
        for server in self.servers:
            server.close()
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        tasks = tuple(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _run_asgi(
    kind: str, dispatcher: Dispatcher, options: dict[str, Any], listener: socket.socket
) -> AsyncIterator[None]:
    # "auto" is the faster parser where it is installed.
    http: Literal["auto", "h11"] = "h11" if kind == "asgi" else "auto"
    server = _Server(_asgi_app(kind, dispatcher, options), http)
    await server.start(listener)
    yield
    await server.stop()


def _callback(task_id: str, start: float = 0.5) -> bytes:
    segment = {"start": start, "end": start + 1, "speaker": "SPEAKER_00"}
    data = {"data": {"data": [segment]}, "msg": "done", "success": True}
    return json.dumps(
        {"code": "0000", "message": "SUCCESS", "data": data, "task_id": task_id}
    ).encode()


@pytest.fixture
def callback() -> Callable[..., bytes]:
    """Write a good callback: ``callback(task_id, start)``."""
    return _callback


@pytest.fixture
def token() -> str:
    """The token of every service here."""
    return TOKEN


@pytest.fixture
def key() -> str:
    """The API key of every service here."""
    return KEY
