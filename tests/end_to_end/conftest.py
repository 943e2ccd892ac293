"""The whole way over real sockets: MAVI in a process of its own, receivers on real servers."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import httpx
import httpx2
import pytest
import pytest_asyncio
import uvicorn
from aiohttp import web
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from mavi_async import Dispatcher
from mavi_async._transport import HttpClient
from mavi_async.aiohttp import add_callback_route
from mavi_async.asgi import CallbackApp
from mavi_async.fastapi import callback_router

TOKEN: Final = "token-0123456789abcdef"
PATH: Final = f"/mavi/callback/{TOKEN}"


@attrs.frozen
class Mavi:
    """The emulator in the other process."""

    base_url: str
    control_url: str
    api_key: str

    def state(self) -> Mapping[str, Any]:
        """What has happened there."""
        document: dict[str, Any] = httpx.get(self.control_url + "/state").json()
        return document

    def inject(self, *faults: Mapping[str, object]) -> None:
        """Let something go wrong."""
        httpx.post(self.control_url + "/faults", json=list(faults)).raise_for_status()

    def call_back(self, url: str) -> None:
        """Set the webhook."""
        httpx.put(self.control_url + "/webhook", json={"url": url}).raise_for_status()


class StartMavi(Protocol):
    """Starts an emulator."""

    def __call__(self, **options: object) -> Mavi:
        """Start one in a process of its own, with the options of `Emulator`."""
        ...


@pytest.fixture
def start_mavi() -> Iterator[StartMavi]:
    """Starts emulators that end with the test."""
    with contextlib.ExitStack() as stack:

        def start(**options: object) -> Mavi:
            script = Path(__file__).with_name("run_emulator.py")
            process = subprocess.Popen(
                [sys.executable, str(script), json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.wait)
            stack.enter_context(process)
            assert process.stdout is not None
            return Mavi(**json.loads(process.stdout.readline()))

        yield start


Serving = Callable[[Any], contextlib.AbstractAsyncContextManager[str]]
Receiving = Callable[[Dispatcher], contextlib.AbstractAsyncContextManager[str]]


@contextlib.asynccontextmanager
async def uvicorn_serving(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application and give the origin."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    listener = config.bind_socket()
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield "http://{}:{}".format(*listener.getsockname())
    finally:
        server.should_exit = True
        await task
        listener.close()


@contextlib.asynccontextmanager
async def receive_in_starlette(dispatcher: Dispatcher) -> AsyncIterator[str]:
    """Receive callbacks in Starlette, under a prefix; gives the webhook's URL."""
    app = Starlette(routes=[Mount("/hooks", CallbackApp(dispatcher, token=TOKEN))])
    async with uvicorn_serving(app) as origin:
        yield f"{origin}/hooks{PATH}"


@contextlib.asynccontextmanager
async def receive_in_fastapi(dispatcher: Dispatcher) -> AsyncIterator[str]:
    """Receive callbacks in FastAPI; gives the webhook's URL."""
    app = FastAPI()
    app.include_router(callback_router(dispatcher, token=TOKEN))
    async with uvicorn_serving(app) as origin:
        yield origin + PATH


@contextlib.asynccontextmanager
async def receive_in_aiohttp(dispatcher: Dispatcher) -> AsyncIterator[str]:
    """Receive callbacks in aiohttp's own server; gives the webhook's URL."""
    app = web.Application()
    add_callback_route(app, dispatcher, token=TOKEN)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield "http://{}:{}".format(*runner.addresses[0]) + PATH
    finally:
        await runner.cleanup()


@pytest.fixture(params=[receive_in_starlette, receive_in_fastapi, receive_in_aiohttp])
def receiving(request: pytest.FixtureRequest) -> Receiving:
    """Each of the receivers."""
    made: Receiving = request.param
    return made


@pytest.fixture
def starlette_receiving() -> Receiving:
    """One of them, where the others would add nothing."""
    return receive_in_starlette


@pytest.fixture
def serving() -> Serving:
    """Serves an ASGI application under uvicorn."""
    return uvicorn_serving


@pytest.fixture
def token() -> str:
    """The secret in the webhook's path."""
    return TOKEN


@pytest_asyncio.fixture(params=["httpx", "httpx2"])
async def http_client(request: pytest.FixtureRequest) -> AsyncIterator[HttpClient]:
    """Each of the HTTP clients, given to ours, which leaves closing it to its owner."""
    kind: Any = httpx if request.param == "httpx" else httpx2
    async with kind.AsyncClient() as client:
        yield client
