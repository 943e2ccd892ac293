"""Receiving callbacks: the server's CPU time for each, beside a bare ASGI application."""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection

from _bodies import callback_body, patch
from _harness import Report, best_time, interleave
from _receivers import PATH, RECEIVERS, run_receiver

from mavi_async import Dispatcher

CONNECTIONS = 32
WARM_UP = 64
# As many as the memory store keeps of bodies of that size.
REQUESTS = {25: 4_000, 1_000: 1_000, 10_000: 192}

_spawn = multiprocessing.get_context("spawn")


def run_load(pipe: Connection, port: int, segments: int) -> None:
    """Post so many callbacks as often as one is told a range of numbers."""
    body = callback_body(segments)
    while (numbers := pipe.recv()) is not None:
        asyncio.run(_post_all(port, body, range(*numbers)))
        pipe.send(None)


async def _post_all(port: int, body: bytes, numbers: range) -> None:
    await asyncio.gather(
        *(_post_some(port, body, numbers[first::CONNECTIONS]) for first in range(CONNECTIONS))
    )


async def _post_some(port: int, body: bytes, numbers: range) -> None:
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        writer.write(head + patch(body, number))
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 204")), answer
        length = answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
    writer.close()


def measure(name: str, segments: int) -> Mapping[str, float]:
    """Return the CPU microseconds that the server spends on one callback."""
    count = REQUESTS[segments]
    server, server_end = _spawn.Pipe()
    load, load_end = _spawn.Pipe()
    serving = _spawn.Process(
        target=run_receiver, args=(server_end, name, count + WARM_UP), daemon=True
    )
    serving.start()
    loading = _spawn.Process(target=run_load, args=(load_end, server.recv(), segments), daemon=True)
    loading.start()
    try:
        _post(load, 0, WARM_UP)
        before = _cpu_time(server)
        _post(load, WARM_UP, WARM_UP + count)
        return {"µs": (_cpu_time(server) - before) / count * 1e6}
    finally:
        for pipe, process in ((load, loading), (server, serving)):
            pipe.send(None)
            process.join(timeout=5)
            process.terminate()


def _post(load: Connection, first: int, last: int) -> None:
    load.send((first, last))
    load.recv()


def _cpu_time(server: Connection) -> float:
    server.send("cpu")
    taken: float = server.recv()
    return taken


def reading(body: bytes) -> Mapping[str, float]:
    """Return the microseconds of reading a body's JSON at all."""
    return {"µs": best_time(partial(json.loads, body)) * 1e6}


def longest_block() -> Mapping[str, float]:
    """Return the longest time for which one callback of a megabyte stops the event loop."""
    body = callback_body(15_500)

    async def main() -> float:
        dispatcher = Dispatcher()
        inbox = dispatcher.open_inbox(None)
        waiter = asyncio.ensure_future(inbox.task("0" * 32).wait(60))
        await asyncio.sleep(0.05)
        feeding = asyncio.ensure_future(dispatcher.feed(body))
        longest = 0.0
        last = time.perf_counter()
        while not waiter.done():
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        await feeding
        await dispatcher.aclose()
        return longest

    return {"MB": len(body) / 1e6, "ms": min(asyncio.run(main()) for _ in range(5)) * 1000}


def main() -> None:
    """Read the options, run the rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    report = Report(
        "receiving",
        "server CPU for a callback ÷ bare ASGI",
        ["mavi_async", "uvicorn", "httptools", "uvloop", "starlette", "fastapi", "pydantic"],
    )
    runs: dict[str, Callable[[], Mapping[str, float]]] = {
        f"{name}, {segments:,} segments": partial(measure, name, segments)
        for segments in REQUESTS
        for name in RECEIVERS
    }
    for segments in REQUESTS:
        runs[f"json.loads, {segments:,} segments"] = partial(reading, callback_body(segments))
    runs["mavi_async, longest block"] = longest_block
    interleave(report, runs, options.rounds, patience=3)
    for segments in REQUESTS:
        for name in RECEIVERS:
            contender = f"{name}, {segments:,} segments"
            report.add_ratio(contender, f"bare ASGI, {segments:,} segments", "µs", "ratio")
        over_bare = report.median(f"mavi_async, {segments:,} segments", "µs") - report.median(
            f"bare ASGI, {segments:,} segments", "µs"
        )
        loads = report.median(f"json.loads, {segments:,} segments", "µs")
        over = "over bare ÷ json.loads"
        report.add(f"mavi_async, {segments:,} segments", {over: over_bare / loads})
        report.expect(f"mavi_async, {segments:,} segments", over, 1.1)
    report.expect("mavi_async, 25 segments", "ratio", 1.3)
    report.expect("mavi_async, 1,000 segments", "ratio", 2.2)
    report.expect("mavi_async, longest block", "ms", 5.0)
    for segments, cheaper in ((25, 5), (1_000, 10)):
        contender = f"mavi_async, {segments:,} segments"
        report.add_ratio(
            contender, f"FastAPI with a model, {segments:,} segments", "µs", "÷ FastAPI"
        )
        report.expect(contender, "÷ FastAPI", 1 / cheaper)
    report.finish()


if __name__ == "__main__":
    main()
