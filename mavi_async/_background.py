"""Work that outlives whoever asked for it.

A request that may create a bill must not stop half-way because its caller was cancelled, so it
runs as a job of its own, and the caller merely waits for it. (A shielded scope around the
caller would not do: a native ``task.cancel()`` goes through it.)
"""

import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar, cast

import anyio
import anyio.lowlevel

from mavi_async._loop import Waiter, new_waiter, spawn

__all__ = ["Background", "Hook", "Job", "JobCancelled"]

log = logging.getLogger("mavi_async")

T = TypeVar("T")

Hook = Callable[[T], Awaitable[object] | object]
"""A function of the user's, which may be a coroutine function."""


class JobCancelled(Exception):
    """Raised to whoever waits for a job that its owner, or the end of the loop, cut short."""


class Job(Generic[T]):
    """A piece of work that runs on its own."""

    def __init__(self) -> None:
        self._scope: anyio.CancelScope | None = None
        self._is_cancelled = False
        self._value: T | None = None
        self._error: Exception | None = JobCancelled()
        self._is_done = False
        self._waiters: set[Waiter] = set()

    def cancel(self) -> None:
        """Cut the work short."""
        self._is_cancelled = True
        if self._scope is not None:
            self._scope.cancel()

    async def wait(self, timeout: float | None = None) -> T:
        """Wait for the outcome and return or raise it; being cancelled leaves the work running.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds; it goes on all the same.
            JobCancelled: If it was cut short.
        """
        if not self._is_done:
            waiter = new_waiter()
            self._waiters.add(waiter)
            try:
                if not await waiter.park(timeout):
                    raise TimeoutError
            finally:
                self._waiters.discard(waiter)
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    async def run(self, work: Callable[[], Awaitable[T]]) -> None:
        """Do the work and keep what comes of it."""
        try:
            with anyio.CancelScope() as self._scope:
                if self._is_cancelled:
                    self._scope.cancel()
                self._value = await work()
                self._error = None
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self._error = error

    def end(self) -> None:
        """Wake whoever waits, also for work that the end of the loop cut short before it began."""
        self._is_done = True
        for waiter in self._waiters:
            waiter.wake()


class Background:
    """The jobs of one owner."""

    def __init__(self) -> None:
        self._jobs: set[Job[object]] = set()
        self._kept: set[object] = set()

    def start(
        self, work: Callable[[], Awaitable[T]], then: Callable[[], None] | None = None
    ) -> Job[T]:
        """Start a job.

        Args:
            work: What to do.
            then: Called once it has ended, also if it was cut short before it began.
        """
        job: Job[T] = Job()
        jobs = cast("set[Job[T]]", self._jobs)
        jobs.add(job)

        def end() -> None:
            jobs.discard(job)
            job.end()
            if then is not None:
                then()

        spawn(partial(job.run, work), end, keep=self._kept)
        return job

    def start_quietly(self, work: Callable[[], Awaitable[object]], purpose: str) -> None:
        """Start a job that nobody waits for; what it raises is logged."""

        async def logged() -> None:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - nobody else would ever see it
                log.warning("%s failed: %s", purpose, error)

        self.start(logged)

    def start_hook(self, hook: Hook[T], argument: T, purpose: str) -> None:
        """Call a function of the user's in a job; what it raises is logged."""

        async def call() -> None:
            result = hook(argument)
            if inspect.isawaitable(result):
                await result

        self.start_quietly(call, purpose)

    async def finish(self, grace: float) -> None:
        """Let the jobs finish for up to `grace` seconds, then cancel what is left.

        Being cancelled ends the grace.
        """
        try:
            with anyio.move_on_after(grace):
                await self._all_done()
        finally:
            for job in tuple(self._jobs):
                job.cancel()
            with anyio.CancelScope(shield=True):
                await self._all_done()

    async def _all_done(self) -> None:
        while self._jobs:
            for job in tuple(self._jobs):
                with contextlib.suppress(Exception):  # its own waiter gets it
                    await job.wait()
            await anyio.lowlevel.checkpoint()
