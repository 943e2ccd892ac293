"""The pacers of all hosts that share a server: the schedules of `mavi_async._pacing` in Lua."""

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import attrs

from mavi_async._pacing import margin
from mavi_async.redis._clock import ServerClock
from mavi_async.redis._scripts import load_alone
from mavi_async.redis._server import Answer, Value
from mavi_async.stores._protocol import Lane, Slot

__all__ = ["PACE", "Pace", "RedisPacer", "name_of"]

log = logging.getLogger("mavi_async")

PACE: Final = load_alone("pace")

_LONGEST_LEAD: Final = 0.1


class Pace(Protocol):
    """Runs the pacing script on a lane."""

    def __call__(self, deed: str, *values: Value) -> Awaitable[Answer]:
        """Carry out a deed.

        Args:
            deed: Its name in the script.
            values: The pacer's interval, the time or nothing, and what the deed takes.
        """
        ...


def name_of(lane: Lane) -> str:
    """Return what the key of a lane is called."""
    parts = f"{lane.origin}\0{lane.account}\0{lane.endpoint}"
    return f"rate:{hashlib.sha256(parts.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


class RedisPacer:
    """One client's share in the schedule of a lane.

    Args:
        pace: Runs the script on the lane.
        lane: What the rate is about.
        interval: Seconds between requests, as this client is told.
        clock: Returns seconds here and on the server, for tests; otherwise the server's time
            counts, whatever the hosts believe.
    """

    def __init__(
        self,
        pace: Pace,
        lane: Lane,
        interval: float,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._pace = pace
        self._lane = lane
        self.interval = interval
        self._clock = clock
        self._server = ServerClock()
        self._lead = 0.0
        self._has_warned = False

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        """Reserve the next departure, giving back an earlier reservation in the same step."""
        given_back = () if instead_of is None else (instead_of.number,)
        number, at, interval, ack_clocked, now = await self._ask(
            "reserve", repr(self._lead), *given_back
        )
        # A slot that begins at once would be over before anybody has heard of it.
        self._lead = min(_LONGEST_LEAD, max(0.0, self._here() - self._server.here(float(now))))
        seconds = float(interval)
        self._warn_of(seconds)
        slot = Slot(int(number), float(at), 0.0, seconds, margin(seconds), bool(ack_clocked))
        return self._with_delay(slot)

    async def confirm(self, slot: Slot) -> Slot:
        """Return a reservation as it stands now."""
        at, waits, _ = await self._ask("confirm", slot.number, repr(slot.at))
        return self._with_delay(attrs.evolve(slot, at=float(at), waits=bool(waits)))

    async def give_back(self, slot: Slot) -> None:
        """Return a departure that is not used."""
        await self._do("give_back", slot.number)

    async def left(self, slot: Slot, *, late: float) -> None:
        """Note that the request left, `late` seconds later than its slot began."""
        if late > slot.tolerance:  # or else it changes nothing
            await self._do("left", slot.number, repr(slot.at), repr(slot.at + late))

    async def answered(self, slot: Slot, *, refused: bool, certain: bool = True) -> None:
        """Note whether the request was over the limit."""
        if refused:
            await self._do("refused", slot.number, repr(slot.at), int(certain))
        else:
            await self._do("accepted", slot.number)

    async def unanswered(self, slot: Slot) -> None:
        """Note that the request has no answer, so that no other one waits for it."""
        await self._do("lost", slot.number)

    def _with_delay(self, slot: Slot) -> Slot:
        return attrs.evolve(slot, delay=self._server.here(slot.at) - self._here())

    async def _ask(self, deed: str, *values: Value) -> Answer:
        """Carry out a deed whose answer ends in the server's time."""
        called_at = self._here()
        answer = await self._do(deed, *values)
        self._server.note(float(answer[-1]), called_at=called_at, heard_at=self._here())
        return answer

    async def _do(self, deed: str, *values: Value) -> Answer:
        now = "" if self._clock is None else repr(self._clock())
        return await self._pace(deed, repr(self.interval), now, *values)

    def _here(self) -> float:
        return (self._clock or time.monotonic)()

    def _warn_of(self, interval: float) -> None:
        if interval != self.interval and not self._has_warned:
            self._has_warned = True
            log.warning(
                "clients of one account ask for different rates on %s: the slowest one counts",
                self._lane.endpoint,
            )
