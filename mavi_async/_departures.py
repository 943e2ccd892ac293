"""The departures of one process: slots of a shared schedule, by the clock of this process."""

import logging
import time
from collections import deque
from collections.abc import Awaitable
from typing import Final

import attrs

from mavi_async._errors import StoreError
from mavi_async._pacing import RoundTrips
from mavi_async.stores import Pacer, Slot
from mavi_async.stores._deadline import in_time

__all__ = ["Departure", "Departures"]

log = logging.getLogger("mavi_async")

# A turn is given out before its slot begins, for its intent to be kept and its connection made.
_SHORTEST_HEAD_START: Final = 0.004
_LONGEST_HEAD_START: Final = 0.25
_LONGEST_CONFIRMATION: Final = 0.1


@attrs.frozen
class Departure:
    """A slot, and when it begins by this process' clock."""

    slot: Slot
    begins_at: float

    @property
    def late(self) -> float:
        """By how many seconds the slot has passed; negative before it begins."""
        return time.monotonic() - self.begins_at


class Departures:
    """A pacer, asked within bounds, and how long things take on the way to a departure.

    Args:
        pacer: The account's rate on the endpoint.
    """

    def __init__(self, pacer: Pacer) -> None:
        self.pacer = pacer
        self.round_trips = RoundTrips()
        self.preparations: deque[float] = deque(maxlen=8)
        self.lags: deque[float] = deque(maxlen=16)
        self._confirmations: deque[float] = deque(maxlen=8)

    async def reserve(self, instead_of: Departure | None = None) -> Departure:
        """Reserve a slot.

        Raises:
            StoreError: If the shared schedule cannot be reached.
        """
        earlier = None if instead_of is None else instead_of.slot
        return _departure(await in_time(self.pacer.reserve(earlier)))

    async def confirm(self, departure: Departure) -> Departure:
        """Ask whether a request before this one was held up, or refused, meanwhile.

        Raises:
            StoreError: If the shared schedule cannot be reached.
        """
        asked_at = time.monotonic()
        slot = await in_time(self.pacer.confirm(departure.slot))
        self._confirmations.append(time.monotonic() - asked_at)
        return _departure(slot)

    async def give_back(self, departure: Departure) -> None:
        """Return a slot that is not used."""
        await self.report(self.pacer.give_back(departure.slot))

    async def report(self, report: Awaitable[None]) -> None:
        """Carry out a report; a schedule that cannot be reached must not cost the answer."""
        try:
            await in_time(report)
        except StoreError as error:
            log.warning("the pacing could not be updated: %s", error)

    @property
    def confirming(self) -> float:
        """How long before its slot begins a request asks whether it stands."""
        return min(_LONGEST_CONFIRMATION, 1.25 * max(self._confirmations, default=0.0))

    @property
    def usual_lag(self) -> float:
        """How long a request takes at least from its slot's beginning until it has left."""
        return min(self.lags, default=0.0)

    @property
    def head_start(self) -> float:
        """What requests needed lately until they could leave: a store may be slow, or the net."""
        lately = max(self.preparations, default=0.0)
        needed = max(_SHORTEST_HEAD_START, 1.25 * lately) + 2 * self.confirming
        return min(_LONGEST_HEAD_START, needed)


def _departure(slot: Slot) -> Departure:
    return Departure(slot, time.monotonic() + slot.delay)
