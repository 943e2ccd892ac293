"""Asking for results where a deployment has an endpoint of its own for that."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, Protocol

import anyio

from mavi_async._background import Background
from mavi_async._backoff import pauses
from mavi_async._nap import Naps
from mavi_async._records import Delivery
from mavi_async._wire import body_bytes, read_task_id

__all__ = ["Body", "Poller", "Polling"]

log = logging.getLogger("mavi_async")

Body = bytes | str | Mapping[str, object]
Poller = Callable[[str], Awaitable[Body | None]]

_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 30.0
_LONGEST_POLL: Final = 30.0
_MAX_AT_ONCE: Final = 8


class Waiting(Protocol):
    """Knows which jobs somebody waits for."""

    def is_awaited(self, task_id: str) -> bool:
        """Tell whether somebody waits for a job."""
        ...


class Polling:
    """Asks for each awaited job until it is answered, by whichever way.

    Args:
        poller: The user's function.
        feed: Takes what it returns, as it takes callbacks.
        waiting: Tells who waits.
    """

    def __init__(
        self, poller: Poller, feed: Callable[[bytes], Awaitable[Delivery]], waiting: Waiting
    ) -> None:
        self._poller = poller
        self._feed = feed
        self._waiting = waiting
        self._background = Background()
        self._polled: dict[str, Naps] = {}
        self._at_once = anyio.CapacityLimiter(_MAX_AT_ONCE)

    def watch(self, task_id: str) -> None:
        """Ask for a job's result as long as somebody waits for it."""
        naps = self._polled.get(task_id)
        if naps is None:
            naps = self._polled[task_id] = Naps(lambda: pauses(_FIRST_PAUSE, _LONGEST_PAUSE))
            self._background.start(partial(self._poll, task_id, naps))
        else:
            naps.begin_again()

    async def aclose(self) -> None:
        """Ask no more."""
        await self._background.finish(0)

    async def _poll(self, task_id: str, naps: Naps) -> None:
        try:
            while True:
                await naps.take()
                if not self._waiting.is_awaited(task_id):
                    return
                await self._ask_patiently(task_id)
        finally:
            self._polled.pop(task_id, None)

    async def _ask_patiently(self, task_id: str) -> None:
        try:
            await self._ask(task_id)
        except Exception as error:  # noqa: BLE001 - the next time may be better
            log.warning("polling task %s failed: %s", task_id, str(error) or type(error).__name__)

    async def _ask(self, task_id: str) -> None:
        async with self._at_once:
            with anyio.fail_after(_LONGEST_POLL):
                found = await self._poller(task_id)
        # What a callback has answered meanwhile needs no second answer.
        if found is None or not self._waiting.is_awaited(task_id):
            return
        body = body_bytes(found)
        if read_task_id(body) != task_id:
            log.warning("the poller's answer for task %s is not the callback of it", task_id)
            return
        await self._feed(body)
