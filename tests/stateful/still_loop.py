"""An event loop on a clock that stands still, unless there is nothing left to do at the moment."""

import asyncio
import contextvars
import selectors
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

__all__ = ["CLOCK", "TASKS", "Broken", "StillLoop"]

_MOST_TURNS: Final = 50_000


class Broken(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, reason: str) -> None:
        super().__init__(f"{invariant}: {reason}")
        self.invariant = invariant


class Clock:
    """Stands in for the `time` module."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.now

    def time(self) -> float:
        """Seconds since the epoch."""
        return 1_800_000_000.0 + self.now


CLOCK: Final = Clock()
"""What time it is; it never goes back, not even from one world to the next."""

TASKS: Final[contextvars.ContextVar["set[asyncio.Task[Any]] | None"]] = contextvars.ContextVar(
    "tasks", default=None
)
"""Where the tasks are noted that a process starts, for them to end with it."""


class _Selector(selectors.DefaultSelector):
    loop: "StillLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for the store's threads only; else time passes."""
        self.loop.count_turn()
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.loop.calls:
            return super().select(10) or self.loop.hang("a call of the store does not come back")
        self.loop.pass_time(timeout)
        return []


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop on `CLOCK`, which knows when there is nothing left to do.

    Attributes:
        calls: How many calls the store's threads are at; no time passes meanwhile.
    """

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.calls = 0
        self._turns = 0
        self._until = 0.0
        self._resting: asyncio.Future[None] | None = None
        super().__init__(selector)
        # Any finer, a timer that is due could be rounded to one that is not.
        self._clock_resolution = 1e-5
        self.set_task_factory(_note_task)

    def time(self) -> float:
        """Seconds that never go back."""
        return CLOCK.now

    async def rest(self, seconds: float) -> None:
        """Let everything happen that is due within some seconds."""
        self._turns = 0
        self._until = CLOCK.now + seconds
        self._resting = self.create_future()
        await self._resting

    async def hear(self, condition: Callable[[], object], seconds: float) -> None:
        """Let threads bring about a condition in real time, without letting time pass here."""
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            self._turns = 0
            time.sleep(0.0005)  # noqa: ASYNC251 - idle, the loop would let time pass
            await asyncio.sleep(0)

    def pass_time(self, timeout: float | None) -> None:
        """Go to the next timer, or to the end of the rest."""
        if self._resting is not None and (timeout is None or CLOCK.now + timeout > self._until):
            CLOCK.now = max(CLOCK.now, self._until)
            self._resting.set_result(None)
            self._resting = None
        elif timeout is None:
            self.hang("everybody waits, and nothing is to come")
        else:
            CLOCK.now += timeout

    def count_turn(self) -> None:
        """Find out about work without end."""
        self._turns += 1
        if self._turns > _MOST_TURNS:
            self._turns = 0
            self.hang("there is no end of work")

    def hang(self, reason: str) -> NoReturn:
        """End what would go on for ever."""
        raise Broken("never hung", reason)


def _note_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> "asyncio.Task[Any]":
    task = asyncio.Task(coro, loop=loop, **options)
    context: contextvars.Context | None = options.get("context")
    tasks = TASKS.get() if context is None else context.get(TASKS)
    if tasks is not None:
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    return task
