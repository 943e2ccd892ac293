"""Pending tasks: their memory, waking their waiters, and gathering them."""

import argparse
import asyncio
import contextlib
import gc
import random
import time
import tracemalloc
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Mapping,
    Sequence,
)
from functools import partial

from _bodies import callback_body, patch
from _harness import Report, interleave

from mavi_async import Diarization, Dispatcher, SpeakerTask
from mavi_async._inbox import Inbox
from mavi_async._task import Outcome
from mavi_async._wire import read_task_id

WAITERS = 100_000


class Minimal:
    """An awaitable that asyncio knows nothing of."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._future = future

    def __await__(self) -> Generator[object, None, None]:
        return self._future.__await__()


def task_ids(count: int) -> list[str]:
    """Make distinct task ids."""
    return [f"{number:032x}" for number in range(count)]


def shuffled(ids: list[str]) -> list[str]:
    """Put ids into an order of their own, always the same."""
    order = ids[:]
    random.Random(len(ids)).shuffle(order)
    return order


class Meter:
    """Counts the bytes that objects take, or nothing at all: counting slows everything down."""

    def __init__(self, *, counts: bool) -> None:
        self.counts = counts

    def start(self) -> None:
        """Count what is made from here on."""
        if self.counts:
            gc.collect()
            tracemalloc.start()

    def stop(self, count: int) -> float:
        """Return the bytes for each of so many objects."""
        if not self.counts:
            return 0.0
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size / count


Benchmark = Callable[[int, Meter], Coroutine[object, object, Mapping[str, float]]]


@contextlib.asynccontextmanager
async def open_inbox() -> AsyncGenerator[tuple[Dispatcher, Inbox]]:
    """Make a dispatcher and an inbox whose waits have no timeout."""
    dispatcher = Dispatcher()
    yield dispatcher, dispatcher.open_inbox(None)
    await dispatcher.aclose()


async def settle_futures(count: int, meter: Meter) -> Mapping[str, float]:
    """One bare future per job in a dict, one coroutine waiting for each."""
    ids = task_ids(count)
    loop = asyncio.get_running_loop()

    async def wait(future: asyncio.Future[bytes]) -> bytes:
        return await future

    meter.start()
    futures: dict[str, asyncio.Future[bytes]] = {each: loop.create_future() for each in ids}
    alone = meter.stop(count)
    meter.start()
    waiters = [asyncio.ensure_future(wait(future)) for future in futures.values()]
    await let_run()
    waited = meter.stop(count)
    order = shuffled(ids)
    begin = time.process_time()
    for task_id in order:
        futures[task_id].set_result(b"")
    await asyncio.gather(*waiters)
    taken = time.process_time() - begin
    return figures(meter, alone, waited, taken / count)


async def settle_tasks(count: int, meter: Meter) -> Mapping[str, float]:
    """A task of this package per job, one coroutine waiting for each."""
    ids = task_ids(count)
    body = callback_body(1)
    async with open_inbox() as (_, inbox):
        meter.start()
        tasks = [inbox.task(task_id) for task_id in ids]
        alone = meter.stop(count)
        meter.start()
        waiters = [asyncio.ensure_future(wait_for_body(task)) for task in tasks]
        await let_run()
        waited = meter.stop(count)
        assert len(inbox.held) == count
        order = shuffled(ids)
        begin = time.process_time()
        for task_id in order:
            task = inbox.get(task_id)
            assert task is not None
            task.settle(body)
        await asyncio.gather(*waiters)
        taken = time.process_time() - begin
    return figures(meter, alone, waited, taken / count)


def figures(meter: Meter, alone: float, waited: float, taken: float) -> Mapping[str, float]:
    """Name what one run has measured."""
    if meter.counts:
        return {"B alone": alone, "B waited for": alone + waited}
    return {"wake µs": taken * 1e6}


async def wait_for_body(task: SpeakerTask) -> None:
    """Wait as `SpeakerTask.wait` does, without decoding, which `decoding.py` measures."""
    await task._wait_for_body(None)


async def let_run() -> None:
    """Let everything that was started come to where it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def gather_minimal(count: int, meter: Meter) -> Mapping[str, float]:
    """Gather objects with only ``__await__``."""
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(count)]

    def settle() -> None:
        for future in futures:
            future.set_result(None)

    return await gather([Minimal(future) for future in futures], settle)


async def gather_tasks(count: int, meter: Meter) -> Mapping[str, float]:
    """Gather tasks of this package, and do not look inside the results."""
    body = callback_body(1)
    done = Outcome(Diarization(()))
    async with open_inbox() as (_, inbox):
        tasks = [inbox.task(task_id) for task_id in task_ids(count)]

        def settle() -> None:
            for task in tasks:
                task.settle(body, done)

        return await gather(tasks, settle)


async def gather(
    awaitables: Sequence[Awaitable[object]], settle: Callable[[], None]
) -> Mapping[str, float]:
    """Gather, let all wait, settle."""
    begin = time.process_time()
    gathered = asyncio.gather(*awaitables)
    await let_run()
    settle()
    await gathered
    return {"gather µs": (time.process_time() - begin) / len(awaitables) * 1e6}


async def feed_tasks(count: int, meter: Meter) -> Mapping[str, float]:
    """Feed callbacks of 25 segments to waiters that do not look inside."""
    body = callback_body(25)
    bodies = {task_id: patch(body, int(task_id, 16)) for task_id in task_ids(count)}
    async with open_inbox() as (dispatcher, inbox):
        tasks = [inbox.task(task_id) for task_id in bodies]
        waiters = [asyncio.ensure_future(wait_for_body(task)) for task in tasks]
        await let_run()
        begin = time.process_time()
        for task_id in shuffled(list(bodies)):
            await dispatcher.feed(bodies[task_id])
        await asyncio.gather(*waiters)
        taken = time.process_time() - begin
    begin = time.process_time()
    for one in bodies.values():
        read_task_id(one)
    reading = time.process_time() - begin
    return {"feed µs": taken / count * 1e6, "of it task_id µs": reading / count * 1e6}


def measure(benchmark: Benchmark, count: int) -> Mapping[str, float]:
    """Measure the time in one run and the memory in another."""
    timed = asyncio.run(benchmark(count, Meter(counts=False)))
    if "wake µs" not in timed:
        return timed
    return {**asyncio.run(benchmark(count, Meter(counts=True))), **timed}


def main() -> None:
    """Read the options, run the rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--million", action="store_true", help="also with a million tasks")
    options = parser.parse_args()
    report = Report(
        "registry", "pending tasks beside bare futures in a dict", ["mavi_async", "attrs"]
    )
    sizes = [1_000, 10_000, 100_000, *([1_000_000] if options.million else [])]
    runs: dict[str, Callable[[], Mapping[str, float]]] = {}
    for size in sizes:
        runs[f"bare futures, {size:,}"] = partial(measure, settle_futures, size)
        runs[f"mavi_async, {size:,}"] = partial(measure, settle_tasks, size)
    runs["gather, minimal objects"] = partial(measure, gather_minimal, WAITERS)
    runs["gather, mavi_async"] = partial(measure, gather_tasks, WAITERS)
    runs["feed, 10,000"] = partial(measure, feed_tasks, 10_000)
    interleave(report, runs, options.rounds, patience=3)
    for size in sizes:
        report.add_ratio(f"mavi_async, {size:,}", f"bare futures, {size:,}", "wake µs", "ratio")
        report.expect(f"mavi_async, {size:,}", "B alone", 300)
        report.expect(f"mavi_async, {size:,}", "B waited for", 1_300)
        report.expect(f"mavi_async, {size:,}", "ratio", 1.3)
    report.add_ratio("gather, mavi_async", "gather, minimal objects", "gather µs", "ratio")
    report.expect("gather, mavi_async", "ratio", 1.1)
    report.finish()


if __name__ == "__main__":
    main()
