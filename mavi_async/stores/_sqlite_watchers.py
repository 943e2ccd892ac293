"""Hints of what is new in a SQLite file, whichever process put it there."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from mavi_async._errors import StoreError, TaskStateError
from mavi_async._loop import call_in, current_token

__all__ = ["LOOK_EVERY", "Watchers"]

log = logging.getLogger("mavi_async")

LOOK_EVERY: Final = 0.25
_MANY: Final = 1_000


class _Watcher:
    """Somebody who asked for hints, and the loop in which to give them."""

    def __init__(self, notify: Callable[[str | None], None]) -> None:
        self._notify = notify
        self._token = current_token()
        self.is_active = True

    def hint(self, task_id: str | None) -> bool:
        """Give a hint, from any thread; return False if the loop has ended."""
        try:
            call_in(self._token, partial(self._hint_here, task_id))
        except TaskStateError:
            return False
        return True

    def _hint_here(self, task_id: str | None) -> None:
        if self.is_active:
            self._notify(task_id)


class Watchers:
    """Those who asked one store for hints.

    What this store puts is announced at once. What others put is found by its place in the
    order of all results, which never goes to another one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: list[_Watcher] = []
        self._announced: set[int] = set()
        self._last: int | None = None
        self._is_failing = False

    def __bool__(self) -> bool:
        return bool(self._watchers)

    def add(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        """Give hints to somebody, and return what ends them."""
        watcher = _Watcher(notify)
        with self._lock:
            self._watchers.append(watcher)

        def stop() -> None:
            watcher.is_active = False
            self._drop(watcher)

        return stop

    def announce(self, seq: int, task_id: str) -> None:
        """Tell of a body that was put through this store."""
        if self._watchers:
            with self._lock:
                self._announced.add(seq)
            self._hint(task_id)

    def begin(self, connection: sqlite3.Connection) -> None:
        """See that whatever comes from now on is found, for a watcher that is new."""
        if self._last is None or len(self._watchers) == 1:
            self._last = _last_seq(connection)

    def look(self, connection: sqlite3.Connection) -> None:
        """Tell of what others have put since the last look."""
        before, last = self._last, _last_seq(connection)
        if before is None or last < before or self._is_failing:
            # Another file is there, or it is not sure what was missed.
            self._is_failing = False
            self._hint(None)
        elif last > before:
            self._tell(connection, before, last)
        # Only now: a look that somebody else's lock cuts short is done again from the start.
        self._last = last
        with self._lock:
            self._announced = {seq for seq in self._announced if seq > last}

    def miss(self, error: StoreError) -> None:
        """Note that a look failed."""
        if not self._is_failing:
            log.warning("callbacks that other processes keep are not seen for now: %s", error)
        self._is_failing = True

    def _tell(self, connection: sqlite3.Connection, after: int, last: int) -> None:
        rows = connection.execute(
            "SELECT seq, task_id FROM result WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (after, last, _MANY),
        ).fetchall()
        if len(rows) == _MANY:
            self._hint(None)
            return
        with self._lock:
            announced = self._announced.copy()
        for seq, task_id in rows:
            if seq not in announced:
                self._hint(task_id)

    def _hint(self, task_id: str | None) -> None:
        for watcher in tuple(self._watchers):
            if not watcher.hint(task_id):
                self._drop(watcher)

    def _drop(self, watcher: _Watcher) -> None:
        with self._lock:
            if watcher in self._watchers:
                self._watchers.remove(watcher)


def _last_seq(connection: sqlite3.Connection) -> int:
    """The place of the newest result, also if it is gone."""
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'result'"
    row = connection.execute(query).fetchone()
    return 0 if row is None else int(row[0])
