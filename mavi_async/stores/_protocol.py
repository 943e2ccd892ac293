"""What a store and a pacer must do; anything that does it can be used."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import attrs

from mavi_async._records import Arrival, Intent, IntentState, KeptAside, Put, Submission

__all__ = ["Lane", "Pacer", "Slot", "TaskStore"]


@attrs.frozen
class Lane:
    """What one rate limit is about.

    Attributes:
        origin: Scheme, host and port of the API.
        account: A digest that tells accounts apart; never the key.
        endpoint: The path: every endpoint has a limit of its own.
    """

    origin: str
    account: str
    endpoint: str


@attrs.frozen
class Slot:
    """A reserved departure.

    Attributes:
        number: Its place in the order of departures; only the pacer reads it.
        at: When it begins, on the pacer's own clock; only the pacer reads it.
        delay: Seconds from now until it begins.
        interval: Seconds between one request and the next.
        tolerance: Seconds after which a departure counts as late, so that the slot should be
            reserved anew.
        ack_clocked: Whether the request also waits for the answer to the one before it.
        waits: Whether it has to: confirm the slot again until it has not.
    """

    number: int
    at: float
    delay: float
    interval: float
    tolerance: float
    ack_clocked: bool
    waits: bool = False


class Pacer(Protocol):
    """One account's rate on one endpoint, shared as widely as the store that supplies it.

    Seconds are passed as differences, since the schedule may be kept on another host's clock.
    """

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        """Reserve the next departure, giving back an earlier reservation in the same step.

        Raises:
            StoreError: If the shared schedule cannot be reached.
        """
        ...

    async def confirm(self, slot: Slot) -> Slot:
        """Return a reservation as it stands now: to be asked just before the departure.

        It begins later where a request before it left late meanwhile, or was over the limit.

        Raises:
            StoreError: If the shared schedule cannot be reached.
        """
        ...

    async def give_back(self, slot: Slot) -> None:
        """Return a departure that is not used."""
        ...

    async def left(self, slot: Slot, *, late: float) -> None:
        """Note that the request left, `late` seconds later than its slot began."""
        ...

    async def answered(self, slot: Slot, *, refused: bool, certain: bool = True) -> None:
        """Note whether the request was over the limit.

        Args:
            slot: The departure that it used.
            refused: True if it was.
            certain: False where the answer may mean something else.
        """
        ...

    async def unanswered(self, slot: Slot) -> None:
        """Note that the request left and has no answer, so that no other one waits for it."""
        ...


class TaskStore(Protocol):
    """Where submissions, intents and raw callbacks are kept.

    Callbacks carry no account, and the process that receives them may have no key: so they are
    kept by ``task_id`` alone, while submissions and intents name their account.

    Every method may raise `StoreError`, and one that takes over three seconds is given up. Each
    call is atomic: done as a whole or not at all.
    """

    local: bool
    """True where no method ever suspends: nothing can then be interrupted or take long."""

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a callback's raw bytes; the first body of a job counts.

        An equal body changes nothing. A different one is kept aside, under a bound. Bodies of
        jobs that nobody submitted through this store are kept under a bound of their own.

        Args:
            task_id: The job that it answers.
            body: The body as received.
            seen: Whether a waiter gets the body if it is the one that counts; it is then final.

        Raises:
            StoreError: If it could not be kept: it must not be acknowledged.
        """
        ...

    async def replace_callback(self, task_id: str, *, old: bytes, new: bytes) -> bool:
        """Replace a body that cannot be decoded, if it is still there and nobody has seen it."""
        ...

    async def get_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts; reading does not change it."""
        ...

    async def pin_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts and make it final: somebody has seen it."""
        ...

    async def list_arrived(self, task_ids: Collection[str]) -> Collection[str]:
        """Return those of some jobs whose callback is here."""
        ...

    async def last_callback_at(self) -> float | None:
        """Return when a callback came last, in seconds since the epoch.

        Repeats and contradictions count, and so does what was forgotten since.
        """
        ...

    async def list_unmatched(self) -> Sequence[Arrival]:
        """Return the callbacks of jobs that nobody submitted through this store, oldest first.

        Only those that nobody has seen. `get_callback` returns the body of one.
        """
        ...

    async def list_aside(self) -> Sequence[KeptAside]:
        """Return the bodies that contradicted the first one of their job, oldest first."""
        ...

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None] | None:
        """Ask for a hint whenever a first body is stored, by any process.

        Returns once no hint can be missed any more. A hint may come late, twice or not at all,
        and ``notify(None)`` says that some may be missing: look for everything again. Hints come
        in the event loop that asked.

        Returns:
            A function that ends the hints; or ``None`` where the store cannot give any. What is
            awaited is then looked for every few seconds at most.
        """
        ...

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        """Keep an accepted job; a callback that came before it is no longer unknown.

        Args:
            submission: The job.
            intent_id: The intent that it comes from, accepted in the same step.
        """
        ...

    async def get_submission(self, task_id: str) -> Submission | None:
        """Return an accepted job."""
        ...

    async def list_pending(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs that have no callback yet, oldest first; of all accounts or of one."""
        ...

    async def list_uncollected(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs whose callback is here and was given to nobody yet, oldest first."""
        ...

    async def list_done(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs whose callback is here, collected or not, oldest first."""
        ...

    async def mark_collected(self, task_ids: Collection[str]) -> None:
        """Note that whoever awaited some jobs has their results."""
        ...

    async def forget(self, task_id: str) -> bool:
        """Remove everything about a job; return False if there was nothing."""
        ...

    async def begin_intent(self, intent: Intent) -> Intent:
        """Keep an intent before its request leaves, for the first time or again.

        Returns:
            The intent; or, unchanged, what is there instead: the same one where it was
            `IntentState.ACCEPTED` meanwhile, or another one of the same account and
            idempotency key, unless that is `IntentState.NOT_SENT`: its place is then taken.
        """
        ...

    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        """Note how an intent's request ended.

        Args:
            intent_id: The intent.
            state: What it is from now on.
            task_id: Its job; ``None`` leaves that as it is.
            only_if: Change it only while it reads as this state, in the same step.

        Returns:
            False, with nothing changed, if there is none of that name or it is in another state.
        """
        ...

    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        """Make an unmatched callback that of an intent whose outcome is unknown, in one step.

        Returns:
            The job, submitted when the intent was made; or ``None`` and nothing is changed: the
            intent is not `IntentState.UNKNOWN`, no callback is here, or somebody submitted it.
        """
        ...

    async def get_intent(self, intent_id: str) -> Intent | None:
        """Return an intent; one that is `SENDING` past its time reads as `UNKNOWN`."""
        ...

    async def find_intent(self, account: str, idempotency_key: str) -> Intent | None:
        """Return the intent of an idempotency key, as `get_intent` does."""
        ...

    async def list_intents(
        self, state: IntentState, account: str | None = None
    ) -> Sequence[Intent]:
        """Return the intents in one state, oldest first; of all accounts or of one."""
        ...

    async def expire(self) -> int:
        """Remove what is past its time and return how much that was; stores do it as they go."""
        ...

    def pacer(self, lane: Lane, interval: float) -> Pacer:
        """Return the pacer of a lane, for one request every `interval` seconds."""
        ...

    async def aclose(self) -> None:
        """Release what the store holds open; closing twice is allowed."""
        ...
