"""The store of a process that keeps nothing on disk."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

import attrs

from mavi_async._errors import StoreError
from mavi_async._records import (
    Intent,
    IntentState,
    KeptAside,
    Put,
    Submission,
    Unmatched,
    Verdict,
)
from mavi_async.stores._pacer import process_pacer
from mavi_async.stores._protocol import Lane, Pacer

__all__ = ["MemoryStore"]

_YOUNG = 600.0


@attrs.define
class _Kept:
    body: bytes
    received_at: float
    seen: bool


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
        self._max_unknown = max_unknown
        self._max_unknown_bytes = max_unknown_bytes
        self._clock = clock
        self._results: OrderedDict[str, _Kept] = OrderedDict()
        self._unknown: OrderedDict[str, _Kept] = OrderedDict()
        self._unknown_bytes = 0
        self._max_aside = max_aside
        self._max_aside_bytes = max_aside_bytes
        self._aside: deque[KeptAside] = deque()
        self._submissions: OrderedDict[str, Submission] = OrderedDict()
        self._intents: OrderedDict[str, Intent] = OrderedDict()
        self._intent_of_key: dict[tuple[str, str], str] = {}
        self._watchers: list[Callable[[str | None], None]] = []

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a callback's raw bytes; the first body of a job counts."""
        now = self._clock()
        self._drop_old(now)
        known = task_id in self._submissions
        kept = self._kept(task_id)
        if kept is None:
            evicted = self._keep_first(task_id, _Kept(body, now, seen), known=known or seen)
            for notify in tuple(self._watchers):
                notify(task_id)
            return Put(Verdict.FIRST, known, evicted=evicted)
        if kept.body == body:
            if seen:
                self._make_final(task_id, kept)
            return Put(Verdict.SAME, known)
        self._keep_aside(KeptAside(task_id, body, now))
        return Put(Verdict.OTHER, known, unseen=None if kept.seen else kept.body)

    async def replace_callback(self, task_id: str, *, old: bytes, new: bytes) -> bool:
        """Replace a body that cannot be decoded, if it is still there and nobody has seen it."""
        kept = self._kept(task_id)
        if kept is None or kept.seen or kept.body != old:
            return False
        if task_id in self._unknown:
            self._unknown_bytes += len(new) - len(old)
        kept.body = new
        return True

    async def get_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts; reading does not change it."""
        kept = self._kept(task_id)
        return None if kept is None else kept.body

    async def pin_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts and make it final: somebody has seen it."""
        kept = self._kept(task_id)
        if kept is None:
            return None
        self._make_final(task_id, kept)
        return kept.body

    async def list_unmatched(self) -> Sequence[Unmatched]:
        """Return the callbacks of jobs that nobody submitted through this store, oldest first."""
        return tuple(Unmatched(task_id, kept.body) for task_id, kept in self._unknown.items())

    async def list_aside(self) -> Sequence[KeptAside]:
        """Return the bodies that contradicted the first one of their job, oldest first."""
        return tuple(self._aside)

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        """Ask for a hint whenever a first body is stored."""
        self._watchers.append(notify)
        return lambda: self._watchers.remove(notify)

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        """Keep an accepted job; a callback that came before it is no longer unknown."""
        if intent_id is not None:
            await self.update_intent(intent_id, IntentState.ACCEPTED, task_id=submission.task_id)
        task_id = submission.task_id
        self._drop_old(self._clock())
        self._submissions[task_id] = submission
        early = self._unknown.pop(task_id, None)
        if early is not None:
            self._unknown_bytes -= len(early.body)
            self._results[task_id] = early

    async def get_submission(self, task_id: str) -> Submission | None:
        """Return an accepted job."""
        return self._submissions.get(task_id)

    async def list_pending(self, account: str) -> Sequence[Submission]:
        """Return an account's jobs that have no callback yet, oldest first."""
        return self._submissions_of(account, done=False)

    async def list_done(self, account: str) -> Sequence[Submission]:
        """Return an account's jobs whose callback is here, oldest first."""
        return self._submissions_of(account, done=True)

    async def forget(self, task_id: str) -> None:
        """Remove everything about a job."""
        self._submissions.pop(task_id, None)
        self._results.pop(task_id, None)
        unknown = self._unknown.pop(task_id, None)
        if unknown is not None:
            self._unknown_bytes -= len(unknown.body)
        self._aside = deque(each for each in self._aside if each.task_id != task_id)
        for intent in [each for each in self._intents.values() if each.task_id == task_id]:
            self._drop_intent(intent)

    async def begin_intent(self, intent: Intent) -> Intent:
        """Keep an intent before its request leaves, or return the earlier one of its key."""
        self._drop_old(self._clock())
        earlier = self._intent_with_key(intent)
        if earlier is not None and earlier.state is not IntentState.NOT_SENT:
            return earlier
        if earlier is not None:
            self._drop_intent(earlier)
        self._intents[intent.intent_id] = intent
        if intent.idempotency_key is not None:
            self._intent_of_key[intent.account, intent.idempotency_key] = intent.intent_id
        return intent

    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        expires_at: float | None = None,
    ) -> bool:
        """Note how far an intent has come; return False if there is none of that name."""
        intent = self._intents.get(intent_id)
        if intent is None:
            return False
        self._intents[intent_id] = attrs.evolve(
            intent,
            state=state,
            task_id=task_id or intent.task_id,
            expires_at=intent.expires_at if expires_at is None else expires_at,
        )
        return True

    async def get_intent(self, intent_id: str) -> Intent | None:
        """Return an intent; one that is `SENDING` past its time reads as `UNKNOWN`."""
        intent = self._intents.get(intent_id)
        return None if intent is None else self._as_of_now(intent)

    async def list_intents(self, account: str, state: IntentState) -> Sequence[Intent]:
        """Return an account's intents in one state, oldest first."""
        intents = [self._as_of_now(each) for each in self._intents.values()]
        return tuple(each for each in intents if each.account == account and each.state is state)

    async def expire(self) -> int:
        """Remove what is past its time and return how much that was."""
        return self._drop_old(self._clock())

    def pacer(self, lane: Lane, interval: float) -> Pacer:
        """Return the pacer that all clients of this process share."""
        return process_pacer(lane, interval)

    async def aclose(self) -> None:
        """Do nothing: what is in memory goes with its last reference."""

    def _submissions_of(self, account: str, *, done: bool) -> Sequence[Submission]:
        return tuple(
            submission
            for task_id, submission in self._submissions.items()
            if submission.account == account and (task_id in self._results) is done
        )

    def _kept(self, task_id: str) -> _Kept | None:
        return self._results.get(task_id) or self._unknown.get(task_id)

    def _make_final(self, task_id: str, kept: _Kept) -> None:
        """Keep what somebody has seen where no flood of unknown callbacks reaches it."""
        kept.seen = True
        if self._unknown.pop(task_id, None) is not None:
            self._unknown_bytes -= len(kept.body)
            self._results[task_id] = kept

    def _keep_first(self, task_id: str, kept: _Kept, *, known: bool) -> tuple[Unmatched, ...]:
        if known:
            self._results[task_id] = kept
            return ()
        evicted = self._make_room(len(kept.body), kept.received_at)
        self._unknown[task_id] = kept
        self._unknown_bytes += len(kept.body)
        return evicted

    def _keep_aside(self, aside: KeptAside) -> None:
        if any((each.task_id, each.body) == (aside.task_id, aside.body) for each in self._aside):
            return
        self._aside.append(aside)
        size = sum(len(each.body) for each in self._aside)
        while len(self._aside) > self._max_aside or size > self._max_aside_bytes:
            size -= len(self._aside.popleft().body)

    def _make_room(self, size: int, now: float) -> tuple[Unmatched, ...]:
        """Evict what has to go, or nothing at all where even that is not enough."""
        evicted: list[Unmatched] = []
        too_many = len(self._unknown) + 1 - self._max_unknown
        too_large = self._unknown_bytes + size - self._max_unknown_bytes
        oldest_first = iter(self._unknown.items())
        while too_many > len(evicted) or too_large > 0:
            task_id, kept = next(oldest_first, (None, None))
            if task_id is None or kept is None or now - kept.received_at < _YOUNG:
                raise StoreError("the store is full of recent callbacks that nobody here submitted")
            evicted.append(Unmatched(task_id, kept.body, evicted=True))
            too_large -= len(kept.body)
        for unmatched in evicted:
            del self._unknown[unmatched.task_id]
            self._unknown_bytes -= len(unmatched.body)
        return tuple(evicted)

    def _intent_with_key(self, intent: Intent) -> Intent | None:
        if intent.idempotency_key is None:
            return None
        intent_id = self._intent_of_key.get((intent.account, intent.idempotency_key))
        return None if intent_id is None else self._as_of_now(self._intents[intent_id])

    def _as_of_now(self, intent: Intent) -> Intent:
        if intent.state is IntentState.SENDING and self._clock() > intent.expires_at:
            return attrs.evolve(intent, state=IntentState.UNKNOWN)
        return intent

    def _drop_intent(self, intent: Intent) -> None:
        del self._intents[intent.intent_id]
        if intent.idempotency_key is not None:
            self._intent_of_key.pop((intent.account, intent.idempotency_key), None)

    def _drop_old(self, now: float) -> int:
        """Look only at the oldest of each kind, so that it costs next to nothing to call."""
        before = now - self._ttl
        dropped = 0
        while self._aside and self._aside[0].received_at <= before:
            self._aside.popleft()
            dropped += 1
        for kept in (self._results, self._unknown):
            while kept and next(iter(kept.values())).received_at <= before:
                _, old = kept.popitem(last=False)
                self._unknown_bytes -= len(old.body) if kept is self._unknown else 0
                dropped += 1
        while self._submissions and self._oldest_submission() <= before:
            self._submissions.popitem(last=False)
            dropped += 1
        while self._intents and next(iter(self._intents.values())).created_at <= before:
            self._drop_intent(next(iter(self._intents.values())))
            dropped += 1
        return dropped

    def _oldest_submission(self) -> float:
        return next(iter(self._submissions.values())).submitted_at
