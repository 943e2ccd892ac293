"""The pacers of one process: the schedules of `mavi_async._pacing` behind locks."""

import logging
import threading
import time
from collections.abc import Callable
from weakref import WeakSet

import attrs

from mavi_async import _pacing
from mavi_async.stores._protocol import Lane, Slot

__all__ = ["MemoryPacer", "Schedule", "process_pacer"]

log = logging.getLogger("mavi_async")


class Schedule:
    """One account's rate on one endpoint, for all clients, loops and threads of a process.

    Args:
        clock: Returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.pace = _pacing.Pace()
        self.lock = threading.Lock()
        self.pacers: WeakSet[MemoryPacer] = WeakSet()

    @property
    def interval(self) -> float:
        """Seconds between requests: those of the slowest client."""
        return max(pacer.interval for pacer in self.pacers)

    def has_other_rate(self, interval: float) -> bool:
        """Tell whether some client was told another rate."""
        with self.lock:
            return any(pacer.interval != interval for pacer in self.pacers)

    @property
    def is_over(self) -> bool:
        """Whether no client is left, and a new one would not be too soon after the last."""
        return not self.pacers and self.clock() >= self.pace.next_at


class MemoryPacer:
    """One client's share in a schedule.

    Args:
        schedule: What all clients of the account share.
        interval: Seconds between requests, as this client is told.
    """

    def __init__(self, schedule: Schedule, interval: float) -> None:
        self._schedule = schedule
        self.interval = interval
        with schedule.lock:
            schedule.pacers.add(self)

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        """Reserve the next departure, giving back an earlier reservation in the same step."""
        schedule = self._schedule
        with schedule.lock:
            now, interval = schedule.clock(), schedule.interval
            if instead_of is not None:
                schedule.pace = _pacing.give_back(schedule.pace, interval, instead_of.number)
            schedule.pace, at = _pacing.reserve(schedule.pace, interval, now)
            ack_clocked = _pacing.is_ack_clocked(schedule.pace, interval)
            number, tolerance = schedule.pace.number, _pacing.margin(interval)
            return Slot(number, at, at - now, interval, tolerance, ack_clocked)

    async def confirm(self, slot: Slot) -> Slot:
        """Return a reservation as it stands now."""
        schedule = self._schedule
        with schedule.lock:
            pace, interval = schedule.pace, schedule.interval
            at = _pacing.confirm(pace, interval, slot.number, slot.at)
            waits = _pacing.must_wait(pace, interval, slot.number)
            return attrs.evolve(slot, at=at, delay=at - schedule.clock(), waits=waits)

    async def give_back(self, slot: Slot) -> None:
        """Return a departure that is not used."""
        schedule = self._schedule
        with schedule.lock:
            schedule.pace = _pacing.give_back(schedule.pace, schedule.interval, slot.number)

    async def left(self, slot: Slot, *, late: float) -> None:
        """Note that the request left, `late` seconds later than its slot began."""
        schedule = self._schedule
        with schedule.lock:
            schedule.pace = _pacing.leave(
                schedule.pace,
                schedule.interval,
                slot.number,
                slot.at,
                slot.at + late,
                schedule.clock(),
            )

    async def answered(self, slot: Slot, *, refused: bool, certain: bool = True) -> None:
        """Note whether the request was over the limit."""
        schedule = self._schedule
        with schedule.lock:
            if refused:
                schedule.pace = _pacing.refuse(
                    schedule.pace,
                    schedule.interval,
                    slot.number,
                    slot.at,
                    schedule.clock(),
                    certain=certain,
                )
            else:
                schedule.pace = _pacing.accept(schedule.pace, slot.number)

    async def unanswered(self, slot: Slot) -> None:
        """Note that the request has no answer, so that no other one waits for it."""
        schedule = self._schedule
        with schedule.lock:
            schedule.pace = _pacing.lose(schedule.pace, slot.number)


_schedules: dict[Lane, Schedule] = {}
_schedules_lock = threading.Lock()


def process_pacer(lane: Lane, interval: float) -> MemoryPacer:
    """Return a share in the schedule of a lane, which outlives its clients until it is over."""
    with _schedules_lock:
        for each in [each for each, schedule in _schedules.items() if schedule.is_over]:
            del _schedules[each]
        schedule = _schedules.setdefault(lane, Schedule())
        if schedule.has_other_rate(interval):
            log.warning(
                "clients of one account ask for different rates on %s: the slowest one counts",
                lane.endpoint,
            )
        return MemoryPacer(schedule, interval)
