"""The file of a `SQLiteStore`: made, recognised, brought up to date, and kept from others."""

import sqlite3
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mavi_async import ConfigurationError, SQLiteStore, StoreError
from mavi_async.stores._sqlite_schema import APPLICATION_ID, STEPS, migrate, open_database

posix = pytest.mark.skipif(sys.platform == "win32", reason="no permissions of this kind")


def mode_of(path: Path) -> int:
    """What the owner, the group and others may do with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def journal_of(path: Path) -> Path:
    """The file beside a database that undoes a transaction."""
    return path.with_name(f"{path.name}-journal")


@posix
@pytest.mark.asyncio
async def test_files_are_the_owner_s_alone(store: SQLiteStore, path: Path) -> None:
    """The folder that is made for them as well."""
    await store.put_callback("t", b"body", seen=True)

    assert (0o700, 0o600, 0o600) == tuple(
        mode_of(each) for each in (path.parent, path, journal_of(path))
    )


@posix
@pytest.mark.asyncio
async def test_a_file_that_is_open_to_others_is_closed_to_them(
    store: SQLiteStore, path: Path
) -> None:
    """A backup that was put back is, for example."""
    await store.put_callback("t", b"body", seen=True)
    await store.aclose()
    for each in (path, journal_of(path)):
        each.chmod(0o664)

    assert b"body" == await store.get_callback("t")
    assert (0o600, 0o600) == (mode_of(path), mode_of(journal_of(path)))


@pytest.mark.asyncio
async def test_nothing_is_opened_before_it_is_needed(path: Path) -> None:
    """Not even the folder is made."""
    await SQLiteStore(path).aclose()

    assert not path.parent.exists()


@pytest.mark.asyncio
async def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the working folder is when the file is opened."""
    monkeypatch.chdir(tmp_path)
    store = SQLiteStore("strange ?name#%41.db")
    monkeypatch.chdir("/")
    await store.put_callback("t", b"body", seen=True)
    await store.aclose()

    assert tmp_path / "strange ?name#%41.db" == store.path
    assert store.path.is_file()
    assert f"SQLiteStore({str(store.path)!r})" == repr(store)


@pytest.mark.parametrize("path", ["", ":memory:", "nul\0"])
def test_a_path_names_a_file(path: str) -> None:
    """A database in memory would be another one for each connection."""
    with pytest.raises(ConfigurationError, match="MemoryStore"):
        SQLiteStore(path)


@pytest.mark.asyncio
async def test_the_folder_above_must_be_there(tmp_path: Path) -> None:
    """A mistyped path makes no tree of folders; once it is there, the store works."""
    store = SQLiteStore(tmp_path / "missing" / "folder" / "file")
    for call in (store.put_callback("t", b"body", seen=True), store.get_callback("t")):
        with pytest.raises(StoreError, match="the folder must exist"):
            await call
    (tmp_path / "missing").mkdir()

    await store.put_callback("t", b"body", seen=True)
    await store.aclose()


@pytest.mark.asyncio
async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """And is left as it is."""
    before = mode_of(tmp_path)
    with pytest.raises(StoreError, match="is not a file"):
        await SQLiteStore(tmp_path).put_callback("t", b"body", seen=True)

    assert before == mode_of(tmp_path)


def foreign_database(path: Path) -> None:
    """Another application's database."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE result (one)")


def marked_database(path: Path) -> None:
    """Another application's database, which has no tables yet."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 1")


def newer_database(path: Path) -> None:
    """What a later version of the package left."""
    with closing(open_database(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")


def no_database(path: Path) -> None:
    """A file of something else."""
    path.write_bytes(b"no database" * 1_000)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (foreign_database, "another application"),
        (marked_database, "another application"),
        (newer_database, "upgrade mavi-async"),
        (no_database, "it is no database: give another path"),
    ],
)
async def test_a_file_of_something_else_is_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    """The error says what it is, and what to do."""
    path = tmp_path / "file"
    make(path)
    path.chmod(0o644)
    before = path.read_bytes(), mode_of(path)
    store = SQLiteStore(path)
    for call in (store.put_callback("t", b"body", seen=True), store.get_callback("t")):
        with pytest.raises(StoreError, match=message):
            await call
    await store.aclose()

    assert before == (path.read_bytes(), mode_of(path))


def test_an_older_file_is_brought_up_to_date(path: Path) -> None:
    """By the steps that it lacks, in their order; what is in it stays."""
    with closing(open_database(path)) as connection:
        connection.execute(
            "INSERT INTO task (task_id, account, asset_id, submitted_at, kept_at)"
            " VALUES ('t', 'a', 're_1', 1, 1)"
        )
        newer = (
            *STEPS,
            ("ALTER TABLE task ADD COLUMN one", "UPDATE task SET one = 1"),
            ("ALTER TABLE task RENAME COLUMN one TO two",),
        )
        for _ in range(2):
            migrate(connection, path, newer)

        assert [("t", 1)] == connection.execute("SELECT task_id, two FROM task").fetchall()
        assert (len(STEPS) + 2,) == connection.execute("PRAGMA user_version").fetchone()


def test_a_step_that_fails_changes_nothing(path: Path) -> None:
    """The file is as good as before, for the version that knows it."""
    with closing(open_database(path)) as connection:
        broken = (*STEPS, ("ALTER TABLE task ADD COLUMN one", "no statement"))
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, broken)

        assert (len(STEPS),) == connection.execute("PRAGMA user_version").fetchone()
    open_database(path).close()


def test_a_file_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    """One of them makes it what it is."""
    errors: list[Exception] = []
    for number in range(10):
        path, begin = tmp_path / str(number), threading.Barrier(4)

        def open_it(path: Path = path, begin: threading.Barrier = begin) -> None:
            begin.wait()
            try:
                open_database(path).close()
            except Exception as error:  # noqa: BLE001 - compared below
                errors.append(error)

        threads = [threading.Thread(target=open_it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    busy = [each for each in errors if getattr(each, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY]
    assert busy == errors  # the store then tries again


def test_what_the_file_says_of_itself(path: Path) -> None:
    """Durable without a second file that readers must write, and nobody else's functions run."""
    with closing(open_database(path)) as connection:
        pragmas = ("journal_mode", "synchronous", "trusted_schema", "application_id")

        assert ["persist", 2, 0, APPLICATION_ID] == [
            connection.execute(f"PRAGMA {each}").fetchone()[0] for each in pragmas
        ]


@pytest.mark.asyncio
async def test_another_journal_is_refused_while_somebody_holds_it(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And put right once it is let go."""
    monkeypatch.setattr("mavi_async.stores._sqlite_errors.BUSY_SECONDS", 0.0)
    await store.put_callback("t", b"body", seen=True)
    await store.aclose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT * FROM result").fetchall()
        with pytest.raises(StoreError, match="locked"):
            await store.get_callback("t")

    assert b"body" == await store.get_callback("t")


def remove(path: Path) -> None:
    """What somebody does who knows no better."""
    path.unlink()


@posix
@pytest.mark.asyncio
async def test_a_file_that_vanishes_is_made_anew(
    store: SQLiteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said aloud, and nothing is written into what nobody will find again."""
    await store.put_callback("t", b"body", seen=True)
    await store.get_callback("t")
    remove(path)

    assert await store.get_callback("t") is None
    await store.put_callback("u", b"body", seen=True)
    assert b"body" == await store.get_callback("u")
    message = f"{path} was removed or replaced: the store goes on with what is there"
    assert [message] * 2 == caplog.messages
