"""How long a submission may wait before its request leaves, whatever it waits for."""

import time

from mavi_async._errors import PacingTimeout
from mavi_async._gate import Gate

__all__ = ["Patience"]


class Patience:
    """What is left of the seconds that a submission may wait.

    Args:
        gate: The queue that it waits in.
        asset_id: What is submitted.
        max_wait: The seconds; ``None`` for any time.
    """

    def __init__(self, gate: Gate, asset_id: str, max_wait: float | None) -> None:
        self._gate = gate
        self._asset_id = asset_id
        self._ends_at = None if max_wait is None else time.monotonic() + max_wait

    @property
    def left(self) -> float | None:
        """Seconds; ``None`` for any time."""
        return None if self._ends_at is None else max(0.0, self._ends_at - time.monotonic())

    async def rest(self, seconds: float) -> None:
        """Stay out of the queue for a while, if there is time for that.

        Raises:
            PacingTimeout: If there is not.
            ClientClosed: If the client is closed meanwhile.
        """
        left = self.left
        if left is not None and seconds > left:
            raise self.timeout()
        await self._gate.rest(seconds)

    def timeout(self) -> PacingTimeout:
        """The error for a submission that has run out of time."""
        state = self._gate.state
        return PacingTimeout(
            "the turn to submit comes later than max_wait allows; nothing was sent: "
            "submit again later, or allow more",
            self._asset_id,
            state.queued,
            round(state.estimated_wait, 1),
        )
