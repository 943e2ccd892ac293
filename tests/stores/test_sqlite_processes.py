"""Several processes on one SQLite file."""

import json
import random
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from mavi_async import MaviClient, SQLiteStore

if TYPE_CHECKING:
    from tests.stores.conftest import StartProcess


def kept(path: Path) -> set[str]:
    """The jobs whose callbacks are in a file, which must be whole."""
    with closing(sqlite3.connect(path)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        rows = connection.execute("SELECT task_id FROM result").fetchall()

    assert verdict == "ok"
    return {task_id for (task_id,) in rows}


def run_together(start: "StartProcess", count: int, deed: str, *arguments: object) -> list[str]:
    """Start processes, let all go on at once, and return what each of them said."""
    processes = [
        start(deed, *(f"{each}".format(number) for each in arguments)) for number in range(count)
    ]
    assert ["ready\n"] * count == [each.stdout.readline() for each in processes if each.stdout]
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    said = [each.communicate() for each in processes]

    assert [(0, "")] * count == [
        (each.returncode, errors) for each, (_, errors) in zip(processes, said, strict=True)
    ]
    return [output for output, _ in said]


@pytest.mark.fault("many processes write to one file")
def test_eight_processes_write_at_once(path: Path, start: "StartProcess") -> None:
    """None of them is refused, and everything is there."""
    run_together(start, 8, "put_many", "p{}", 25)

    assert {f"p{process}-{number}" for process in range(8) for number in range(25)} == kept(path)


def test_processes_share_a_lane(path: Path, start: "StartProcess") -> None:
    """Each slot is given out once, an interval from the next."""
    said = run_together(start, 3, "reserve", 15)

    slots = sorted(float(line) for output in said for line in output.splitlines())
    assert len(slots) == 45
    assert all(later - earlier >= 0.01 for earlier, later in pairwise(slots))


@pytest.mark.asyncio
async def test_what_another_process_puts_is_heard_of(
    store: SQLiteStore, start: "StartProcess"
) -> None:
    """By whoever watches, however often others have put before."""
    await store.put_callback("mine", b"body", seen=True)
    heard: list[str | None] = []
    both = anyio.Event()

    def notify(task_id: str | None) -> None:
        heard.append(task_id)
        if len(heard) == 2:
            both.set()

    stop = await store.watch(notify)
    process = start("put", "mine", "theirs", "another")
    with anyio.fail_after(30):
        await both.wait()
    stop()

    assert ["theirs", "another"] == heard
    assert b"body of theirs" == await store.get_callback("theirs")
    assert process.wait() == 0


@pytest.mark.fault("a process forks")
@pytest.mark.asyncio
async def test_a_callback_that_another_process_takes_ends_the_wait_here(
    store: SQLiteStore, start: "StartProcess"
) -> None:
    """The receiver need not run where somebody awaits."""
    segment = {"start": 0.0, "end": 1.5, "speaker": "SPEAKER_00"}
    data = {"data": {"data": [segment]}, "success": True}
    body = json.dumps({"code": "0000", "task_id": "job1", "data": data})
    async with MaviClient("sk-mavi-of-nobody", store=store) as client:
        task = client.speaker_task("job1")
        process = start("feed", body)
        diarization = await task.wait(timeout=30)

    assert ["SPEAKER_00"] == [segment.speaker for segment in diarization]
    assert ("Delivery.STORED\n", "") == process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_forks_leave_both_sides_whole(path: Path, start: "StartProcess") -> None:
    """Also amid a write of another thread: each side has connections of its own."""
    process = start("fork", 3)
    output, errors = process.communicate()

    assert (f"{[0] * 3}\n", "") == (output, errors)
    children = {f"child-{number}-{each}" for number in range(3) for each in range(5)}
    assert {"before", "after", *children} == kept(path)


@pytest.fixture
def kill_amid_writes(path: Path, start: "StartProcess") -> Callable[[int], None]:
    """Has a process put callbacks, kills it, and looks whether what it was told is true."""
    acknowledged: set[str] = set()

    def kill(number: int) -> None:
        process = start("put_on", f"round{number}")
        assert process.stdout is not None
        # What was said when the kill arrives is on its way: a few lines more, or half of one.
        lines = [process.stdout.readline() for _ in range(random.Random(number).randint(1, 40))]
        process.kill()
        lines += process.stdout
        acknowledged.update(line.strip() for line in lines if line.endswith("\n"))

        assert acknowledged <= kept(path)

    return kill


@pytest.mark.fault("death during a commit")
def test_what_was_acknowledged_survives_a_kill(kill_amid_writes: Callable[[int], None]) -> None:
    """At any moment of a commit, one kill after another on the same file."""
    for number in range(4):
        kill_amid_writes(number)


@pytest.mark.fault("death during a commit")
@pytest.mark.torture
def test_what_was_acknowledged_survives_fifty_kills(
    kill_amid_writes: Callable[[int], None],
) -> None:
    """The same, more often."""
    for number in range(50):
        kill_amid_writes(number)
