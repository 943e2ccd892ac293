"""The first bodies that a store keeps in memory, and the bounds of those that nobody knows."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import attrs

from mavi_async._errors import StoreError
from mavi_async._records import Arrival, Unmatched

__all__ = ["Kept", "Shelf"]

_YOUNG: Final = 600.0


@attrs.define
class Kept:
    """The body that counts for a job.

    Attributes:
        body: As it was received.
        received_at: Seconds since the epoch.
        seen: Whether a waiter has it: it is then final.
    """

    body: bytes
    received_at: float
    seen: bool


class Shelf:
    """Callbacks in the order in which they came; those that nobody knows are also listed apart.

    Args:
        max_unknown: How many callbacks that nobody knows are kept.
        max_unknown_bytes: How many bytes they may take in all.
    """

    def __init__(self, max_unknown: int, max_unknown_bytes: int) -> None:
        self._max_unknown = max_unknown
        self._max_unknown_bytes = max_unknown_bytes
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._unknown: dict[str, Kept] = {}
        self._unknown_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._kept

    def get(self, task_id: str) -> Kept | None:
        """Return a callback."""
        return self._kept.get(task_id)

    def unmatched(self) -> Sequence[Arrival]:
        """Return the callbacks that nobody knows, oldest first."""
        return tuple(
            Arrival(task_id, kept.received_at, len(kept.body))
            for task_id, kept in self._unknown.items()
        )

    def add(self, task_id: str, kept: Kept, *, known: bool) -> tuple[Unmatched, ...]:
        """Keep a first body and return what had to leave for it.

        Raises:
            StoreError: If there is no room for it; nothing is changed.
        """
        evicted = () if known else self._make_room(len(kept.body), kept.received_at)
        self._kept[task_id] = kept
        if not known:
            self._unknown[task_id] = kept
            self._unknown_bytes += len(kept.body)
        return evicted

    def replace(self, task_id: str, *, old: bytes, new: bytes) -> bool:
        """Replace a body, if it is still there and nobody has seen it."""
        kept = self._kept.get(task_id)
        if kept is None or kept.seen or kept.body != old:
            return False
        if task_id in self._unknown:
            self._unknown_bytes += len(new) - len(old)
        kept.body = new
        return True

    def claim(self, task_id: str) -> None:
        """Put a callback out of the reach of a flood of unknown ones."""
        unknown = self._unknown.pop(task_id, None)
        if unknown is not None:
            self._unknown_bytes -= len(unknown.body)

    def remove(self, task_id: str) -> bool:
        """Remove a callback; return False if there was none."""
        self.claim(task_id)
        return self._kept.pop(task_id, None) is not None

    def remove_until(self, moment: float) -> Sequence[str]:
        """Remove what came until then and return whose callbacks that were."""
        removed: list[str] = []
        while self._kept and next(iter(self._kept.values())).received_at <= moment:
            removed.append(next(iter(self._kept)))
            self.remove(removed[-1])
        return removed

    def _make_room(self, size: int, now: float) -> tuple[Unmatched, ...]:
        """Evict what has to go, or nothing at all where even that is not enough."""
        evicted: list[Unmatched] = []
        too_many = len(self._unknown) + 1 - self._max_unknown
        too_large = self._unknown_bytes + size - self._max_unknown_bytes
        oldest_first = iter(self._unknown.items())
        while too_many > len(evicted) or too_large > 0:
            task_id, kept = next(oldest_first, (None, None))
            if task_id is None or kept is None or now - kept.received_at < _YOUNG:
                raise StoreError("the store is full of recent callbacks that nobody here submitted")
            evicted.append(Unmatched(task_id, kept.body, evicted=True))
            too_large -= len(kept.body)
        for unmatched in evicted:
            self.remove(unmatched.task_id)
        return tuple(evicted)
