"""How far each recording of a batch has come, counted."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import attrs

from mavi_async._batch import BatchRecording
from mavi_async._batch_records import BatchProgress, BatchStage
from mavi_async._records import Pacing
from mavi_async.cli._batch_planned import Planned

__all__ = ["BatchBoard", "Transfer"]

_TOLD: Final = {
    BatchStage.UPLOADING: "being uploaded",
    BatchStage.PROCESSING: "uploaded as {0.asset_id}",
    BatchStage.SUBMITTED: "accepted as task {0.task_id}, waiting for the callback",
}


@attrs.define
class Transfer:
    """A file on its way.

    Attributes:
        name: What to call it.
        sent_bytes: How much of it was sent.
        total_bytes: How much there is to send, where that is known.
    """

    name: str
    sent_bytes: int = 0
    total_bytes: int | None = None


class BatchBoard:
    """The stages of all recordings of a batch.

    Args:
        total: How many there are in all.
        written: How many of them an earlier run has written.
    """

    def __init__(self, total: int, written: int) -> None:
        self.total = total
        self.written = written
        self.counts: Counter[BatchStage] = Counter()
        self.transfers: dict[int, Transfer] = {}
        self.submitted: set[str] = set()
        self.queue: Callable[[], Pacing] = lambda: Pacing(0, 0.0)
        self.on_change: Callable[[str, str], None] = lambda _name, _text: None
        self._stages: dict[int, BatchStage] = {}
        self._started_at = time.monotonic()

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started_at

    def not_begun(self) -> int:
        """Return how many have not been taken up yet."""
        return self.total - self.written - len(self._stages)

    def moved(self, planned: Planned, progress: BatchProgress[BatchRecording]) -> None:
        """Note a step of a recording."""
        place, stage = id(progress.source), progress.stage
        before = self._stages.get(place)
        if stage is BatchStage.UPLOADING:
            transfer = self.transfers.setdefault(place, Transfer(planned.called))
            transfer.sent_bytes = progress.sent_bytes
            transfer.total_bytes = progress.total_bytes
        else:
            self.transfers.pop(place, None)
        if stage is BatchStage.SUBMITTED and progress.task_id is not None:
            self.submitted.add(progress.task_id)
        if before is stage:
            return
        if before is not None:
            self.counts[before] -= 1
        self._stages[place] = stage
        self.counts[stage] += 1
        if stage in _TOLD:
            self.on_change(planned.called, _TOLD[stage].format(progress))
