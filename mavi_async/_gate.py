"""The queue of one client at one endpoint: first come, first served, one departure at a time.

Only the head of the queue holds a reservation, so leaving the queue costs nothing. It hands
over when its request has really left, not when it was allowed to.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import anyio

from mavi_async._departures import Departure, Departures
from mavi_async._errors import ClientClosed
from mavi_async._loop import Waiter, new_waiter
from mavi_async._records import Pacing
from mavi_async._turn import Turn
from mavi_async.stores import Pacer, Slot

__all__ = ["Gate", "QueueTooLong"]


class QueueTooLong(Exception):
    """Raised to whoever does not want to wait as long as it takes."""


class Gate:
    """Lets requests leave in order, spaced by a pacer, and bounds how many are under way.

    Args:
        pacer: The account's rate on the endpoint.
        max_in_flight: How many requests may be under way; a connection pool that is asked for
            more than it has fails the rest.
    """

    def __init__(self, pacer: Pacer, *, max_in_flight: int) -> None:
        self._departures = Departures(pacer)
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
            turn = await self._next_turn(until)
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

    async def _next_turn(self, until: float | None) -> Turn:
        departure = await self._reserve()
        try:
            await self._hear_of_previous(departure.slot)
            departure = await self._rest_before(departure, until)
            if departure.late > departure.slot.tolerance:
                departure = await self._reserve(instead_of=departure)
                departure = await self._rest_before(departure, until)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._departures.give_back(departure)
            raise
        self._note_spacing(departure)
        return Turn(self._departures, departure, self.hand_over, self.end_turn)

    async def _rest_before(self, departure: Departure, until: float | None) -> Departure:
        """Rest until a slot is near, however often it is moved meanwhile."""
        while True:
            if until is not None and departure.begins_at > until:
                raise QueueTooLong
            seconds = -departure.late - self._departures.head_start
            await self.rest(seconds)
            if seconds <= 0:
                return departure
            asked, departure = departure, await self._departures.confirm(departure)
            if departure.slot.at <= asked.slot.at:
                return departure

    def _note_spacing(self, departure: Departure) -> None:
        """Keep about how long a turn takes, also where other processes have turns in between."""
        least = departure.slot.interval + departure.slot.tolerance
        lately = departure.begins_at - self._last_begins_at
        self._spacing = max(least, (self._spacing + lately) / 2) if self._is_busy else least
        self._is_busy = bool(self._queue)
        self._last_begins_at = departure.begins_at

    async def _hear_of_previous(self, slot: Slot) -> None:
        """Wait for the answer to the request before, where answers are near: it may move slots."""
        is_near = slot.ack_clocked or self._departures.round_trips.usual < slot.interval / 2
        if is_near and self._previous is not None:
            await self._previous.ended()

    async def _reserve(self, instead_of: Departure | None = None) -> Departure:
        if self._previous is not None:
            await self._previous.report_departure()
        return await self._departures.reserve(instead_of)
