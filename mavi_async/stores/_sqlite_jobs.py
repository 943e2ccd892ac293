"""Submissions and intents in a SQLite file: functions that run within one transaction."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

import attrs

from mavi_async._records import Intent, IntentState, Submission
from mavi_async.stores._sqlite_expiry import drop_a_little

__all__ = [
    "adopt",
    "begin_intent",
    "find_intent",
    "forget",
    "get_intent",
    "get_submission",
    "list_done",
    "list_intents",
    "list_pending",
    "list_uncollected",
    "mark_collected",
    "put_submission",
    "update_intent",
]

# The state of an intent, and the columns of an `Intent`, as of a moment.
_READS_AS: Final = "CASE WHEN state = 'sending' AND expires_at < :now THEN 'unknown' ELSE state END"
_INTENTS: Final = f"""
    SELECT intent_id, account, asset_id, created_at, expires_at, idempotency_key, task_id, endpoint,
        {_READS_AS} AS reads_as
    FROM intent
"""  # noqa: S608
_SUBMISSIONS: Final = """
    SELECT task_id, account, asset_id, submitted_at FROM task
    WHERE (:account IS NULL OR account = :account)
"""
_HAS_RESULT: Final = "EXISTS (SELECT 1 FROM result WHERE result.task_id = task.task_id)"


def put_submission(
    connection: sqlite3.Connection,
    now: float,
    ttl: float,
    submission: Submission,
    *,
    intent_id: str | None = None,
) -> None:
    """Keep an accepted job, and claim the callback that came before it."""
    drop_a_little(connection, now - ttl)
    if intent_id is not None:
        accepted = IntentState.ACCEPTED
        update_intent(connection, now, intent_id, accepted, task_id=submission.task_id)
    connection.execute(
        "INSERT INTO task (task_id, account, asset_id, submitted_at, kept_at)"
        " VALUES (:task_id, :account, :asset_id, :submitted_at, :now)"
        " ON CONFLICT (task_id) DO UPDATE SET account = :account, asset_id = :asset_id,"
        " submitted_at = :submitted_at",
        {**attrs.asdict(submission), "now": now},
    )
    connection.execute(
        "UPDATE result SET unmatched = 0 WHERE task_id = ? AND unmatched = 1",
        (submission.task_id,),
    )


def get_submission(connection: sqlite3.Connection, task_id: str) -> Submission | None:
    """Return an accepted job."""
    row = connection.execute(
        f"{_SUBMISSIONS} AND task_id = :task_id", {"account": None, "task_id": task_id}
    ).fetchone()
    return None if row is None else Submission(*row)


def list_pending(connection: sqlite3.Connection, account: str | None) -> Sequence[Submission]:
    """Return the jobs that have no callback yet, oldest first."""
    return _submissions(connection, account, f"NOT {_HAS_RESULT}")


def list_uncollected(connection: sqlite3.Connection, account: str | None) -> Sequence[Submission]:
    """Return the jobs whose callback is here and was given to nobody yet, oldest first."""
    return _submissions(connection, account, f"NOT collected AND {_HAS_RESULT}")


def list_done(connection: sqlite3.Connection, account: str | None) -> Sequence[Submission]:
    """Return the jobs whose callback is here, oldest first."""
    return _submissions(connection, account, _HAS_RESULT)


def mark_collected(connection: sqlite3.Connection, task_ids: Collection[str]) -> None:
    """Note that whoever awaited some jobs has their results."""
    connection.executemany(
        "UPDATE task SET collected = 1 WHERE task_id = ? AND NOT collected",
        [(task_id,) for task_id in task_ids],
    )


def forget(connection: sqlite3.Connection, task_id: str) -> bool:
    """Remove everything about a job; return False if there was nothing."""
    removed = [
        connection.execute(f"DELETE FROM {table} WHERE task_id = ?", (task_id,)).rowcount  # noqa: S608
        for table in ("result", "dead", "task", "intent")
    ]
    return any(removed)


def begin_intent(connection: sqlite3.Connection, now: float, ttl: float, intent: Intent) -> Intent:
    """Keep an intent before its request leaves, or return the one that stands in its way."""
    drop_a_little(connection, now - ttl)
    own = get_intent(connection, now, intent.intent_id)
    if own is not None and own.state is IntentState.ACCEPTED:
        return own
    if intent.idempotency_key is not None:
        earlier = find_intent(connection, now, intent.account, intent.idempotency_key)
        if earlier is not None and earlier.intent_id != intent.intent_id:
            if earlier.state is not IntentState.NOT_SENT:
                return earlier
            connection.execute("DELETE FROM intent WHERE intent_id = ?", (earlier.intent_id,))
    connection.execute(
        "INSERT INTO intent (intent_id, account, asset_id, state, created_at, expires_at,"
        " idempotency_key, task_id, endpoint, begun_at) VALUES (:intent_id, :account, :asset_id,"
        " :state, :created_at, :expires_at, :idempotency_key, :task_id, :endpoint, :now)"
        " ON CONFLICT (intent_id) DO UPDATE SET account = :account, asset_id = :asset_id,"
        " state = :state, created_at = :created_at, expires_at = :expires_at,"
        " idempotency_key = :idempotency_key, task_id = :task_id, endpoint = :endpoint,"
        " begun_at = :now",
        {**attrs.asdict(intent), "state": intent.state.value, "now": now},
    )
    return intent


def update_intent(
    connection: sqlite3.Connection,
    now: float,
    intent_id: str,
    state: IntentState,
    *,
    task_id: str | None = None,
    only_if: IntentState | None = None,
) -> bool:
    """Note how an intent's request ended; return False if there is none to change."""
    cursor = connection.execute(
        "UPDATE intent SET state = :state, task_id = coalesce(:task_id, task_id)"  # noqa: S608
        f" WHERE intent_id = :intent_id AND (:only_if IS NULL OR {_READS_AS} = :only_if)",
        {
            "now": now,
            "intent_id": intent_id,
            "state": state.value,
            "task_id": task_id,
            "only_if": None if only_if is None else only_if.value,
        },
    )
    return cursor.rowcount > 0


def adopt(
    connection: sqlite3.Connection, now: float, ttl: float, intent_id: str, task_id: str
) -> Submission | None:
    """Make an unmatched callback that of an intent whose outcome is unknown."""
    intent = get_intent(connection, now, intent_id)
    (is_orphaned,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM result WHERE task_id = :task_id)"
        " AND NOT EXISTS (SELECT 1 FROM task WHERE task_id = :task_id)",
        {"task_id": task_id},
    ).fetchone()
    if intent is None or intent.state is not IntentState.UNKNOWN or not is_orphaned:
        return None
    submission = Submission(task_id, intent.account, intent.asset_id, intent.created_at)
    put_submission(connection, now, ttl, submission, intent_id=intent_id)
    return submission


def get_intent(connection: sqlite3.Connection, now: float, intent_id: str) -> Intent | None:
    """Return an intent; one that is `SENDING` past its time reads as `UNKNOWN`."""
    found = _intents(connection, "intent_id = :intent_id", now=now, intent_id=intent_id)
    return found[0] if found else None


def find_intent(
    connection: sqlite3.Connection, now: float, account: str, idempotency_key: str
) -> Intent | None:
    """Return the intent of an idempotency key."""
    where = "account = :account AND idempotency_key = :key"
    found = _intents(connection, where, now=now, account=account, key=idempotency_key)
    return found[0] if found else None


def list_intents(
    connection: sqlite3.Connection, now: float, state: IntentState, account: str | None
) -> Sequence[Intent]:
    """Return the intents in one state, oldest first."""
    where = "reads_as = :state AND (:account IS NULL OR account = :account)"
    return _intents(connection, where, now=now, state=state.value, account=account)


def _submissions(
    connection: sqlite3.Connection, account: str | None, where: str
) -> Sequence[Submission]:
    query = f"{_SUBMISSIONS} AND {where} ORDER BY submitted_at, seq"
    return tuple(Submission(*row) for row in connection.execute(query, {"account": account}))


def _intents(
    connection: sqlite3.Connection, where: str, **values: float | str | None
) -> Sequence[Intent]:
    query = f"{_INTENTS} WHERE {where} ORDER BY created_at, begun_at, seq"
    return tuple(_intent(*row) for row in connection.execute(query, values))


def _intent(
    intent_id: str,
    account: str,
    asset_id: str,
    created_at: float,
    expires_at: float,
    idempotency_key: str | None,
    task_id: str | None,
    endpoint: str,
    state: str,
) -> Intent:
    return Intent(
        intent_id=intent_id,
        account=account,
        asset_id=asset_id,
        state=IntentState(state),
        created_at=created_at,
        expires_at=expires_at,
        idempotency_key=idempotency_key,
        task_id=task_id,
        endpoint=endpoint,
    )
