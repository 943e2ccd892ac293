"""What a batch says of its recordings: how far each has come, and how it ended."""

import enum
from typing import Final, Generic, TypeVar

import attrs

from mavi_async._diarization import Diarization
from mavi_async._errors import (
    ClientClosed,
    MalformedResult,
    SubmitOutcomeUnknown,
    TaskFailed,
)

__all__ = [
    "BatchOutcome",
    "BatchProgress",
    "BatchStage",
    "BatchState",
    "BatchStopped",
    "state_after",
]

SourceT_co = TypeVar("SourceT_co", covariant=True)


class BatchState(enum.Enum):
    """How a recording of a batch ended: exactly one of these."""

    DONE = "done"
    """Its result is here."""
    FAILED = "failed"
    """It has no result, and none will come. What has a ``task_id`` was submitted, and MAVI could
    not do it: it stays so. Anything else has no job, and the batch's next run tries it anew."""
    PENDING = "pending"
    """It has a job whose result is not here yet: the batch's next run waits for it again."""
    UNKNOWN = "unknown"
    """A job may exist, and only you can find out: ``intent_id`` is what to settle."""
    STOPPED = "stopped"
    """The batch stopped before it was submitted, so it has no job."""


class BatchStage(enum.Enum):
    """How far a recording of a batch has come; the last five are those of `BatchState`."""

    QUEUED = "queued"
    """It was taken from the sources."""
    UPLOADING = "uploading"
    """It is on its way to MAVI, or waits for its turn to be."""
    PROCESSING = "processing"
    """MAVI has it, and is asked when jobs can be made of it."""
    WAITING_FOR_SLOT = "waiting for a slot"
    """It waits for its turn to be submitted."""
    SUBMITTED = "submitted"
    """It was submitted in this run, and MAVI accepted it."""
    WAITING_FOR_CALLBACK = "waiting for the callback"
    """It has a job, of this run or of an earlier one."""
    DONE = "done"
    FAILED = "failed"
    PENDING = "pending"
    UNKNOWN = "unknown"
    STOPPED = "stopped"


@attrs.frozen
class BatchOutcome(Generic[SourceT_co]):
    """How one recording of a batch ended.

    Attributes:
        source: The very object that was given.
        state: How it ended.
        diarization: The result of what is `BatchState.DONE`, and ``None`` otherwise.
        error: Why there is no result; ``None`` where it is here, or the batch was stopped.
        asset_id: What was submitted, or would be, as far as that is known.
        task_id: Its job, as far as that is known.
        intent_id: With `BatchState.UNKNOWN`, what to give to ``client.adopt`` or
            ``client.abandon``, or to ``mavi-async adopt`` or ``mavi-async forget``.
    """

    source: SourceT_co
    state: BatchState
    diarization: Diarization | None = attrs.field(default=None, repr=False)
    error: Exception | None = None
    asset_id: str | None = None
    task_id: str | None = None
    intent_id: str | None = None


@attrs.frozen
class BatchProgress(Generic[SourceT_co]):
    """A step of one recording of a batch.

    Attributes:
        source: The very object that was given.
        stage: How far it has come.
        estimated_wait: With `BatchStage.WAITING_FOR_SLOT`, about how many seconds it will wait.
        sent_bytes: With `BatchStage.UPLOADING`, how much of the file was sent.
        total_bytes: How much there is to send, where that is known.
        asset_id: As far as it is known.
        task_id: As far as it is known.
    """

    source: SourceT_co
    stage: BatchStage
    estimated_wait: float | None = None
    sent_bytes: int = 0
    total_bytes: int | None = None
    asset_id: str | None = None
    task_id: str | None = None


class BatchStopped(Exception):
    """Raised in the way of a recording that is not to be submitted any more."""


_FINAL: Final = (TaskFailed, MalformedResult)


def state_after(error: Exception | None, *, has_job: bool) -> BatchState:
    """Tell how a recording ended.

    Args:
        error: What kept it from its result; ``None`` if nothing did.
        has_job: Whether its job is known.
    """
    if error is None:
        return BatchState.DONE
    if isinstance(error, SubmitOutcomeUnknown):
        return BatchState.UNKNOWN
    if has_job and not isinstance(error, _FINAL):
        return BatchState.PENDING
    if isinstance(error, BatchStopped | ClientClosed):
        return BatchState.STOPPED
    return BatchState.FAILED
