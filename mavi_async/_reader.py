"""A thread of its own for one file, which can be left alone where the file does not answer."""

import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar, cast

import anyio

from mavi_async._errors import ConfigurationError, TaskStateError
from mavi_async._loop import call_in, current_token, new_waiter

__all__ = ["READ_SECONDS", "Reader"]

READ_SECONDS: Final = 60.0
"""How long a file may take for one thing that is asked of it."""
_GRACE: Final = 1.0

T = TypeVar("T")


class _Call(Generic[T]):
    def __init__(self, function: Callable[[], T]) -> None:
        self.waiter = new_waiter()
        self.is_done = False
        self._function = function
        self._context = contextvars.copy_context()
        self._token = current_token()
        self._value: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._value = self._context.run(self._function)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._error = error
        self.is_done = True
        with contextlib.suppress(TaskStateError):  # nobody can wait any more
            call_in(self._token, self.waiter.wake)

    def outcome(self) -> T:
        if isinstance(self._error, StopIteration | StopAsyncIteration):
            # Raised in a coroutine or an iterator, it would mean the end of that.
            reason = "the file's method ended an iteration"
            raise RuntimeError(reason) from self._error  # noqa: TRY004 - it is no wrong argument
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


class Reader:
    """Carries out calls in one thread, one after another.

    A read can take for ever, such as that of a pipe which nobody writes to, and no thread can be
    made to stop. Whoever waits for it can go away all the same: since all calls are made by one
    thread, none comes between a late one and the next. The thread takes its place in no pool, and
    keeps no process from ending.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call[object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: _Call[object] | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether a call is under way that nobody waits for any more, or soon nobody will."""
        return self._last is not None and not self._last.is_done

    async def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread, and return or raise what comes of it.

        Being cancelled leaves the call to itself.

        Raises:
            ConfigurationError: If it takes too long, or an earlier call still does.
        """
        if not self.is_stuck:
            call = self._add(function)
            if await call.waiter.park(READ_SECONDS):
                return call.outcome()
        raise ConfigurationError(
            f"the recording cannot be read: nothing came of it for {READ_SECONDS:g} s; is it a "
            "pipe that nobody writes to, or on a disk that hangs?"
        )

    async def end(self, function: Callable[[], object]) -> None:
        """Call a function at last, and end the thread; a call that is stuck is not waited for."""
        if self._thread is None:
            return
        # One whose caller was cancelled is mostly about to end.
        patience = _GRACE if self.is_stuck else READ_SECONDS
        call = self._add(function)
        self._calls.put(None)
        with anyio.CancelScope(shield=True):
            await call.waiter.park(patience)

    def _add(self, function: Callable[[], T]) -> _Call[T]:
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="mavi_async reader", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                reason = f"reading the recording needs a thread and got none ({error})"
                raise ConfigurationError(reason) from error
            self._thread = thread
        call = _Call(function)
        self._last = cast("_Call[object]", call)
        self._calls.put(self._last)
        return call

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            del call  # until the next one comes, it would keep what was read
