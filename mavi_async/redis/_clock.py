"""The server's clock, as seen from here."""

from collections import deque
from typing import Final

import attrs

__all__ = ["ServerClock"]

_DRIFT: Final = 0.01


@attrs.frozen
class _Sighting:
    """An answer that showed the server's time, which was given between the call and its arrival."""

    least: float
    most: float

    @property
    def width(self) -> float:
        """How little it says."""
        return self.most - self.least


class ServerClock:
    """Tells when it will be some time on the server, by this process' clock.

    The quickest of the last few answers says it most closely: many wait for a disk.
    """

    def __init__(self) -> None:
        self._sightings: deque[_Sighting] = deque(maxlen=16)
        self._best: _Sighting | None = None

    def note(self, shown: float, *, called_at: float, heard_at: float) -> None:
        """Note what the server's clock showed in an answer."""
        sighting = _Sighting(called_at - shown, heard_at - shown)
        if self._best is not None and _contradict(sighting, self._best):
            self._sightings.clear()  # a clock was set
        self._sightings.append(sighting)
        self._best = min(self._sightings, key=lambda each: each.width)

    def here(self, moment: float) -> float:
        """Return what the clock of this process shows when the server's shows a moment."""
        best = self._best or _Sighting(0.0, 0.0)
        return moment + (best.least + best.most) / 2


def _contradict(one: _Sighting, other: _Sighting) -> bool:
    return max(one.least, other.least) - min(one.most, other.most) > _DRIFT
