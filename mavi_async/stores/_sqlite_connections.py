"""The connections of one store in this process, whatever becomes of the process.

A process that forks takes copies of its connections along, which share their locks and must be
neither used nor closed. So a child leaves them alone and opens its own. What SQLite remembers
about locks is copied as well: hence a fork waits until no connection is in the middle of
anything.
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar
from weakref import WeakSet

from mavi_async.stores._deadline import STORE_SECONDS
from mavi_async.stores._sqlite_thread import Worker
from mavi_async.stores._sqlite_watchers import Watchers
from mavi_async.stores._sqlite_workers import Reader, Writer

__all__ = ["Connections"]

log = logging.getLogger("mavi_async")

T = TypeVar("T")


class Connections:
    """One writer and one reader, which open when they are first used, also after closing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._renew()
        with _lock:
            _all.add(self)

    def _renew(self) -> None:
        self.watchers = Watchers()
        self._writer = Writer(self.path)
        self._reader = Reader(self.path, self.watchers)

    @property
    def workers(self) -> tuple[Worker, Worker]:
        """The threads."""
        return self._writer, self._reader

    async def write(
        self,
        function: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None = None,
    ) -> T:
        """Have something changed, in one transaction."""
        return await self._writer.run(function, then)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Have something read, as of one moment."""
        return await self._reader.run(function)

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        """Ask for hints until they are ended, or the connections are closed."""
        reader, watchers = self._reader, self.watchers
        stop = watchers.add(notify)
        try:
            await reader.run(watchers.begin)
        except BaseException:
            stop()
            raise
        return stop

    def stop(self) -> tuple[Worker, Worker]:
        """Let the threads end when they have done what they were asked."""
        workers = self.workers
        self._renew()
        for worker in workers:
            worker.stop()
        return workers

    async def aclose(self) -> None:
        """Let the threads end, and wait for that."""
        ended = [await worker.ended(STORE_SECONDS) for worker in self.stop()]
        if not all(ended):
            log.warning("%s is still in use: its disk does not answer", self.path)

    def leave_to_parent(self) -> None:
        """Forget what belongs to the process that this one was forked from."""
        _inherited.extend(self.workers)
        self._renew()


_all: Final[WeakSet[Connections]] = WeakSet()
_lock: Final = threading.Lock()
_held: Final[list[threading.Lock]] = []
# Never closed: see above.
_inherited: Final[list[Worker]] = []


def _hold() -> None:
    """Wait until nothing is in the middle of anything, unless a disk hangs."""
    _lock.acquire()
    _held.append(_lock)
    for connections in _all:
        for worker in connections.workers:
            if worker.turn.acquire(timeout=STORE_SECONDS):
                _held.append(worker.turn)


def _let_go() -> None:
    while _held:
        _held.pop().release()


def _leave_to_parent() -> None:
    _let_go()
    for connections in _all:
        connections.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_leave_to_parent)
