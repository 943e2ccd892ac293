"""A thread that owns a SQLite connection."""

import contextlib
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from mavi_async._errors import StoreError, TaskStateError
from mavi_async._loop import call_in, current_token, new_waiter
from mavi_async.stores._sqlite_call import Call
from mavi_async.stores._sqlite_errors import patiently, store_error
from mavi_async.stores._sqlite_schema import open_database

__all__ = ["Worker"]

log = logging.getLogger("mavi_async")

T = TypeVar("T")


class Worker:
    """A thread that carries out calls in the order in which they come.

    It starts with the first of them. The connection is opened, used and closed in it.

    Attributes:
        turn: Held while the connection is in use; whoever forks waits for it.
    """

    _read_only = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls: deque[Call[object]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopped = False
        self._has_ended = False
        self._on_end: Callable[[], object] = bool
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self.turn = threading.Lock()

    async def run(
        self,
        function: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None = None,
    ) -> T:
        """Have something done.

        Raises:
            StoreError: If the database could not do it; nothing of it is done then.
        """
        call = Call(function, then)
        with self._changed:
            if self._is_stopped:
                raise StoreError("the store was closed meanwhile: call again")
            self._start()
            self._calls.append(cast("Call[object]", call))
            self._changed.notify()
        try:
            return await call.outcome()
        finally:
            if not call.is_wanted:
                self._drop(cast("Call[object]", call))

    def stop(self) -> None:
        """End the thread, after what it was given before."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()

    async def ended(self, timeout: float) -> bool:
        """Wait for the end of the thread, and return False if it did not come in time."""
        token, waiter = current_token(), new_waiter()
        with self._changed:
            if self._thread is None:
                return True
            if not self._has_ended:
                self._on_end = partial(call_in, token, waiter.wake)
            else:
                waiter.wake()
        if await waiter.park(timeout):
            self._thread.join(timeout)  # it has nothing more to do
        return not self._thread.is_alive()

    def _start(self) -> None:
        if self._thread is None:
            # A disk that hangs must not keep the process from ending.
            thread = threading.Thread(target=self._work, name="mavi_async store", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise StoreError(f"the store needs a thread and got none ({error})") from error
            self._thread = thread

    def _work(self) -> None:
        while self._wait():
            with self.turn:
                try:
                    self._work_off()
                except Exception as error:  # noqa: BLE001 - others still wait for this thread
                    _report(error)
        with self.turn:
            self._disconnect()
        with self._changed:
            self._has_ended = True
            on_end = self._on_end
        with contextlib.suppress(TaskStateError):
            on_end()

    def _wait(self) -> bool:
        """Wait until there is something to do, and return False if there never will be."""
        with self._changed:
            while not (self._calls or self._is_stopped):
                if not self._changed.wait(self._pause()):
                    break
            return bool(self._calls) or not self._is_stopped

    def _pause(self) -> float | None:
        """Return for how long to wait for a call at most."""
        return None

    def _work_off(self) -> None:
        raise NotImplementedError

    def _next(self) -> Call[object] | None:
        """Return the next call that somebody still waits for."""
        with self._changed:
            while self._calls:
                call = self._calls.popleft()
                if call.is_wanted:
                    return call
        return None

    def _drop(self, call: Call[object]) -> None:
        """Do not hold what nobody waits for, such as bodies, while a disk hangs."""
        with self._changed, contextlib.suppress(ValueError):  # it may have begun
            self._calls.remove(call)

    def _settle(self, call: Call[object]) -> None:
        """Hand over what came of a call; whatever goes wrong there is nothing to the next."""
        try:
            call.settle()
        except Exception as error:  # noqa: BLE001 - told to whoever hears of errors in threads
            _report(error)

    def _connect(self) -> sqlite3.Connection:
        """Return the connection to the file that the path names now."""
        if self._connection is not None and self._file != _file_at(self._path):
            log.error(
                "%s was removed or replaced: the store goes on with what is there", self._path
            )
            self._disconnect()
        if self._connection is None:
            self._connection = patiently(
                partial(open_database, self._path, read_only=self._read_only)
            )
            self._file = _file_at(self._path)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _recover(self, error: Exception) -> StoreError:
        """Leave nothing of what failed, and say what to do: the next connection is in order."""
        self._disconnect()
        return store_error(error, self._path)


def _report(error: Exception) -> None:
    report = (type(error), error, error.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(report))


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
