"""The permission to send one request, from its slot to its answer."""

import logging
import time
from collections.abc import Callable
from typing import Final

import anyio
import anyio.lowlevel

from mavi_async._departures import Departure, Departures
from mavi_async._errors import StoreError
from mavi_async._loop import Waiter, new_waiter

__all__ = ["PutOff", "Turn"]

log = logging.getLogger("mavi_async")

# Event loops round timers up to a millisecond, which at 20 requests a second would be 2 %.
_TIMER_GRAIN: Final = 0.0012
_LONGEST_WAIT_FOR_ANSWER: Final = 1.0
_BETWEEN_LOOKS: Final = 0.003
# An answer that is late by this part of the interval, or by 20 ms, tells of a stall on the way.
# What is less counts as jitter, which the margin is for, unless rejections say otherwise.
_STALL: Final = 0.1
_LONGEST_JITTER: Final = 0.020
# The same for what this process needs to get a request out once its slot has begun.
_LAG: Final = 0.04
_SHORT_LAG: Final = 0.002
# How long a request may hold its connection for another slot, having missed its own.
_LONGEST_HOLD: Final = 5.0


class PutOff(Exception):
    """Raised into a request whose slot was moved to when no connection is held open for it."""


class Turn:
    """The permission to send one request.

    Args:
        departures: Those of the process.
        departure: The slot to leave in.
        on_left: Called once, when the request leaves or never will: the next one may prepare.
        on_end: Called once, when nothing is under way any more.

    Attributes:
        is_timed: Whether how long the answer takes tells of the way there; what has a long body
            to send sets it to False.
    """

    def __init__(
        self,
        departures: Departures,
        departure: Departure,
        on_left: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self._departures = departures
        self._departure = departure
        self._on_left = on_left
        self._on_end = on_end
        self.is_timed = True
        self._given_at = time.monotonic()
        self._has_missed = False
        self._patient_until: float | None = None
        self._released_at: float | None = None
        self._left_at: float | None = None
        self._delay = 0.0
        self._reported_late: float | None = None
        self._answer_awaited_by: Waiter | None = None
        self._has_ended = False

    async def hold(self) -> None:
        """Wait until the slot begins: the last thing to do before the request leaves.

        Raises:
            PutOff: If it does not begin soon. The request must not leave; it may have another turn.
        """
        self._departures.preparations.append(time.monotonic() - self._given_at)
        until = time.monotonic() + _LONGEST_HOLD
        while await self._has_moved() and time.monotonic() < until:
            pass
        await _sleep_until(self._departure.begins_at - _TIMER_GRAIN)
        while self._departure.late < 0:
            await anyio.lowlevel.checkpoint()
        self._released_at = time.monotonic()

    async def _has_moved(self) -> bool:
        """See shortly before the slot begins whether it stands; take another if it is missed."""
        slot = self._departure.slot
        await _sleep_until(self._departure.begins_at - _TIMER_GRAIN - self._departures.confirming)
        await self._confirm()
        if not self._has_missed and self._departure.late > max(slot.tolerance, self._jitter):
            self._has_missed = True  # who misses the next one too is slow: it leaves late
            await self._take_another()
        return slot.at < self._departure.slot.at

    async def _confirm(self) -> None:
        """Learn what became of the request before; one without an answer may be on its way."""
        try:
            while True:
                self._departure = await self._departures.confirm(self._departure)
                if -self._departure.late > _LONGEST_HOLD:
                    raise PutOff(f"everybody pauses, for {-self._departure.late:.1f} s more")
                if not self._departure.slot.waits or self._is_impatient():
                    return
                await anyio.sleep(_BETWEEN_LOOKS)
        except StoreError as error:
            log.warning("a request leaves unconfirmed: %s", error)

    def _is_impatient(self) -> bool:
        """Tell whether this turn has waited for an answer as long as any turn does."""
        if self._patient_until is None:
            self._patient_until = time.monotonic() + _LONGEST_WAIT_FOR_ANSWER
        return time.monotonic() > self._patient_until

    async def _take_another(self) -> None:
        """Let a slot go that was missed: the next one may be another process', and is near."""
        try:
            another = await self._departures.reserve(instead_of=self._departure)
        except StoreError as error:
            log.warning("a request leaves late: %s", error)
            return
        if -another.late > _LONGEST_HOLD:
            await self._departures.give_back(another)
        else:
            self._departure = another

    def left(self) -> None:
        """Note that the request is leaving, and let the next one prepare; twice is allowed."""
        if self._left_at is None:
            self._left_at = time.monotonic()
            if self._released_at is not None:
                self._departures.lags.append(self._left_at - self._released_at)
            self._on_left()

    @property
    def has_left(self) -> bool:
        """Whether the request is known to have left."""
        return self._left_at is not None

    async def answered(self, *, refused: bool, certain: bool = True) -> None:
        """Note that the request has its answer."""
        self.left()
        if self.is_timed:
            self._note_round_trip()
        try:
            await self.report_departure()
            await self._departures.report(
                self._departures.pacer.answered(
                    self._departure.slot, refused=refused, certain=certain
                )
            )
        finally:
            self.end()

    async def unanswered(self, *, sent: bool) -> None:
        """Note that the request has ended without an answer; a slot that was not used is free."""
        pacer, slot = self._departures.pacer, self._departure.slot
        try:
            if sent or self.has_left:
                await self.report_departure()
                await self._departures.report(pacer.unanswered(slot))
            else:
                self._reported_late = float("inf")  # there is no departure to tell of
                await self._departures.report(pacer.give_back(slot))
        finally:
            self.end()

    async def report_departure(self) -> None:
        """Tell the shared schedule when the request left, and again if it was held up later."""
        if self._left_at is None:
            return
        late = self._lateness(self._left_at)
        if self._reported_late is None or late > self._reported_late:
            self._reported_late = late
            await self._departures.report(
                self._departures.pacer.left(self._departure.slot, late=late)
            )

    def _lateness(self, left_at: float) -> float:
        """Return by how much the next request would come too close."""
        slot = self._departure.slot
        # What every request needs to get out changes no distance.
        usual = min(self._departures.usual_lag, slot.tolerance)
        lag = max(0.0, left_at - self._departure.begins_at - usual)
        is_short = lag < min(_SHORT_LAG, _LAG * slot.interval)
        return self._delay if is_short and not slot.ack_clocked else self._delay + lag

    async def ended(self) -> None:
        """Wait for the answer, but not for one that hangs."""
        if not self._has_ended:
            self._answer_awaited_by = new_waiter()
            await self._answer_awaited_by.park(_LONGEST_WAIT_FOR_ANSWER)

    @property
    def _jitter(self) -> float:
        return min(_LONGEST_JITTER, _STALL * self._departure.slot.interval)

    def _note_round_trip(self) -> None:
        excess = self._departures.round_trips.excess(time.monotonic() - (self._left_at or 0.0))
        expected = 0.0 if self._departure.slot.ack_clocked else self._jitter
        if excess > max(expected, self._departure.slot.tolerance):
            self._delay = excess

    def end(self) -> None:
        """Make way for the others, whatever became of the request; twice is allowed."""
        if self._has_ended:
            return
        self.left()
        self._has_ended = True
        if self._answer_awaited_by is not None:
            self._answer_awaited_by.wake()
        self._on_end()


async def _sleep_until(moment: float) -> None:
    remaining = moment - time.monotonic()
    if remaining > 0:
        await anyio.sleep(remaining)
