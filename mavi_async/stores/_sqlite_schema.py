"""The file of a `SQLiteStore`: how it is made, opened, recognised and brought up to date."""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mavi_async._errors import StoreError

__all__ = ["APPLICATION_ID", "STEPS", "migrate", "open_database"]

APPLICATION_ID: Final = 0x4D415649
"""``MAVI`` in ASCII; ``file`` shows it."""
_TRY_SECONDS: Final = 0.01
_JOURNAL_BYTES: Final = 1024 * 1024

# `body` comes last in its row: whatever stands behind it could only be read through all of it.
# `summary` saves counting, and triggers keep it right whoever changes the rows.
_VERSION_1: Final = (
    """CREATE TABLE result (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL UNIQUE,
        received_at REAL NOT NULL, seen INTEGER NOT NULL, unmatched INTEGER NOT NULL,
        sha256 BLOB NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL)""",
    "CREATE INDEX result_by_age ON result (received_at)",
    "CREATE INDEX result_unmatched ON result (received_at) WHERE unmatched = 1",
    """CREATE TABLE task (
        seq INTEGER PRIMARY KEY, task_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
        asset_id TEXT NOT NULL, submitted_at REAL NOT NULL, kept_at REAL NOT NULL,
        collected INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX task_by_age ON task (kept_at)",
    """CREATE TABLE intent (
        seq INTEGER PRIMARY KEY, intent_id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
        asset_id TEXT NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL,
        expires_at REAL NOT NULL, idempotency_key TEXT, task_id TEXT, endpoint TEXT NOT NULL,
        begun_at REAL NOT NULL)""",
    "CREATE INDEX intent_by_age ON intent (begun_at)",
    "CREATE INDEX intent_of_task ON intent (task_id) WHERE task_id IS NOT NULL",
    """CREATE UNIQUE INDEX intent_of_key ON intent (account, idempotency_key)
        WHERE idempotency_key IS NOT NULL""",
    """CREATE TABLE dead (
        seq INTEGER PRIMARY KEY, task_id TEXT NOT NULL, received_at REAL NOT NULL,
        sha256 BLOB NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL,
        UNIQUE (task_id, sha256))""",
    "CREATE INDEX dead_by_age ON dead (received_at)",
    """CREATE TABLE rate (
        origin TEXT NOT NULL, account TEXT NOT NULL, endpoint TEXT NOT NULL,
        next_at REAL NOT NULL, number INTEGER NOT NULL, last_at REAL, extra REAL NOT NULL,
        pressure REAL NOT NULL, held_from INTEGER NOT NULL, held_to INTEGER NOT NULL,
        held_until REAL NOT NULL, answered INTEGER NOT NULL, interval REAL NOT NULL,
        interval_at REAL NOT NULL, written_at REAL NOT NULL,
        PRIMARY KEY (origin, account, endpoint)) WITHOUT ROWID""",
    """CREATE TABLE summary (
        last_callback_at REAL, unmatched INTEGER NOT NULL, unmatched_bytes INTEGER NOT NULL,
        dead INTEGER NOT NULL, dead_bytes INTEGER NOT NULL)""",
    "INSERT INTO summary VALUES (NULL, 0, 0, 0, 0)",
    """CREATE TRIGGER result_in AFTER INSERT ON result WHEN NEW.unmatched BEGIN UPDATE summary SET
        unmatched = unmatched + 1, unmatched_bytes = unmatched_bytes + NEW.size; END""",
    """CREATE TRIGGER result_out AFTER DELETE ON result WHEN OLD.unmatched BEGIN UPDATE summary SET
        unmatched = unmatched - 1, unmatched_bytes = unmatched_bytes - OLD.size; END""",
    """CREATE TRIGGER result_change AFTER UPDATE OF unmatched, size ON result BEGIN
        UPDATE summary SET unmatched = unmatched + NEW.unmatched - OLD.unmatched, unmatched_bytes
        = unmatched_bytes + NEW.unmatched * NEW.size - OLD.unmatched * OLD.size; END""",
    """CREATE TRIGGER dead_in AFTER INSERT ON dead BEGIN UPDATE summary SET
        dead = dead + 1, dead_bytes = dead_bytes + NEW.size; END""",
    """CREATE TRIGGER dead_out AFTER DELETE ON dead BEGIN UPDATE summary SET
        dead = dead - 1, dead_bytes = dead_bytes - OLD.size; END""",
)

STEPS: Final[Sequence[Sequence[str]]] = (_VERSION_1,)
"""What leads from each version of the schema to the next; a released step never changes."""


def open_database(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a store's file, make it where there is none, and bring an older one up to date.

    Raises:
        StoreError: If it is not a store's file, or one of a newer version; it is left as it is.
        sqlite3.Error: If it cannot be opened.
        OSError: If it cannot be made, or belongs to another user.
    """
    _make_file(path)
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=_TRY_SECONDS, isolation_level=None
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("BEGIN")  # what is read is of one moment: others may be at it as well
        version = _version(connection, path)
        connection.execute("COMMIT")
        if version < len(STEPS):
            migrate(connection, path)
        _close_to_others(path)
        _configure(connection, path)
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(
    connection: sqlite3.Connection, path: Path, steps: Sequence[Sequence[str]] = STEPS
) -> None:
    """Take the steps that a file lacks, all of them or none.

    Whoever comes second finds nothing left to do.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[_version(connection, path, len(steps)) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
        raise


def _version(connection: sqlite3.Connection, path: Path, newest: int = len(STEPS)) -> int:
    """Return the version of the schema, 0 for an empty file, having looked that it is ours."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and (application_id or version or tables):
        raise StoreError(f"{path} is a database of another application: give another path")
    if version > newest:
        raise StoreError(
            f"{path} has the format {version}, and this version of mavi-async knows {newest} at "
            "most: upgrade mavi-async, or give another path"
        )
    return int(version)


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = PERSIST").fetchone()
    if mode != "persist":
        raise StoreError(
            f"the journal of {path} is in mode {mode!r}, and another program keeps it there: "
            "close that program"
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")


def _make_file(path: Path) -> None:
    """Make the file, for its owner alone, unless it is there.

    One that is there must not be opened here: closing it again would end the locks of every
    other connection of this process.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        _sync_folder(path.parent)
    if not path.is_file():
        raise StoreError(f"{path} is not a file: give the path of a file")


def _close_to_others(path: Path) -> None:
    """Take from group and others what they may do: a backup that was put back is open to all."""
    if os.name != "posix":
        return
    for each in (path, path.with_name(f"{path.name}-journal")):
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(each.stat().st_mode)
            if mode & 0o077:
                each.chmod(mode & 0o700)


def _sync_folder(folder: Path) -> None:
    """Make a new file's name as durable as what will be in it."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
