"""One run through the recordings of a batch: how many are under way, and what came of them."""

import contextlib
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from functools import partial
from typing import Final, Generic, Literal, TypeVar
from uuid import uuid4

import anyio
import anyio.lowlevel
import attrs

from mavi_async._background import Background, Job, JobCancelled
from mavi_async._batch_course import Course, OnBatchProgress
from mavi_async._batch_identity import identity_of, key_of
from mavi_async._batch_records import BatchOutcome, BatchStage, BatchState
from mavi_async._errors import ClientClosed
from mavi_async._loop import Waiter, new_waiter
from mavi_async._recordings import Recordings, Wish
from mavi_async._task import Unset
from mavi_async._upload import Via

__all__ = ["Plan", "Run"]

SourceT = TypeVar("SourceT")

_CLOSING_SECONDS: Final = 5.0
_NO_ERRORS: Final = (BatchState.DONE, BatchState.STOPPED)


@attrs.frozen
class Plan(Generic[SourceT]):
    """What a batch is told.

    Attributes:
        sources: Its recordings.
        name: By which it is resumed; ``None`` for a batch that is not.
        stops_on_error: Whether one recording without a result keeps the others back.
        on_progress: Told of each step.
        ahead: How many recordings may be begun, and not taken.
        via: Which way recordings are uploaded.
        timeout: Seconds to wait for each result.
    """

    sources: Iterable[SourceT] | AsyncIterable[SourceT]
    name: str | None
    stops_on_error: bool
    on_progress: OnBatchProgress[SourceT] | None
    ahead: int
    via: Via | None
    timeout: float | Unset | None


class Run(Generic[SourceT]):
    """One run through the recordings of a batch.

    Everything in it is a job of its own, so that nothing of it hangs on whoever takes the
    outcomes, and nothing stays open between two of those.

    Args:
        plan: What to do.
        recordings: Makes jobs of recordings.
        estimated_wait: Tells how long a submit waits for its turn at the moment.
    """

    def __init__(
        self,
        plan: Plan[SourceT],
        recordings: Recordings,
        estimated_wait: Callable[[], float],
    ) -> None:
        self._plan = plan
        self._recordings = recordings
        self._estimated_wait = estimated_wait
        self._prefix = plan.name or uuid4().hex
        self._background = Background()
        self._feeder: Job[None] | None = None
        self._feeding: Literal["on", "over", "cut"] = "on"
        self._trouble: Exception | None = None
        self._courses: set[Course[SourceT]] = set()
        self._first: dict[str | int, Course[SourceT]] = {}
        self._outcomes: deque[BatchOutcome[SourceT]] = deque()
        self._takers: set[Waiter] = set()
        self._room: Waiter | None = None
        self._is_stopping = False
        self._is_closed = False

    def start(self) -> None:
        """Begin to take recordings; twice is allowed."""
        if self._feeder is None:
            self._feeder = self._background.start(self._feed, self._wake_takers)

    async def take(self) -> BatchOutcome[SourceT]:
        """Return the next outcome.

        Raises:
            StopAsyncIteration: If there are no more.
            ClientClosed: If the client was closed before all recordings were begun.
        """
        await anyio.lowlevel.checkpoint()
        while not self._outcomes:
            if self._is_closed or (self._feeding != "on" and not self._courses):
                raise self._end()
            waiter = new_waiter()
            self._takers.add(waiter)
            try:
                await waiter.park(None)
            finally:
                self._takers.discard(waiter)
        outcome = self._outcomes.popleft()
        self._make_room()
        return outcome

    def stop(self) -> None:
        """Submit nothing more; what was not submitted ends as stopped."""
        self._is_stopping = True
        for course in tuple(self._courses):
            course.stop()

    def cut(self) -> None:
        """Take no more recordings; those that are begun go on."""
        if self._feeding == "on":
            self._feeding = "cut"
        if self._feeder is not None:
            self._feeder.cancel()

    def abandon(self) -> None:
        """End everything that bills nothing; what is being submitted is still recorded."""
        self._is_closed = True
        self.cut()
        self._outcomes.clear()
        for course in tuple(self._courses):
            course.job.cancel()
        self._wake_takers()

    async def finish(self, grace: float) -> None:
        """Wait until nothing is under way any more, and cut short what takes too long."""
        await self._background.finish(grace)

    def _end(self) -> Exception:
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            return trouble
        if self._feeding == "cut" and not self._is_closed:
            return ClientClosed(
                "the client was closed before all recordings of the batch were begun: run it "
                "again with a new one"
            )
        return StopAsyncIteration()

    async def _feed(self) -> None:
        try:
            sources = _iterated(self._plan.sources)
            try:
                await self._feed_from(sources)
            finally:
                await _close(sources)
        except StopAsyncIteration:
            self._feeding = "over"
        except Exception as error:  # noqa: BLE001 - it is the caller's, who gets it
            self._trouble, self._feeding = error, "over"
        finally:
            if self._feeding == "on":
                self._feeding = "cut"

    async def _feed_from(self, sources: AsyncIterator[SourceT]) -> None:
        while True:
            while len(self._courses) + len(self._outcomes) >= self._plan.ahead:
                self._room = new_waiter()
                await self._room.park(None)
            await anyio.lowlevel.checkpoint()
            self._begin(await anext(sources))

    def _begin(self, source: SourceT) -> None:
        course = Course(source, self._plan.on_progress, self._estimated_wait)
        if self._is_stopping:
            course.stop()
        self._courses.add(course)
        course.job = self._background.start(
            partial(self._go, course), partial(self._note_end, course)
        )

    async def _go(self, course: Course[SourceT]) -> None:
        try:
            # A file object can be read by one at a time.
            is_file = hasattr(course.wanted.source, "read")
            if is_file and not await self._go_first(course, id(course.wanted.source)):
                return
            key = await self._key(course)
            if not await self._go_first(course, key):
                return
            wish = Wish(
                source=course.wanted.source,
                filename=course.wanted.filename,
                via=self._plan.via,
                key=key,
                max_wait=None,
                timeout=self._plan.timeout,
            )
            task = await self._recordings.task(wish, course)
            await course.take(task, self._plan.timeout)
        except Exception as error:  # noqa: BLE001 - it is the recording's outcome
            course.fail(error)

    async def _go_first(self, course: Course[SourceT], place: str | int) -> bool:
        """Go first, or end as the one does that went first with the same recording."""
        first = self._first.setdefault(place, course)
        if first is course:
            course.places.append(place)
            return True
        with contextlib.suppress(JobCancelled):
            await first.job.wait()
        course.follow(first)
        return False

    async def _key(self, course: Course[SourceT]) -> str:
        course.check()
        identity = await identity_of(course.wanted, lasting=self._plan.name is not None)
        return key_of(self._prefix, identity)

    def _note_end(self, course: Course[SourceT]) -> None:
        self._courses.discard(course)
        for place in course.places:
            del self._first[place]
        if self._is_closed:
            return
        outcome = course.outcome()
        self._outcomes.append(outcome)
        course.report(BatchStage(outcome.state.value))
        if self._plan.stops_on_error and outcome.state not in _NO_ERRORS:
            self.stop()
        self._wake_takers()

    def _wake_takers(self) -> None:
        for waiter in self._takers:
            waiter.wake()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.wake()


def _iterated(
    sources: Iterable[SourceT] | AsyncIterable[SourceT],
) -> AsyncIterator[SourceT]:
    return aiter(sources) if isinstance(sources, AsyncIterable) else _InTurn(iter(sources))


@attrs.frozen
class _InTurn(Generic[SourceT]):
    """A plain iterator in the clothes of an asynchronous one."""

    sources: Iterator[SourceT]

    def __aiter__(self) -> "_InTurn[SourceT]":
        return self

    async def __anext__(self) -> SourceT:
        for source in self.sources:
            return source
        raise StopAsyncIteration


async def _close(sources: AsyncIterator[object]) -> None:
    """Close a generator, which nobody else can: trio minds those that are left half-way."""
    if isinstance(sources, AsyncGenerator):
        with anyio.move_on_after(_CLOSING_SECONDS, shield=True):
            await sources.aclose()
