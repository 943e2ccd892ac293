"""The queue of one client at one endpoint: first come, first served, one departure at a time.

Only the head of the queue holds a reservation, so leaving the queue costs nothing. It hands
over when its request has really left, not when it was allowed to.
"""

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from mavi_async._errors import ClientClosed, StoreError
from mavi_async._loop import Waiter, new_waiter
from mavi_async._pacing import RoundTrips
from mavi_async._records import Pacing
from mavi_async.stores import Pacer, Slot
from mavi_async.stores._deadline import in_time

__all__ = ["Gate", "QueueTooLong", "Turn"]

log = logging.getLogger("mavi_async")

# Event loops round timers up to a millisecond, which at 20 requests a second would be 2 %.
_TIMER_GRAIN = 0.0012
# A turn is given out before its slot begins, for its intent to be kept and its connection made.
_SHORTEST_HEAD_START = 0.004
_LONGEST_HEAD_START = 0.25
_LONGEST_WAIT_FOR_ANSWER = 1.0
# An answer that is late by this part of the interval, or by 20 ms, tells of a stall on the way.
# What is less counts as jitter, which the margin is for, unless rejections say otherwise.
_STALL = 0.1
_LONGEST_JITTER = 0.020
# The same for what this process needs to get a request out once its slot has begun.
_LAG = 0.04
_SHORT_LAG = 0.002
# How long a request may hold its connection for another slot, having missed its own.
_LONGEST_HOLD = 5.0


class QueueTooLong(Exception):
    """Raised to whoever does not want to wait as long as it takes."""


class Turn:
    """The permission to send one request."""

    def __init__(self, gate: "Gate", slot: Slot, begins_at: float) -> None:
        self._gate = gate
        self._slot = slot
        self._begins_at = begins_at
        self._given_at = time.monotonic()
        self._left_at: float | None = None
        self._delay = 0.0
        self._is_refused = False
        self._reported_late: float | None = None
        self._answer_awaited_by: Waiter | None = None
        self._has_ended = False

    async def hold(self) -> None:
        """Wait until the slot begins: the last thing to do before the request leaves."""
        now = time.monotonic()
        self._gate.preparations.append(now - self._given_at)
        if now - self._begins_at > max(self._slot.tolerance, self._jitter):
            await self._take_another()
        remaining = self._begins_at - time.monotonic()
        if remaining > _TIMER_GRAIN:
            await anyio.sleep(remaining - _TIMER_GRAIN)
        while time.monotonic() < self._begins_at:
            await anyio.lowlevel.checkpoint()

    async def _take_another(self) -> None:
        """Let a slot go that was missed: the next one may be another process', and is near."""
        try:
            slot, begins_at = await self._gate.reserve(instead_of=self._slot)
        except StoreError as error:
            log.warning("a request leaves late: %s", error)
            return
        if slot.delay > _LONGEST_HOLD:
            await self._gate.report(self._gate.pacer.give_back(slot))
        else:
            self._slot, self._begins_at = slot, begins_at

    def left(self) -> None:
        """Note that the request is leaving, and let the next one prepare; twice is allowed."""
        if self._left_at is None:
            self._left_at = time.monotonic()
            self._gate.hand_over()

    @property
    def has_left(self) -> bool:
        """Whether the request is known to have left."""
        return self._left_at is not None

    async def answered(self, *, refused: bool, certain: bool = True) -> None:
        """Note that the request has its answer."""
        self.left()
        self._is_refused = refused
        self._note_round_trip()
        try:
            await self.report_departure()
            await self._gate.report(self._gate.pacer.answered(refused=refused, certain=certain))
        finally:
            self.end()

    async def unanswered(self, *, sent: bool) -> None:
        """Note that the request has ended without an answer; a slot that was not used is free."""
        try:
            if not sent and not self.has_left:
                self._reported_late = float("inf")  # there is no departure to tell of
                await self._gate.report(self._gate.pacer.give_back(self._slot))
        finally:
            self.end()

    async def report_departure(self) -> None:
        """Tell the shared schedule when the request left, and again if it was held up later."""
        if self._left_at is None:
            return
        late = max(0.0, self._left_at - self._begins_at)
        if not self._slot.ack_clocked and late < min(_SHORT_LAG, _LAG * self._slot.interval):
            late = 0.0
        late += self._delay
        if self._reported_late is None or late > self._reported_late:
            self._reported_late = late
            await self._gate.report(self._gate.pacer.left(self._slot, late=late))

    async def moved_the_schedule(self) -> bool:
        """Wait for the answer, but not for one that hangs; tell whether it was late, or a no."""
        if not self._has_ended:
            self._answer_awaited_by = new_waiter()
            await self._answer_awaited_by.park(_LONGEST_WAIT_FOR_ANSWER)
        return self._delay > 0 or self._is_refused

    @property
    def _jitter(self) -> float:
        return min(_LONGEST_JITTER, _STALL * self._slot.interval)

    def _note_round_trip(self) -> None:
        excess = self._gate.round_trips.excess(time.monotonic() - (self._left_at or 0.0))
        expected = 0.0 if self._slot.ack_clocked else self._jitter
        if excess > max(expected, self._slot.tolerance):
            self._delay = excess

    def end(self) -> None:
        """Make way for the others, whatever became of the request; twice is allowed."""
        if self._has_ended:
            return
        self.left()
        self._has_ended = True
        if self._answer_awaited_by is not None:
            self._answer_awaited_by.wake()
        self._gate.end_turn()


class Gate:
    """Lets requests leave in order, spaced by a pacer, and bounds how many are under way.

    Args:
        pacer: The account's rate on the endpoint.
        max_in_flight: How many requests may be under way; a connection pool that is asked for
            more than it has fails the rest.
    """

    def __init__(self, pacer: Pacer, *, max_in_flight: int) -> None:
        self.pacer = pacer
        self.round_trips = RoundTrips()
        self.preparations: deque[float] = deque(maxlen=8)
        self._free = max_in_flight
        self._has_head = False
        self._queue: OrderedDict[Waiter, None] = OrderedDict()
        self._previous: Turn | None = None
        self._last_begins_at = float("-inf")
        self._spacing = 0.0
        self._is_busy = False
        self._head_waits = False
        self._resting: set[Waiter] = set()
        self._closed = False

    @property
    def state(self) -> Pacing:
        """How long the queue is."""
        queued = len(self._queue) + self._head_waits
        next_at = self._last_begins_at + self._spacing - time.monotonic()
        return Pacing(queued, max(0.0, next_at) + queued * self._spacing)

    async def enter(
        self,
        *,
        at_head: bool = False,
        within: float | None = None,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> Turn:
        """Wait for a turn; the caller ends it with `Turn.answered` or `Turn.unanswered`.

        Args:
            at_head: Whether to go before everybody who waits.
            within: Seconds in which the turn must begin; ``None`` if it may take any time.
            first: Awaited at the head of the queue; what it raises leaves the slot to the next.

        Raises:
            QueueTooLong: If the turn would not begin in time, as soon as that is known.
            ClientClosed: If the client is closed meanwhile.
            StoreError: If the shared schedule cannot be reached.
        """
        if within is not None and not at_head and self.state.estimated_wait > within:
            raise QueueTooLong
        until = None if within is None else time.monotonic() + within
        await self._become_head(within, at_head=at_head)
        self._head_waits = True
        try:
            if first is not None:
                await first()
            turn = await self._departure(until)
        except BaseException:
            self._free += 1
            self.hand_over()
            raise
        finally:
            self._head_waits = False
        self._previous = turn
        return turn

    async def rest(self, seconds: float) -> None:
        """Stay out of the queue for a while.

        Raises:
            ClientClosed: If the client is closed meanwhile.
        """
        if seconds > 0 and not self._closed:
            waiter = new_waiter()
            self._resting.add(waiter)
            try:
                await waiter.park(seconds)
            finally:
                self._resting.discard(waiter)
        if self._closed:
            raise ClientClosed("the client was closed before the request was sent")

    def close(self) -> None:
        """Send everybody away who has no turn yet."""
        self._closed = True
        for waiter in (*self._queue, *self._resting):
            waiter.wake()

    def hand_over(self) -> None:
        """Let the next in the queue become its head."""
        self._has_head = False
        self._advance()

    def end_turn(self) -> None:
        """Note that one request less is under way."""
        self._free += 1
        self._advance()

    async def reserve(self, instead_of: Slot | None = None) -> tuple[Slot, float]:
        """Reserve a slot, and return when it begins by this process' clock."""
        slot = await in_time(self.pacer.reserve(instead_of))
        return slot, time.monotonic() + slot.delay

    async def report(self, report: Awaitable[None]) -> None:
        """Carry out a report; a schedule that cannot be reached must not cost the answer."""
        try:
            await in_time(report)
        except StoreError as error:
            log.warning("the pacing could not be updated: %s", error)

    async def _become_head(self, within: float | None, *, at_head: bool) -> None:
        waiter = new_waiter()
        self._queue[waiter] = None
        if at_head:
            self._queue.move_to_end(waiter, last=False)
        self._advance()
        try:
            await self._be_called(waiter, within)
        except BaseException:
            if waiter in self._queue:
                del self._queue[waiter]
            else:
                self._free += 1
                self.hand_over()
            raise

    async def _be_called(self, waiter: Waiter, within: float | None) -> None:
        if not await waiter.park(within):
            raise QueueTooLong
        await self.rest(0)

    def _advance(self) -> None:
        if self._queue and not self._has_head and self._free > 0:
            self._has_head = True
            self._free -= 1
            waiter, _ = self._queue.popitem(last=False)
            waiter.wake()

    async def _departure(self, until: float | None) -> Turn:
        slot, begins_at = await self._reserve()
        try:
            if await self._is_overtaken(slot):
                slot, begins_at = await self._reserve(instead_of=slot)
            await self._rest_until(begins_at, until)
            if time.monotonic() - begins_at > slot.tolerance:
                slot, begins_at = await self._reserve(instead_of=slot)
                await self._rest_until(begins_at, until)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.report(self.pacer.give_back(slot))
            raise
        self._note_spacing(slot, begins_at)
        return Turn(self, slot, begins_at)

    async def _rest_until(self, begins_at: float, until: float | None) -> None:
        if until is not None and begins_at > until:
            raise QueueTooLong
        await self.rest(begins_at - self._head_start() - time.monotonic())

    def _head_start(self) -> float:
        """What requests needed lately until they could leave: a store may be slow, or the net."""
        lately = max(self.preparations, default=0.0)
        return min(_LONGEST_HEAD_START, max(_SHORTEST_HEAD_START, 1.25 * lately))

    def _note_spacing(self, slot: Slot, begins_at: float) -> None:
        """Keep about how long a turn takes, also where other processes have turns in between."""
        least = slot.interval + slot.tolerance
        lately = begins_at - self._last_begins_at
        self._spacing = max(least, (self._spacing + lately) / 2) if self._is_busy else least
        self._is_busy = bool(self._queue)
        self._last_begins_at = begins_at

    async def _is_overtaken(self, slot: Slot) -> bool:
        """Whether the answer to the request before, where answers are near, changes the slot."""
        is_near = slot.ack_clocked or self.round_trips.usual < slot.interval / 2
        return is_near and self._previous is not None and await self._previous.moved_the_schedule()

    async def _reserve(self, instead_of: Slot | None = None) -> tuple[Slot, float]:
        if self._previous is not None:
            await self._previous.report_departure()
        return await self.reserve(instead_of)
