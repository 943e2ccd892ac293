"""A batch that ends early: what bills is not begun, what was billed is not lost, nothing hangs."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import pytest

from mavi_async import (
    Batch,
    BatchOutcome,
    BatchStage,
    BatchState,
    ClientClosed,
    DispatcherClosed,
    MaviClient,
    OutOfCredits,
    TaskStateError,
)
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.batch.conftest import Drain, OpenClient, Until

Make = Callable[[int], list[Path]]


def states(outcomes: list[BatchOutcome[Any]]) -> dict[Any, BatchState]:
    """How each recording ended; each must have ended once."""
    found = {each.source: each.state for each in outcomes}
    assert len(found) == len(outcomes)
    return found


@pytest.mark.asyncio
async def test_on_error_stop(emulator: Emulator, open_client: "OpenClient", drain: "Drain") -> None:
    """Nothing more is submitted, what was is waited for, and none of the rest is missing."""
    emulator.inject(
        Fault("delay", asset_id="re_first", seconds=1.0), Fault("402", asset_id="re_bad")
    )
    sources = ["re_first", "re_bad", *(f"re_{number}" for number in range(40))]
    async with open_client(requests_per_second=2.0) as client:
        outcomes = await drain(client.diarize_many(sources, on_error="stop", ahead=10))

    found = states(outcomes)
    assert 1 == emulator.jobs_created
    assert (BatchState.DONE, BatchState.FAILED) == (found.pop("re_first"), found.pop("re_bad"))
    assert dict.fromkeys(sources[2:], BatchState.STOPPED) == found
    errors = [type(each.error) for each in outcomes if each.error is not None]
    assert [OutOfCredits] == errors


@pytest.mark.asyncio
async def test_on_error_continue_goes_on(
    emulator: Emulator, open_client: "OpenClient", drain: "Drain"
) -> None:
    """A failure stops nothing unless it is told to."""
    emulator.inject(Fault("402", asset_id="re_bad"))
    async with open_client() as client:
        found = states(await drain(client.diarize_many(["re_bad", "re_1"], ahead=1)))

    assert {"re_bad": BatchState.FAILED, "re_1": BatchState.DONE} == found


@pytest.mark.asyncio
async def test_stop_ends_uploads(
    emulator: Emulator, open_client: "OpenClient", recordings: Make
) -> None:
    """They bill nothing, and are not waited for."""
    emulator.inject(Fault("hang", endpoint="upload", times=None))
    paths = recordings(12)

    def stop(progress: Any) -> None:
        if progress.sent_bytes:
            batch.stop()

    async with open_client() as client:
        batch: Batch[Path] = client.diarize_many(paths, on_progress=stop)
        found = states([outcome async for outcome in batch])

    assert dict.fromkeys(paths, BatchState.STOPPED) == found
    assert 0 == emulator.jobs_created


@pytest.mark.parametrize("leave", ["break", "aclose"])
@pytest.mark.asyncio
async def test_leaving_begins_nothing_more(
    leave: str, emulator: Emulator, open_client: "OpenClient"
) -> None:
    """Also where a loop is merely left, although an endless number were to follow."""
    read = 0

    async def endless() -> AsyncIterator[str]:
        nonlocal read
        while True:
            read += 1
            yield f"re_{read}"

    async with open_client(requests_per_second=20.0) as client:
        if leave == "break":
            async for _ in client.diarize_many(endless(), ahead=40):
                break
            gc.collect()  # for an interpreter that does not count references
        else:
            async with client.diarize_many(endless(), ahead=40) as batch:
                await anext(batch)
        # It would wait behind all of them, were they still queued.
        await client.diarize("re_direct")
        before = read
        await client.diarize("re_more")

        assert before == read
        assert 40 > emulator.jobs_created
        assert 0 == client.pacing.queued


@pytest.mark.asyncio
async def test_a_request_on_its_way_is_recorded(
    emulator: Emulator, open_client: "OpenClient", until: "Until"
) -> None:
    """To leave a batch loses no job that is paid for."""
    emulator.inject(Fault("drip", seconds=0.002))
    left = asyncio.Event()

    def watch(progress: Any) -> None:
        if progress.stage is BatchStage.WAITING_FOR_SLOT:
            left.set()

    async with open_client() as client:
        async with client.diarize_many(["re_1"], on_progress=watch) as batch:
            taking = asyncio.create_task(anext(batch))
            await left.wait()
            await until(lambda: emulator.jobs_created)
        with pytest.raises(StopAsyncIteration):
            await taking
        while not (tasks := await client.resume()):
            await anyio.lowlevel.checkpoint()
        [task] = tasks

        assert "re_1" == task.asset_id
        assert await task


@pytest.mark.asyncio
async def test_closing_the_client(emulator: Emulator, open_client: "OpenClient") -> None:
    """Whoever takes outcomes gets one of each that was begun, and learns that more were to come."""
    emulator.inject(Fault("drop", asset_id="re_1"))
    submitted = asyncio.Event()

    async def blocking() -> AsyncIterator[str]:
        yield "re_1"
        yield "re_2"
        await asyncio.Event().wait()

    def watch(progress: Any) -> None:
        if progress.stage is BatchStage.WAITING_FOR_CALLBACK:
            submitted.set()

    async with open_client(requests_per_second=0.01) as client:
        batch = client.diarize_many(blocking(), on_progress=watch)
        taking = asyncio.gather(anext(batch), anext(batch))
        await submitted.wait()
    outcomes = {each.source: each for each in await taking}

    with pytest.raises(ClientClosed, match="run it again"):
        await anext(batch)
    assert BatchState.PENDING is outcomes["re_1"].state
    assert isinstance(outcomes["re_1"].error, DispatcherClosed)
    assert BatchState.STOPPED is outcomes["re_2"].state
    assert isinstance(outcomes["re_2"].error, ClientClosed)


@pytest.mark.asyncio
async def test_cancelling_whoever_takes_loses_no_outcome(open_client: "OpenClient") -> None:
    """It is there for the next."""
    taken = []
    async with open_client() as client:
        batch = client.diarize_many(f"re_{number}" for number in range(20))
        while True:
            try:
                async with asyncio.timeout(0.001):
                    taken.append(await anext(batch))
            except TimeoutError:
                continue
            except StopAsyncIteration:
                break

    assert {f"re_{number}": BatchState.DONE for number in range(20)} == states(taken)


@pytest.mark.asyncio
async def test_a_batch_needs_an_open_client(open_client: "OpenClient") -> None:
    """It says so when it is to begin."""
    async with open_client() as client:
        batch = client.diarize_many(["re_1"])
    with pytest.raises(ClientClosed):
        await anext(batch)
    await batch.aclose()
    await batch.aclose()
    with pytest.raises(ClientClosed):
        await batch.__aenter__()


def test_a_batch_may_outlive_its_loop(emulator: Emulator) -> None:
    """It says so where it is asked there, and is collected in silence."""

    async def begin() -> Batch[str]:
        # No server runs in this loop: what comes in while it ends would be left behind.
        async with MaviClient(emulator.api_key, base_url=emulator.base_url) as client:
            batch = client.diarize_many(["no asset id", "re_2"])
            await anext(batch)
            return batch

    batch = asyncio.run(begin())
    with pytest.raises(TaskStateError, match="another event loop"):
        asyncio.run(batch.__anext__())
    del batch
    gc.collect()
