"""Many recordings at once: what is iterated over for their outcomes."""

import contextlib
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import anyio
import attrs

from mavi_async._batch_records import BatchOutcome
from mavi_async._errors import TaskStateError
from mavi_async._loop import Home, call_in

if TYPE_CHECKING:
    from mavi_async._batch_run import Run
    from mavi_async._source import Recording

__all__ = ["Batch", "BatchRecording"]

SourceT = TypeVar("SourceT")

_NO_GRACE: Final = 0.0


@attrs.frozen
class BatchRecording:
    """A recording for a batch, where more is to be said than what it is.

    Attributes:
        source: An asset id, or a recording as ``client.upload`` takes it.
        key: What it is known by in its batch, whatever becomes of the file: a row of your
            database, say. By default that is the asset id, the path with size and time of change,
            or the content.
        filename: What the recording is called, if not as its path or file says.
    """

    source: "str | Recording" = attrs.field(repr=False)
    key: str | None = None
    filename: str | None = None


class Batch(Generic[SourceT]):
    """The outcomes of many recordings, each as it is there; made by ``client.diarize_many``.

    Each recording that was given has one outcome, in the order in which they end. Nothing is
    begun before the first is asked for. Several coroutines may take outcomes of one batch; to
    cancel one of them loses none.

    Leaving ``async with``, or a loop over a batch that nobody else refers to, ends it: nothing more
    is uploaded or submitted. A request that is on its way is finished and recorded, and jobs go on:
    the next run of a named batch takes them up.
    """

    def __init__(self, run: "Run[SourceT]", open_: Callable[[], None]) -> None:
        self._run = run
        self._open = open_
        self._is_open = False
        self._home = Home("batch")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BatchOutcome[SourceT]:
        """Return the next outcome.

        Raises:
            ClientClosed: If the client was closed before all recordings were begun; what was
                begun has had its outcome then.
            TaskStateError: Outside of the client's ``async with``, or in another event loop.
        """
        self._start()
        return await self._run.take()

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def stop(self) -> None:
        """Submit nothing more, and go on to wait for what was submitted.

        What was not is yielded as `BatchState.STOPPED`, also what is still to be read from the
        sources, so that no recording is missing from a report.
        """
        self._run.stop()

    async def aclose(self) -> None:
        """End the batch; closing twice is allowed."""
        self._run.abandon()
        with anyio.CancelScope(shield=True):
            await self._run.finish(_NO_GRACE)

    def _start(self) -> None:
        if self._is_open:
            self._home.enter()
            return
        self._open()
        self._home.enter()
        self._is_open = True
        # A loop that is left by `break` closes nothing, and must not leave recordings to be paid.
        end = weakref.finalize(self, _abandon, self._run, self._home.token)
        end.atexit = False
        self._run.start()


def _abandon(run: "Run[SourceT]", token: object) -> None:
    with contextlib.suppress(TaskStateError):  # the loop has ended, and all that ran in it
        call_in(token, run.abandon)
