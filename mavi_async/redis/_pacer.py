"""The pacers of all hosts that share a server: the schedules of `mavi_async._pacing` in Lua."""

import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from mavi_async._pacing import margin
from mavi_async.redis._scripts import load_alone
from mavi_async.redis._server import Answer, Value
from mavi_async.stores._protocol import Lane, Slot

__all__ = ["PACE", "Pace", "RedisPacer", "name_of"]

log = logging.getLogger("mavi_async")

PACE: Final = load_alone("pace")


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
        clock: Returns seconds, for tests; otherwise the server's time counts, whatever the hosts
            believe.
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
        self._has_warned = False

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        """Reserve the next departure, giving back an earlier reservation in the same step."""
        given_back = () if instead_of is None else (repr(instead_of.at),)
        at, delay, interval, ack_clocked = await self._do("reserve", *given_back)
        slot = Slot(
            float(at), float(delay), float(interval), margin(float(interval)), bool(ack_clocked)
        )
        self._warn_of(slot.interval)
        return slot

    async def give_back(self, slot: Slot) -> None:
        """Return a departure that is not used."""
        await self._do("give_back", repr(slot.at))

    async def left(self, slot: Slot, *, late: float) -> None:
        """Note that the request left, `late` seconds later than its slot began."""
        if late > slot.tolerance:  # or else it changes nothing
            await self._do("left", repr(slot.at), repr(slot.at + late))

    async def answered(self, *, refused: bool, certain: bool = True) -> None:
        """Note whether the request was over the limit."""
        if refused:
            await self._do("refused", int(certain))
        else:
            await self._do("accepted")

    async def _do(self, deed: str, *values: Value) -> Answer:
        now = "" if self._clock is None else repr(self._clock())
        return await self._pace(deed, repr(self.interval), now, *values)

    def _warn_of(self, interval: float) -> None:
        if interval != self.interval and not self._has_warned:
            self._has_warned = True
            log.warning(
                "clients of one account ask for different rates on %s: the slowest one counts",
                self._lane.endpoint,
            )
