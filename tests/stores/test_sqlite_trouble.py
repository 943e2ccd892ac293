"""A `SQLiteStore` whose disk is full, whose lock is taken, or that hangs."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import anyio
import pytest

from mavi_async import SQLiteStore, StoreError
from mavi_async._records import Put, Verdict
from mavi_async.stores._deadline import in_time

pytestmark = pytest.mark.asyncio

FIRST = Put(Verdict.FIRST)


async def put(store: SQLiteStore, task_id: str, size: int = 10) -> Put:
    """A callback that comes for a job."""
    return await store.put_callback(task_id, b"x" * size, seen=True)


@pytest.fixture
def intruder(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program at the same file."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def test_a_full_disk_is_no_end(store: SQLiteStore) -> None:
    """What does not fit is refused as a whole; once there is room, it is kept."""
    await put(store, "before")

    def fill(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await store._connections.write(fill)
    with pytest.raises(StoreError, match="no room left: make some"):
        await put(store, "large", 1_000_000)

    assert ["before"] == list(await store.list_arrived(["before", "large"]))
    assert FIRST == await put(store, "large", 1_000_000)  # a new connection has room


async def test_a_lock_that_is_held_for_long_is_an_error(
    store: SQLiteStore, intruder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That says so; what only reads goes on as long as it may, and all goes on afterwards."""
    monkeypatch.setattr("mavi_async.stores._sqlite_errors.BUSY_SECONDS", 0.05)
    await put(store, "before")
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"database is locked.*calling again is safe"):
        await put(store, "t")
    assert b"x" * 10 == await store.get_callback("before")
    intruder.execute("ROLLBACK")
    intruder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked"):
        await store.get_callback("before")
    intruder.execute("ROLLBACK")

    assert ["before"] == list(await store.list_arrived(["before", "t"]))
    assert FIRST == await put(store, "t")


async def test_who_waits_for_a_lock_gets_it(
    store: SQLiteStore, intruder: sqlite3.Connection
) -> None:
    """Once it is let go."""
    intruder.execute("BEGIN EXCLUSIVE")
    async with anyio.create_task_group() as group:
        for task_id in "abc":
            group.start_soon(put, store, task_id)
        await anyio.sleep(0.02)
        intruder.execute("ROLLBACK")

    assert {"a", "b", "c"} == {*await store.list_arrived("abc")}


async def test_nobody_waits_long_for_a_disk_that_hangs(
    store: SQLiteStore, intruder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was given up before its turn is never carried out."""
    monkeypatch.setattr("mavi_async.stores._sqlite_errors.BUSY_SECONDS", 60.0)
    monkeypatch.setattr("mavi_async.stores._deadline.STORE_SECONDS", 0.05)
    intruder.execute("BEGIN EXCLUSIVE")
    for call in (put(store, "first"), put(store, "queued"), store.get_callback("first")):
        with pytest.raises(StoreError, match="did not answer"):
            await in_time(call)
    intruder.execute("ROLLBACK")

    assert FIRST == await put(store, "after")
    assert ["after"] == list(await store.list_arrived(["first", "queued", "after"]))


async def test_a_closing_store_waits_no_longer_than_others(
    store: SQLiteStore,
    intruder: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What hangs is left behind, and ends when it can."""
    monkeypatch.setattr("mavi_async.stores._sqlite_errors.BUSY_SECONDS", 60.0)
    monkeypatch.setattr("mavi_async.stores._sqlite_connections.STORE_SECONDS", 0.05)
    intruder.execute("BEGIN EXCLUSIVE")
    call = asyncio.create_task(put(store, "t"))
    await asyncio.sleep(0)
    await store.aclose()
    assert [f"{store.path} is still in use: its disk does not answer"] == caplog.messages
    intruder.execute("ROLLBACK")

    assert FIRST == await call
    assert ["t"] == list(await store.list_arrived(["t"]))


async def test_one_that_fails_takes_nobody_along(
    store: SQLiteStore, intruder: sqlite3.Connection
) -> None:
    """Though what comes at once is committed at once."""

    def fail(connection: sqlite3.Connection) -> NoReturn:
        connection.execute("DELETE FROM result")
        raise sqlite3.DatabaseError("failed")

    def refuse(connection: sqlite3.Connection) -> NoReturn:
        connection.execute("DELETE FROM result")
        raise ValueError("refused")

    await put(store, "before")
    intruder.execute("BEGIN IMMEDIATE")
    calls = [
        asyncio.ensure_future(each)
        for each in (
            put(store, "a"),
            store._connections.write(refuse),
            put(store, "b"),
            store._connections.write(fail),
            put(store, "c"),
        )
    ]
    await asyncio.sleep(0)
    intruder.execute("ROLLBACK")
    a, refused, b, failed, c = await asyncio.gather(*calls, return_exceptions=True)

    assert [FIRST] * 3 == [a, b, c]
    assert ("refused", True) == (str(refused), isinstance(refused, ValueError))
    assert isinstance(failed, StoreError)
    assert {"before", "a", "b", "c"} == {*await store.list_arrived(["before", *"abc"])}
    assert FIRST == await put(store, "d")


async def test_no_hint_is_given_of_what_is_not_kept(
    store: SQLiteStore, intruder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A put that fails woke nobody."""
    monkeypatch.setattr("mavi_async.stores._sqlite_errors.BUSY_SECONDS", 0.05)
    heard: list[str | None] = []
    await store.watch(heard.append)
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError):
        await put(store, "failed")
    intruder.execute("ROLLBACK")
    await put(store, "kept")

    assert ["kept"] == heard


async def test_a_look_that_failed_is_made_up_for(
    store: SQLiteStore,
    other: SQLiteStore,
    intruder: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever watches is told to look for everything, and the trouble is said once."""
    await put(other, "before")
    heard: list[str | None] = []
    told, said = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def notify(task_id: str | None) -> None:
        heard.append(task_id)
        told.set()

    def note(_: logging.LogRecord) -> bool:
        loop.call_soon_threadsafe(said.set)
        return True

    await store.watch(notify)
    monkeypatch.setattr(caplog.handler, "filters", [note])
    monkeypatch.setattr("mavi_async.stores._sqlite_errors.BUSY_SECONDS", 0.0)
    monkeypatch.setattr("mavi_async.stores._sqlite_workers.LOOK_EVERY", 0.01)
    intruder.execute("BEGIN EXCLUSIVE")
    with anyio.fail_after(30):
        await said.wait()
    monkeypatch.setattr("mavi_async.stores._sqlite_errors.BUSY_SECONDS", 30.0)
    intruder.execute("ROLLBACK")
    with anyio.fail_after(30):
        await told.wait()

    assert [None] == heard
    assert 1 == len(caplog.messages)
    told.clear()
    await put(other, "after")
    with anyio.fail_after(30):
        await told.wait()
    assert [None, "after"] == heard


async def test_many_at_once_are_one_hint(store: SQLiteStore, other: SQLiteStore) -> None:
    """Looking for everything is less work then."""
    heard: list[str | None] = []
    told = asyncio.Event()

    def notify(task_id: str | None) -> None:
        heard.append(task_id)
        if task_id in (None, "t0"):
            told.set()

    def put_many(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO result (task_id, received_at, seen, unmatched, sha256, size, body)"
            " VALUES (?, 0, 1, 0, x'', 0, x'')",
            [(f"t{number}",) for number in range(1_000)],
        )

    await store.watch(notify)
    await other._connections.write(put_many)
    with anyio.fail_after(30):
        await told.wait()

    assert [None] == heard


async def test_who_cannot_watch_hears_nothing(
    store: SQLiteStore, intruder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promise of hints that cannot be kept is not made."""
    monkeypatch.setattr("mavi_async.stores._sqlite_errors.BUSY_SECONDS", 0.05)
    await put(store, "before")
    heard: list[str | None] = []
    intruder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError):
        await store.watch(heard.append)
    intruder.execute("ROLLBACK")
    await put(store, "after")

    assert [] == heard
    assert not store._connections.watchers


async def test_another_file_may_hold_anything(store: SQLiteStore, path: Path) -> None:
    """Whoever watches is told to look for everything when a file takes the place of another."""
    for number in range(3):
        await put(store, f"old-{number}")
    heard: list[str | None] = []
    told = asyncio.Event()

    def notify(task_id: str | None) -> None:
        heard.append(task_id)
        told.set()

    await store.watch(notify)
    replacement = SQLiteStore(path.with_name("replacement"))
    await put(replacement, "new")
    await replacement.aclose()
    path.with_name("replacement").replace(path)
    with anyio.fail_after(30):
        await told.wait()

    assert [None] == heard
    assert b"x" * 10 == await store.get_callback("new")


async def test_the_thread_survives_what_nobody_thought_of(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told to whoever hears of errors in threads, and others are served."""
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)

    def fail(_: object) -> NoReturn:
        raise ValueError("nobody thought of it")

    def look(connection: sqlite3.Connection) -> int:
        return connection.total_changes

    await store._connections.write(look, fail)

    assert FIRST == await put(store, "t")
    assert ["nobody thought of it"] == [str(each.exc_value) for each in reported]
