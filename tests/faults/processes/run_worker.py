"""A worker in a process of its own: a receiver and a client on one SQLite file.

The options come as JSON, commands and their outcomes as lines of it; the end of the input, or a
signal, closes the client in good order. Everything that is logged goes to the error output.
"""

import asyncio
import contextlib
import json
import logging
import resource
import signal
import sys
from typing import Any

import uvicorn

from mavi_async import MaviClient, MaviError, SQLiteStore
from mavi_async.asgi import CallbackApp

options: dict[str, Any] = json.loads(sys.argv[1])


class Worker:
    """Does what it is told."""

    def __init__(self) -> None:
        self.store = SQLiteStore(options["path"])
        self.client = MaviClient(
            options["key"],
            base_url=options["base_url"],
            requests_per_second=options["requests_per_second"],
            close_timeout=options["close_timeout"],
            store=self.store,
        )

    async def submit(self, asset_ids: list[str]) -> list[object]:
        """Submit recordings, all at once."""
        submits = map(self.client.submit_speaker, asset_ids)
        outcomes = await asyncio.gather(*submits, return_exceptions=True)
        return [
            type(each).__name__ if isinstance(each, BaseException) else each.task_id
            for each in outcomes
        ]

    async def wait(self, task_ids: list[str]) -> list[str]:
        """Await jobs, whoever submitted them."""
        results = await asyncio.gather(
            *(self.client.speaker_task(each) for each in task_ids), return_exceptions=True
        )
        return [
            type(each).__name__ if isinstance(each, BaseException) else each.raw.decode()
            for each in results
        ]

    async def limit(self, size: int | None) -> None:
        """Let no file grow beyond a size, as a full disk does."""
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        soft = resource.RLIM_INFINITY if size is None else size
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def say(**line: object) -> None:
    """Tell whoever started this."""
    print(json.dumps(line), flush=True)  # noqa: T201 - this is how the test learns it


async def obey(worker: Worker, line: bytes) -> None:
    """Carry out one command."""
    command = json.loads(line)
    try:
        outcome = await getattr(worker, command["do"])(command["what"])
    except MaviError as error:
        outcome = repr(error)
    say(number=command["number"], outcome=outcome)


async def read_commands(worker: Worker, under_way: set[asyncio.Task[None]]) -> None:
    """Begin each command when it comes."""
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        under_way.add(asyncio.create_task(obey(worker, line)))


async def main() -> None:
    """Receive and obey until the end."""
    worker = Worker()
    under_way: set[asyncio.Task[None]] = set()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    app = CallbackApp(worker.client.dispatcher, token=options["token"])
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)
    )
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    listener = server.config.bind_socket()
    listener.listen()  # whoever learns the address may connect at once
    serving = asyncio.create_task(server.serve([listener]))
    async with worker.client:
        say(url="http://{}:{}/mavi/callback/{}".format(*listener.getsockname(), options["token"]))
        reading = asyncio.create_task(read_commands(worker, under_way))
        reading.add_done_callback(lambda _: stopping.set())
        await stopping.wait()
        say(closing=True)
    reading.cancel()
    await asyncio.gather(*under_way)
    server.should_exit = True
    await serving
    await worker.store.aclose()
    say(closed=True)


logging.basicConfig(level=logging.DEBUG)
asyncio.run(main())
