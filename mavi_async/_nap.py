"""Growing pauses between looks, which begin again for whoever comes to wait meanwhile."""

from collections.abc import Callable, Iterator

import anyio

from mavi_async._loop import Waiter, new_waiter

__all__ = ["Naps"]


class Naps:
    """The pauses of one who looks again and again.

    Args:
        pauses: Makes the pauses, from the shortest on.
    """

    def __init__(self, pauses: Callable[[], Iterator[float]]) -> None:
        self._make = pauses
        self._pauses = pauses()
        self._waiter: Waiter | None = None

    def begin_again(self) -> None:
        """End a pause soon, for somebody new who should not have to wait out a long one."""
        self._pauses = self._make()
        if self._waiter is not None:
            self._waiter.wake()

    async def take(self, least: float = 0.0) -> None:
        """Pause, for as long as it is due and at least some seconds."""
        self._waiter = new_waiter()
        try:
            was_cut = await self._waiter.park(max(least, next(self._pauses)))
        finally:
            self._waiter = None
        if was_cut:
            # This one is not cut: many who come would put off the look for ever.
            await anyio.sleep(max(least, next(self._pauses)))
