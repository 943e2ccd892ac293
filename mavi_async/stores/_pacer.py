"""The pacer of one process: the schedule of `mavi_async._pacing` behind a lock."""

import logging
import threading
import time
from collections.abc import Callable
from weakref import WeakValueDictionary

from mavi_async import _pacing
from mavi_async.stores._protocol import Lane, Slot

__all__ = ["MemoryPacer", "process_pacer"]

log = logging.getLogger("mavi_async")


class MemoryPacer:
    """One account's rate on one endpoint, for all clients, loops and threads of a process.

    Args:
        interval: Seconds between requests.
        clock: Returns seconds that never go back.
    """

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._pace = _pacing.Pace()
        self._lock = threading.Lock()

    def slow_down_to(self, interval: float) -> bool:
        """Take over an interval if it is longer; return whether it differs."""
        with self._lock:
            differs = interval != self._interval
            self._interval = max(interval, self._interval)
        return differs

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        """Reserve the next departure, giving back an earlier reservation in the same step."""
        with self._lock:
            now = self._clock()
            if instead_of is not None:
                self._pace = _pacing.give_back(self._pace, instead_of.at)
            self._pace, at = _pacing.reserve(self._pace, self._interval, now)
            ack_clocked = _pacing.is_ack_clocked(self._pace, self._interval)
            return Slot(at, at - now, _pacing.margin(self._interval), ack_clocked)

    async def give_back(self, slot: Slot) -> None:
        """Return a departure that is not used."""
        with self._lock:
            self._pace = _pacing.give_back(self._pace, slot.at)

    async def left(self, slot: Slot, *, late: float) -> None:
        """Note that the request left, `late` seconds later than its slot began."""
        with self._lock:
            self._pace = _pacing.leave(self._pace, self._interval, slot.at, slot.at + late)

    async def answered(self, *, refused: bool, certain: bool = True) -> None:
        """Note whether the request was over the limit."""
        with self._lock:
            if refused:
                self._pace = _pacing.refuse(
                    self._pace, self._interval, self._clock(), certain=certain
                )
            else:
                self._pace = _pacing.accept(self._pace)


_pacers: WeakValueDictionary[Lane, MemoryPacer] = WeakValueDictionary()
_pacers_lock = threading.Lock()


def process_pacer(lane: Lane, interval: float) -> MemoryPacer:
    """Return the pacer that every client of this process shares; the slowest rate wins."""
    with _pacers_lock:
        pacer = _pacers.get(lane)
        if pacer is None:
            pacer = _pacers[lane] = MemoryPacer(interval)
            return pacer
    if pacer.slow_down_to(interval):
        log.warning(
            "clients of one account ask for different rates on %s: the slowest one counts",
            lane.endpoint,
        )
    return pacer
