"""The bodies that a store keeps aside in memory, and their bounds."""

from collections import deque
from collections.abc import Iterator

from mavi_async._records import KeptAside

__all__ = ["Aside"]


class Aside:
    """Bodies that contradicted the first one of their job, oldest first, each once.

    Args:
        max_aside: How many are kept; the oldest make room.
        max_aside_bytes: How many bytes they may take in all.
    """

    def __init__(self, max_aside: int, max_aside_bytes: int) -> None:
        self._max_aside = max_aside
        self._max_aside_bytes = max_aside_bytes
        self._bodies: deque[KeptAside] = deque()

    def __iter__(self) -> Iterator[KeptAside]:
        return iter(self._bodies)

    def add(self, task_id: str, body: bytes, now: float) -> None:
        """Keep a body, unless it is here already or is too large by itself."""
        if any((each.task_id, each.body) == (task_id, body) for each in self._bodies):
            return
        self._bodies.append(KeptAside(task_id, body, now))
        size = sum(len(each.body) for each in self._bodies)
        while len(self._bodies) > self._max_aside or size > self._max_aside_bytes:
            size -= len(self._bodies.popleft().body)

    def remove(self, task_id: str) -> int:
        """Remove the bodies of a job and return how many that were."""
        before = len(self._bodies)
        self._bodies = deque(each for each in self._bodies if each.task_id != task_id)
        return before - len(self._bodies)

    def remove_until(self, moment: float) -> int:
        """Remove what came until then and return how much that was."""
        removed = 0
        while self._bodies and self._bodies[0].received_at <= moment:
            self._bodies.popleft()
            removed += 1
        return removed
