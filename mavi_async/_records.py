"""The facts that stores keep and that a dispatcher reports."""

import enum
from datetime import UTC, datetime

import attrs

__all__ = [
    "Arrival",
    "Delivery",
    "Intent",
    "IntentState",
    "KeptAside",
    "Pacing",
    "Put",
    "Submission",
    "Unmatched",
    "Verdict",
]


class Delivery(enum.Enum):
    """What became of a body that was fed to a dispatcher."""

    RESOLVED = "resolved"
    """Kept, and a task of this process is done."""
    STORED = "stored"
    """Kept; no task of this process waits for it, or not yet."""
    DUPLICATE = "duplicate"
    """The same body was there before."""
    CONFLICT = "conflict"
    """Another body was there before: the first one counts, this one is kept aside."""
    MALFORMED = "malformed"
    """Not a strict JSON object with a ``task_id``: nothing was kept."""


class Verdict(enum.Enum):
    """How a body compares with what the store holds for its job."""

    FIRST = "first"
    SAME = "same"
    OTHER = "other"


@attrs.frozen
class Arrival:
    """A callback that is kept.

    Attributes:
        task_id: The job that it answers.
        received_at: Seconds since the epoch.
        size: The length of its body in bytes.
    """

    task_id: str
    received_at: float
    size: int


@attrs.frozen
class Unmatched:
    """A callback whose ``task_id`` nobody knows.

    Attributes:
        task_id: The job that it answers.
        body: The body as received.
        evicted: True where it had to leave a full store.
    """

    task_id: str
    body: bytes
    evicted: bool = False


@attrs.frozen
class Put:
    """What became of a body that was put into a store.

    Attributes:
        verdict: How it compares with what was there.
        known: Whether the store holds a submission with this ``task_id``.
        unseen: With `Verdict.OTHER`, the earlier body while no waiter has seen it.
        evicted: Old callbacks that nobody knew and that had to make room.
    """

    verdict: Verdict
    known: bool = False
    unseen: bytes | None = None
    evicted: tuple[Unmatched, ...] = ()


@attrs.frozen
class KeptAside:
    """A body that contradicted the first one of its job.

    Attributes:
        task_id: The job that it answers.
        body: The body as received.
        received_at: Seconds since the epoch.
    """

    task_id: str
    body: bytes
    received_at: float


@attrs.frozen
class Pacing:
    """The queue of a client for its turns to submit.

    Attributes:
        queued: How many submits wait for their turn.
        estimated_wait: About how many seconds one that joins now would wait, judged by how the
            queue has moved lately.
    """

    queued: int
    estimated_wait: float


@attrs.frozen
class Submission:
    """An accepted job.

    Attributes:
        task_id: The job.
        account: A digest that tells accounts apart; never the key.
        asset_id: What was submitted.
        submitted_at: Seconds since the epoch.
    """

    task_id: str
    account: str
    asset_id: str
    submitted_at: float

    @property
    def submitted(self) -> datetime:
        """When it was submitted, as an aware datetime."""
        return datetime.fromtimestamp(self.submitted_at, UTC)


class IntentState(enum.Enum):
    """How far a submission has come."""

    SENDING = "sending"
    """A request may be on its way."""
    ACCEPTED = "accepted"
    """The job exists and its ``task_id`` is known."""
    NOT_SENT = "not_sent"
    """No job exists: nothing was sent, or the API said no."""
    UNKNOWN = "unknown"
    """A request was sent and nobody can tell whether the job exists."""


@attrs.frozen
class Intent:
    """A submission from before its request leaves until its outcome is known.

    Attributes:
        intent_id: Its identifier.
        account: A digest that tells accounts apart; never the key.
        asset_id: What is submitted.
        state: How far it has come.
        created_at: Seconds since the epoch.
        expires_at: Seconds since the epoch by which its request has ended for certain; one
            that is still `IntentState.SENDING` then reads as `IntentState.UNKNOWN`.
        idempotency_key: The caller's name for the submission, unique in the account.
        task_id: The job, once it is accepted.
        endpoint: The path it is submitted to; the synchronous one makes no job to be called back.
    """

    intent_id: str
    account: str
    asset_id: str
    state: IntentState
    created_at: float
    expires_at: float
    idempotency_key: str | None = None
    task_id: str | None = None
    endpoint: str = ""
