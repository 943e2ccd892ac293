"""The queue in front of an endpoint."""

import anyio
import pytest

from mavi_async import StoreError
from mavi_async._gate import Gate
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
    on_time = (await gates[1].enter())._departure.begins_at
    await late.hold()
    late.left()

    assert late._left_at is not None
    assert 0.1 <= late._left_at - on_time


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
