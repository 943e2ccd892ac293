"""Whether the store can be relied on."""

import os
import shlex
import shutil
import sqlite3
import stat
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Final

import anyio.to_thread

from mavi_async._errors import MaviError
from mavi_async._json import dump
from mavi_async._records import IntentState, Submission
from mavi_async.cli._check_server import check_server
from mavi_async.cli._finding import Finding, failed, ok, skipped
from mavi_async.cli._place import FilePlace, Place, ServerPlace
from mavi_async.stores import TaskStore

__all__ = ["PROBE_PREFIX", "check_store", "probe_body"]

PROBE_PREFIX: Final = "doctor-"
_LEAST_FREE: Final = 200 * 10**6
_REPLACE: Final = (
    "if it was a store, put a backup in its place, since nothing can be saved from it; "
    "if not, name another file with --store or MAVI_STORE"
)
_ANOTHER: Final = "--store or MAVI_STORE names another"
_LOOK: Final = {
    FilePlace: f"look at the path, its permissions and the disk; {_ANOTHER}",
    ServerPlace: f"look at the URL and the server; {_ANOTHER}",
}


def probe_body(task_id: str, *, padding: int = 0) -> bytes:
    """Write a callback that answers no job; what it pads with is no part of any result."""
    document = {"code": "0000", "message": "mavi-async doctor", "data": None, "task_id": task_id}
    return dump(document | {"padding": "x" * padding} if padding else document)


async def check_store(place: Place) -> list[Finding]:
    """Write to the store and read back, and look at what it lies on."""
    before = _mode(place.path) if isinstance(place, FilePlace) else None
    try:
        async with place.open() as store:
            findings = [await _write_and_read(store), await _count(store, place)]
    except MaviError as error:
        return [failed("store", str(error), _LOOK[type(place)]), *await _look_at(place, before)]
    return [*findings, *await _look_at(place, before)]


async def _look_at(place: Place, before: int | None) -> list[Finding]:
    if isinstance(place, ServerPlace):
        return await check_server(place)
    if not isinstance(place, FilePlace) or not place.path.is_file():
        return []
    rescue = await _find_rescue(place)
    return await anyio.to_thread.run_sync(_look_at_file, place.path, before, rescue)


async def _find_rescue(place: Place) -> str:
    """Say what to do with a file that SQLite finds fault with: some of it may still be read."""
    try:
        async with place.open() as store:
            await store.list_unmatched()
    except MaviError:
        return _REPLACE
    save = place.command("callbacks", "--save", "FILE")
    return f"stop what uses it, save the callbacks with {save}, use another file"


async def _write_and_read(store: TaskStore) -> Finding:
    # No callback: when one came last is what the alarm for silence goes by.
    job = Submission(PROBE_PREFIX + uuid.uuid4().hex, "doctor", "doctor", time.time())
    await store.put_submission(job)
    kept = await store.get_submission(job.task_id)
    await store.forget(job.task_id)
    if kept != job:
        fix = "trust it no more: point --store at a file on a local disk, or at a Redis server"
        return failed("store", "what was written did not come back", fix)
    return ok("store", "what was written came back")


async def _count(store: TaskStore, place: Place) -> Finding:
    counts = {
        "pending": len(await store.list_pending()),
        "unknown": len(await store.list_intents(IntentState.UNKNOWN)),
        "orphaned": len(await store.list_unmatched()),
    }
    text = ", ".join(f"{name}: {count}" for name, count in counts.items())
    if counts["unknown"]:
        text += f"; {place.command('tasks')} says what to do"
    return ok("jobs", text)


def _look_at_file(path: Path, before: int | None, rescue: str) -> list[Finding]:
    return [_check_rights(path, before), _check_content(path, rescue), _check_room(path)]


def _check_rights(path: Path, before: int | None) -> Finding:
    folder, mode = path.parent, _mode(path) or 0
    if mode & 0o077:
        text = f"{path} can be read or written by others: mode {mode:04o}"
        return failed("store rights", text, f"chmod 600 {shlex.quote(str(path))}")
    if (_mode(folder) or 0) & 0o1022 in (0o002, 0o020, 0o022):
        text = f"others can put another file in the place of {path}"
        return failed("store rights", text, f"chmod go-w {shlex.quote(str(folder))}")
    if (before or 0) & 0o077:
        return ok("store rights", f"{path} was open to others, mode {before:04o}; now it is not")
    return ok("store rights", f"{path} is its owner's alone")


def _mode(path: Path) -> int | None:
    """The permissions of a file, or ``None`` where there is no file or no such thing."""
    try:
        return stat.S_IMODE(path.stat().st_mode) if os.name == "posix" else None
    except OSError:
        return None


def _check_content(path: Path, rescue: str) -> Finding:
    try:
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            [(version,)] = connection.execute("PRAGMA user_version")
            [(verdict,), *_] = connection.execute("PRAGMA quick_check(1)")
    except sqlite3.Error as error:
        return failed("store content", f"SQLite cannot read it: {error}", rescue)
    if verdict != "ok":
        return failed("store content", f"the file is damaged: {verdict}", rescue)
    return ok("store content", f"schema {version}, no damage found")


def _check_room(path: Path) -> Finding:
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        return skipped("disk", f"how much is free is not known: {error.strerror}")
    text = f"{free / 10**9:.1f} GB free"
    if free < _LEAST_FREE:
        return failed("disk", text, "make room: a callback that finds the disk full is refused")
    return ok("disk", text)
