"""The pacer of a process: one for each lane, for all clients and threads."""

import asyncio
import gc
import logging
import threading
from itertools import pairwise

import attrs
import pytest

from mavi_async.stores import Lane, MemoryStore, Pacer
from mavi_async.stores._pacer import MemoryPacer, Schedule, process_pacer

LANE = Lane("https://pacer.example", "account", "/path")


class Clock:
    """The time, as the test holds it."""

    now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of the pacer."""
    return Clock()


@pytest.fixture
def pacer(clock: Clock) -> MemoryPacer:
    """One request a second."""
    return MemoryPacer(Schedule(clock), 1.0)


@pytest.mark.asyncio
async def test_slots_are_spaced_by_the_gap(pacer: MemoryPacer) -> None:
    """The first begins now; a slot tells how long that is and how late is too late."""
    slots = [await pacer.reserve() for _ in range(3)]

    assert [50.0, 51.02, 52.04] == pytest.approx([slot.at for slot in slots])
    assert [0.0, 1.02, 2.04] == pytest.approx([slot.delay for slot in slots])
    assert {(0.02, False)} == {(slot.tolerance, slot.ack_clocked) for slot in slots}


@pytest.mark.asyncio
async def test_a_slot_is_reserved_instead_of_another(pacer: MemoryPacer, clock: Clock) -> None:
    """Who wakes too late gives its slot back in the same step."""
    slot = await pacer.reserve()
    clock.now += 0.5

    again = await pacer.reserve(instead_of=slot)

    assert (50.5, 0.0) == (again.at, again.delay)
    assert 51.52 == (await pacer.reserve()).at


@pytest.mark.asyncio
async def test_a_slot_that_is_given_back_is_for_the_next(pacer: MemoryPacer) -> None:
    """Leaving a queue costs nobody anything."""
    await pacer.reserve()
    slot = await pacer.reserve()

    await pacer.give_back(slot)

    assert slot == await pacer.reserve()


@pytest.mark.asyncio
async def test_a_slot_moves_with_what_happens_before_it(pacer: MemoryPacer, clock: Clock) -> None:
    """Whoever has it learns of that by confirming it; its delay is from now on."""
    first, second, third = [await pacer.reserve() for _ in range(3)]
    clock.now += 1.0
    assert attrs.evolve(second, delay=second.delay - 1.0) == await pacer.confirm(second)

    await pacer.left(first, late=1.0)

    confirmed = [await pacer.confirm(slot) for slot in (second, third)]
    assert [52.02, 53.04] == pytest.approx([slot.at for slot in confirmed])
    assert [1.02, 2.04] == pytest.approx([slot.delay for slot in confirmed])


@pytest.mark.asyncio
async def test_lateness_moves_the_schedule(pacer: MemoryPacer) -> None:
    """By as much as the request was late."""
    await pacer.left(await pacer.reserve(), late=0.25)

    assert 51.27 == (await pacer.reserve()).at


@pytest.mark.asyncio
async def test_answers_widen_and_narrow_the_gap(pacer: MemoryPacer, clock: Clock) -> None:
    """A rejection is felt by everybody until acceptances have worn it off."""
    first = await pacer.reserve()
    await pacer.answered(first, refused=True)
    second = await pacer.reserve()
    assert second.ack_clocked
    assert pytest.approx(51.05) == second.at
    clock.now = 60.0
    await pacer.answered(second, refused=True)
    assert pytest.approx(62.0) == (await pacer.reserve()).at
    for _ in range(1_000):
        await pacer.answered(second, refused=False)
    clock.now = 100.0
    assert not (await pacer.reserve()).ack_clocked


@pytest.mark.asyncio
async def test_an_uncertain_answer_pauses_nobody(pacer: MemoryPacer) -> None:
    """It may be about the request alone."""
    slot = await pacer.reserve()
    for _ in range(40):
        await pacer.answered(slot, refused=True, certain=False)

    assert pytest.approx(52.02) == (await pacer.reserve()).at


def slots_of(*pacers: Pacer) -> list[float]:
    """When a slot of each begins, reserved in this order."""

    async def reserve() -> list[float]:
        return [(await pacer.reserve()).at for pacer in pacers]

    return asyncio.run(reserve())


def test_a_lane_has_one_schedule_in_the_process() -> None:
    """Whichever store asks for it; each origin, account and endpoint is a lane of its own."""
    pacers = [process_pacer(LANE, 1.0), *(MemoryStore().pacer(LANE, 1.0) for _ in range(2))]
    others = [
        process_pacer(lane, 1.0)
        for lane in (
            Lane("https://other.example", "account", "/path"),
            Lane("https://pacer.example", "other", "/path"),
            Lane("https://pacer.example", "account", "/other"),
        )
    ]

    first, second, third = slots_of(*pacers)

    assert [1.02, 1.02] == pytest.approx([second - first, third - second])
    assert all(slot < second for slot in slots_of(*others))


def test_a_schedule_outlives_its_clients_until_it_is_over(clock: Clock) -> None:
    """A client for every submit is no way around the limit."""
    schedule = Schedule(clock)
    pacer = MemoryPacer(schedule, 5.0)
    slots_of(pacer)

    del pacer
    gc.collect()

    assert not schedule.is_over
    clock.now += 5.02
    assert schedule.is_over


def test_a_client_that_is_gone_has_no_say_in_the_rate() -> None:
    """But the distance to its last request is kept."""
    lane = Lane("https://gone.example", "account", "/path")
    (before,) = slots_of(process_pacer(lane, 5.0))
    gc.collect()

    first, second = slots_of(*[process_pacer(lane, 1.0)] * 2)

    assert [5.02, 1.02] == pytest.approx([first - before, second - first])


async def gap_of(pacer: MemoryPacer) -> float:
    """The distance of two slots."""
    first, second = await pacer.reserve(), await pacer.reserve()
    return second.at - first.at


@pytest.mark.parametrize(("first", "second"), [(1.0, 2.0), (2.0, 1.0)])
def test_the_slowest_rate_wins(
    first: float, second: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever asked first, and the difference is logged."""
    lane = Lane("https://slow.example", "account", f"/{first}")
    pacer = process_pacer(lane, first)
    with caplog.at_level(logging.WARNING, "mavi_async"):
        other = process_pacer(lane, second)

    assert [
        f"clients of one account ask for different rates on /{first}: the slowest one counts"
    ] == caplog.messages
    assert pytest.approx(2.02) == asyncio.run(gap_of(pacer)) == asyncio.run(gap_of(other))


def test_one_rate_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """Clients that agree are the rule."""
    lane = Lane("https://agree.example", "account", "/path")
    with caplog.at_level(logging.DEBUG, "mavi_async"):
        pacers = [process_pacer(lane, 1.0) for _ in range(3)]

    assert [] == caplog.messages
    assert len(pacers) == 3


def test_threads_get_slots_of_their_own(pacer: MemoryPacer) -> None:
    """However many reserve at once, each on its own loop, the slots are spaced by the gap."""
    slots: list[float] = []
    start = threading.Barrier(8)

    async def reserve() -> None:
        for number in range(200):
            slot = await pacer.reserve()
            if number % 3 == 0:
                await pacer.left(slot, late=0.0)
            slots.append(slot.at)

    def run() -> None:
        start.wait()
        asyncio.run(reserve())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    expected = [50.0 + 1.02 * number for number in range(1_600)]
    assert expected == pytest.approx(sorted(slots))
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(sorted(slots)))


def test_threads_share_one_schedule() -> None:
    """Also where they ask for a lane for the first time, all at once."""
    lane = Lane("https://threads.example", "account", "/path")
    start, pacers = threading.Barrier(8), list[MemoryPacer]()

    def run() -> None:
        start.wait()
        pacers.append(process_pacer(lane, 1.0))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    slots = slots_of(*pacers)
    assert [1.02] * 7 == pytest.approx([later - earlier for earlier, later in pairwise(slots)])
