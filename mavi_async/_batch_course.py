"""One recording's way through a batch, from its source to its outcome."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Generic, TypeVar, cast

import anyio
import attrs

from mavi_async._background import Job
from mavi_async._batch import BatchRecording
from mavi_async._batch_records import (
    BatchOutcome,
    BatchProgress,
    BatchStage,
    BatchStopped,
    state_after,
)
from mavi_async._diarization import Diarization
from mavi_async._errors import SubmitOutcomeUnknown
from mavi_async._recordings import Escort
from mavi_async._source import Recording, name_of
from mavi_async._task import SpeakerTask, Unset

__all__ = ["Course", "OnBatchProgress"]

log = logging.getLogger("mavi_async")

SourceT = TypeVar("SourceT")

OnBatchProgress = Callable[[BatchProgress[SourceT]], object]
"""Called, in the event loop, with each step of each recording of a batch."""


@attrs.define
class Facts:
    """What is known of a recording so far.

    Attributes:
        diarization: Its result.
        error: Why there is none.
        asset_id: What is submitted.
        task_id: Its job.
        intent_id: Its submission, where the outcome of that is unknown.
    """

    asset_id: str | None
    diarization: Diarization | None = None
    error: Exception | None = attrs.field(factory=BatchStopped)
    task_id: str | None = None
    intent_id: str | None = None


class Course(Escort, Generic[SourceT]):
    """One recording on its way.

    Args:
        source: What was given.
        on_progress: Told of each step.
        estimated_wait: Tells how long a submit waits for its turn at the moment.
    """

    job: Job[None]

    def __init__(
        self,
        source: SourceT,
        on_progress: OnBatchProgress[SourceT] | None,
        estimated_wait: Callable[[], float],
    ) -> None:
        super().__init__(None if on_progress is None else self._sent)
        self.source = source
        self.wanted = (
            source
            if isinstance(source, BatchRecording)
            else BatchRecording(cast("str | Recording", source))
        )
        self.places: list[str | int] = []
        self._tell = on_progress
        self._estimated_wait = estimated_wait
        self._scope: anyio.CancelScope | None = None
        self._is_stopped = False
        self.facts = Facts(self.wanted.source if isinstance(self.wanted.source, str) else None)
        self.report(BatchStage.QUEUED)

    def stop(self) -> None:
        """Keep it from being submitted; what was submitted is still waited for."""
        self._is_stopped = True
        if self._scope is not None:
            self._scope.cancel()

    async def take(self, task: SpeakerTask, timeout: float | Unset | None) -> None:
        """Wait for a job's result."""
        self.facts.task_id, self.facts.asset_id = task.task_id, task.asset_id
        self.report(BatchStage.WAITING_FOR_CALLBACK)
        self.facts.diarization = self._named(await task.wait(timeout))
        self.facts.error = None

    def fail(self, error: Exception) -> None:
        """Note why there is no result."""
        # Its frames would keep what they hold, such as a piece of the file.
        self.facts.error = error.with_traceback(None)
        if isinstance(error, SubmitOutcomeUnknown):
            self.facts.asset_id, self.facts.intent_id = error.asset_id, error.intent_id

    def follow(self, other: "Course[SourceT]") -> None:
        """End as another one did, of the same recording."""
        self.facts = other.facts

    def outcome(self) -> BatchOutcome[SourceT]:
        """Tell how it ended."""
        facts = self.facts
        return BatchOutcome(
            source=self.source,
            state=state_after(facts.error, has_job=facts.task_id is not None),
            diarization=facts.diarization,
            error=None if isinstance(facts.error, BatchStopped) else facts.error,
            asset_id=facts.asset_id,
            task_id=facts.task_id,
            intent_id=facts.intent_id,
        )

    def uploading(self) -> None:
        """Note that the upload begins."""
        self.report(BatchStage.UPLOADING)

    def uploaded(self, asset_id: str) -> None:
        """Note that MAVI has the recording."""
        self.facts.asset_id = asset_id
        self.report(BatchStage.PROCESSING)

    def waiting(self, asset_id: str) -> None:
        """Note that it is to be submitted."""
        self.facts.asset_id = asset_id
        self.report(BatchStage.WAITING_FOR_SLOT, estimated_wait=self._estimated_wait())

    def submitted(self, task_id: str) -> None:
        """Note that it was submitted just now."""
        self.facts.task_id = task_id
        self.report(BatchStage.SUBMITTED)

    def check(self) -> None:
        """Keep it from being submitted once it was stopped."""
        if self._is_stopped:
            raise BatchStopped

    @contextmanager
    def free_part(self) -> Iterator[None]:
        """Surrounds what bills nothing: it ends as soon as the recording is stopped."""
        self.check()
        with anyio.CancelScope() as self._scope:
            yield
        self._scope = None
        self.check()

    def report(self, stage: BatchStage, *, estimated_wait: float | None = None) -> None:
        """Tell of a step."""
        self._report(BatchProgress(self.source, stage, estimated_wait))

    def _sent(self, sent_bytes: int, total_bytes: int | None) -> None:
        stage = BatchStage.UPLOADING
        self._report(
            BatchProgress(self.source, stage, sent_bytes=sent_bytes, total_bytes=total_bytes)
        )

    def _report(self, progress: BatchProgress[SourceT]) -> None:
        if self._tell is None:
            return
        known = attrs.evolve(progress, asset_id=self.facts.asset_id, task_id=self.facts.task_id)
        try:
            self._tell(known)
        except Exception:
            log.exception("on_progress failed")

    def _named(self, diarization: Diarization) -> Diarization:
        """A result is named after its file, as that of `diarize` is."""
        if isinstance(self.wanted.source, str):
            return diarization
        name = name_of(self.wanted.source, self.wanted.filename)
        return attrs.evolve(diarization, uri=PurePath(name).stem)
