"""The event loop that runs right now: asyncio or trio behind one small face.

Everything else is written once. What differs is here: how one coroutine sleeps until another
wakes it, how work is started that outlives its caller, and how another thread gets in.
"""

import asyncio
import contextvars
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from mavi_async._errors import TaskStateError

__all__ = ["Home", "Waiter", "call_in", "current_token", "new_waiter", "spawn"]


class Waiter(Protocol):
    """One coroutine's place to sleep. Nobody else sleeps there, so nobody else is disturbed."""

    def wake(self) -> None:
        """End the sleep, or the one to come; a second time does nothing."""
        ...

    async def park(self, timeout: float | None) -> bool:
        """Sleep until woken; return False if `timeout` seconds pass first."""
        ...


class _AsyncioWaiter:
    __slots__ = ("_future",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._future: asyncio.Future[bool] = loop.create_future()

    def wake(self, woken: bool = True) -> None:
        if not self._future.done():
            self._future.set_result(woken)

    async def park(self, timeout: float | None) -> bool:
        if timeout is None or self._future.done():
            return await self._future
        timer = self._future.get_loop().call_later(timeout, self.wake, False)
        try:
            return await self._future
        finally:
            timer.cancel()


class _TrioWaiter:
    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = _trio().Event()

    def wake(self) -> None:
        self._event.set()

    async def park(self, timeout: float | None) -> bool:
        with _trio().move_on_after(float("inf") if timeout is None else timeout):
            await self._event.wait()
        return bool(self._event.is_set())


class Home:
    """The event loop and process in which an object lives, from its first use on."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._token: object = None
        self._pid: int | None = None

    @property
    def token(self) -> object:
        """The loop, for `call_in`.

        Raises:
            TaskStateError: If no loop has used the owner yet, or only before a fork.
        """
        if self._token is None:
            raise TaskStateError(f"no event loop uses this {self._owner} yet: enter it first")
        if self._pid != os.getpid():
            raise self._forked()
        return self._token

    def enter(self) -> None:
        """Make sure that the caller runs in the loop and process of the first use.

        Raises:
            TaskStateError: If it does not.
        """
        token = current_token()
        if token is self._token and self._pid == os.getpid():
            return
        if self._token is None:
            self._token, self._pid = token, os.getpid()
        elif self._pid != os.getpid():
            raise self._forked()
        else:
            raise TaskStateError(
                f"this {self._owner} belongs to another event loop: make one in each loop, "
                "or feed callbacks from other threads with feed_threadsafe()"
            )

    def _forked(self) -> TaskStateError:
        return TaskStateError(
            f"this {self._owner} was used before the process forked: make one in each process"
        )


def new_waiter() -> Waiter:
    """Make a waiter for the loop that runs right now."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return _TrioWaiter()
    return _AsyncioWaiter(loop)


def spawn(
    work: Callable[[], Awaitable[None]], end: Callable[[], None], *, keep: set[object]
) -> None:
    """Start work that outlives its caller.

    Args:
        work: What to do; it must not raise.
        end: Called when it has ended, also if it was cancelled before it began.
        keep: Holds it while it runs.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _spawn_in_trio(work, end)
        return

    def forget(task: object) -> None:
        keep.discard(task)
        end()

    # The loop itself holds tasks only weakly.
    task = loop.create_task(_awaited(work))
    keep.add(task)
    task.add_done_callback(forget)


def _spawn_in_trio(work: Callable[[], Awaitable[None]], end: Callable[[], None]) -> None:
    async def run() -> None:
        try:
            await work()
        finally:
            end()

    context = contextvars.copy_context()
    _trio().lowlevel.spawn_system_task(run, name=work, context=context)


def call_in(token: object, function: Callable[[], None]) -> None:
    """Call a function in a loop, from any thread.

    Raises:
        TaskStateError: If the loop has ended.
    """
    try:
        if isinstance(token, asyncio.AbstractEventLoop):
            token.call_soon_threadsafe(function)
        else:
            cast("Any", token).run_sync_soon(function)
    except RuntimeError:
        raise TaskStateError("the event loop that awaits the tasks has ended") from None


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def current_token() -> object:
    """Return the event loop that runs right now, for `call_in`.

    Raises:
        TaskStateError: If none does.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    if "trio" in sys.modules and _trio().lowlevel.in_trio_run():
        return _trio().lowlevel.current_trio_token()
    raise TaskStateError("this needs a running event loop: call it from async code")


def _trio() -> Any:
    """Trio, which whoever runs it has imported already."""
    return sys.modules["trio"]
