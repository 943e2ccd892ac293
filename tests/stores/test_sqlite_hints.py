"""Hints of what other processes put, where they lock the file meanwhile."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from mavi_async import SQLiteStore
from mavi_async.stores._sqlite_watchers import Watchers


class Overtaken(sqlite3.Connection):
    """A connection that finds the file locked when it asks for rows for the first time."""

    other: sqlite3.Connection | None = None

    def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
        """Ask, perhaps too late."""
        other = self.other
        if other is None or "task_id" not in sql:
            return super().execute(sql, parameters)  # type: ignore[arg-type]  # of any kind
        self.other = None
        other.execute("BEGIN EXCLUSIVE")
        try:
            return super().execute(sql, parameters)  # type: ignore[arg-type]  # of any kind
        finally:
            other.execute("ROLLBACK")


@pytest.mark.asyncio
async def test_a_look_that_a_lock_cuts_short_loses_no_hint(tmp_path: Path) -> None:
    """What came before the lock is told of by the next look."""
    store = SQLiteStore(tmp_path / "store.db")
    await store.put_callback("before", b"{}", seen=False)
    watchers, heard = Watchers(), asyncio.Queue[str | None]()
    stop = watchers.add(heard.put_nowait)
    with (
        contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as other,
        contextlib.closing(
            sqlite3.connect(store.path, factory=Overtaken, timeout=0, isolation_level=None)
        ) as connection,
    ):
        watchers.begin(connection)
        await store.put_callback("after", b"{}", seen=False)
        connection.other = other
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            watchers.look(connection)
        watchers.look(connection)
    async with asyncio.timeout(10):
        told = await heard.get()
    stop()
    await store.aclose()

    assert "after" == told
