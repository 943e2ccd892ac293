"""Many recordings at once: each has one outcome, and what goes wrong with one is its own."""

import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mavi_async import (
    BatchRecording,
    BatchStage,
    BatchState,
    ConfigurationError,
    OutOfCredits,
    SubmitOutcomeUnknown,
    TaskFailed,
    TaskTimeout,
)
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.batch.conftest import Drain, OpenClient

Make = Callable[[int], list[Path]]


@pytest.mark.asyncio
async def test_recordings_of_all_kinds(
    emulator: Emulator, open_client: "OpenClient", recordings: Make, drain: "Drain"
) -> None:
    """Each has the outcome of what was given, under its own name, whatever it is."""
    path, named = recordings(2)
    file = io.BytesIO(b"OggS")
    sources: list[Any] = [
        "re_1",
        path,
        BatchRecording(b"ID3", filename="a.mp3"),
        BatchRecording(file, filename="b.ogg"),
        BatchRecording(named, key="row 7", filename="c.flac"),
    ]
    async with open_client() as client:
        outcomes = await drain(client.diarize_many(sources))

    found = {id(each.source): each for each in outcomes}
    ended = [found[id(source)] for source in sources]
    assert [BatchState.DONE] * 5 == [each.state for each in ended]
    uris = [each.diarization and each.diarization.uri for each in ended]
    assert ["re_1", "talk-0000", "a", "b", "c"] == uris
    assert 5 == len({each.task_id for each in ended}) == emulator.jobs_created
    assert 4 == emulator.assets_created
    assert [None] * 5 == [each.error for each in ended]


@pytest.mark.asyncio
async def test_failures_hide_no_successes(
    emulator: Emulator, open_client: "OpenClient", tmp_path: Path, drain: "Drain"
) -> None:
    """What cannot be used, is refused, fails or gets lost ends as that, and nothing else does."""
    sources: list[Any] = [
        tmp_path / "missing.flac",
        tmp_path / "notes.txt",
        7,
        "a b",
        "re_refused",
        "re_failed",
        "re_lost",
        "re_silent",
        "re_fine",
    ]
    emulator.inject(
        Fault("402", asset_id="re_refused"),
        Fault("fail", asset_id="re_failed"),
        Fault("reset", asset_id="re_lost", creates_job=True),
        Fault("drop", asset_id="re_silent"),
    )
    async with open_client(result_timeout=1.0) as client:
        outcomes = {each.source: each for each in await drain(client.diarize_many(sources))}

    expected = [
        *[(BatchState.FAILED, ConfigurationError)] * 4,
        (BatchState.FAILED, OutOfCredits),
        (BatchState.FAILED, TaskFailed),
        (BatchState.UNKNOWN, SubmitOutcomeUnknown),
        (BatchState.PENDING, TaskTimeout),
        (BatchState.DONE, type(None)),
    ]
    assert expected == [(outcomes[each].state, type(outcomes[each].error)) for each in sources]
    has_job = [outcomes[each].task_id is not None for each in sources]
    assert [False] * 5 + [True, False, True, True] == has_job
    assert outcomes["re_lost"].intent_id is not None


@pytest.mark.asyncio
async def test_the_same_recording_twice_has_one_job(
    emulator: Emulator, open_client: "OpenClient", recordings: Make, drain: "Drain"
) -> None:
    """Every occurrence has its outcome, whether the first is still under way or not."""
    [path] = recordings(1)
    file = io.BytesIO(b"OggS")
    once: list[Any] = [
        "re_1",
        path,
        BatchRecording(b"ID3", filename="a.mp3"),
        BatchRecording(file, filename="b.ogg"),
    ]
    async with open_client() as client:
        at_once = await drain(client.diarize_many(once * 3))
        after = await drain(client.diarize_many(once[:3] * 2, ahead=1))

    assert [BatchState.DONE] * 18 == [each.state for each in at_once + after]
    assert 4 == len({each.task_id for each in at_once})
    assert 3 == len({each.task_id for each in after})
    assert 7 == emulator.jobs_created


@pytest.mark.asyncio
async def test_sources_are_read_as_there_is_room(open_client: "OpenClient") -> None:
    """At most `ahead` are begun and not taken; the last is read before the first ends."""
    taken, read = 0, []

    async def endless() -> AsyncIterator[str]:
        while True:
            read.append(taken)
            yield f"re_{len(read)}"

    async with open_client() as client, client.diarize_many(endless(), ahead=3) as batch:
        async for _ in batch:
            taken += 1
            if taken == 12:
                break

    assert all(number < at + 3 + 1 for number, at in enumerate(read))
    assert 12 <= len(read) <= 15


@pytest.mark.asyncio
async def test_sources_that_raise(open_client: "OpenClient") -> None:
    """The error comes once all that were begun have had their outcome."""

    def breaking() -> Any:
        yield from ["re_1", "re_2"]
        raise LookupError("no more rows")

    async with open_client() as client, client.diarize_many(breaking()) as batch:
        outcomes = [await anext(batch), await anext(batch)]
        with pytest.raises(LookupError, match="no more rows"):
            await anext(batch)
        with pytest.raises(StopAsyncIteration):
            await anext(batch)

    assert [BatchState.DONE] * 2 == [each.state for each in outcomes]


@pytest.mark.asyncio
async def test_stages(
    emulator: Emulator,
    open_client: "OpenClient",
    recordings: Make,
    drain: "Drain",
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each step is told once, in order, with what is known; a callback that raises is logged."""
    [path] = recordings(1)
    steps: dict[Any, list[Any]] = {path: [], "re_1": [], "re_2": []}

    def note(progress: Any) -> None:
        steps[progress.source].append(progress)
        if progress.source == "re_2":
            raise LookupError

    emulator.inject(Fault("402", asset_id="re_1"))
    async with open_client() as client:
        outcomes = await drain(client.diarize_many(steps.copy(), on_progress=note))

    stages = {source: [each.stage for each in found] for source, found in steps.items()}
    first = [BatchStage.QUEUED, BatchStage.UPLOADING]
    second = [BatchStage.PROCESSING, BatchStage.WAITING_FOR_SLOT]
    third = [BatchStage.SUBMITTED, BatchStage.WAITING_FOR_CALLBACK, BatchStage.DONE]
    uploading = [each for each in steps[path] if each.stage is BatchStage.UPLOADING]
    assert [*first, *first[1:] * (len(uploading) - 1), *second, *third] == stages[path]
    assert [first[0], second[1], BatchStage.FAILED] == stages["re_1"]
    assert [first[0], second[1], *third] == stages["re_2"]
    assert uploading[-1].sent_bytes == uploading[-1].total_bytes == path.stat().st_size
    assert steps["re_1"][1].estimated_wait is not None
    [outcome] = [each for each in outcomes if each.source is path]
    assert (outcome.asset_id, outcome.task_id) == (
        steps[path][-1].asset_id,
        steps[path][-1].task_id,
    )
    assert "on_progress failed" in caplog.text


@pytest.mark.parametrize(
    ("sources", "options"),
    [
        ("re_1", {}),
        (b"fLaC", {}),
        (7, {}),
        ([], {"name": ""}),
        ([], {"name": "a\n"}),
        ([], {"on_error": "ignore"}),
        ([], {"ahead": 0}),
        ([], {"via": "mail"}),
        ([], {"timeout": -1}),
    ],
)
@pytest.mark.asyncio
async def test_bad_arguments(
    sources: Any, options: dict[str, Any], open_client: "OpenClient"
) -> None:
    """What cannot be meant is refused where it is written."""
    async with open_client() as client:
        with pytest.raises(ConfigurationError):
            client.diarize_many(sources, **options)
