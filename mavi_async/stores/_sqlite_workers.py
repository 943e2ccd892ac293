"""The thread that writes a SQLite file, and the one that reads it."""

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Final

from mavi_async.stores._sqlite_call import Call
from mavi_async.stores._sqlite_errors import patiently
from mavi_async.stores._sqlite_thread import Worker
from mavi_async.stores._sqlite_watchers import LOOK_EVERY, Watchers

__all__ = ["Reader", "Writer"]

# One commit for all that has come in meanwhile: a disk makes few of them in a second.
_CALLS_AT_ONCE: Final = 64
_TRANSACTION_SECONDS: Final = 0.05


class Writer(Worker):
    """The thread that changes the database: one transaction for all calls that have come in."""

    def _work_off(self) -> None:
        first = self._next()
        if first is None:
            return
        calls = [first]
        try:
            self._transact(calls, _CALLS_AT_ONCE)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            failure = self._recover(error)
            if len(calls) == 1:
                first.fail(failure)
            else:
                # One of them may be to blame, and the others not.
                for call in calls:
                    self._transact_alone(call)
        else:
            for call in calls:
                self._settle(call)

    def _transact_alone(self, call: Call[object]) -> None:
        try:
            self._transact([call], 1)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            call.fail(self._recover(error))
        else:
            self._settle(call)

    def _transact(self, calls: list[Call[object]], at_most: int) -> None:
        """Carry out a call, and those behind it while there is time, and commit all of them."""
        connection = self._connect()
        patiently(partial(connection.execute, "BEGIN IMMEDIATE"))
        until = time.monotonic() + _TRANSACTION_SECONDS
        _carry_out(calls[0], connection)
        while len(calls) < at_most and time.monotonic() < until:
            call = self._next()
            if call is None:
                break
            calls.append(call)
            _carry_out(call, connection)
        patiently(partial(connection.execute, "COMMIT"))


def _carry_out(call: Call[object], connection: sqlite3.Connection) -> None:
    """Carry out one call of several in a transaction; nothing is left of one that refuses."""
    if not call.is_wanted:  # the lock may have taken long
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
            self._read(call)
        if self._watchers and self._look_at <= time.monotonic():
            self._look()
            self._look_at = time.monotonic() + LOOK_EVERY

    def _read(self, call: Call[object]) -> None:
        try:
            patiently(partial(self._transact, call, self._connect()))
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            call.fail(self._recover(error))
        else:
            self._settle(call)

    def _transact(self, call: Call[object], connection: sqlite3.Connection) -> None:
        if not connection.in_transaction:
            connection.execute("BEGIN")
        call.carry_out(connection)
        connection.execute("COMMIT")

    def _look(self) -> None:
        try:
            patiently(partial(self._watchers.look, self._connect()))
        except Exception as error:  # noqa: BLE001 - the next look may find what this one did not
            self._watchers.miss(self._recover(error))
