"""An alarm for the case that no callback comes at all: the webhook leads nowhere."""

import heapq
import logging
import time
from typing import Final

import attrs

from mavi_async._background import Background, Hook
from mavi_async._loop import Waiter, new_waiter
from mavi_async._records import Submission
from mavi_async.stores import TaskStore
from mavi_async.stores._deadline import in_time

__all__ = ["SilenceAlarm"]

log = logging.getLogger("mavi_async")

_AGAIN_AFTER: Final = 30.0


@attrs.frozen(order=True)
class _Expected:
    due: float
    submission: Submission = attrs.field(order=False)


class SilenceAlarm:
    """Goes off once when a job is old and nothing has come since it was submitted.

    It is silent then until something has come, however many jobs are waiting.

    Args:
        store: Knows when a callback came last, to whichever process.
        background: Where the waiting is done.
        hook: The user's function, or ``None``.
        after: Seconds after which a job is old; ``None`` for no alarm.
    """

    def __init__(
        self,
        store: TaskStore,
        background: Background,
        *,
        hook: Hook[Submission] | None,
        after: float | None,
    ) -> None:
        self._store = store
        self._background = background
        self._hook = hook
        self._after = after
        self._expected: list[_Expected] = []
        self._pausing: Waiter | None = None
        self._is_working = False
        self._went_off_after: float | None = float("nan")

    def expect(self, submission: Submission) -> None:
        """Expect some callback after a submission."""
        if self._after is None:
            return
        expected = _Expected(submission.submitted_at + self._after, submission)
        heapq.heappush(self._expected, expected)
        if not self._is_working:
            self._is_working = True
            self._background.start(self._work)
        elif expected is self._expected[0]:
            self._wake()

    def close(self) -> None:
        """Expect nothing more."""
        self._after = None
        self._expected.clear()
        self._wake()

    async def _work(self) -> None:
        try:
            while self._expected:
                seconds = self._expected[0].due - time.time()
                if seconds > 0:
                    self._pausing = new_waiter()
                    await self._pausing.park(seconds)
                    continue
                await self._check(heapq.heappop(self._expected).submission)
        finally:
            self._is_working = False

    async def _check(self, submission: Submission) -> None:
        try:
            last = await in_time(self._store.last_callback_at())
            is_missed = await in_time(self._is_missed(submission.task_id))
        except Exception as error:  # noqa: BLE001 - the next time may be better
            log.warning("whether callbacks come at all is open: %s", error)
            heapq.heappush(self._expected, _Expected(time.time() + _AGAIN_AFTER, submission))
            return
        is_silent = last is None or last < submission.submitted_at
        if is_silent and is_missed and last != self._went_off_after:
            self._went_off_after = last
            self._go_off(submission)

    async def _is_missed(self, task_id: str) -> bool:
        """Whether a job is still there, and its callback did not come before its answer."""
        if await self._store.get_submission(task_id) is None:
            return False
        return not await self._store.list_arrived([task_id])

    def _go_off(self, submission: Submission) -> None:
        log.error(
            "no callback at all has come since task %s (%s) was submitted %.0f s ago: check that "
            "the webhook URL in MAVI's console leads to this service",
            submission.task_id,
            submission.asset_id,
            time.time() - submission.submitted_at,
        )
        if self._hook is not None:
            self._background.start_hook(self._hook, submission, "on_silence")

    def _wake(self) -> None:
        if self._pausing is not None:
            self._pausing.wake()
