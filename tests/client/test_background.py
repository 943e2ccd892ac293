"""Work that outlives its caller ends for whoever waits, however it ends."""

import asyncio

import anyio
import anyio.lowlevel
import pytest

from mavi_async import Delivery, Dispatcher, MemoryStore, StoreError, TaskStateError
from mavi_async._background import Background, JobCancelled
from mavi_async._records import Put

BODY = b'{"task_id": "t1"}'


class HungStore(MemoryStore):
    """A store whose puts never end."""

    local = False

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        await anyio.sleep_forever()
        raise AssertionError


@pytest.mark.asyncio
async def test_a_job_that_is_cancelled_before_it_begins_has_ended() -> None:
    """As at the end of a loop, which cancels all tasks: nobody waits for it for ever."""
    background, ended = Background(), list[str]()
    before = asyncio.all_tasks()

    job = background.start(lambda: anyio.lowlevel.checkpoint(), lambda: ended.append("then"))
    for task in asyncio.all_tasks() - before:
        task.cancel()
    async with asyncio.timeout(10):
        await background.finish(grace=0)
        with pytest.raises(JobCancelled):
            await job.wait()

    assert ["then"] == ended


@pytest.mark.asyncio
async def test_what_is_raised_is_raised_to_whoever_waits() -> None:
    """Also to who comes later."""

    async def fail() -> None:
        raise LookupError("no")

    job = Background().start(fail)

    for _ in range(2):
        with pytest.raises(LookupError, match="no"):
            await job.wait()


@pytest.mark.asyncio
async def test_a_feed_that_closing_cuts_short_says_so() -> None:
    """In this thread and in another one: the callback is to be sent again."""
    dispatcher = Dispatcher(store=HungStore())
    async with dispatcher:
        feed = asyncio.create_task(dispatcher.feed(BODY))
        future = dispatcher.feed_threadsafe(BODY)
        cancelled = dispatcher.feed_threadsafe(BODY)
        cancelled.cancel()
        while len(dispatcher._background._jobs) < 4:  # noqa: ASYNC110 - two feeds, two puts
            await asyncio.sleep(0)
        for job in dispatcher._background._jobs:
            job.cancel()
        with pytest.raises(StoreError, match="closed before the callback was kept"):
            await feed
    with pytest.raises(StoreError):
        future.result(timeout=0)


def test_a_dispatcher_without_a_loop_takes_nothing_from_threads() -> None:
    """There is nobody to feed."""
    with pytest.raises(TaskStateError, match="no event loop uses this dispatcher yet"):
        Dispatcher().feed_threadsafe(BODY)


@pytest.mark.asyncio
async def test_a_thread_learns_what_became_of_its_callback() -> None:
    """Through a future of its own."""
    async with Dispatcher() as dispatcher:
        future = await asyncio.to_thread(dispatcher.feed_threadsafe, BODY)

        assert Delivery.STORED is await asyncio.wrap_future(future)
