"""What can become of a task, over and over again through one client and one dispatcher."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import httpx
import pytest

from mavi_async import (
    Delivery,
    Dispatcher,
    MaviClient,
    SpeakerTask,
    StoreError,
    TaskFailed,
    TaskTimeout,
)
from mavi_async.stores import Submission, TaskStore

TTL: Final = 1_000.0
ACCOUNT: Final = "soak"
# Parsed in a worker thread.
LARGE: Final = 6_000


def body_of(task_id: str, *, segments: int = 2, code: str = "0000") -> bytes:
    """The callback of a job."""
    ok = code == "0000"
    rows = [
        {"start": each + 0.25, "end": each + 1.0, "speaker": f"SPEAKER_{each % 2:02d}"}
        for each in range(segments)
    ]
    usage = {"duration": 60.5, "model": "pyannote", "output_tokens": 0, "prompt_tokens": 0}
    result = {"data": rows, "usage_metadata": usage} if ok else None
    data = {"data": result, "msg": "done", "success": ok}
    document = {"code": code, "message": "DONE", "data": data, "task_id": task_id}
    return json.dumps(document).encode()


def answer(request: httpx.Request) -> httpx.Response:
    """Accept a job, named after its recording."""
    task_id = "job_" + json.loads(request.content)["asset_id"]
    return httpx.Response(200, json={"code": "0000", "msg": "ok", "data": {"task_id": task_id}})


@attrs.define
class World:
    """One client that lives long.

    Attributes:
        client: It.
        dispatcher: Its dispatcher.
        store: Their store.
        clock: What the store takes for the time.
    """

    client: MaviClient
    dispatcher: Dispatcher
    store: TaskStore
    clock: "Clock"
    _numbers: "itertools.count[int]" = attrs.field(factory=itertools.count)

    async def live_through(self, count: int, *, at_once: int, submits: int) -> None:
        """Let so many tasks meet with everything that can happen to one.

        Args:
            count: How many.
            at_once: How many of them live at the same time, and then expire together.
            submits: One in so many is submitted over HTTP.
        """
        for start in range(0, count, at_once):
            await asyncio.gather(
                *(
                    self._live(number, submits)
                    for number in itertools.islice(self._numbers, min(at_once, count - start))
                )
            )
            await self.client.resume()
            self.clock.ahead += TTL + 1
            await self.store.expire()

    async def _live(self, number: int, submits: int) -> None:
        name = f"{number:08d}"
        if number % 500 == 0:
            await large(self, name)
        elif number % submits == 0:
            await submitted(self, name)
        else:
            await FATES[number % len(FATES)](self, name)

    async def settle(self, seconds: float) -> None:
        """Let what is done a moment later be done, where it ever is."""
        give_up_at = time.monotonic() + seconds
        await self.dispatcher.flush()
        while self._is_busy() and time.monotonic() < give_up_at:  # noqa: ASYNC110 - may never be
            await asyncio.sleep(0.01)

    async def make(self, name: str) -> SpeakerTask:
        """Take up a job that is in the store."""
        submission = Submission(name, ACCOUNT, f"re_{name}", time.time())
        await self.store.put_submission(submission)
        return self.client.speaker_task(name)

    async def feed(self, name: str, **options: Any) -> Delivery:
        """Call back, and again as MAVI does where the answer is 503."""
        body = body_of(name, **options)
        try:
            return await self.dispatcher.feed(body)
        except StoreError:
            return await self.dispatcher.feed(body)

    def _is_busy(self) -> bool:
        jobs = (self.dispatcher._background._jobs, self.client._background._jobs)
        return any(map(len, jobs))


async def submitted(world: World, name: str) -> None:
    """The whole way."""
    task = await world.client.submit_speaker(f"re_{name}")
    waiting = asyncio.ensure_future(task)
    await world.feed(task.task_id)
    await waiting


async def awaited(world: World, name: str) -> None:
    """Three wait, one gets the result twice."""
    task = await world.make(name)
    waiting = [asyncio.ensure_future(task.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    await world.feed(name)
    await asyncio.gather(*waiting)
    await task


async def early(world: World, name: str) -> None:
    """The callback comes first."""
    await world.feed(name)
    await (await world.make(name))


async def large(world: World, name: str) -> None:
    """The result is a large one."""
    task = await world.make(name)
    await world.feed(name, segments=LARGE)
    await task


async def failed(world: World, name: str) -> None:
    """MAVI could not do it."""
    task = await world.make(name)
    await world.feed(name, code="0001")
    with pytest.raises(TaskFailed):
        await task


async def timed_out(world: World, name: str) -> None:
    """The callback never comes."""
    task = await world.make(name)
    with pytest.raises(TaskTimeout):
        await task.wait(0)


async def late(world: World, name: str) -> None:
    """The callback comes after the timeout, and again, and then another one."""
    task = await world.make(name)
    with pytest.raises(TaskTimeout):
        await task.wait(0)
    await world.feed(name)
    await world.feed(name)
    await world.feed(name, segments=3)
    await task


async def cancelled(world: World, name: str) -> None:
    """Who waits is cancelled, and nothing ever comes."""
    waiting = asyncio.ensure_future((await world.make(name)).wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])


async def reported(world: World, name: str) -> None:
    """Nobody waits, but a function is called; another one was taken back."""
    called = asyncio.Event()
    task = await world.make(name)
    task.add_done_callback(lambda _: called.set())
    task.add_done_callback(print)
    task.remove_done_callback(print)
    del task
    await world.feed(name)
    await called.wait()


async def dropped(world: World, name: str) -> None:
    """Nobody refers to it when the callback comes."""
    await world.make(name)
    await world.feed(name)


async def foreign(world: World, name: str) -> None:
    """Nobody submitted it."""
    await world.feed(name)


async def forgotten(world: World, name: str) -> None:
    """It is forgotten as soon as it is done."""
    task = await world.make(name)
    await world.feed(name)
    await task
    await world.store.forget(name)


FATES: Final[tuple[Callable[[World, str], Awaitable[None]], ...]] = (
    awaited,
    early,
    failed,
    timed_out,
    late,
    cancelled,
    reported,
    dropped,
    foreign,
    forgotten,
    awaited,
)


@attrs.define
class Clock:
    """The time of a store."""

    ahead: float = 0.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.ahead


MakeStore = Callable[[Clock], TaskStore]
OpenWorld = Callable[[MakeStore], Any]


@asynccontextmanager
async def world_with(make_store: MakeStore) -> AsyncIterator[World]:
    """Open a world over a store, and close it."""
    clock = Clock()
    store = make_store(clock)
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http_client,
        Dispatcher(store=store, unmatched_after=0.01) as dispatcher,
        MaviClient(
            "sk-mavi-0123456789abcdef",
            account=ACCOUNT,
            requests_per_second=100_000.0,
            dispatcher=dispatcher,
            http_client=http_client,
            silence_after=0.01,
        ) as client,
    ):
        yield World(client, dispatcher, store, clock)
    await store.aclose()


@pytest.fixture
def open_world() -> Callable[[MakeStore], Any]:
    """Opens worlds."""
    return world_with


@pytest.fixture
def ttl() -> float:
    """For how long stores keep everything."""
    return TTL
