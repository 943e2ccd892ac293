"""What is past its time leaves a SQLite file a little at a time."""

import sqlite3
from typing import Final

__all__ = ["drop_a_little", "drop_many"]

# More than come in with one call, so that it never falls behind.
_A_LITTLE: Final = 8
_MANY: Final = 250

_OLDEST: Final = "SELECT {} FROM {} WHERE {} <= ? ORDER BY {} LIMIT ?"
_OLD: Final = tuple(
    f"DELETE FROM {table} WHERE {column} IN ({_OLDEST.format(column, source, age, age)})"  # noqa: S608
    for table, column, source, age in (
        ("dead", "seq", "dead", "received_at"),
        # A job that was adopted is kept for longer than its callback: it is not pending again.
        ("task", "task_id", "result", "received_at"),
        ("result", "seq", "result", "received_at"),
        ("task", "seq", "task", "kept_at"),
        ("intent", "seq", "intent", "begun_at"),
    )
)


def drop_a_little(connection: sqlite3.Connection, before: float) -> None:
    """Remove some of what is older; it costs next to nothing where there is none."""
    for statement in _OLD:
        connection.execute(statement, (before, _A_LITTLE))


def drop_many(connection: sqlite3.Connection, before: float) -> int:
    """Remove much of what is older and return how much that was; 0 means that none is left."""
    return sum(connection.execute(statement, (before, _MANY)).rowcount for statement in _OLD)
