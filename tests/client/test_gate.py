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
