"""What SQLite complains of, as a `StoreError` that says what to do next."""

import sqlite3
from pathlib import Path
from typing import Final

from mavi_async._errors import StoreError

__all__ = ["is_busy", "store_error"]

_AGAIN: Final = "calling again is safe, and nothing needs a restart"
_ADVICE: Final = {
    sqlite3.SQLITE_BUSY: f"another program has locked it for too long: find which, {_AGAIN}",
    sqlite3.SQLITE_LOCKED: f"another program has locked it for too long: find which, {_AGAIN}",
    sqlite3.SQLITE_FULL: f"there is no room left: make some, {_AGAIN}",
    sqlite3.SQLITE_READONLY: "let this process write the file and its folder",
    sqlite3.SQLITE_PERM: "let this process read and write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "let this process read and write the file and its folder",
    sqlite3.SQLITE_IOERR: f"look after the disk and the room on it, {_AGAIN}",
    sqlite3.SQLITE_NOTADB: "it is no database: give another path",
    sqlite3.SQLITE_CORRUPT: "it is damaged: put a backup back, or move it away to begin anew",
}


def is_busy(error: Exception) -> bool:
    """Tell whether somebody else merely used the database for too long."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def store_error(error: Exception, path: Path) -> StoreError:
    """Map whatever keeps a database from being used."""
    if isinstance(error, StoreError):
        return error
    advice = _ADVICE.get(_code(error), "see the cause")
    mapped = StoreError(f"the store {path} failed ({error}): {advice}")
    mapped.__cause__ = error
    return mapped


def _code(error: Exception) -> int:
    # The lowest byte is the kind; what is above tells more about it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
