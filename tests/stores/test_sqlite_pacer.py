"""The pacers of a `SQLiteStore`: one schedule for all processes of a host."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import attrs
import pytest
import pytest_asyncio

from mavi_async import SQLiteStore
from mavi_async.stores import Lane
from mavi_async.stores._sqlite_pacer import SQLitePacer

pytestmark = pytest.mark.asyncio

LANE = Lane("https://lane.example", "account", "/path")


@attrs.define
class Clock:
    """The host's time, as the test holds it; each look at it takes a while."""

    now: float = 50.0
    a_look_takes: float = 0.0

    def __call__(self) -> float:
        now = self.now
        self.now += self.a_look_takes
        return now


@pytest.fixture
def clock() -> Clock:
    """The host's time."""
    return Clock()


@pytest_asyncio.fixture
async def pacer_of(path: Path, clock: Clock) -> AsyncIterator[Callable[..., SQLitePacer]]:
    """Makes pacers of one lane, as processes of their own would."""
    stores: list[SQLiteStore] = []

    def make(interval: float = 1.0, lane: Lane = LANE) -> SQLitePacer:
        stores.append(SQLiteStore(path))
        return SQLitePacer(stores[-1]._connections, lane, interval, clock)

    yield make
    for store in stores:
        await store.aclose()


@pytest.fixture
def pacer(pacer_of: Callable[..., SQLitePacer]) -> SQLitePacer:
    """One request a second."""
    return pacer_of()


@pytest.fixture
def other(pacer_of: Callable[..., SQLitePacer]) -> SQLitePacer:
    """The same, in another process."""
    return pacer_of()


async def test_slots_are_spaced_by_the_gap(pacer: SQLitePacer, other: SQLitePacer) -> None:
    """Whoever reserves them; a slot tells how long it is and how late is too late."""
    slots = [await each.reserve() for each in (pacer, other, pacer)]

    assert [50.0, 51.02, 52.04] == pytest.approx([slot.at for slot in slots])
    assert [0.0, 1.02, 2.04] == pytest.approx([slot.delay for slot in slots])
    assert {(1.0, 0.02, False)} == {
        (slot.interval, slot.tolerance, slot.ack_clocked) for slot in slots
    }


async def test_slots_are_given_back(pacer: SQLitePacer, other: SQLitePacer, clock: Clock) -> None:
    """By themselves, or in the same step as the next is reserved."""
    slot = await pacer.reserve()
    await pacer.give_back(slot)
    assert slot == await other.reserve()
    clock.now += 0.5

    assert 50.5 == (await other.reserve(instead_of=slot)).at
    assert pytest.approx(51.52) == (await pacer.reserve()).at


async def test_lateness_moves_the_schedule(pacer: SQLitePacer, other: SQLitePacer) -> None:
    """By as much as the request was late; up to the margin it is on time."""
    slot = await pacer.reserve()
    await pacer.left(slot, late=0.02)
    second = await other.reserve()
    assert pytest.approx(51.02) == second.at
    await pacer.left(second, late=1.5)

    assert pytest.approx(53.54) == (await other.reserve()).at


async def test_a_slot_moves_with_what_happens_before_it(
    pacer: SQLitePacer, other: SQLitePacer, clock: Clock
) -> None:
    """In another process; its delay is from now on."""
    first, second, third = [await each.reserve() for each in (pacer, other, pacer)]
    clock.now += 1.0
    assert attrs.evolve(second, delay=second.delay - 1.0) == await other.confirm(second)

    await pacer.left(first, late=1.0)

    confirmed = [await other.confirm(second), await pacer.confirm(third)]
    assert [52.02, 53.04] == pytest.approx([slot.at for slot in confirmed])
    assert [1.02, 2.04] == pytest.approx([slot.delay for slot in confirmed])


async def test_answers_widen_and_narrow_the_gap(pacer: SQLitePacer, other: SQLitePacer) -> None:
    """For all processes."""
    slot = await pacer.reserve()
    await pacer.answered(slot, refused=True)
    slots = [await other.reserve() for _ in range(2)]
    assert all(slot.ack_clocked for slot in slots)
    assert pytest.approx(1.05) == slots[1].at - slots[0].at
    await asyncio.gather(*(pacer.answered(slot, refused=False) for _ in range(1_000)))

    assert not (await other.reserve()).ack_clocked


async def test_an_uncertain_answer_pauses_nobody(pacer: SQLitePacer) -> None:
    """It may be about the request alone."""
    slot = await pacer.reserve()
    for _ in range(10):
        await pacer.answered(slot, refused=True, certain=False)

    assert pytest.approx(52.02) == (await pacer.reserve()).at


async def test_lanes_have_schedules_of_their_own(
    pacer: SQLitePacer, pacer_of: Callable[..., SQLitePacer]
) -> None:
    """Each origin, account and endpoint."""
    await pacer.reserve()
    others = [
        pacer_of(lane=attrs.evolve(LANE, **{name: "other"}))
        for name in ("origin", "account", "endpoint")
    ]

    assert [50.0] * 3 == [(await each.reserve()).at for each in others]


async def test_a_host_that_starts_anew_begins_anew(pacer: SQLitePacer, clock: Clock) -> None:
    """Its clock then shows less than when the schedule was written."""
    clock.now = 90_000.0
    await pacer.reserve()
    clock.now = 5.0

    assert [5.0, 6.02] == pytest.approx([(await pacer.reserve()).at for _ in range(2)])


async def test_the_slowest_rate_counts(
    pacer_of: Callable[..., SQLitePacer], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """As long as whoever asked for it goes on; the others are warned, each once."""
    slow, fast = pacer_of(2.0), pacer_of(1.0)
    slots = [await each.reserve() for each in (slow, fast, fast, slow, fast)]

    assert [50.0, 52.02, 54.04, 56.06, 58.08] == pytest.approx([slot.at for slot in slots])
    [warning] = caplog.messages
    assert (
        "clients of one account ask for different rates on /path: the slowest one counts, one "
        "request every 2 s, until it has asked for no turn for 60 s, even if its process has ended"
    ) == warning
    clock.now += 61.0
    slots = [await fast.reserve() for _ in range(2)]
    assert pytest.approx(1.02) == slots[1].at - slots[0].at


async def test_a_slot_moves_at_the_slowest_rate(pacer_of: Callable[..., SQLitePacer]) -> None:
    """Also that of a client which was told a faster one."""
    slow, fast = pacer_of(2.0), pacer_of(1.0)
    first, _, third = await slow.reserve(), await fast.reserve(), await fast.reserve()
    await fast.left(first, late=1.0)

    assert pytest.approx(55.04) == (await fast.confirm(third)).at


async def test_a_slot_does_not_begin_before_it_is_durable(pacer: SQLitePacer, clock: Clock) -> None:
    """As far as the last one tells how long that takes; how far it is off is known exactly."""
    clock.a_look_takes = 0.03
    assert pytest.approx(-0.03) == (await pacer.reserve()).delay
    clock.now += 10.0

    assert pytest.approx(0.0) == (await pacer.reserve()).delay


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


async def test_what_changes_nothing_is_not_written(store: SQLiteStore, pacer: SQLitePacer) -> None:
    """A request that left on time and was accepted costs the disk one write, not three."""
    slot = await pacer.reserve()
    before = await store._connections.read(_version)
    await pacer.left(slot, late=slot.tolerance)
    await pacer.confirm(slot)
    await pacer.answered(slot, refused=False)

    assert before == await store._connections.read(_version)
    await pacer.answered(slot, refused=True)
    assert before != await store._connections.read(_version)
