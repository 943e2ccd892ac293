"""The store of a process that keeps nothing on disk."""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

import attrs

from mavi_async._records import (
    Arrival,
    Intent,
    IntentState,
    KeptAside,
    Put,
    Submission,
    Verdict,
)
from mavi_async.stores._aside import Aside
from mavi_async.stores._intents import Intents
from mavi_async.stores._pacer import process_pacer
from mavi_async.stores._protocol import Lane, Pacer
from mavi_async.stores._shelf import Kept, Shelf

__all__ = ["MemoryStore"]


@attrs.define
class _Job:
    submission: Submission
    kept_at: float
    collected: bool = False


class MemoryStore:
    """Keeps everything in this process, and nothing beyond it.

    Right for one process whose restart may lose what is pending. Several workers behind one
    webhook URL need a store that they share. It belongs to one event loop.

    Args:
        ttl: Seconds for which submissions, results and intents are kept.
        max_unknown: How many callbacks of jobs that nobody submitted are kept.
        max_unknown_bytes: How many bytes they may take in all.
        max_aside: How many contradicting bodies are kept; the oldest make room.
        max_aside_bytes: How many bytes they may take in all.
        clock: Returns seconds since the epoch.
    """

    local = True

    def __init__(
        self,
        *,
        ttl: float = 86_400.0,
        max_unknown: int = 10_000,
        max_unknown_bytes: int = 256 * 1024 * 1024,
        max_aside: int = 1_000,
        max_aside_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ttl = ttl
        self._clock = clock
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._shelf = Shelf(max_unknown, max_unknown_bytes)
        self._aside = Aside(max_aside, max_aside_bytes)
        self._intents = Intents()
        self._last_callback_at: float | None = None
        self._watchers: list[Callable[[str | None], None]] = []

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a callback's raw bytes; the first body of a job counts."""
        now = self._clock()
        self._remove_old(now)
        known = task_id in self._jobs
        kept = self._shelf.get(task_id)
        if kept is None:
            evicted = self._shelf.add(task_id, Kept(body, now, seen), known=known or seen)
            self._last_callback_at = now
            for notify in tuple(self._watchers):
                notify(task_id)
            return Put(Verdict.FIRST, known, evicted=evicted)
        self._last_callback_at = now
        if kept.body != body:
            self._aside.add(task_id, body, now)
            return Put(Verdict.OTHER, known, unseen=None if kept.seen else kept.body)
        if seen:
            self._make_final(task_id, kept)
        return Put(Verdict.SAME, known)

    async def replace_callback(self, task_id: str, *, old: bytes, new: bytes) -> bool:
        """Replace a body that cannot be decoded, if it is still there and nobody has seen it."""
        return self._shelf.replace(task_id, old=old, new=new)

    async def get_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts; reading does not change it."""
        kept = self._shelf.get(task_id)
        return None if kept is None else kept.body

    async def pin_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts and make it final: somebody has seen it."""
        kept = self._shelf.get(task_id)
        if kept is None:
            return None
        self._make_final(task_id, kept)
        return kept.body

    async def list_arrived(self, task_ids: Collection[str]) -> Collection[str]:
        """Return those of some jobs whose callback is here."""
        return [task_id for task_id in task_ids if task_id in self._shelf]

    async def last_callback_at(self) -> float | None:
        """Return when a callback came last."""
        return self._last_callback_at

    async def list_unmatched(self) -> Sequence[Arrival]:
        """Return the callbacks of jobs that nobody submitted through this store, oldest first."""
        return self._shelf.unmatched()

    async def list_aside(self) -> Sequence[KeptAside]:
        """Return the bodies that contradicted the first one of their job, oldest first."""
        return tuple(self._aside)

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        """Ask for a hint whenever a first body is stored."""
        self._watchers.append(notify)

        def stop() -> None:
            if notify in self._watchers:
                self._watchers.remove(notify)

        return stop

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        """Keep an accepted job; a callback that came before it is no longer unknown."""
        now = self._clock()
        self._remove_old(now)
        task_id = submission.task_id
        if intent_id is not None:
            self._intents.update(intent_id, IntentState.ACCEPTED, task_id)
        job = self._jobs.setdefault(task_id, _Job(submission, now))
        job.submission = submission
        self._shelf.claim(task_id)

    async def get_submission(self, task_id: str) -> Submission | None:
        """Return an accepted job."""
        job = self._jobs.get(task_id)
        return None if job is None else job.submission

    async def list_pending(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs that have no callback yet, oldest first."""
        return self._submissions_of(account, lambda task_id, _: task_id not in self._shelf)

    async def list_uncollected(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs whose callback is here and was given to nobody yet, oldest first."""
        return self._submissions_of(
            account, lambda task_id, job: task_id in self._shelf and not job.collected
        )

    async def list_done(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs whose callback is here, oldest first."""
        return self._submissions_of(account, lambda task_id, _: task_id in self._shelf)

    async def mark_collected(self, task_ids: Collection[str]) -> None:
        """Note that whoever awaited some jobs has their results."""
        for task_id in task_ids:
            if task_id in self._jobs:
                self._jobs[task_id].collected = True

    async def forget(self, task_id: str) -> bool:
        """Remove everything about a job; return False if there was nothing."""
        found = (
            self._jobs.pop(task_id, None) is not None,
            self._shelf.remove(task_id),
            self._aside.remove(task_id),
            self._intents.remove_of(task_id),
        )
        return any(found)

    async def begin_intent(self, intent: Intent) -> Intent:
        """Keep an intent before its request leaves, or return the one that stands in its way."""
        now = self._clock()
        self._remove_old(now)
        return self._intents.begin(intent, now)

    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        """Note how an intent's request ended; return False if there is none to change."""
        intent = self._intents.get(intent_id, self._clock())
        if intent is None or only_if not in (None, intent.state):
            return False
        self._intents.update(intent_id, state, task_id)
        return True

    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        """Make an unmatched callback that of an intent whose outcome is unknown."""
        now = self._clock()
        self._remove_old(now)
        intent = self._intents.get(intent_id, now)
        orphaned = task_id in self._shelf and task_id not in self._jobs
        if intent is None or intent.state is not IntentState.UNKNOWN or not orphaned:
            return None
        submission = Submission(task_id, intent.account, intent.asset_id, intent.created_at)
        await self.put_submission(submission, intent_id=intent_id)
        return submission

    async def get_intent(self, intent_id: str) -> Intent | None:
        """Return an intent; one that is `SENDING` past its time reads as `UNKNOWN`."""
        return self._intents.get(intent_id, self._clock())

    async def find_intent(self, account: str, idempotency_key: str) -> Intent | None:
        """Return the intent of an idempotency key."""
        return self._intents.find(account, idempotency_key, self._clock())

    async def list_intents(
        self, state: IntentState, account: str | None = None
    ) -> Sequence[Intent]:
        """Return the intents in one state, oldest first."""
        return tuple(
            intent
            for intent in self._intents.oldest_first(self._clock())
            if account in (None, intent.account) and intent.state is state
        )

    async def expire(self) -> int:
        """Remove what is past its time and return how much that was."""
        return self._remove_old(self._clock())

    def pacer(self, lane: Lane, interval: float) -> Pacer:
        """Return the pacer that all clients of this process share."""
        return process_pacer(lane, interval)

    async def aclose(self) -> None:
        """Do nothing: what is in memory goes with its last reference."""

    def _submissions_of(
        self, account: str | None, where: Callable[[str, _Job], bool]
    ) -> Sequence[Submission]:
        found = (
            job.submission
            for task_id, job in self._jobs.items()
            if account in (None, job.submission.account) and where(task_id, job)
        )
        return tuple(sorted(found, key=lambda submission: submission.submitted_at))

    def _make_final(self, task_id: str, kept: Kept) -> None:
        """Keep what somebody has seen where no flood of unknown callbacks reaches it."""
        kept.seen = True
        self._shelf.claim(task_id)

    def _remove_old(self, now: float) -> int:
        """Look only at the oldest of each kind, so that it costs next to nothing to call."""
        moment = now - self._ttl
        removed = self._aside.remove_until(moment) + self._intents.remove_until(moment)
        for task_id in self._shelf.remove_until(moment):
            # A job that was adopted is kept for longer than its callback: it is not pending again.
            removed += 1 + (self._jobs.pop(task_id, None) is not None)
        while self._jobs and next(iter(self._jobs.values())).kept_at <= moment:
            self._jobs.popitem(last=False)
            removed += 1
        return removed
