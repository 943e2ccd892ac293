"""What runs beside the measured process: the emulator, a slow network, busy neighbours."""

import asyncio
import contextlib
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from mavi_async.emulator import Emulator

__all__ = ["Address", "Server", "beside", "busy_cores", "far_away", "run_emulator", "run_proxy"]

_spawn = multiprocessing.get_context("spawn")

Address: TypeAlias = str
Server: TypeAlias = Callable[..., None]
"""Called with a connection: sends its address, then serves until it receives anything."""


@contextlib.contextmanager
def beside(serve: Server, *arguments: object) -> Generator[Address]:
    """Run a server in a process of its own and give its address."""
    ours, theirs = _spawn.Pipe()
    process = _spawn.Process(target=serve, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        with contextlib.suppress(OSError):
            ours.send(None)
        process.join(timeout=5)
        if process.is_alive():
            process.terminate()


@contextlib.contextmanager
def busy_cores() -> Generator[None]:
    """Keep every core busy with processes that do nothing else."""
    processes = [_spawn.Process(target=_spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for process in processes:
        process.start()
    try:
        time.sleep(0.5)  # until they have started
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


@contextlib.contextmanager
def far_away(base_url: str, round_trip: float, jitter: float) -> Generator[str]:
    """Put a server at a distance and give its base URL there."""
    parts = urlsplit(base_url)
    with beside(run_proxy, parts.hostname, parts.port, round_trip, jitter) as origin:
        yield origin + parts.path


def run_emulator(pipe: Connection, requests_per_second: float, limiter: Any) -> None:
    """Serve the API; its callbacks stay away for as long as anybody measures."""
    emulator = Emulator(
        requests_per_second,
        limiter=limiter,
        webhook_url="http://127.0.0.1:9/",
        callback_delay=86_400,
    )
    with emulator:
        pipe.send(emulator.base_url)
        pipe.recv()


def run_proxy(pipe: Connection, host: str, port: int, round_trip: float, jitter: float) -> None:
    """Delay what goes through by half the round trip each way, and requests by jitter."""

    async def main() -> None:
        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                upstream = await asyncio.open_connection(host, port)
                await asyncio.gather(
                    _delay(reader, upstream[1], round_trip / 2, jitter),
                    _delay(upstream[0], writer, round_trip / 2, 0),
                )

        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await asyncio.to_thread(pipe.recv)
        os._exit(0)

    asyncio.run(main())


async def _delay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, jitter: float
) -> None:
    """Pass bytes on in order; what was read together arrives together."""
    loop = asyncio.get_running_loop()
    arrives = 0.0
    while chunk := await reader.read(65_536):
        # A burst, such as a request's head and its body, is one packet or close to it.
        if loop.time() + delay > arrives:
            arrives = loop.time() + delay + random.uniform(0, jitter)
        loop.call_at(arrives, writer.write, chunk)
    loop.call_at(max(arrives, loop.time() + delay), writer.close)


def _spin() -> None:
    while True:
        pass
