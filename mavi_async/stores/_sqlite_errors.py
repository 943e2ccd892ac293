"""What SQLite complains of: tried again, or a `StoreError` that says what to do next."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from mavi_async._errors import StoreError

__all__ = ["BUSY_SECONDS", "patiently", "store_error"]

T = TypeVar("T")

BUSY_SECONDS: Final = 2.0

_AGAIN: Final = "calling again is safe, and nothing needs a restart"
_OWN: Final = "the folder must exist, and it and the file belong to the user of this process"
_ADVICE: Final = {
    sqlite3.SQLITE_BUSY: f"another program has locked it for too long: find which, {_AGAIN}",
    sqlite3.SQLITE_LOCKED: f"another program has locked it for too long: find which, {_AGAIN}",
    sqlite3.SQLITE_FULL: f"there is no room left: make some, {_AGAIN}",
    sqlite3.SQLITE_READONLY: _OWN,
    sqlite3.SQLITE_PERM: _OWN,
    sqlite3.SQLITE_CANTOPEN: _OWN,
    sqlite3.SQLITE_IOERR: f"look after the disk and the room on it, {_AGAIN}",
    sqlite3.SQLITE_NOTADB: "it is no database: give another path",
    sqlite3.SQLITE_CORRUPT: "it is damaged: put a backup back, or move it away to begin anew",
}


_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def patiently(step: Callable[[], T]) -> T:
    """Try a step until nobody else holds the lock that it needs.

    SQLite's own patience tries ever less often, while others come and go: of eight processes
    that wrote without a pause it let half wait in vain.

    Raises:
        sqlite3.Error: If it fails for another reason, or for too long.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return step()
        except sqlite3.OperationalError as error:
            if _kind(error) not in _BUSY or time.monotonic() > until:
                raise


def store_error(error: Exception, path: Path) -> StoreError:
    """Map whatever keeps a database from being used."""
    if isinstance(error, StoreError):
        return error
    advice = _OWN if isinstance(error, OSError) else _ADVICE.get(_kind(error), "see the cause")
    mapped = StoreError(f"the store {path} failed ({error}): {advice}")
    mapped.__cause__ = error
    return mapped


def _kind(error: Exception) -> int:
    # The lowest byte is the kind; what is above tells more about it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
