"""The rate limits that a server may keep, as arithmetic on a clock that is an argument.

All four let requests that are exactly evenly spaced at the rate pass, for any rate, whole or not.
They differ in the bursts that they tolerate. A refused request consumes nothing.
"""

import collections
import math
from typing import Literal, Protocol, get_args

import attrs

__all__ = ["LIMITER_KINDS", "Limiter", "LimiterKind", "make_limiter"]

LimiterKind = Literal["strict", "bucket2", "fixed", "sliding"]
LIMITER_KINDS: tuple[LimiterKind, ...] = get_args(LimiterKind)


class Limiter(Protocol):
    """Decides, request by request, what is within the rate."""

    def accepts(self, now: float) -> bool:
        """Return whether a request that arrives now passes, and count it if so."""
        ...


def make_limiter(kind: LimiterKind, requests_per_second: float) -> Limiter:
    """Build the limiter of a kind.

    Args:
        kind: ``strict`` (a token bucket of one), ``bucket2`` (of two), ``fixed`` (a counter per
            window) or ``sliding`` (a log of the last window).
        requests_per_second: The rate, a positive number.
    """
    interval = 1 / requests_per_second
    if kind in ("strict", "bucket2"):
        return _TokenBucket(interval, capacity=1 if kind == "strict" else 2)
    # A window holds whole requests. Rounding the capacity up and stretching the window by as much
    # keeps the long-run rate exact: 2.5 a second is 3 in 1.2 s, 0.3 a second is 1 in 3.33 s.
    capacity = math.ceil(requests_per_second)
    window = capacity * interval
    return _FixedWindow(window, capacity) if kind == "fixed" else _SlidingWindow(window, capacity)


@attrs.define
class _TokenBucket:
    """A bucket that gains a token every interval."""

    interval: float
    capacity: int
    _full_at: float = attrs.field(default=-math.inf, init=False)

    def accepts(self, now: float) -> bool:
        full_at = max(self._full_at, now)
        if full_at - now > (self.capacity - 1) * self.interval:
            return False
        self._full_at = full_at + self.interval
        return True


@attrs.define
class _FixedWindow:
    """A counter that starts anew at each multiple of the window."""

    window: float
    capacity: int
    _index: int | None = attrs.field(default=None, init=False)
    _count: int = attrs.field(default=0, init=False)

    def accepts(self, now: float) -> bool:
        index = math.floor(now / self.window)
        if index != self._index:
            self._index, self._count = index, 0
        if self._count >= self.capacity:
            return False
        self._count += 1
        return True


@attrs.define
class _SlidingWindow:
    """A log of what passed within the last window."""

    window: float
    capacity: int
    _accepted: collections.deque[float] = attrs.field(factory=collections.deque, init=False)

    def accepts(self, now: float) -> bool:
        while self._accepted and now >= self._accepted[0] + self.window:
            self._accepted.popleft()
        if len(self._accepted) >= self.capacity:
            return False
        self._accepted.append(now)
        return True
