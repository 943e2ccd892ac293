"""What leaves a SQLite file by its age: a little with each call, whatever the clock does."""

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import pytest_asyncio

from mavi_async import SQLiteStore
from mavi_async.stores import Submission

pytestmark = pytest.mark.asyncio


@attrs.define
class Clock:
    """The time, as the test holds it."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of the store."""
    return Clock()


@pytest_asyncio.fixture
async def aging(path: Path, clock: Clock) -> AsyncIterator[SQLiteStore]:
    """A store that keeps everything for a minute."""
    store = SQLiteStore(path, ttl=60.0, clock=clock)
    yield store
    await store.aclose()


async def put(store: SQLiteStore, *task_ids: str) -> None:
    """Callbacks that come one after another."""
    for task_id in task_ids:
        await store.put_callback(task_id, b"body", seen=True)


async def test_each_call_removes_a_few(aging: SQLiteStore, clock: Clock) -> None:
    """More than it adds, and never so many that others would wait."""
    old = [f"old-{number}" for number in range(30)]
    await put(aging, *old)
    clock.now += 60.0

    left: list[int] = []
    for number in range(5):
        await put(aging, f"new-{number}")
        left.append(len(await aging.list_arrived(old)))

    assert sorted(left, reverse=True) == left
    assert (0, True) == (left[-1], 15 < left[0] < 30)
    assert 5 == len(await aging.list_arrived([f"new-{number}" for number in range(5)]))


async def test_all_at_once_is_done_in_steps(aging: SQLiteStore, clock: Clock) -> None:
    """Until nothing old is left."""
    await aging._connections.write(
        lambda connection: connection.executemany(
            "INSERT INTO result (task_id, received_at, seen, unmatched, sha256, size, body)"
            " VALUES (?, ?, 0, 1, x'', 1, x'00')",
            [(f"t{number}", clock.now) for number in range(600)],
        )
    )
    await put(aging, "t")
    clock.now += 60.0

    assert 601 == await aging.expire()
    assert 0 == await aging.expire()
    assert [] == list(await aging.list_unmatched())


async def test_a_job_goes_with_its_callback(aging: SQLiteStore, clock: Clock) -> None:
    """One that was adopted long after its callback came would else be pending again."""
    await put(aging, "t")
    clock.now += 50.0
    await aging.put_submission(Submission("t", "mine", "re_1", clock.now))
    clock.now += 10.0

    assert 2 == await aging.expire()
    assert [] == list(await aging.list_pending())


@pytest.mark.parametrize("step", [-3_600.0, 3_600.0])
async def test_a_clock_that_was_wrong_for_a_while_hides_nothing(
    aging: SQLiteStore, clock: Clock, step: float
) -> None:
    """What came meanwhile is kept for as long as its time says, and the rest for a minute."""
    await put(aging, "before")
    clock.now += step
    await put(aging, "meanwhile")
    clock.now -= step
    await put(aging, "after")
    assert (step < 0) == (await aging.get_callback("before") is not None)
    clock.now += 60.0
    await aging.expire()

    expected = [] if step < 0 else ["meanwhile"]
    assert expected == list(await aging.list_arrived(["before", "meanwhile", "after"]))
    clock.now += 3_600.0
    await aging.expire()
    assert [] == list(await aging.list_arrived(["meanwhile"]))
