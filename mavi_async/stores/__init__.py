"""Where submissions, intents and raw callbacks are kept: one contract, several stores."""

from mavi_async._records import Arrival, Intent, IntentState, KeptAside, Put, Submission, Verdict
from mavi_async.stores._memory import MemoryStore
from mavi_async.stores._protocol import Lane, Pacer, Slot, TaskStore
from mavi_async.stores._sqlite import SQLiteStore

__all__ = [
    "Arrival",
    "Intent",
    "IntentState",
    "KeptAside",
    "Lane",
    "MemoryStore",
    "Pacer",
    "Put",
    "SQLiteStore",
    "Slot",
    "Submission",
    "TaskStore",
    "Verdict",
]
