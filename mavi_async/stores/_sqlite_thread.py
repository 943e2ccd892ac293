"""A thread that owns a SQLite connection, and calls that are handed to it from event loops.

SQLite blocks, and a disk may hang. The caller of a thread of ours can walk away at any time: a
call whose turn has not come is then never carried out, and one that is being carried out goes
on, atomic as it is, for nobody.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar, cast

from mavi_async._errors import StoreError, TaskStateError
from mavi_async._loop import call_in, current_token, new_waiter
from mavi_async.stores._sqlite_errors import FAILURES, patiently, store_error
from mavi_async.stores._sqlite_schema import open_database
from mavi_async.stores._sqlite_watchers import LOOK_EVERY, Watchers

__all__ = ["Call", "Reader", "Worker", "Writer"]

log = logging.getLogger("mavi_async")

T = TypeVar("T")

# One commit for all that has come in meanwhile: a disk makes few of them in a second.
_CALLS_AT_ONCE: Final = 64
_TRANSACTION_SECONDS: Final = 0.05


class Call(Generic[T]):
    """Something to do with a connection, and whoever waits for what comes of it.

    Args:
        function: What to do, within one transaction.
        then: Called in the thread with what came of it, once that is durable.
    """

    def __init__(
        self,
        function: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None = None,
    ) -> None:
        self._waiter = new_waiter()
        self._token = current_token()
        self._function = function
        self._then = then
        self._value: T | None = None
        self._error: Exception | None = None
        self._is_done = False
        self.is_wanted = True

    async def outcome(self) -> T:
        """Wait for what comes of it."""
        try:
            await self._waiter.park(None)
        except BaseException:
            self.is_wanted = False
            raise
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def carry_out(self, connection: sqlite3.Connection) -> bool:
        """Do it, and return False if there is nothing to keep of it.

        Raises:
            sqlite3.Error: If the database failed it; it may then be carried out again.
        """
        self._error = None
        try:
            self._value = self._function(connection)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self._error = error
        self._is_done = self._error is None
        return self._is_done

    def fail(self, error: Exception) -> None:
        """Settle it without a value."""
        self._is_done, self._error = False, error
        self.settle()

    def settle(self) -> None:
        """Hand over what came of it."""
        if self._is_done and self._then is not None:
            self._then(cast("T", self._value))
        try:
            call_in(self._token, self._waiter.wake)
        except TaskStateError:
            log.debug("the loop that asked the store has ended")


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
        return await call.outcome()

    def stop(self) -> None:
        """End the thread, after what it was given before."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()

    async def ended(self, timeout: float) -> bool:
        """Wait for the end of the thread, and return False if it did not come in time."""
        waiter, token = new_waiter(), current_token()
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
                self._work_off()
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
        while self._calls:
            call = self._calls.popleft()
            if call.is_wanted:
                return call
        return None

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
        """Leave nothing of a transaction that failed, and say what to do."""
        if self._connection is not None and self._connection.in_transaction:
            # Whatever state it is in, the next one is in a good one.
            self._disconnect()
        return store_error(error, self._path)


class Writer(Worker):
    """The thread that changes the database: one commit for all calls that have come in."""

    def _work_off(self) -> None:
        first = self._next()
        if first is None:
            return
        calls = [first]
        try:
            self._transact(calls, until=time.monotonic() + _TRANSACTION_SECONDS)
        except FAILURES as error:
            failure = self._recover(error)
            if len(calls) == 1:
                first.fail(failure)
                return
            # One of them may be to blame, and the others not.
            for call in calls:
                self._transact_alone(call)

    def _transact_alone(self, call: Call[object]) -> None:
        try:
            self._transact([call], until=0.0)
        except FAILURES as error:
            call.fail(self._recover(error))

    def _transact(self, calls: list[Call[object]], *, until: float) -> None:
        """Carry out a call, and those behind it while there is time, and commit all of them."""
        connection = self._connect()
        patiently(partial(connection.execute, "BEGIN IMMEDIATE"))
        _carry_out(calls[0], connection)
        while len(calls) < _CALLS_AT_ONCE and time.monotonic() < until:
            call = self._next()
            if call is None:
                break
            calls.append(call)
            _carry_out(call, connection)
        patiently(partial(connection.execute, "COMMIT"))
        for call in calls:
            call.settle()


def _carry_out(call: Call[object], connection: sqlite3.Connection) -> None:
    if not call.is_wanted:  # it may have waited long for a lock
        return
    connection.execute("SAVEPOINT call")
    if not call.carry_out(connection):
        connection.execute("ROLLBACK TO call")
    connection.execute("RELEASE call")


class Reader(Worker):
    """The thread that reads, and that looks for news while somebody watches."""

    _read_only = True

    def __init__(self, path: Path, watchers: Watchers) -> None:
        super().__init__(path)
        self._watchers = watchers
        self._look_at = 0.0

    def _pause(self) -> float | None:
        return max(0.0, self._look_at - time.monotonic()) if self._watchers else None

    def _work_off(self) -> None:
        call = self._next()
        if call is not None:
            try:
                patiently(partial(self._transact, call, self._connect()))
            except FAILURES as error:
                call.fail(self._recover(error))
            else:
                call.settle()
        if self._watchers and self._look_at <= time.monotonic():
            self._look()
            self._look_at = time.monotonic() + LOOK_EVERY

    def _transact(self, call: Call[object], connection: sqlite3.Connection) -> None:
        if not connection.in_transaction:
            connection.execute("BEGIN")
        call.carry_out(connection)
        connection.execute("COMMIT")

    def _look(self) -> None:
        try:
            patiently(partial(self._watchers.look, self._connect()))
        except FAILURES as error:
            self._watchers.miss(self._recover(error))


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
