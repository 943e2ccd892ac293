"""What each recording is waiting for, seen through the store that every step is noted in."""

import asyncio
import enum
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

import attrs

from mavi_async._records import Intent, IntentState, Put, Submission, Verdict
from mavi_async.stores import MemoryStore

__all__ = ["Board", "Plan", "Row", "Stage", "WatchedStore"]

Plan = Literal["early", "twice", "late"]

_EARLY: Final = "callback came before the answer to its submit: kept, matched by task_id"
_REPEAT: Final = "callback came twice: the repeat was acknowledged and changed nothing"
_OTHER: Final = "a second, different callback came: the first one counts"
_STRANGER: Final = "a callback for a task_id that no answer has named yet: kept"


class Stage(enum.Enum):
    """What a recording is waiting for."""

    QUEUED = "queued for a slot"
    SENDING = "being submitted"
    RUNNING = "waiting for callback"
    DONE = "done"
    FAILED = "failed"


@attrs.define
class Row:
    """One recording.

    Attributes:
        asset_id: What is submitted.
        plan: What is made to happen to its callback, if anything.
        stage: What it is waiting for.
        since: When it reached that stage, on the board's clock.
        task_id: The job, once it is accepted.
        accepted_at: When it was accepted.
        note: The last remarkable thing about it.
    """

    asset_id: str
    plan: Plan | None
    since: float
    stage: Stage = Stage.QUEUED
    task_id: str | None = None
    accepted_at: float | None = None
    note: str = ""


class Board:
    """The rows, and what is told whenever one changes.

    Args:
        asset_ids: The recordings, in the order to show them.
        plans: What is made to happen to the callbacks of some.
        clock: Seconds.
    """

    def __init__(
        self,
        asset_ids: Iterable[str],
        *,
        plans: Mapping[str, Plan] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        plans = plans or {}
        self._clock = clock
        self.started_at = clock()
        self.rows = {each: Row(each, plans.get(each), self.started_at) for each in asset_ids}
        self.callbacks = 0
        self.on_change: Callable[[str, str], None] = lambda _asset_id, _text: None
        self._heard = asyncio.Event()

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return self._clock() - self.started_at

    def seconds_in_stage(self, row: Row) -> float:
        """Return how long a row has been in its stage."""
        return self._clock() - row.since

    def at(self, *stages: Stage) -> list[Row]:
        """Return the rows in one of some stages."""
        return [row for row in self.rows.values() if row.stage in stages]

    def sending(self, asset_id: str, *, again: bool = False) -> None:
        """Note that a request is about to leave."""
        row = self._move(asset_id, Stage.SENDING)
        if again:
            row.note = "submitted again: the first request created no job"
        self.on_change(asset_id, row.note if again else Stage.SENDING.value)

    def accepted(self, asset_id: str, task_id: str, *, early: bool) -> None:
        """Note that a job was accepted."""
        row = self._move(asset_id, Stage.RUNNING)
        row.task_id, row.accepted_at = task_id, self._clock()
        self.on_change(asset_id, f"accepted as task {task_id}, {Stage.RUNNING.value}")
        if early:
            self._note(row, _EARLY)

    def called_back(self, task_id: str, verdict: Verdict) -> None:
        """Note a callback."""
        self.callbacks += 1
        self._heard.set()
        row = next((row for row in self.rows.values() if row.task_id == task_id), None)
        if row is None or row.accepted_at is None:
            self.on_change("", _STRANGER)
        elif verdict is Verdict.SAME:
            self._note(row, _REPEAT)
        elif verdict is Verdict.OTHER:
            self._note(row, _OTHER)
        else:
            late = ": late, on purpose" if row.plan == "late" else ""
            seconds = self._clock() - row.accepted_at
            self._note(row, f"callback {seconds:.1f} s after its submit{late}")

    async def hear(self, callbacks: int) -> None:
        """Wait until so many callbacks have come in all."""
        while self.callbacks < callbacks:
            self._heard.clear()
            await self._heard.wait()

    def done(self, asset_id: str) -> None:
        """Note that the result is there."""
        self._move(asset_id, Stage.DONE)
        self.on_change(asset_id, Stage.DONE.value)

    def failed(self, asset_id: str, why: str) -> None:
        """Note that there will be no result."""
        self._move(asset_id, Stage.FAILED).note = why
        self.on_change(asset_id, f"{Stage.FAILED.value}: {why}")

    def _move(self, asset_id: str, stage: Stage) -> Row:
        row = self.rows[asset_id]
        row.stage, row.since = stage, self._clock()
        return row

    def _note(self, row: Row, text: str) -> None:
        row.note = text
        self.on_change(row.asset_id, text)


class WatchedStore(MemoryStore):
    """A store in memory that tells a board of each step; nothing else knows them all."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board

    async def begin_intent(self, intent: Intent) -> Intent:
        """Keep an intent before its request leaves."""
        kept = await super().begin_intent(intent)
        self._board.sending(intent.asset_id)
        return kept

    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        expires_at: float | None = None,
    ) -> bool:
        """Note how far an intent has come."""
        found = await super().update_intent(
            intent_id, state, task_id=task_id, expires_at=expires_at
        )
        intent = await self.get_intent(intent_id)
        if state is IntentState.SENDING and intent is not None:
            self._board.sending(intent.asset_id, again=True)
        return found

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        """Keep an accepted job."""
        early = await self.get_callback(submission.task_id) is not None
        await super().put_submission(submission, intent_id=intent_id)
        self._board.accepted(submission.asset_id, submission.task_id, early=early)

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a callback's raw bytes."""
        put = await super().put_callback(task_id, body, seen=seen)
        self._board.called_back(task_id, put.verdict)
        return put
