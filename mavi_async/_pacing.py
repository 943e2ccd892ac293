"""When the next request of an account may leave: arithmetic on a schedule, and nothing else.

Every function takes a `Pace` and returns the next one, so that the same arithmetic serves a
process, a database transaction and a script on a server. Times are seconds on whatever clock
keeps the schedule.

A request that leaves late moves the schedule, one that leaves on time does not: spacing by the
schedule costs no time, spacing by arrival would. A rejection makes the gap wider for a while,
a second one in a row pauses everybody.
"""

from typing import Final

import attrs

__all__ = [
    "Pace",
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
_MOST_DOUBLINGS: Final = 64
_WIDENING: Final = 0.03
_NARROWING: Final = 0.99


@attrs.frozen
class Pace:
    """An account's schedule on one endpoint.

    Attributes:
        next_at: When the next slot begins.
        last_at: The slot that was given out last, until it is used or given back.
        extra: Seconds that rejections have added to the gap.
        refusals: Rejections since a request was last accepted.
        refund_at: When the last slot may be given to another, should it be given back: not
            within the gap after a request that left late meanwhile, nor during a pause.
    """

    next_at: float = float("-inf")
    last_at: float | None = None
    extra: float = 0.0
    refusals: int = 0
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
    return attrs.evolve(pace, extra=pace.extra * _NARROWING, refusals=0)


def refuse(pace: Pace, interval: float, now: float, *, certain: bool = True) -> Pace:
    """Note that a request was over the limit.

    Each time the gap widens a little. Rejections in a row mean that the rate itself is wrong,
    or shared with somebody unknown: it then widens fourfold each time, and everybody pauses.

    Args:
        pace: The schedule.
        interval: Seconds between requests at the configured rate.
        now: The present.
        certain: False where the answer may mean something else than the limit.
    """
    if not certain:
        widened = min(pace.extra + _WIDENING * interval, interval)
        return attrs.evolve(pace, extra=max(pace.extra, widened))
    in_a_row = min(pace.refusals, _MOST_DOUBLINGS)
    widened = pace.extra + _WIDENING * interval * 4.0**in_a_row
    wider = attrs.evolve(pace, extra=max(pace.extra, _bounded(widened)), refusals=pace.refusals + 1)
    if in_a_row == 0:
        return wider
    return _not_before(wider, now + _bounded(interval * 2.0**in_a_row))


def _not_before(pace: Pace, moment: float) -> Pace:
    return attrs.evolve(
        pace, next_at=max(pace.next_at, moment), refund_at=max(pace.refund_at, moment)
    )


def _bounded(seconds: float) -> float:
    return min(seconds, _LONGEST_PAUSE)
