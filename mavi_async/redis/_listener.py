"""Hints of what is new on a server: one connection for each event loop that watches.

A connection can die without a word: so the server is asked for one when it is silent. Whatever
was published while there was no connection is lost: so each new one tells to look for everything.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn, TypeVar

from redis import exceptions

from mavi_async._backoff import pauses
from mavi_async._errors import StoreError
from mavi_async.redis._failures import store_error
from mavi_async.redis._server import Server

__all__ = ["Listener"]

log = logging.getLogger("mavi_async")

_SILENCE: Final = 2.5
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 5.0
_CLOSED: Final = "the store was closed meanwhile: call again"

T = TypeVar("T")


class _Watcher:
    """Somebody who asked for hints."""

    def __init__(self, notify: Callable[[str | None], None]) -> None:
        self._notify = notify
        self.is_active = True

    def hint(self, task_id: str | None) -> None:
        """Give a hint, unless they were ended meanwhile."""
        if self.is_active:
            self._notify(task_id)


class Listener:
    """The hints of one event loop, as long as somebody there watches.

    Args:
        server: Where to listen.
        channel: What to listen to.
    """

    def __init__(self, server: Server, channel: str) -> None:
        self._server = server
        self._channel = channel
        self._watchers: list[_Watcher] = []
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._attempt: asyncio.Future[StoreError | None]

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        """Give hints to somebody from now on, and return what ends them.

        Raises:
            StoreError: If the server cannot be listened to.
        """
        watcher = _Watcher(notify)
        self._watchers.append(watcher)

        def stop() -> None:
            watcher.is_active = False
            if watcher in self._watchers:
                self._watchers.remove(watcher)
            if not self._watchers:
                self._end()

        if self._task is None:
            self._attempt = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(), name="mavi_async listener")
        try:
            error = await self._server.in_time(asyncio.shield(self._attempt))
        except BaseException:
            stop()
            raise
        if error is not None:
            stop()
            raise StoreError(error.message) from error.__cause__
        return stop

    async def aclose(self) -> None:
        """End all hints, and wait until nothing is left of them."""
        for watcher in self._watchers:
            watcher.is_active = False
        self._watchers.clear()
        self._end()
        if self._ending:
            await asyncio.wait(tuple(self._ending))

    def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the task with it
                task.cancel()
                if not self._attempt.done():  # somebody may still wait for it
                    self._attempt.set_result(StoreError(_CLOSED))

    async def _run(self) -> None:
        wait = pauses(_FIRST_PAUSE, _LONGEST_PAUSE)
        is_new = True
        while True:
            error = await self._listen(is_new=is_new)
            if self._attempt.done():
                log.warning("callbacks that others keep are not heard of for now: %s", error)
                is_new = False
                wait = pauses(_FIRST_PAUSE, _LONGEST_PAUSE)
            else:
                self._attempt.set_result(error)
            self._attempt = asyncio.get_running_loop().create_future()
            await asyncio.sleep(next(wait))

    async def _listen(self, *, is_new: bool) -> StoreError:
        """Listen for as long as the connection lasts, and return what ended it."""
        pubsub: Any = self._server.client.pubsub()
        try:
            await _unless_ended(self._server.in_time(pubsub.subscribe(self._channel)))
            await self._hear(pubsub, is_new=is_new)
        except StoreError as error:
            return error
        except Exception as error:  # noqa: BLE001 - or nobody would ever listen again
            return store_error(error, self._server.address)
        finally:
            await _unless_ended(pubsub.aclose())

    async def _hear(self, pubsub: Any, *, is_new: bool) -> NoReturn:
        loop = asyncio.get_running_loop()
        asked_at: float | None = None
        while True:
            message = await _unless_ended(pubsub.get_message(timeout=_SILENCE))
            if message is None:
                if asked_at is None:
                    await _unless_ended(pubsub.ping())
                    asked_at = loop.time()
                elif loop.time() - asked_at >= _SILENCE:
                    raise exceptions.TimeoutError("it does not say a word")
                continue
            asked_at = None
            if message["type"] == "message":
                self._hint(message["data"].decode())
            elif message["type"] == "subscribe":  # also where redis-py connected again by itself
                if not is_new:
                    self._hint(None)
                is_new = False
                if not self._attempt.done():
                    self._attempt.set_result(None)

    def _hint(self, task_id: str | None) -> None:
        loop = asyncio.get_running_loop()
        for watcher in self._watchers:
            # What a watcher raises is its own.
            loop.call_soon(watcher.hint, task_id)


async def _unless_ended(work: Awaitable[T]) -> T:
    """Wait for something of redis-py's, which may forget that the listener is to end."""
    try:
        return await work
    finally:
        # Python 3.11's wait_for, which redis-py writes with, forgets a cancellation that comes
        # just as it is done.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
