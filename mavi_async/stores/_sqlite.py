"""The store of one host, in one file."""

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from weakref import finalize

from mavi_async._errors import ConfigurationError
from mavi_async._records import Arrival, Intent, IntentState, KeptAside, Put, Submission
from mavi_async.stores import _sqlite_callbacks as callbacks
from mavi_async.stores import _sqlite_jobs as jobs
from mavi_async.stores._protocol import Lane, Pacer
from mavi_async.stores._sqlite_connections import Connections
from mavi_async.stores._sqlite_expiry import drop_many
from mavi_async.stores._sqlite_pacer import SQLitePacer

__all__ = ["SQLiteStore"]


class SQLiteStore:
    """Keeps everything in a SQLite file, for all processes of one host.

    What it has kept survives the end of the process, however sudden, and that of the machine as
    far as its disk keeps its word. Any number of stores, event loops, threads and processes may
    share the file. It must be on a local disk: network file systems do not lock as SQLite needs.

    The file is opened when it is first needed, again after `aclose`, and anew in the child of a
    process that forks.

    Args:
        path: The file, made for its owner alone where there is none, as is its folder.
        ttl: Seconds for which submissions, results and intents are kept.
        max_unknown: How many callbacks of jobs that nobody submitted are kept.
        max_unknown_bytes: How many bytes they may take in all.
        max_aside: How many contradicting bodies are kept; the oldest make room.
        max_aside_bytes: How many bytes they may take in all.
        clock: Returns seconds since the epoch.

    Raises:
        ConfigurationError: If `path` cannot name a file.
    """

    local = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        ttl: float = 604_800.0,
        max_unknown: int = 10_000,
        max_unknown_bytes: int = 256 * 1024 * 1024,
        max_aside: int = 1_000,
        max_aside_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bounds = callbacks.Bounds(
            ttl, max_unknown, max_unknown_bytes, max_aside, max_aside_bytes
        )
        self._clock = clock
        self._connections = Connections(_checked_path(path))
        # Threads must not outlive a store that nobody closed.
        finalize(self, self._connections.stop).atexit = False

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The file, as an absolute path."""
        return self._connections.path

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a callback's raw bytes; the first body of a job counts."""
        watchers, now = self._connections.watchers, self._clock()

        def put(connection: sqlite3.Connection) -> callbacks.Kept:
            return callbacks.put(connection, now, self._bounds, task_id, body, seen=seen)

        def announce(kept: callbacks.Kept) -> None:
            if kept.seq is not None:
                watchers.announce(kept.seq, task_id)

        return (await self._connections.write(put, announce)).put

    async def replace_callback(self, task_id: str, *, old: bytes, new: bytes) -> bool:
        """Replace a body that cannot be decoded, if it is still there and nobody has seen it."""
        return await self._connections.write(
            lambda connection: callbacks.replace(connection, task_id, old=old, new=new)
        )

    async def get_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts; reading does not change it."""
        return await self._connections.read(lambda each: callbacks.get(each, task_id))

    async def pin_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts and make it final: somebody has seen it."""
        return await self._connections.write(lambda each: callbacks.pin(each, task_id))

    async def list_arrived(self, task_ids: Collection[str]) -> Collection[str]:
        """Return those of some jobs whose callback is here."""
        asked = tuple(task_ids)
        return await self._connections.read(lambda each: callbacks.list_arrived(each, asked))

    async def last_callback_at(self) -> float | None:
        """Return when a callback came last."""
        return await self._connections.read(callbacks.last_callback_at)

    async def list_unmatched(self) -> Sequence[Arrival]:
        """Return the callbacks of jobs that nobody submitted through this file, oldest first."""
        return await self._connections.read(callbacks.list_unmatched)

    async def list_aside(self) -> Sequence[KeptAside]:
        """Return the bodies that contradicted the first one of their job, oldest first."""
        return await self._connections.read(callbacks.list_aside)

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        """Ask for a hint whenever a first body is stored; from other processes within 250 ms."""
        return await self._connections.watch(notify)

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        """Keep an accepted job; a callback that came before it is no longer unknown."""
        now, ttl = self._clock(), self._bounds.ttl
        await self._connections.write(
            lambda each: jobs.put_submission(each, now, ttl, submission, intent_id=intent_id)
        )

    async def get_submission(self, task_id: str) -> Submission | None:
        """Return an accepted job."""
        return await self._connections.read(lambda each: jobs.get_submission(each, task_id))

    async def list_pending(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs that have no callback yet, oldest first."""
        return await self._connections.read(lambda each: jobs.list_pending(each, account))

    async def list_uncollected(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs whose callback is here and was given to nobody yet, oldest first."""
        return await self._connections.read(lambda each: jobs.list_uncollected(each, account))

    async def list_done(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs whose callback is here, oldest first."""
        return await self._connections.read(lambda each: jobs.list_done(each, account))

    async def mark_collected(self, task_ids: Collection[str]) -> None:
        """Note that whoever awaited some jobs has their results."""
        asked = tuple(task_ids)
        await self._connections.write(lambda each: jobs.mark_collected(each, asked))

    async def forget(self, task_id: str) -> bool:
        """Remove everything about a job; return False if there was nothing."""
        return await self._connections.write(lambda each: jobs.forget(each, task_id))

    async def begin_intent(self, intent: Intent) -> Intent:
        """Keep an intent before its request leaves, or return the one that stands in its way."""
        now, ttl = self._clock(), self._bounds.ttl
        return await self._connections.write(lambda each: jobs.begin_intent(each, now, ttl, intent))

    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        """Note how an intent's request ended; return False if there is none to change."""
        update = partial(
            jobs.update_intent,
            now=self._clock(),
            intent_id=intent_id,
            state=state,
            task_id=task_id,
            only_if=only_if,
        )
        return await self._connections.write(update)

    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        """Make an unmatched callback that of an intent whose outcome is unknown."""
        now, ttl = self._clock(), self._bounds.ttl
        return await self._connections.write(
            lambda each: jobs.adopt(each, now, ttl, intent_id, task_id)
        )

    async def get_intent(self, intent_id: str) -> Intent | None:
        """Return an intent; one that is `SENDING` past its time reads as `UNKNOWN`."""
        now = self._clock()
        return await self._connections.read(lambda each: jobs.get_intent(each, now, intent_id))

    async def find_intent(self, account: str, idempotency_key: str) -> Intent | None:
        """Return the intent of an idempotency key."""
        now = self._clock()
        return await self._connections.read(
            lambda each: jobs.find_intent(each, now, account, idempotency_key)
        )

    async def list_intents(
        self, state: IntentState, account: str | None = None
    ) -> Sequence[Intent]:
        """Return the intents in one state, oldest first."""
        now = self._clock()
        return await self._connections.read(
            lambda each: jobs.list_intents(each, now, state, account)
        )

    async def expire(self) -> int:
        """Remove what is past its time and return how much that was."""
        drop, removed = partial(drop_many, before=self._clock() - self._bounds.ttl), 0
        while count := await self._connections.write(drop):
            removed += count
        return removed

    def pacer(self, lane: Lane, interval: float) -> Pacer:
        """Return a pacer that all processes of the host share."""
        return SQLitePacer(self._connections, lane, interval)

    async def aclose(self) -> None:
        """Do what was asked before, and close the file; another call opens it again."""
        await self._connections.aclose()


def _checked_path(path: str | os.PathLike[str]) -> Path:
    text = os.fspath(path)
    if not isinstance(text, str) or text in ("", ":memory:") or "\0" in text:
        raise ConfigurationError(
            f"{text!r} cannot name a store's file; for a store in memory there is MemoryStore"
        )
    return Path(text).absolute()
