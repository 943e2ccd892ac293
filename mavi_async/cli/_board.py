"""What each recording is waiting for."""

import asyncio
import enum
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

import attrs

from mavi_async._errors import ConfigurationError
from mavi_async._records import Intent, IntentState, Pacing, Put, Verdict
from mavi_async.cli._text import clock_text

__all__ = ["Board", "NotSubmitted", "Plan", "Row", "Stage"]

Plan = Literal["early", "twice", "late"]

_EARLY: Final = "callback came before the answer to its submit: kept, matched by task_id"
_REPEAT: Final = "callback came twice: the repeat was acknowledged and changed nothing"
_OTHER: Final = "a second, different callback came: the first one counts"
_STRANGER: Final = "a callback for a task_id that no answer has named yet: kept"
_ELSEWHERE: Final = "a callback for a job that is not waited for here: kept"
_AGAIN: Final = "submitted again: the first request created no job"
_BEFORE: Final = "submitted by an earlier run, which is not paid for again"


@attrs.define(slots=False, eq=False)
class NotSubmitted(ConfigurationError):
    """Raised for a recording that is not submitted since another one was refused."""


class Stage(enum.Enum):
    """What a recording is waiting for."""

    QUEUED = "queued for a slot"
    SENDING = "being submitted"
    ELSEWHERE = "another run submits it"
    RUNNING = "waiting for callback"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "not submitted"


@attrs.define
class Row:
    """One recording.

    Attributes:
        asset_id: What is submitted, or what else it is called on the board.
        plan: What is made to happen to its callback, if anything.
        stage: What it is waiting for.
        since: When it reached that stage, on the board's clock.
        intent_id: The submission, once its first request is about to leave.
        task_id: The job, once it is accepted.
        accepted_at: When it was accepted.
        note: The last remarkable thing about it.
    """

    asset_id: str
    plan: Plan | None
    since: float
    stage: Stage = Stage.QUEUED
    intent_id: str | None = None
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
        self._plans = plans or {}
        self._clock = clock
        self.started_at = clock()
        self.rows: dict[str, Row] = {}
        for asset_id in asset_ids:
            self.add(asset_id)
        self.callbacks = 0
        self.refusal: str | None = None
        self.on_change: Callable[[str, str], None] = lambda _asset_id, _text: None
        self.queue: Callable[[], Pacing] = lambda: Pacing(0, 0.0)
        self._heard = asyncio.Event()

    def add(self, asset_id: str) -> None:
        """Show one more recording."""
        self.rows[asset_id] = Row(asset_id, self._plans.get(asset_id), self._clock())

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return self._clock() - self.started_at

    def queue_text(self) -> str:
        """Tell how long the queue for a turn is; nothing where there is none."""
        state = self.queue()
        if not state.queued:
            return ""
        return f"{state.queued} queued, about {clock_text(state.estimated_wait)} in all"

    def seconds_in_stage(self, row: Row) -> float:
        """Return how long a row has been in its stage."""
        return self._clock() - row.since

    def at(self, *stages: Stage) -> list[Row]:
        """Return the rows in one of some stages."""
        return [row for row in self.rows.values() if row.stage in stages]

    def leaving(self, asset_id: str, intent_id: str) -> None:
        """Note that a request can no longer be held back.

        Raises:
            NotSubmitted: If it must be, since another one was refused.
        """
        if self.refusal is not None:
            raise NotSubmitted(self.refusal)
        row = self._move(asset_id, Stage.SENDING)
        row.note = _AGAIN if row.intent_id == intent_id else ""
        row.intent_id = intent_id

    def sending(self, asset_id: str) -> None:
        """Note that a request is about to leave, for the first time or again."""
        queue = f"; {self.queue_text()}" if self.queue_text() else ""
        self.on_change(asset_id, (self.rows[asset_id].note or Stage.SENDING.value) + queue)

    def not_sent(self, intent_id: str) -> None:
        """Note that a request did not leave after all, or created no job; it may be tried again."""
        for row in self.at(Stage.SENDING):
            if row.intent_id == intent_id:
                self._move(row.asset_id, Stage.QUEUED)

    def found(self, intent: Intent) -> None:
        """Note how far the submission has come that a recording waits for, which may be another's.

        That of this run is noted step by step.
        """
        row = self.rows.get(intent.asset_id)
        if row is None or row.stage not in (Stage.QUEUED, Stage.ELSEWHERE):
            return
        is_sending = intent.state is IntentState.SENDING
        stage = Stage.ELSEWHERE if is_sending else Stage.QUEUED
        if row.stage is not stage:
            self._move(row.asset_id, stage)
            self.on_change(row.asset_id, stage.value)

    def accepted(self, asset_id: str, task_id: str, *, early: bool) -> None:
        """Note that a job was accepted; twice is allowed."""
        if self.rows[asset_id].task_id == task_id:
            return
        row = self._move(asset_id, Stage.RUNNING)
        row.task_id, row.accepted_at = task_id, self._clock()
        self.on_change(asset_id, f"accepted as task {task_id}, {Stage.RUNNING.value}")
        if early:
            self._note(row, _EARLY)

    def waiting(self, name: str, task_id: str, *, seconds: float) -> None:
        """Note that a job which was accepted some seconds ago is waited for."""
        self._wait(self.rows[name], task_id, seconds)
        self.on_change(name, f"task {task_id}, {Stage.RUNNING.value}")

    def attached(self, asset_id: str, task_id: str, *, seconds: float) -> None:
        """Note the job that a submit came to, accepted some seconds ago; for another run, maybe."""
        row = self.rows[asset_id]
        if row.task_id is None and row.stage is Stage.SENDING:
            self.accepted(asset_id, task_id, early=False)
        elif row.task_id is None:
            self._wait(row, task_id, seconds)
            self._note(row, f"task {task_id}: {_BEFORE}")

    def refused(self, asset_id: str, why: str) -> list[str]:
        """Let nothing leave any more, and return what has not; a refusal would meet it too."""
        if self.refusal is None:
            self.refusal = f"not submitted, since MAVI refused {asset_id}: {why}"
        return [row.asset_id for row in self.at(Stage.QUEUED)]

    def skipped(self, asset_id: str) -> None:
        """Note that it is not submitted."""
        self._move(asset_id, Stage.SKIPPED)
        self.on_change(asset_id, Stage.SKIPPED.value)

    def called_back(self, task_id: str, put: Put) -> None:
        """Note a callback."""
        self.callbacks += 1
        self._heard.set()
        row = next((row for row in self.rows.values() if row.task_id == task_id), None)
        if row is None or row.accepted_at is None:
            self.on_change("", _ELSEWHERE if put.known else _STRANGER)
        elif put.verdict is Verdict.SAME:
            self._note(row, _REPEAT)
        elif put.verdict is Verdict.OTHER:
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

    def _wait(self, row: Row, task_id: str, seconds: float) -> None:
        row.stage, row.task_id = Stage.RUNNING, task_id
        row.since = row.accepted_at = self._clock() - seconds

    def _move(self, asset_id: str, stage: Stage) -> Row:
        row = self.rows[asset_id]
        row.stage, row.since = stage, self._clock()
        return row

    def _note(self, row: Row, text: str) -> None:
        row.note = text
        self.on_change(row.asset_id, text)
