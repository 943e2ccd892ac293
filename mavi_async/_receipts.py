"""Who has got their result is noted in the store, many at a time and a moment later.

Noted too late, a result is handed out once more after a crash; noted too early, it is lost.
"""

import contextlib
import logging
from collections.abc import Callable
from typing import Final

from mavi_async._background import Background
from mavi_async._backoff import pauses
from mavi_async._errors import TaskStateError
from mavi_async._loop import Waiter, new_waiter
from mavi_async.stores import TaskStore
from mavi_async.stores._deadline import in_time

__all__ = ["Receipts"]

log = logging.getLogger("mavi_async")

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0


class Receipts:
    """Collects the jobs whose results were handed out.

    Args:
        store: Where they are noted.
        background: Where that is done.
        enter: Makes sure that the event loop is the store's.
    """

    def __init__(self, store: TaskStore, background: Background, enter: Callable[[], None]) -> None:
        self._store = store
        self._background = background
        self._enter = enter
        self._due: set[str] = set()
        self._is_working = False
        self._pausing: Waiter | None = None

    def add(self, task_id: str) -> None:
        """Note a job soon; outside of the event loop, with the next one or at the end."""
        self._due.add(task_id)
        with contextlib.suppress(TaskStateError):
            self._enter()
            if not self._is_working:
                self._is_working = True
                self._background.start(self._work)

    async def flush(self) -> None:
        """Note what is due now."""
        if self._pausing is not None:
            self._pausing.wake()
        await self._note()

    async def _work(self) -> None:
        try:
            for pause in pauses(_FIRST_PAUSE, _LONGEST_PAUSE):
                self._pausing = new_waiter()
                await self._pausing.park(pause)
                await self._note()
                if not self._due:
                    return
        finally:
            self._is_working = False

    async def _note(self) -> None:
        noted = frozenset(self._due)
        if not noted:
            return
        try:
            await in_time(self._store.mark_collected(noted))
        except Exception as error:  # noqa: BLE001 - the next time may be better
            log.warning("that %d results were handed out is not noted: %s", len(noted), error)
        else:
            self._due -= noted
