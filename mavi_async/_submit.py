"""The order in which a billed request is made, so that no job is lost and none is paid twice.

A turn in the queue, an intent in the store, the request, its outcome in the store; from the
intent on, the work goes on even if the caller is cancelled.
"""

import logging
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

import anyio
import attrs

from mavi_async._answers import Attempt, Failure, Outcome, Reply, classify, error_for
from mavi_async._background import Background, JobCancelled
from mavi_async._errors import StoreError, SubmitOutcomeUnknown
from mavi_async._gate import Gate, QueueTooLong
from mavi_async._patience import Patience
from mavi_async._records import Intent, IntentState
from mavi_async._retry import RetryPolicy, next_try
from mavi_async._structure import Malformed
from mavi_async._transport import Transport
from mavi_async._turn import Turn
from mavi_async._wire import Envelope, request_body
from mavi_async.stores import TaskStore
from mavi_async.stores._deadline import eventually, in_time

__all__ = ["KeyTaken", "Submitter", "end_turn"]

log = logging.getLogger("mavi_async")

_AFTER_DEADLINE = 30.0

T = TypeVar("T")


class KeyTaken(Exception):
    """Raised where a submission was decided elsewhere meanwhile; nothing was sent.

    Another one has its idempotency key, or its user has adopted a callback for it.
    """

    def __init__(self, intent: Intent) -> None:
        super().__init__(intent.intent_id)
        self.intent = intent


@attrs.frozen
class Submitter(Generic[T]):
    """Makes billed requests at one endpoint.

    Attributes:
        path: The endpoint, below the base URL.
        transport: Sends the requests.
        gate: Lets them leave one at a time.
        store: Where intents are kept.
        background: Where a request goes on when its caller is cancelled.
        account: Whose requests they are.
        retry: Which failures may be sent again.
        deadline: Seconds for one request, from connecting to the last byte of its answer.
        max_wait: Seconds that it may wait for its turns in all; ``None`` for any time.
        read: Turns an accepting envelope, and the body that it is from, into what the caller
            gets, and records it; raises `Malformed` where it cannot be read.
        check: Called when a request is about to leave; what it raises keeps it back.
    """

    path: str
    transport: Transport
    gate: Gate
    store: TaskStore
    background: Background
    account: str
    retry: RetryPolicy
    deadline: float
    max_wait: float | None
    read: Callable[[Envelope, bytes, Intent], Awaitable[T]]
    check: Callable[[], None] = lambda: None

    def patience(self, asset_id: str) -> Patience:
        """Begin to count the time that a submission may wait."""
        return Patience(self.gate, asset_id, self.max_wait)

    async def submit(
        self,
        asset_id: str,
        idempotency_key: str | None = None,
        patience: Patience | None = None,
    ) -> T:
        """Make the request, again where that is safe, until its outcome is known.

        Raises:
            KeyTaken: If another submission has the idempotency key, from the start or since the
                last try, or this one was adopted since.
            ApiError: As the outcome demands.
            PacingTimeout: If its turn does not come in time; nothing was sent.
            StoreError: If the intent cannot be kept; nothing was sent then.
            ConfigurationError: If the HTTP client that was given is closed.
        """
        self.transport.check_usable()
        intent = self._new_intent(asset_id, idempotency_key)
        patience = patience or self.patience(asset_id)
        tries = Counter[Outcome]()
        at_head = False
        while True:
            turn = await self._turn(intent, patience, at_head=at_head)
            # No await may stand between the turn and the job that ends it.
            job = self.background.start(partial(self._attempt, intent, turn), turn.end)
            try:
                attempt, result = await job.wait()
            except JobCancelled:
                attempt = Failure("the client was closed before the answer came", sent=True)
                raise self._error(attempt, intent) from None
            if result is not None:
                return result
            outcome = classify(attempt)
            tries[outcome] += 1
            jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
            again = next_try(
                attempt, tries=tries[outcome], policy=self.retry, jitter=jitter, now=time.time()
            )
            if again is None:
                raise self._error(attempt, intent)
            log.info("submitting %s again in %.1f s: %s", asset_id, again.delay, _why(attempt))
            await patience.rest(again.delay)
            at_head = again.at_head

    async def _turn(self, intent: Intent, patience: Patience, *, at_head: bool) -> Turn:
        try:
            return await self.gate.enter(
                at_head=at_head, within=patience.left, first=partial(self._check_key, intent)
            )
        except QueueTooLong:
            raise patience.timeout() from None

    async def _check_key(self, intent: Intent) -> None:
        """Take no slot for what another submission has done while this one was queued."""
        self.check()
        if intent.idempotency_key is None:
            return
        found = await in_time(self.store.find_intent(self.account, intent.idempotency_key))
        if found is not None and found.state is not IntentState.NOT_SENT:
            _check_own(found, intent)

    async def _attempt(self, intent: Intent, turn: Turn) -> tuple[Attempt, T | None]:
        """Make one request; the intent says `SENDING` before, and how it ended after."""
        try:
            self.check()
            await self._note_sending(intent)
            attempt = await self.transport.post(
                self.path,
                request_body(intent.asset_id),
                deadline=self.deadline,
                before_leaving=turn.hold,
                on_leaving=turn.left,
            )
        except BaseException:
            # Without an outcome the intent stays `SENDING`, and reads as unknown in time.
            with anyio.CancelScope(shield=True):
                await turn.unanswered(sent=turn.has_left)
            raise
        outcome = classify(attempt)
        await end_turn(turn, attempt, outcome)
        result = await self._accepted(attempt, intent) if outcome is Outcome.ACCEPTED else None
        if result is None:
            await self._note_failure(attempt, outcome, intent)
        return attempt, result

    async def _note_sending(self, intent: Intent) -> None:
        expires_at = time.time() + self.deadline + _AFTER_DEADLINE
        sending = attrs.evolve(intent, expires_at=expires_at)
        try:
            kept = await in_time(self.store.begin_intent(sending))
        except StoreError:
            # It may be kept all the same, and would then block its key although nothing is sent.
            free = partial(
                self.store.update_intent,
                intent.intent_id,
                IntentState.NOT_SENT,
                only_if=IntentState.SENDING,
            )
            self.background.start_quietly(
                partial(eventually, free), f"noting that {intent.asset_id} was not submitted"
            )
            raise
        _check_own(kept, intent)

    async def _accepted(self, attempt: Attempt, intent: Intent) -> T | None:
        """Record the job; ``None`` where the answer says yes and cannot be read."""
        if not isinstance(attempt, Reply) or attempt.envelope is None:
            return None
        try:
            return await self.read(attempt.envelope, attempt.body, intent)
        except Malformed as error:
            log.warning("the answer to submitting %s cannot be read: %s", intent.asset_id, error)
            return None

    async def _note_failure(self, attempt: Attempt, outcome: Outcome, intent: Intent) -> None:
        if outcome in (Outcome.UNKNOWN, Outcome.ACCEPTED):
            state = IntentState.UNKNOWN
            # Logged here, since the caller may have been cancelled.
            log.warning("%s", self._error(attempt, intent))
        else:
            state = IntentState.NOT_SENT
        try:
            await in_time(self.store.update_intent(intent.intent_id, state))
        except Exception:
            # What became of the request is what the caller must learn.
            log.exception("how submitting %s ended is not recorded", intent.asset_id)

    def _new_intent(self, asset_id: str, idempotency_key: str | None) -> Intent:
        return Intent(
            intent_id=uuid.uuid4().hex,
            account=self.account,
            endpoint=self.path,
            asset_id=asset_id,
            state=IntentState.SENDING,
            created_at=time.time(),
            expires_at=0.0,
            idempotency_key=idempotency_key,
        )

    def outcome_unknown(self, intent: Intent) -> SubmitOutcomeUnknown:
        """The error for a submission that ended, here or elsewhere, without a known outcome."""
        endpoint = self.transport.endpoint(self.path)
        return SubmitOutcomeUnknown(
            "an earlier submission with this idempotency key was sent, and its outcome is not "
            "known: adopt() its callback, or abandon() it if no job was made",
            str(endpoint),
            endpoint.host,
            intent.asset_id,
            intent.intent_id,
        )

    def _error(self, attempt: Attempt, intent: Intent) -> Exception:
        return error_for(
            attempt,
            self.transport.endpoint(self.path),
            asset_id=intent.asset_id,
            intent_id=intent.intent_id,
            now=time.time(),
        )


def _check_own(kept: Intent, intent: Intent) -> None:
    if kept.intent_id != intent.intent_id or kept.state is IntentState.ACCEPTED:
        raise KeyTaken(kept)


async def end_turn(turn: Turn, attempt: Attempt, outcome: Outcome) -> None:
    """Tell a turn what came of its request."""
    if isinstance(attempt, Failure):
        await turn.unanswered(sent=attempt.sent)
    elif outcome is Outcome.MAYBE_LIMITED:
        await turn.answered(refused=True, certain=False)
    else:
        await turn.answered(refused=outcome is Outcome.LIMITED)


def _why(attempt: Attempt) -> str:
    return f"HTTP {attempt.status}" if isinstance(attempt, Reply) else attempt.reason
