"""Callbacks in a SQLite file: functions that run within one transaction."""

import hashlib
import sqlite3
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Final

import attrs

from mavi_async._errors import StoreError
from mavi_async._records import Arrival, KeptAside, Put, Unmatched, Verdict
from mavi_async.stores._sqlite_expiry import drop_a_little

__all__ = [
    "Bounds",
    "Kept",
    "get",
    "last_callback_at",
    "list_arrived",
    "list_aside",
    "list_unmatched",
    "pin",
    "put",
    "replace",
]

_YOUNG: Final = 600.0
# SQLite took no more than 999 parameters for a long time.
_IDS_AT_ONCE: Final = 900


@attrs.frozen
class Bounds:
    """What a store keeps at most; see `SQLiteStore`."""

    ttl: float
    max_unknown: int
    max_unknown_bytes: int
    max_aside: int
    max_aside_bytes: int


@attrs.frozen
class Kept:
    """What became of a body, and where a first one stands in the order of all."""

    put: Put
    seq: int | None = None


def put(
    connection: sqlite3.Connection,
    now: float,
    bounds: Bounds,
    task_id: str,
    body: bytes,
    *,
    seen: bool,
) -> Kept:
    """Keep a callback's raw bytes; the first body of a job counts."""
    drop_a_little(connection, now - bounds.ttl)
    connection.execute("UPDATE summary SET last_callback_at = ?", (now,))
    known = _is_submitted(connection, task_id)
    digest = hashlib.sha256(body).digest()
    row = connection.execute(
        "SELECT sha256, seen FROM result WHERE task_id = ?", (task_id,)
    ).fetchone()
    if row is None:
        unmatched = not (known or seen)
        evicted = _make_room(connection, now, bounds, len(body)) if unmatched else ()
        cursor = connection.execute(
            "INSERT INTO result (task_id, received_at, seen, unmatched, sha256, size, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (task_id, now, seen, unmatched, digest, len(body), body),
        )
        return Kept(Put(Verdict.FIRST, known, evicted=evicted), cursor.lastrowid)
    first_digest, was_seen = row
    if digest == first_digest:
        if seen:
            _make_final(connection, task_id)
        return Kept(Put(Verdict.SAME, known))
    _keep_aside(connection, bounds, KeptAside(task_id, body, now), digest)
    unseen = None if was_seen else get(connection, task_id)
    return Kept(Put(Verdict.OTHER, known, unseen=unseen))


def replace(connection: sqlite3.Connection, task_id: str, *, old: bytes, new: bytes) -> bool:
    """Replace a body that nobody has seen, if it is still there."""
    cursor = connection.execute(
        "UPDATE result SET body = ?, size = ?, sha256 = ?"
        " WHERE task_id = ? AND sha256 = ? AND NOT seen",
        (
            new,
            len(new),
            hashlib.sha256(new).digest(),
            task_id,
            hashlib.sha256(old).digest(),
        ),
    )
    return cursor.rowcount > 0


def get(connection: sqlite3.Connection, task_id: str) -> bytes | None:
    """Return the body that counts."""
    row = connection.execute("SELECT body FROM result WHERE task_id = ?", (task_id,)).fetchone()
    return None if row is None else bytes(row[0])


def pin(connection: sqlite3.Connection, task_id: str) -> bytes | None:
    """Return the body that counts and make it final."""
    _make_final(connection, task_id)
    return get(connection, task_id)


def list_arrived(connection: sqlite3.Connection, task_ids: Collection[str]) -> Collection[str]:
    """Return those of some jobs whose callback is here."""
    arrived: list[str] = []
    remaining = iter(task_ids)
    while some := tuple(islice(remaining, _IDS_AT_ONCE)):
        places = ", ".join("?" * len(some))
        query = f"SELECT task_id FROM result WHERE task_id IN ({places})"  # noqa: S608
        arrived += [task_id for (task_id,) in connection.execute(query, some)]
    return arrived


def last_callback_at(connection: sqlite3.Connection) -> float | None:
    """Return when a callback came last."""
    (moment,) = connection.execute("SELECT last_callback_at FROM summary").fetchone()
    return None if moment is None else float(moment)


def list_unmatched(connection: sqlite3.Connection) -> Sequence[Arrival]:
    """Return the callbacks of jobs that nobody submitted or has seen, oldest first."""
    rows = connection.execute(
        "SELECT task_id, received_at, size FROM result WHERE unmatched = 1 ORDER BY received_at"
    )
    return tuple(Arrival(*row) for row in rows)


def list_aside(connection: sqlite3.Connection) -> Sequence[KeptAside]:
    """Return the bodies that contradicted the first one of their job, oldest first."""
    rows = connection.execute("SELECT task_id, body, received_at FROM dead ORDER BY seq")
    return tuple(KeptAside(*row) for row in rows)


def _is_submitted(connection: sqlite3.Connection, task_id: str) -> bool:
    query = "SELECT 1 FROM task WHERE task_id = ?"
    return connection.execute(query, (task_id,)).fetchone() is not None


def _make_final(connection: sqlite3.Connection, task_id: str) -> None:
    """Keep what somebody has seen where no flood of unknown callbacks reaches it."""
    connection.execute(
        "UPDATE result SET seen = 1, unmatched = 0 WHERE task_id = ? AND NOT seen", (task_id,)
    )


def _make_room(
    connection: sqlite3.Connection, now: float, bounds: Bounds, size: int
) -> tuple[Unmatched, ...]:
    """Evict what has to go, or nothing at all where even that is not enough."""
    count, bytes_in_all = connection.execute(
        "SELECT unmatched, unmatched_bytes FROM summary"
    ).fetchone()
    too_many = count + 1 - bounds.max_unknown
    too_large = bytes_in_all + size - bounds.max_unknown_bytes
    if too_many <= 0 and too_large <= 0:
        return ()
    oldest_first = connection.execute(
        "SELECT seq, received_at, size FROM result WHERE unmatched = 1 ORDER BY received_at"
    )
    leaving: list[int] = []
    while too_many > len(leaving) or too_large > 0:
        seq, received_at, freed = next(oldest_first, (0, now, 0))
        if now - received_at < _YOUNG:
            oldest_first.close()
            raise StoreError("the store is full of recent callbacks that nobody here submitted")
        leaving.append(seq)
        too_large -= freed
    oldest_first.close()
    return tuple(_evict(connection, seq) for seq in leaving)


def _evict(connection: sqlite3.Connection, seq: int) -> Unmatched:
    query = "SELECT task_id, body FROM result WHERE seq = ?"
    task_id, body = connection.execute(query, (seq,)).fetchone()
    connection.execute("DELETE FROM result WHERE seq = ?", (seq,))
    return Unmatched(task_id, body, evicted=True)


def _keep_aside(
    connection: sqlite3.Connection, bounds: Bounds, aside: KeptAside, digest: bytes
) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO dead (task_id, received_at, sha256, size, body)"
        " VALUES (?, ?, ?, ?, ?)",
        (aside.task_id, aside.received_at, digest, len(aside.body), aside.body),
    )
    while _has_too_much_aside(connection, bounds):
        connection.execute("DELETE FROM dead WHERE seq = (SELECT min(seq) FROM dead)")


def _has_too_much_aside(connection: sqlite3.Connection, bounds: Bounds) -> bool:
    count, size = connection.execute("SELECT dead, dead_bytes FROM summary").fetchone()
    return bool(count > bounds.max_aside or size > bounds.max_aside_bytes)
