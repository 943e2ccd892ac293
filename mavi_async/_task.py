"""The awaitable handle of one accepted job."""

import copy
import logging
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Final, Protocol

import anyio
import anyio.to_thread
import attrs

from mavi_async._configuration import checked_seconds
from mavi_async._diarization import Diarization
from mavi_async._errors import (
    DispatcherClosed,
    MalformedResult,
    StoreError,
    TaskError,
    TaskFailed,
    TaskStateError,
    TaskTimeout,
)
from mavi_async._loop import Waiter, new_waiter
from mavi_async._wire import decode_callback

__all__ = ["LARGE_BODY", "Outcome", "SpeakerTask", "Unset"]

LARGE_BODY: Final = 256 * 1024
"""Bodies of more bytes than this are parsed in a worker thread."""

log = logging.getLogger("mavi_async")


class Unset:
    """The type of a default that cannot be confused with a value."""

    def __repr__(self) -> str:
        return "<the client's result_timeout>"


UNSET: Final = Unset()

DoneCallback = Callable[["SpeakerTask"], object]


class Inbox(Protocol):
    """Where a task's callback arrives."""

    @property
    def result_timeout(self) -> float | None:
        """Seconds to wait by default."""
        ...

    @property
    def looks_again(self) -> bool:
        """Whether what is awaited is looked for now and then."""
        ...

    def hold(self, task: "SpeakerTask") -> None:
        """Keep a task alive although nobody may refer to it."""
        ...

    def release(self, task: "SpeakerTask") -> None:
        """Undo `hold`."""
        ...

    def look_soon(self, task: "SpeakerTask") -> None:
        """Start to look for a task's callback in the store."""
        ...

    async def look(self, task: "SpeakerTask") -> None:
        """Settle a task whose callback is in the store, and have later ones announced."""
        ...

    def collected(self, task: "SpeakerTask") -> None:
        """Note that the caller has a task's outcome."""
        ...


@attrs.frozen
class Outcome:
    """What a body says, decoded once for all waiters."""

    diarization: Diarization | None = None
    error: TaskFailed | MalformedResult | None = None

    @classmethod
    def decode(cls, body: bytes, *, task_id: str, uri: str | None) -> "Outcome":
        """Decode a callback's body; errors are kept, not raised."""
        try:
            return cls(decode_callback(body, task_id=task_id, uri=uri))
        except (TaskFailed, MalformedResult) as error:
            return cls(error=error.with_traceback(None))

    def exception(self) -> TaskError | None:
        """Return a fresh instance of the error, so that no two waiters share a traceback."""
        return copy.copy(self.error)

    def result(self) -> Diarization:
        """Return the result, or raise the error."""
        if self.diarization is None:
            raise self.exception() or AssertionError
        return self.diarization


@attrs.define(eq=False, repr=False, weakref_slot=True)
class SpeakerTask:
    """A job that MAVI accepted; awaiting it gives its `Diarization`.

    Any number of coroutines may await it, before or after the callback; cancelling one, or its
    timeout, does not disturb the others. It is not an `asyncio.Future`: pass it to
    ``asyncio.gather``, ``wait_for`` and ``as_completed`` as it is, and to
    ``asyncio.create_task`` or a ``TaskGroup`` as ``task.wait()``.

    Attributes:
        task_id: The job, as MAVI names it.
        asset_id: What was submitted; ``None`` for a job re-attached by its ``task_id``.
    """

    task_id: str
    asset_id: str | None
    _submitted_at: float | None
    _inbox: Inbox
    _body: bytes | None = None
    _outcome: Outcome | None = None
    _waiters: list[Waiter] | None = None
    _callbacks: list[DoneCallback] | None = None
    _decoding: anyio.Lock | None = None
    _is_collected: bool = False

    @property
    def submitted_at(self) -> datetime | None:
        """When the job was accepted, in UTC; ``None`` where this process does not know."""
        if self._submitted_at is None:
            return None
        return datetime.fromtimestamp(self._submitted_at, UTC)

    def __await__(self) -> Generator[object, None, Diarization]:
        return self.wait().__await__()

    async def wait(self, timeout: float | Unset | None = UNSET) -> Diarization:
        """Wait for the callback and return the result.

        Args:
            timeout: Seconds; 0 looks without waiting, ``None`` waits for ever. The default is
                the client's ``result_timeout``, counted from the start of this wait.

        Raises:
            TaskFailed: If MAVI could not do the job.
            MalformedResult: If the result cannot be read; the error carries its bytes.
            TaskTimeout: If the callback did not come in time. The job still runs, and waiting
                again is free.
            DispatcherClosed: If the client was closed meanwhile.
            StoreError: If a timeout of 0 finds the store down; longer waits look again.
            ConfigurationError: If the timeout is negative or not a number.
        """
        if isinstance(timeout, Unset):
            timeout = self._inbox.result_timeout
        elif timeout is not None:
            timeout = checked_seconds(timeout, "timeout")
        if self._body is None:
            await self._wait_for_body(timeout)
        if self._outcome is None and self._body is not None and len(self._body) > LARGE_BODY:
            await self._decode_in_thread()
        return self._collected().result()

    def done(self) -> bool:
        """Return True once the callback is here; it may report success or failure."""
        return self._body is not None

    def result(self) -> Diarization:
        """Return the result without waiting.

        Raises:
            TaskStateError: If the task is not done.
            TaskFailed: If MAVI could not do the job.
            MalformedResult: If the result cannot be read.
        """
        return self._collected().result()

    def exception(self) -> TaskError | None:
        """Return the error that `result` would raise, or ``None``.

        Raises:
            TaskStateError: If the task is not done.
        """
        return self._collected().exception()

    def add_done_callback(self, function: DoneCallback) -> None:
        """Call a function with the task once it is done, or now if it is.

        It is called in the event loop, before the waiters resume. What it raises is logged.

        Raises:
            TaskStateError: Outside of an event loop, or in another one than before.
        """
        if self.done():
            self._call(function)
            return
        self._inbox.look_soon(self)
        self._callbacks = [*(self._callbacks or ()), function]
        self._inbox.hold(self)

    def remove_done_callback(self, function: DoneCallback) -> int:
        """Remove a function from the callbacks and return how often it was there."""
        before = self._callbacks or []
        self._callbacks = [each for each in before if each != function]
        self._release_if_idle()
        return len(before) - len(self._callbacks)

    def settle(self, body: bytes, outcome: Outcome | None = None) -> None:
        """Take the callback's body and wake everybody; for the dispatcher alone."""
        if self._body is not None:
            return
        self._body, self._outcome = body, outcome
        self._inbox.release(self)
        callbacks, self._callbacks = self._callbacks, None
        for function in callbacks or ():
            self._call(function)
        self.wake()

    def wake(self) -> None:
        """Wake everybody who waits; without a body they learn that the client is closing."""
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            waiter.wake()

    async def _wait_for_body(self, timeout: float | None) -> None:
        waiter = new_waiter()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        self._inbox.hold(self)
        try:
            started = time.monotonic()
            await self._first_look(needed=timeout == 0)
            left = None if timeout is None else max(0.0, timeout - (time.monotonic() - started))
            in_time = self.done() or await waiter.park(left)
        finally:
            if self._waiters is not None and waiter in self._waiters:
                self._waiters.remove(waiter)
            self._release_if_idle()
        if self._body is not None:
            return
        if in_time:
            raise DispatcherClosed(
                "the client was closed while this waited; the job still runs: attach to it with "
                "speaker_task(task_id) of a client that has the same store",
                self.task_id,
            )
        raise TaskTimeout(
            f"no callback within {timeout:g} s; the job still runs: wait again, and make sure "
            "that the webhook URL set at MAVI reaches this service",
            self.task_id,
        )

    async def _first_look(self, *, needed: bool) -> None:
        try:
            await self._inbox.look(self)
        except StoreError as error:
            if needed or not self._inbox.looks_again:
                raise
            log.warning("task %s is looked for again in a while: %s", self.task_id, error)

    async def _decode_in_thread(self) -> None:
        """Decode once, whoever else waits: all of them get the same object."""
        if self._decoding is None:
            self._decoding = anyio.Lock()
        async with self._decoding:
            if self._outcome is None:
                await anyio.to_thread.run_sync(self._decoded)

    def _release_if_idle(self) -> None:
        if not self._waiters and not self._callbacks:
            self._inbox.release(self)

    def _collected(self) -> Outcome:
        """The outcome, which the caller has from now on."""
        outcome = self._decoded()
        if not self._is_collected:
            self._is_collected = True
            self._inbox.collected(self)
        return outcome

    def _decoded(self) -> Outcome:
        if self._body is None:
            raise TaskStateError(f"task {self.task_id} is not done: await it first")
        if self._outcome is None:
            self._outcome = Outcome.decode(self._body, task_id=self.task_id, uri=self.asset_id)
        return self._outcome

    def _call(self, function: DoneCallback) -> None:
        try:
            function(self)
        except Exception:
            log.exception("a done-callback of task %s failed", self.task_id)

    def __repr__(self) -> str:
        if not self.done():
            state = f"pending, {len(self._waiters or ())} waiting"
        elif self._outcome is None:
            state = "done"
        else:
            outcome = self._outcome
            state = repr(outcome.error if outcome.diarization is None else outcome.diarization)
        asset = f" asset_id={self.asset_id!r}" if self.asset_id else ""
        return f"<SpeakerTask {self.task_id}{asset} {state}>"
