"""Stores whose server knows no clock that stands still: they run in a thread, in real time."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from mavi_async.redis import RedisStore

__all__ = ["Remote", "Thread"]


class Thread:
    """An event loop of its own, and the stores that were opened there."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stores")
        self._stores: list[RedisStore] = []
        self._thread.start()

    def open(self, *args: Any, **options: Any) -> "Remote":
        """Open a store, which stays open when its process is thrown away."""
        self._stores.append(RedisStore(*args, **options))
        return Remote(self, self._stores[-1])

    async def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have something done there, and wait for it here."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def soon(self, call: Callable[[], object]) -> None:
        """Have something called there."""
        self._loop.call_soon_threadsafe(call)

    def close_all(self) -> None:
        """Close what was opened."""
        asyncio.run_coroutine_threadsafe(self._close_all(), self._loop).result(60)

    def end(self) -> None:
        """Close everything, and end."""
        self.close_all()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    async def _close_all(self) -> None:
        calls = {task for task in asyncio.all_tasks() if "listener" not in task.get_name()}
        if others := calls - {asyncio.current_task()}:
            await asyncio.wait(others)  # what was cancelled gives its connection back
        while self._stores:
            await self._stores.pop().aclose()


class Remote:
    """A store there, or a pacer of one, for whoever is here."""

    local = False

    def __init__(self, thread: Thread, worker: Any) -> None:
        self._thread = thread
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._worker, name)

        async def call(*args: Any, **options: Any) -> Any:
            return await self._thread.do(method(*args, **options))

        return call if callable(method) else method

    def pacer(self, *args: Any) -> "Remote":
        """Return a pacer."""
        return Remote(self._thread, self._worker.pacer(*args))

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        """Ask for hints; they come from there, and at once."""
        here = asyncio.get_running_loop()

        def hint(task_id: str | None) -> None:
            if not here.is_closed():
                here.call_soon_threadsafe(notify, task_id)

        stop = await self._thread.do(self._worker.watch(hint))

        def stop_there() -> None:
            self._thread.soon(stop)

        return stop_there
