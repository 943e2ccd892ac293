"""How a dispatcher learns of callbacks that came another way than through itself."""

import logging
from collections.abc import Callable, Collection
from typing import Final

import anyio

from mavi_async._background import Background, Job
from mavi_async._backoff import pauses
from mavi_async._loop import Waiter, new_waiter
from mavi_async.stores import TaskStore
from mavi_async.stores._deadline import in_time

__all__ = ["Lookout"]

log = logging.getLogger("mavi_async")

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0


class Lookout:
    """The store's hints, and a look at everything awaited every now and then.

    Hints can get lost, and some stores have none: the look is what a waiter can rely on.

    Args:
        store: Where callbacks are kept.
        background: Where the looking is done.
        awaited: Tells which jobs somebody waits for.
        on_hint: Called with a job whose callback may be there.
    """

    def __init__(
        self,
        store: TaskStore,
        background: Background,
        *,
        awaited: Callable[[], Collection[str]],
        on_hint: Callable[[str], None],
    ) -> None:
        self._store = store
        self._background = background
        self._awaited = awaited
        self._on_hint = on_hint
        self._lock = anyio.Lock(fast_acquire=True)
        self._is_on = False
        self._is_subscribed = False
        self._is_to_look = False
        self._stop_hints: Callable[[], None] | None = None
        self._sweeping: Job[None] | None = None
        self._pausing: Waiter | None = None

    async def begin(self) -> None:
        """Return once no callback can be missed any more; called before each first look.

        Raises:
            StoreError: If there are no hints yet; they are asked for again.
        """
        self._is_on = True
        if self._is_subscribed:
            if self._pausing is not None and self._stop_hints is None:
                self._pausing.wake()  # somebody new waits, who may be answered soon
            return
        async with self._lock:
            try:
                if not self._is_subscribed:
                    await self._subscribe()
            finally:
                if self._is_on and self._sweeping is None and not self._store.local:
                    self._sweeping = self._background.start(self._sweep)

    def end(self) -> None:
        """Look no more."""
        self._is_on = self._is_subscribed = False
        if self._stop_hints is not None:
            self._stop_hints()
            self._stop_hints = None
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    async def _subscribe(self) -> None:
        stop_hints = await in_time(self._store.watch(self._hint))
        if self._is_on:
            self._stop_hints, self._is_subscribed = stop_hints, True
        elif stop_hints is not None:  # it was ended meanwhile
            stop_hints()

    async def _sweep(self) -> None:
        while True:
            first = _FIRST_PAUSE if self._stop_hints is None else _LONGEST_PAUSE
            for pause in pauses(first, _LONGEST_PAUSE):
                self._pausing = new_waiter()
                if await self._pausing.park(pause):
                    break
                try:
                    await self._look()
                except Exception as error:  # noqa: BLE001 - the next time may be better
                    log.warning("whether callbacks have come is open: %s", error)

    async def _look(self) -> None:
        if not self._is_subscribed:
            await self._subscribe()
        await self._look_at_all()

    def _hint(self, task_id: str | None) -> None:
        if task_id is not None:
            self._on_hint(task_id)
        elif not self._is_to_look:
            self._is_to_look = True
            self._background.start_quietly(self._look_at_once, "looking for missed callbacks")

    async def _look_at_once(self) -> None:
        # What is missed from now on takes another look.
        self._is_to_look = False
        await self._look_at_all()

    async def _look_at_all(self) -> None:
        """Look for everything awaited in one go: it may be thousands of jobs."""
        for task_id in await in_time(self._store.list_arrived(self._awaited())):
            self._on_hint(task_id)
