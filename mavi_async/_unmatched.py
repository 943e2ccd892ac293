"""Callbacks of jobs that nobody knows, once it is certain that nobody does."""

import logging
import time
from collections import deque
from collections.abc import Callable

import anyio

from mavi_async._background import Background, Hook, Job
from mavi_async._errors import StoreError
from mavi_async._records import Unmatched
from mavi_async.stores import TaskStore

__all__ = ["UnmatchedDesk"]

log = logging.getLogger("mavi_async")


class UnmatchedDesk:
    """Gives callbacks that came before the answer to their submit time to become known.

    Args:
        store: Where the callbacks are kept.
        background: Where the waiting is done.
        is_claimed: Tells whether a task of this process refers to a job.
        hook: The user's function, or ``None``.
        after: Seconds to wait.
    """

    def __init__(
        self,
        store: TaskStore,
        background: Background,
        *,
        is_claimed: Callable[[str], bool],
        hook: Hook[Unmatched] | None,
        after: float,
    ) -> None:
        self._store = store
        self._background = background
        self._is_claimed = is_claimed
        self._hook = hook
        self._after = after
        self._due: deque[tuple[float, str]] = deque()
        self._job: Job[None] | None = None
        self._explained = False
        self._is_closed = False

    def check_later(self, task_id: str) -> None:
        """Offer a job's callback to the hook, unless the job has become known by then."""
        if self._is_closed:
            return
        self._due.append((time.monotonic() + self._after, task_id))
        if self._job is None:
            self._job = self._background.start(self._work)

    def offer(self, unmatched: Unmatched) -> None:
        """Log a callback and hand it to the hook."""
        log.warning(
            "nobody submitted task %s, whose callback came%s",
            unmatched.task_id,
            ": removed to make room for newer ones" if unmatched.evicted else "",
        )
        if self._store.local and not self._explained:
            self._explained = True
            log.warning(
                "this process keeps its tasks in memory: if several processes submit or receive "
                "callbacks, give all of them one store that they share"
            )
        if self._hook is not None:
            self._background.start_hook(self._hook, unmatched, "on_unmatched")

    def close(self) -> None:
        """Stop waiting."""
        self._is_closed = True
        if self._job is not None:
            self._job.cancel()

    async def _work(self) -> None:
        try:
            while self._due:
                due, task_id = self._due[0]
                await anyio.sleep(max(0.0, due - time.monotonic()))
                self._due.popleft()
                try:
                    await self._check(task_id)
                except StoreError as error:
                    log.warning("whether anybody knows task %s is open: %s", task_id, error)
        finally:
            self._job = None

    async def _check(self, task_id: str) -> None:
        if self._is_claimed(task_id) or await self._store.get_submission(task_id) is not None:
            return
        body = await self._store.get_callback(task_id)
        if body is not None:
            self.offer(Unmatched(task_id, body))
