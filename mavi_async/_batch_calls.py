"""What a client does with many recordings at once."""

import io
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from weakref import WeakSet

from mavi_async._configuration import checked_seconds
from mavi_async._diarize_calls import DiarizeCalls
from mavi_async._endpoints import SUBMIT
from mavi_async._errors import ConfigurationError
from mavi_async._task import UNSET, Unset

if TYPE_CHECKING:
    from mavi_async._batch import Batch, BatchRecording
    from mavi_async._batch_course import OnBatchProgress
    from mavi_async._batch_run import Run
    from mavi_async._source import Recording
    from mavi_async._upload import Via

__all__ = ["BatchCalls"]

SourceT = TypeVar("SourceT", bound="str | Recording | BatchRecording")
SourcesT = TypeVar("SourcesT")

_LONGEST_NAME: Final = 128


class BatchCalls(DiarizeCalls):
    """The calls of a client that take many recordings from the file to the result."""

    _runs: "WeakSet[Run[Any]]"

    def diarize_many(
        self,
        sources: "Iterable[SourceT] | AsyncIterable[SourceT]",
        *,
        name: str | None = None,
        on_error: Literal["continue", "stop"] = "continue",
        on_progress: "OnBatchProgress[SourceT] | None" = None,
        ahead: int = 1000,
        via: "Via | None" = None,
        timeout: float | Unset | None = UNSET,
    ) -> "Batch[SourceT]":
        """Have many recordings done, and yield what became of each as soon as that is known.

        ::

            async for outcome in client.diarize_many(paths, name="night"):
                print(outcome.source, outcome.state, outcome.diarization or outcome.error)

        Each recording has exactly one `BatchOutcome`; what goes wrong with one is its outcome, and
        keeps nothing from the others. The same recording twice has one job and two outcomes.

        A batch with a name is resumed by running it again, in whichever process has the same
        store: it uploads, submits and pays for what is missing. What arrived meanwhile is yielded
        at once. It can be resumed for as long as the store keeps its submissions.

        Args:
            sources: What `diarize` takes, or `BatchRecording`. They are read as there is room
                for them, from an iterator that may be endless or asynchronous. If it raises, that
                is raised once all that were begun have had their outcome.
            name: What the batch is resumed by, unique in the account; ``None`` for one that is
                not. A recording in two batches has two jobs.
            on_error: ``"stop"`` submits nothing more after the first recording that ended without
                a result, waits for what was submitted, and yields the rest as
                `BatchState.STOPPED`.
            on_progress: Called, in the event loop, with a `BatchProgress` for each step of each
                recording. What it raises is logged.
            ahead: How many recordings may be begun whose outcome nobody has taken. Where jobs take
                minutes it bounds how many are done per hour: it should exceed the rate times the
                minutes. Each costs some memory, and neither a connection nor an open file.
            via: As for `upload`.
            timeout: As for `diarize`.

        Raises:
            ConfigurationError: If an argument cannot be used.
        """
        from mavi_async._batch import Batch
        from mavi_async._batch_run import Plan, Run
        from mavi_async._upload import checked_via

        if not isinstance(timeout, Unset) and timeout is not None:
            checked_seconds(timeout, "timeout")
        plan = Plan(
            sources=_checked_sources(sources),
            name=_checked_name(name),
            stops_on_error=_checked_on_error(on_error),
            on_progress=on_progress,
            ahead=_checked_ahead(ahead),
            via=checked_via(via),
            timeout=timeout,
        )
        run = Run(plan, self._recordings, lambda: self._endpoints.queue(SUBMIT).estimated_wait)

        def begin() -> None:
            self._lifecycle.check_open()
            self._runs.add(run)

        return Batch(run, begin)

    def _cut_batches(self) -> None:
        """Let no batch begin more."""
        for run in tuple(self._runs):
            run.cut()

    async def _close_batches(self, grace: float) -> None:
        """Let the batches note what has become of their recordings."""
        for run in tuple(self._runs):
            await run.finish(grace)


def _checked_sources(sources: SourcesT) -> SourcesT:
    """Text is a sequence of letters, and bytes are one of numbers, which nobody means here."""
    is_one = isinstance(sources, str | bytes | bytearray | memoryview | io.IOBase)
    if is_one or not isinstance(sources, Iterable | AsyncIterable):
        raise ConfigurationError(
            "diarize_many takes a list, or an iterator, of recordings: for one there is diarize"
        )
    return sources


def _checked_name(name: object) -> str | None:
    """Return a batch's name; it becomes a part of idempotency keys."""
    if name is None:
        return None
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise ConfigurationError(f"a batch's name is 1 to {_LONGEST_NAME} printable characters")
    return name


def _checked_on_error(on_error: object) -> bool:
    if on_error not in ("continue", "stop"):
        raise ConfigurationError('on_error is "continue" or "stop"')
    return on_error == "stop"


def _checked_ahead(ahead: object) -> int:
    if not isinstance(ahead, int) or isinstance(ahead, bool) or ahead < 1:
        raise ConfigurationError("ahead is a whole number from 1")
    return ahead
