"""The server's clock, as seen from here."""

from collections import deque

__all__ = ["ServerClock"]


class ServerClock:
    """Tells when it will be some time on the server, by this process' clock.

    An answer that shows the server's time was given between the call and its arrival. The last
    few together say it as closely as the quickest of them, also where most wait for a disk.
    """

    def __init__(self) -> None:
        self._differences: deque[tuple[float, float]] = deque(maxlen=16)

    def note(self, shown: float, *, called_at: float, heard_at: float) -> None:
        """Note what the server's clock showed in an answer."""
        self._differences.append((called_at - shown, heard_at - shown))
        if self._least > self._most:  # it was set, or drifts
            self._differences.clear()
            self._differences.append((called_at - shown, heard_at - shown))

    def here(self, moment: float) -> float:
        """Return what the clock of this process shows when the server's shows a moment."""
        return moment + (self._least + self._most) / 2

    @property
    def _least(self) -> float:
        return max(least for least, _ in self._differences)

    @property
    def _most(self) -> float:
        return min(most for _, most in self._differences)
