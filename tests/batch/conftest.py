"""What the tests of batches share: a fast API that calls back, and clients that hear it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from aiohttp import web

from mavi_async import Batch, BatchOutcome, MaviClient
from mavi_async.aiohttp import add_callback_route
from mavi_async.emulator import Emulator

TOKEN = "token-0123456789abcdef"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An API that takes anything, and calls back, at once."""
    with Emulator(
        1e6,
        webhook_url="http://127.0.0.1:9/callback",
        callback_tries=1,
        callback_delay=0,
        upload_delay=0,
    ) as emulator:
        yield emulator


OpenClient = Callable[..., AbstractAsyncContextManager[MaviClient]]


@pytest.fixture
def open_client(emulator: Emulator) -> OpenClient:
    """Open a client that hears the emulator's callbacks, over a real socket."""

    @asynccontextmanager
    async def open_(**options: Any) -> AsyncIterator[MaviClient]:
        client = MaviClient(
            emulator.api_key,
            base_url=emulator.base_url,
            **{"requests_per_second": 1e5, "result_timeout": 30.0, **options},
        )
        app = web.Application()
        add_callback_route(app, client.dispatcher, token=TOKEN)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        emulator.webhook_url = f"http://{host}:{port}/mavi/callback/{TOKEN}"
        try:
            async with client:
                yield client
        finally:
            await runner.cleanup()
            # What it closes is closed in the loop's next round, which may be none.
            await anyio.wait_all_tasks_blocked()

    return open_


@pytest.fixture
def recordings(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Make files that pass for recordings, each with content of its own."""

    def make(count: int) -> list[Path]:
        paths = [tmp_path / f"talk-{number:04}.flac" for number in range(count)]
        for path in paths:
            path.write_bytes(b"fLaC" + path.name.encode())
        return paths

    return make


Drain = Callable[[Batch[Any]], Any]


@pytest.fixture
def drain() -> Drain:
    """Take all outcomes of a batch."""

    async def take(batch: Batch[Any]) -> list[BatchOutcome[Any]]:
        async with batch:
            return [outcome async for outcome in batch]

    return take


Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds; fail where it never does."""

    async def wait(condition: Callable[[], object]) -> None:
        with anyio.fail_after(20):
            while not condition():
                await anyio.lowlevel.checkpoint()

    return wait
