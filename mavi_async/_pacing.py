"""When the next request of an account may leave: arithmetic on a schedule, and nothing else.

Every function takes a `Pace` and returns the next one, so that the same arithmetic serves a
process, a database transaction and a script on a server. Times are seconds on whatever clock
keeps the schedule.

A request that leaves late moves the schedule, one that leaves on time does not: spacing by the
schedule costs no time, spacing by arrival would. What moves the schedule also moves the slots
that are given out already, in their order: whoever has one confirms it just before leaving. A
rejection makes the gap wider for a while, a second one in a row pauses everybody.
"""

import math
from collections import deque
from typing import Final

import attrs

__all__ = [
    "Pace",
    "RoundTrips",
    "accept",
    "confirm",
    "gap",
    "give_back",
    "is_ack_clocked",
    "leave",
    "lose",
    "margin",
    "must_wait",
    "refuse",
    "reserve",
]

_LONGEST_PAUSE: Final = 32.0
_HIGHEST_PRESSURE: Final = 64.0
_WIDENING: Final = 0.03
_GROWTH: Final = 1.25
_NARROWING: Final = 0.99
_RELIEF: Final = 0.9
_NOTHING: Final = 1e-6


@attrs.frozen
class Pace:
    """An account's schedule on one endpoint.

    Attributes:
        next_at: When the next slot begins.
        number: How many slots were given out, which is the number of the last one.
        last_at: When the last slot begins, until it is given back.
        extra: Seconds that rejections have added to the gap.
        pressure: How many rejections there were lately; each acceptance takes a tenth away.
        held_from: The first slot that may not begin before `held_until`; each one behind it, up
            to `held_to`, follows a gap later. A request that left late holds up those that were
            given out behind it, and so does a rejection; later ones are placed behind them.
        held_to: See `held_from`.
        held_until: See `held_from`.
        answered: The last slot whose request has its answer, or will have none; kept while
            requests wait for it.
    """

    next_at: float = float("-inf")
    number: int = 0
    last_at: float | None = None
    extra: float = 0.0
    pressure: float = 0.0
    held_from: int = 0
    held_to: int = 0
    held_until: float = float("-inf")
    answered: int = 0


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
    """Give out the next slot, number `Pace.number`, and return when it begins."""
    at = max(now, pace.next_at)
    next_at = at + gap(pace, interval)
    return attrs.evolve(pace, next_at=next_at, number=pace.number + 1, last_at=at), at


def confirm(pace: Pace, interval: float, number: int, at: float) -> float:
    """Return when a slot begins that was given out, now that more is known."""
    return max(at, _earliest(pace, interval, number))


def must_wait(pace: Pace, interval: float, number: int) -> bool:
    """Tell whether the request of a slot waits for the answer to the one before it."""
    return is_ack_clocked(pace, interval) and pace.answered < number - 1


def give_back(pace: Pace, interval: float, number: int) -> Pace:
    """Take back a slot that was not used; only the last one can still be given to another."""
    if pace.last_at is None or pace.number != number:
        return attrs.evolve(pace, answered=max(pace.answered, number))
    next_at = confirm(pace, interval, number, pace.last_at)
    return attrs.evolve(pace, next_at=next_at, number=number - 1, last_at=None)


def leave(pace: Pace, interval: float, number: int, at: float, left_at: float, now: float) -> Pace:
    """Note when the request of a slot left.

    Up to the margin it is on time: the next one is still an interval behind it.
    """
    if left_at - at <= margin(interval):
        return pace
    return _hold(pace, interval, number + 1, left_at + gap(pace, interval), now)


def accept(pace: Pace, number: int) -> Pace:
    """Note that the request of a slot was within the limit: what rejections added wears off."""
    if not pace.extra and not pace.pressure:
        return pace
    extra, pressure = pace.extra * _NARROWING, pace.pressure * _RELIEF
    return attrs.evolve(
        pace,
        extra=extra if extra > _NOTHING else 0.0,
        pressure=pressure if pressure > _NOTHING else 0.0,
        answered=max(pace.answered, number),
    )


def refuse(
    pace: Pace, interval: float, number: int, at: float, now: float, *, certain: bool = True
) -> Pace:
    """Note that the request of a slot was over the limit.

    One by itself widens the gap a little. Many of them mean that the rate itself is wrong, or
    shared with somebody unknown: each then widens the gap up to four times as much as the one
    before, and from two in a row on everybody pauses.

    Args:
        pace: The schedule.
        interval: Seconds between requests at the configured rate.
        number: The slot.
        at: When it began.
        now: The present.
        certain: False where the answer may mean something else than the limit.
    """
    widest = _LONGEST_PAUSE if certain else interval
    widened = min(widest, _GROWTH * pace.extra + _WIDENING * interval * 4.0**pace.pressure)
    wider = attrs.evolve(
        pace,
        extra=max(pace.extra, widened),
        pressure=min(pace.pressure + 1, _HIGHEST_PRESSURE),
        answered=max(pace.answered, number),
    )
    if pace.pressure < 1 or not certain:
        # What comes next was placed before the gap became wider.
        return _hold(wider, interval, number + 1, at + gap(wider, interval), now)
    pause = min(_LONGEST_PAUSE, interval * 2.0**pace.pressure)
    return _hold(wider, interval, number + 1, now + pause, now)


def lose(pace: Pace, number: int) -> Pace:
    """Note that the request of a slot has no answer and will have none: nobody waits for it."""
    return attrs.evolve(pace, answered=max(pace.answered, number)) if pace.extra else pace


def _hold(pace: Pace, interval: float, number: int, moment: float, now: float) -> Pace:
    """Let no slot from a number on begin before a moment, nor closer than a gap to another."""
    first = max(number, _first_to_come(pace, interval, now))
    latest = max(first, pace.held_from)
    if moment + (latest - first) * gap(pace, interval) >= _earliest(pace, interval, latest):
        pace = attrs.evolve(pace, held_from=first, held_to=pace.number, held_until=moment)
    following = pace.held_until + (pace.number + 1 - pace.held_from) * gap(pace, interval)
    return attrs.evolve(pace, next_at=max(pace.next_at, following))


def _first_to_come(pace: Pace, interval: float, now: float) -> int:
    """Return the first slot that may not have been used yet: one in a hold, or not long begun."""
    to_come = math.ceil(max(0.0, pace.next_at - now) / gap(pace, interval))
    first = pace.number + 1 - min(pace.number, to_come)
    return max(first, pace.held_from) if pace.held_until > now else first


def _earliest(pace: Pace, interval: float, number: int) -> float:
    if not pace.held_from <= number <= pace.held_to:
        return float("-inf")  # it has been used or missed, or was given out after the hold
    return pace.held_until + (number - pace.held_from) * gap(pace, interval)


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
