"""When the next request of an account may leave: arithmetic on a schedule, and nothing else.

Every function takes a `Pace` and returns the next one, so that the same arithmetic serves a
process, a database transaction and a script on a server. Times are seconds on whatever clock
keeps the schedule.

A request that leaves late moves the schedule, one that leaves on time does not: spacing by the
schedule costs no time, spacing by arrival would. A rejection makes the gap wider for a while,
a second one in a row pauses everybody.
"""

from collections import deque
from typing import Final

import attrs

__all__ = [
    "Pace",
    "RoundTrips",
    "accept",
    "gap",
    "give_back",
    "is_ack_clocked",
    "leave",
    "margin",
    "refuse",
    "reserve",
]

_LONGEST_PAUSE: Final = 32.0
_HIGHEST_PRESSURE: Final = 64.0
_WIDENING: Final = 0.03
_GROWTH: Final = 1.25
_NARROWING: Final = 0.99
_RELIEF: Final = 0.9


@attrs.frozen
class Pace:
    """An account's schedule on one endpoint.

    Attributes:
        next_at: When the next slot begins.
        last_at: The slot that was given out last, until it is used or given back.
        extra: Seconds that rejections have added to the gap.
        pressure: How many rejections there were lately; each acceptance takes a tenth away.
        refund_at: When the last slot may be given to another, should it be given back: not
            within the gap after a request that left late meanwhile, nor during a pause.
    """

    next_at: float = float("-inf")
    last_at: float | None = None
    extra: float = 0.0
    pressure: float = 0.0
    refund_at: float = float("-inf")


def margin(interval: float) -> float:
    """Return the seconds to add to an interval so that jitter on the way does not eat it.

    Jitter is absolute. A slow rate can afford 20 ms for it (2 % of a second), a fast one pays
    half a percent and relies on adapting.
    """
    return min(0.020, interval * min(0.02, max(0.005, 0.02 * interval)))


def gap(pace: Pace, interval: float) -> float:
    """Return the seconds between one departure and the next."""
    return interval + margin(interval) + pace.extra


def is_ack_clocked(pace: Pace, interval: float) -> bool:
    """Tell whether a request also waits for the answer to the one before it."""
    return pace.extra > 0.001 * interval


def reserve(pace: Pace, interval: float, now: float) -> tuple[Pace, float]:
    """Give out the next slot and return when it begins."""
    at = max(now, pace.next_at)
    return attrs.evolve(pace, next_at=at + gap(pace, interval), last_at=at, refund_at=at), at


def give_back(pace: Pace, at: float) -> Pace:
    """Take back a slot that was not used; only the last one can still be given to another."""
    if pace.last_at != at:
        return pace
    return attrs.evolve(pace, next_at=pace.refund_at, last_at=None)


def leave(pace: Pace, interval: float, at: float, left_at: float) -> Pace:
    """Note when the request of a slot left.

    Up to the margin it is on time: the next one is still an interval behind it.
    """
    if left_at - at <= margin(interval):
        return pace
    return _not_before(pace, left_at + gap(pace, interval))


def accept(pace: Pace) -> Pace:
    """Note that a request was within the limit: what rejections added wears off."""
    return attrs.evolve(pace, extra=pace.extra * _NARROWING, pressure=pace.pressure * _RELIEF)


def refuse(pace: Pace, interval: float, now: float, *, certain: bool = True) -> Pace:
    """Note that a request was over the limit.

    One by itself widens the gap a little. Many of them mean that the rate itself is wrong, or
    shared with somebody unknown: each then widens the gap up to four times as much as the one
    before, and from two in a row on everybody pauses.

    Args:
        pace: The schedule.
        interval: Seconds between requests at the configured rate.
        now: The present.
        certain: False where the answer may mean something else than the limit.
    """
    widest = _LONGEST_PAUSE if certain else interval
    widened = min(widest, _GROWTH * pace.extra + _WIDENING * interval * 4.0**pace.pressure)
    added = max(0.0, widened - pace.extra)
    wider = attrs.evolve(
        pace,
        extra=pace.extra + added,
        pressure=min(pace.pressure + 1, _HIGHEST_PRESSURE),
    )
    if pace.pressure < 1 or not certain:
        # What comes next was placed before the gap became wider.
        return attrs.evolve(wider, next_at=pace.next_at + added, refund_at=pace.refund_at + added)
    return _not_before(wider, now + min(_LONGEST_PAUSE, interval * 2.0**pace.pressure))


def _not_before(pace: Pace, moment: float) -> Pace:
    return attrs.evolve(
        pace, next_at=max(pace.next_at, moment), refund_at=max(pace.refund_at, moment)
    )


class RoundTrips:
    """How long answers take, so as to tell when one took longer than usual.

    A request may have spent the difference on its way there; it then arrived that much closer
    to the request behind it.
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=16)

    @property
    def usual(self) -> float:
        """Seconds that an answer takes at least; infinite before there is one."""
        return min(self._recent, default=float("inf"))

    def excess(self, seconds: float) -> float:
        """Add a round trip and return by how much it was longer than usual."""
        self._recent.append(seconds)
        return seconds - self.usual
