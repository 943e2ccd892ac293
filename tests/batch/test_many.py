"""A thousand recordings: what a batch takes of memory, files and connections has a bound."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mavi_async import BatchRecording, BatchState, Diarization
from mavi_async.emulator import Emulator

if TYPE_CHECKING:
    from tests.batch.conftest import OpenClient

FILES = Path("/proc/self/fd")


def open_files() -> int:
    """How many files and connections this process has open."""
    return len([*FILES.iterdir()])


@pytest.mark.torture
@pytest.mark.skipif(not FILES.is_dir(), reason="open files are not listed on this system")
@pytest.mark.asyncio
async def test_a_thousand(emulator: Emulator, open_client: "OpenClient", tmp_path: Path) -> None:
    """Files, connections and threads stay as few as those of the recordings under way."""
    made = 0

    def files() -> Iterator[BatchRecording]:
        nonlocal made
        for number in range(1_000):
            path = tmp_path / f"talk-{number}.flac"
            path.write_bytes(b"fLaC" + path.name.encode())
            made += 1
            yield BatchRecording(path)

    states: dict[BatchState, int] = {}
    taken, most = 0, [0, 0, 0]
    async with open_client(result_timeout=300.0) as client:
        batch: Any = client.diarize_many(files(), ahead=100)
        async with batch:
            async for outcome in batch:
                taken += 1
                states[outcome.state] = states.get(outcome.state, 0) + 1
                now = [open_files(), threading.active_count(), made - taken]
                most = [max(pair) for pair in zip(most, now, strict=True)]
                assert isinstance(outcome.diarization, Diarization)

    assert {BatchState.DONE: 1_000} == states
    assert 1_000 == emulator.jobs_created == emulator.assets_created
    assert most[0] < 300, most
    assert most[1] < 60, most
    assert most[2] <= 100, most
