"""Growing pauses between looks at something that changes on its own."""

import random
from collections.abc import Iterator
from typing import Final

__all__ = ["pauses"]

_GROWTH: Final = 1.5
_JITTER: Final = 0.25


def pauses(first: float, longest: float) -> Iterator[float]:
    """Yield seconds to pause, without end; jitter keeps processes from looking in step.

    Args:
        first: About how long the first one is.
        longest: About how long they become.
    """
    pause = first
    while True:
        yield pause * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - guards nothing
        pause = min(longest, _GROWTH * pause)
