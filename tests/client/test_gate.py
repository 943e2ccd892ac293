"""The queue in front of an endpoint."""

import asyncio

import anyio
import attrs
import pytest

from mavi_async import StoreError, _turn
from mavi_async._gate import Gate
from mavi_async._turn import PutOff, Turn
from mavi_async.stores import Slot, _deadline
from mavi_async.stores._pacer import MemoryPacer, Schedule


@pytest.mark.asyncio
async def test_a_slot_that_is_given_back_costs_nobody_anything() -> None:
    """A request that could not connect has not left, so it is not late either."""
    schedule = Schedule()
    gate = Gate(MemoryPacer(schedule, 60.0), max_in_flight=2)
    untouched = schedule.pace.next_at

    turn = await gate.enter()
    await turn.unanswered(sent=False)
    await turn.report_departure()

    assert schedule.pace.next_at - schedule.clock() < 1.0
    assert untouched < schedule.pace.next_at


@pytest.mark.asyncio
async def test_a_schedule_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is at the head gets the error, and the next one has its turn."""
    monkeypatch.setattr(_deadline, "STORE_SECONDS", 0.05)

    class Hung(MemoryPacer):
        async def reserve(self, instead_of: Slot | None = None) -> Slot:
            await anyio.sleep_forever()
            raise AssertionError

    gate = Gate(Hung(Schedule(), 1.0), max_in_flight=1)

    for _ in range(2):
        with pytest.raises(StoreError, match="did not answer within"):
            await gate.enter()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("took", "expected"), [([], 0.004), ([0.08, 0.16, 0.01], 0.2), ([9.0], 0.25)], ids=str
)
async def test_turns_are_given_out_as_early_as_requests_need(
    took: list[float], expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they needed lately to be ready, and a little more, within bounds."""
    gate = Gate(MemoryPacer(Schedule(), 60.0), max_in_flight=2)
    await (await gate.enter()).answered(refused=False)
    gate._departures.preparations.extend(took)
    rests: list[float] = []

    async def note(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(gate, "rest", note)
    second = await gate.enter()
    head_start = second._departure.begins_at - second._given_at - rests[-1]

    assert head_start == pytest.approx(expected, abs=0.02)


@pytest.mark.asyncio
async def test_how_long_a_request_takes_to_be_ready_is_noted() -> None:
    """From its turn to the moment at which it could leave."""
    gate = Gate(MemoryPacer(Schedule(), 0.001), max_in_flight=2)
    turn = await gate.enter()
    await anyio.sleep(0.02)
    await turn.hold()

    assert 0.02 <= gate._departures.preparations[0]


@pytest.mark.asyncio
async def test_a_slot_that_was_missed_is_not_used() -> None:
    """The next one may have been given to another process, which leaves on time."""
    schedule = Schedule()
    gates = [Gate(MemoryPacer(schedule, 0.1), max_in_flight=2) for _ in range(2)]
    late = await gates[0].enter()
    on_time = await gates[1].enter()
    await late.hold()

    assert 0.1 <= late._departure.slot.at - on_time._departure.slot.at


@pytest.mark.asyncio
async def test_a_request_leaves_late_rather_than_hold_its_connection_for_long() -> None:
    """The schedule learns of it, and the slot that would have come too late is free again."""
    schedule = Schedule()
    gate = Gate(MemoryPacer(schedule, 60.0), max_in_flight=2)
    late = await gate.enter()
    other = await MemoryPacer(schedule, 60.0).reserve()
    await anyio.sleep(0.03)
    await late.hold()
    await late.answered(refused=False)

    assert (await MemoryPacer(schedule, 60.0).reserve()).at < other.at + 61.0


class Watched(MemoryPacer):
    """A pacer that tells when a slot is replaced, moved, or has to wait for an answer."""

    def __init__(self, schedule: Schedule, interval: float) -> None:
        super().__init__(schedule, interval)
        self.has_replaced = anyio.Event()
        self.has_moved = anyio.Event()
        self.told_to_wait = anyio.Event()

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        """Reserve, and note."""
        if instead_of is not None:
            self.has_replaced.set()
        return await super().reserve(instead_of)

    async def confirm(self, slot: Slot) -> Slot:
        """Confirm, and note."""
        confirmed = await super().confirm(slot)
        if confirmed.at > slot.at:
            self.has_moved.set()
        if confirmed.waits:
            self.told_to_wait.set()
        return confirmed


async def two_turns(schedule: Schedule, interval: float) -> tuple[Turn, Turn, Watched]:
    """Turns that follow each other, of gates as two processes have them, and the later's pacer."""
    pacer = Watched(schedule, interval)
    gates = [Gate(each, max_in_flight=2) for each in (MemoryPacer(schedule, interval), pacer)]
    first, second = [await gate.enter() for gate in gates]
    return first, second, pacer


def ack_clocked() -> Schedule:
    """A schedule on which there was a rejection."""
    schedule = Schedule()
    schedule.pace = attrs.evolve(schedule.pace, extra=0.001)
    return schedule


@pytest.mark.asyncio
async def test_a_request_keeps_its_distance_from_one_that_left_late_elsewhere() -> None:
    """Although its own slot was reserved before that."""
    first, second, _ = await two_turns(Schedule(), 0.1)
    first.left()
    await first.report_departure()
    await second.hold()
    second.left()

    # Nearly the interval: whoever is stopped between two looks at the clock misjudges it.
    assert first._left_at is not None
    assert second._left_at is not None
    assert 0.05 <= second._left_at - first._left_at


@pytest.mark.asyncio
async def test_a_request_keeps_its_distance_however_often_its_slot_is_moved() -> None:
    """The one before may be held up again after it was asked about."""
    first, second, pacer = await two_turns(Schedule(), 0.1)
    await pacer.left(first._departure.slot, late=0.1)
    async with asyncio.TaskGroup() as group:
        group.create_task(second.hold())
        await pacer.has_moved.wait()
        await pacer.left(first._departure.slot, late=0.3)

    assert 0.4 <= second._departure.slot.at - first._departure.slot.at


@pytest.mark.asyncio
async def test_a_request_that_missed_its_slot_keeps_its_distance_in_the_next() -> None:
    """What it got instead is moved like any other."""
    first, second, pacer = await two_turns(Schedule(), 0.1)
    await pacer.reserve()
    await anyio.sleep(0.13)  # until the second has missed its slot, and its next is the fourth
    async with asyncio.TaskGroup() as group:
        group.create_task(second.hold())
        await pacer.has_replaced.wait()
        await pacer.left(first._departure.slot, late=0.3)

    assert 0.4 <= second._departure.slot.at - first._departure.slot.at


@pytest.mark.asyncio
async def test_a_slot_that_moves_out_of_reach_puts_the_request_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No server keeps a connection that says nothing for that long."""
    monkeypatch.setattr(_turn, "_LONGEST_HOLD", 0.05)
    first, second, pacer = await two_turns(Schedule(), 0.01)
    await pacer.left(first._departure.slot, late=3.0)

    with pytest.raises(PutOff, match=r"for 3\.0 s more"):
        await second.hold()


@pytest.mark.asyncio
async def test_after_a_rejection_a_request_waits_for_the_answer_to_one_elsewhere() -> None:
    """It may still be on its way, and arrive together with the next."""
    first, second, pacer = await two_turns(ack_clocked(), 0.01)
    first.left()
    async with asyncio.TaskGroup() as group:
        holding = group.create_task(second.hold())
        await pacer.told_to_wait.wait()
        assert not holding.done()
        await first.answered(refused=False)

    assert not second._departure.slot.waits


@pytest.mark.asyncio
async def test_an_answer_that_will_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request before broke off, and its process says so."""
    monkeypatch.setattr(_turn, "_LONGEST_WAIT_FOR_ANSWER", float("inf"))
    first, second, pacer = await two_turns(ack_clocked(), 0.01)
    first.left()
    async with asyncio.TaskGroup() as group:
        group.create_task(second.hold())
        await pacer.told_to_wait.wait()
        await first.unanswered(sent=True)

    assert not second._departure.slot.waits


@pytest.mark.asyncio
async def test_an_answer_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its process may have died."""
    monkeypatch.setattr(_turn, "_LONGEST_WAIT_FOR_ANSWER", 0.02)
    first, second, pacer = await two_turns(ack_clocked(), 0.01)
    first.left()

    await second.hold()

    assert pacer.told_to_wait.is_set()


class Unreachable(MemoryPacer):
    """A schedule that can be reached until a request is about to leave."""

    is_down = False

    async def confirm(self, slot: Slot) -> Slot:
        """Confirm, or fail."""
        if self.is_down:
            raise StoreError("it is down")
        return await super().confirm(slot)


@pytest.mark.asyncio
async def test_a_request_with_a_slot_leaves_when_the_schedule_is_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The slot is its own; what moved it meanwhile is not known, and that is said."""
    pacer = Unreachable(Schedule(), 0.01)
    turn = await Gate(pacer, max_in_flight=2).enter()
    pacer.is_down = True

    await turn.hold()

    assert {"a request leaves unconfirmed: it is down"} == set(caplog.messages)


@pytest.mark.asyncio
async def test_a_slot_that_moves_far_away_is_rested_for_in_the_queue() -> None:
    """Not with a connection in hand: others are refused, and the pause is for everybody."""
    schedule = Schedule()
    pacer = MemoryPacer(schedule, 0.5)
    slot = await pacer.reserve()
    gate = Gate(MemoryPacer(schedule, 0.5), max_in_flight=2)
    async with asyncio.TaskGroup() as group:
        entering = group.create_task(gate.enter())
        await anyio.sleep(0.01)
        await pacer.left(slot, late=0.3)
    turn = entering.result()

    assert 0.8 <= turn._departure.slot.at - slot.at
    assert turn._departure.begins_at - turn._given_at < 0.25


class Listening(MemoryPacer):
    """A pacer that keeps what it is told of departures."""

    def __init__(self, schedule: Schedule, interval: float) -> None:
        super().__init__(schedule, interval)
        self.told: list[float] = []
        self.given_back: list[Slot] = []

    async def left(self, slot: Slot, *, late: float) -> None:
        """Keep it."""
        self.told.append(late)

    async def give_back(self, slot: Slot) -> None:
        """Keep it."""
        self.given_back.append(slot)


@pytest.mark.asyncio
async def test_a_request_that_was_held_up_on_its_way_counts_as_late() -> None:
    """As far as its answer took longer than answers do; what was told when it left is not all."""
    pacer = Listening(Schedule(), 0.01)
    turn = await Gate(pacer, max_in_flight=2).enter()
    turn._departures.round_trips.excess(0.0)
    turn.left()
    await turn.report_departure()
    await anyio.sleep(0.05)
    await turn.answered(refused=False)
    at_once, in_the_end = pacer.told

    assert at_once < 0.05 <= in_the_end


@pytest.mark.asyncio
async def test_a_slot_that_was_used_is_not_given_back() -> None:
    """Even where nobody can say whether the request arrived."""
    pacer = Listening(Schedule(), 0.01)
    gate = Gate(pacer, max_in_flight=1)
    used = await gate.enter()
    used.left()
    await used.unanswered(sent=False)
    await (await gate.enter()).unanswered(sent=True)
    unused = await gate.enter()
    await unused.unanswered(sent=False)

    assert [unused._departure.slot] == pacer.given_back


@pytest.mark.asyncio
async def test_a_slot_is_asked_about_as_early_as_that_takes() -> None:
    """Within bounds: a schedule far away must not make its requests late."""
    departures = (await Gate(MemoryPacer(Schedule(), 0.01), max_in_flight=2).enter())._departures
    departures._confirmations.extend([0.02, 0.04])

    assert pytest.approx(0.05) == departures.confirming
    departures._confirmations.append(9.0)
    assert 0.1 == departures.confirming
