"""A batch that is run again: only what is missing is uploaded, submitted and paid for."""

import asyncio
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from mavi_async import (
    AssetFailed,
    BatchOutcome,
    BatchRecording,
    BatchStage,
    BatchState,
    ConfigurationError,
    MaviClient,
    MemoryStore,
    SQLiteStore,
    TaskStore,
)
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.batch.conftest import Drain, OpenClient

Make = Callable[[int], list[Path]]

DONE = BatchState.DONE


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TaskStore:
    """A store that outlives clients."""
    if getattr(request, "param", "memory") == "memory":
        return MemoryStore()
    return SQLiteStore(tmp_path / "state" / "store.db")


RunNight = Callable[..., Any]


@pytest.fixture
def run_night(store: TaskStore, open_client: "OpenClient", drain: "Drain") -> RunNight:
    """Run the batch called night over some recordings, with a client of its own."""

    async def run(*sources: Any, **options: Any) -> list[BatchOutcome[Any]]:
        settings = {"name": "night", **options}
        timeout = settings.pop("result_timeout", 30.0)
        async with open_client(store=store, result_timeout=timeout) as client:
            outcomes = await drain(client.diarize_many(sources, **settings))
        await store.aclose()
        return sorted(outcomes, key=lambda outcome: sources.index(outcome.source))

    return run


def counts(emulator: Emulator) -> tuple[int, int]:
    """Uploads and jobs."""
    return emulator.assets_created, emulator.jobs_created


@pytest.mark.parametrize("store", ["memory", "sqlite"], indirect=True)
@pytest.mark.asyncio
async def test_what_is_done_is_not_done_again(
    emulator: Emulator, run_night: RunNight, recordings: Make
) -> None:
    """Its result is yielded again, with that of what is new."""
    first, second = recordings(2)
    content = BatchRecording(b"ID3", filename="a.mp3")
    file = BatchRecording(io.BytesIO(b"ID3!"), filename="b.mp3")
    before = await run_night("re_1", first, content, file)
    known = counts(emulator)
    again = await run_night("re_1", first, content, BatchRecording(b"ID3!", filename="b.mp3"))
    same = counts(emulator)
    third = await run_night(second, first, "re_2")

    assert (3, 4) == known == same
    assert [DONE] * 11 == [each.state for each in before + again + third]
    assert [each.task_id for each in before] == [each.task_id for each in again]
    assert [each.diarization for each in before] == [each.diarization for each in again]
    assert before[1].task_id == third[1].task_id
    assert (4, 6) == counts(emulator)


@pytest.mark.parametrize("store", ["memory", "sqlite"], indirect=True)
@pytest.mark.asyncio
async def test_an_upload_is_remembered(
    emulator: Emulator, run_night: RunNight, recordings: Make
) -> None:
    """What was refused is submitted anew, and not uploaded anew; it has one job in the end."""
    [path] = recordings(1)
    emulator.inject(Fault("402"))
    stages = []
    [refused] = await run_night(path)
    [done] = await run_night(path, on_progress=lambda progress: stages.append(progress.stage))

    assert (BatchState.FAILED, DONE) == (refused.state, done.state)
    assert refused.asset_id == done.asset_id
    assert (1, 1) == counts(emulator)
    assert BatchStage.UPLOADING not in stages


@pytest.mark.parametrize("fault", [Fault("status"), Fault("400", times=3)])
@pytest.mark.asyncio
async def test_an_upload_of_no_use_is_replaced(
    fault: Fault,
    emulator: Emulator,
    run_night: RunNight,
    recordings: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An asset that MAVI cannot use, or does not take any more, is uploaded anew."""
    monkeypatch.setattr("random.random", lambda: -0.999)  # ambiguous answers are tried at once
    [path] = recordings(1)
    emulator.inject(Fault("402"))
    await run_night(path)
    emulator.inject(fault)
    [done] = await run_night(path)

    assert DONE is done.state
    assert (2, 1) == counts(emulator)


@pytest.mark.asyncio
async def test_an_upload_that_failed_is_tried_anew(
    emulator: Emulator, run_night: RunNight, recordings: Make
) -> None:
    """Nothing keeps a broken file from being sent again."""
    [path] = recordings(1)
    emulator.inject(Fault("status"))
    [failed] = await run_night(path)
    [done] = await run_night(path)

    assert (BatchState.FAILED, AssetFailed) == (failed.state, type(failed.error))
    assert DONE is done.state
    assert 1 == emulator.jobs_created


@pytest.mark.asyncio
async def test_a_pending_job_is_awaited_again(emulator: Emulator, run_night: RunNight) -> None:
    """It has been paid for, and is not submitted again."""
    emulator.inject(Fault("delay", seconds=0.5))
    stages = []
    [pending] = await run_night("re_1", result_timeout=0.05)
    [done] = await run_night("re_1", on_progress=lambda progress: stages.append(progress.stage))

    assert (BatchState.PENDING, DONE) == (pending.state, done.state)
    assert pending.task_id == done.task_id
    assert 1 == emulator.jobs_created
    assert [BatchStage.QUEUED, BatchStage.WAITING_FOR_CALLBACK, BatchStage.DONE] == stages


@pytest.mark.asyncio
async def test_a_failed_job_stays_failed(emulator: Emulator, run_night: RunNight) -> None:
    """To run it again would be paid for again."""
    emulator.inject(Fault("fail"))
    [first] = await run_night("re_1")
    [second] = await run_night("re_1")

    assert BatchState.FAILED is first.state is second.state
    assert first.task_id == second.task_id is not None
    assert 1 == emulator.jobs_created


@pytest.mark.asyncio
async def test_what_is_unknown_waits_for_a_decision(
    emulator: Emulator,
    run_night: RunNight,
    recordings: Make,
    store: TaskStore,
    open_client: "OpenClient",
) -> None:
    """It is named in each run, and submitted again once it was decided that there is no job."""
    [path] = recordings(1)
    emulator.inject(Fault("reset"))
    unknown = [*await run_night(path), *await run_night(path)]
    async with open_client(store=store) as client:
        [intent] = await client.unknown_submissions()
        await client.abandon(intent.intent_id)
    [done] = await run_night(path)

    assert [BatchState.UNKNOWN] * 2 == [each.state for each in unknown]
    assert {intent.intent_id} == {each.intent_id for each in unknown}
    assert DONE is done.state
    assert (1, 1) == counts(emulator)


@pytest.mark.asyncio
async def test_a_job_that_was_adopted_is_that_of_its_recording(
    emulator: Emulator, store: TaskStore, open_client: "OpenClient", drain: "Drain"
) -> None:
    """Its callback is the result."""
    emulator.inject(Fault("reset", creates_job=True))
    async with open_client(store=store) as client:
        [unknown] = await drain(client.diarize_many(["re_1"], name="night"))
        with anyio.fail_after(20):
            while not (orphaned := await store.list_unmatched()):
                await anyio.lowlevel.checkpoint()
        await client.adopt(unknown.intent_id, orphaned[0].task_id)
        [done] = await drain(client.diarize_many(["re_1"], name="night"))
    await store.aclose()

    assert (BatchState.UNKNOWN, DONE) == (unknown.state, done.state)
    assert orphaned[0].task_id == done.task_id
    assert 1 == emulator.jobs_created


@pytest.mark.asyncio
async def test_what_makes_another_recording(
    emulator: Emulator, run_night: RunNight, recordings: Make
) -> None:
    """A file that was changed, and any recording in another batch; a key of its own goes before."""
    [path] = recordings(1)
    outcomes = [*await run_night(path), *await run_night(path, name="day")]
    outcomes += await run_night(BatchRecording(path, key="row 7"))
    os.utime(path, ns=(1, 1))
    outcomes += [*await run_night(path), *await run_night(BatchRecording(path, key="row 7"))]
    path.write_bytes(b"fLaC, another one")
    outcomes += await run_night(BatchRecording(path, key="row 7"))
    moved = path.rename(path.with_name("moved.flac"))
    outcomes += await run_night(BatchRecording(moved, key="row 7"))

    assert [DONE] * 7 == [each.state for each in outcomes]
    jobs = [each.task_id for each in outcomes]
    assert 4 == len({*jobs}) == emulator.jobs_created
    assert {jobs[2]} == {jobs[2], *jobs[4:]}


@pytest.mark.asyncio
async def test_what_is_read_once_is_not_known_again(
    run_night: RunNight, emulator: Emulator
) -> None:
    """A named batch takes it with a key only, an unnamed one as it is."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    piped = [BatchRecording(Pipe(b"ID3"), key, "a.mp3") for key in (None, "row 7", None)]
    [refused] = await run_night(piped[0])
    [keyed] = await run_night(piped[1])
    [unnamed] = await run_night(piped[2], name=None)

    assert (BatchState.FAILED, ConfigurationError) == (refused.state, type(refused.error))
    assert "key=" in str(refused.error)
    assert (DONE, DONE) == (keyed.state, unnamed.state)
    assert 2 == emulator.jobs_created


@pytest.mark.asyncio
async def test_two_runs_at_once(
    emulator: Emulator,
    open_client: "OpenClient",
    recordings: Make,
    tmp_path: Path,
    drain: "Drain",
) -> None:
    """In two processes, as it were: each recording has one job, and each run all results."""
    paths = recordings(10)
    sources: list[Any] = [*paths, *(f"re_{number}" for number in range(10))]
    store, other_store = (SQLiteStore(tmp_path / "state" / "store.db") for _ in range(2))
    async with (
        MaviClient(
            emulator.api_key, base_url=emulator.base_url, requests_per_second=1e5, store=other_store
        ) as other,
        open_client(store=store) as client,
    ):
        first, second = (
            other.diarize_many(sources, name="n"),
            client.diarize_many(sources, name="n"),
        )
        outcomes: list[BatchOutcome[Any]] = []
        for found in await asyncio.gather(drain(first), drain(second)):
            outcomes += found
    await store.aclose()
    await other_store.aclose()

    assert [DONE] * 40 == [each.state for each in outcomes]
    assert 20 == len({each.task_id for each in outcomes}) == emulator.jobs_created
