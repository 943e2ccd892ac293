"""What a world remembers, and what may follow from it."""

import asyncio
from collections import Counter

import attrs

from mavi_async import Delivery, MaviClient, SpeakerTask
from tests.stateful.processes import BETTER, WORSE, Process, label_of

__all__ = ["Fed", "Hook", "Job", "Op", "Submit", "Wait", "outcomes"]


@attrs.frozen
class Op:
    """Something to do with a job.

    Attributes:
        kind: A method of `Deeds`.
        process: Which of the two processes does it.
        choice: How.
    """

    kind: str
    process: int = 0
    choice: str = ""


@attrs.define(eq=False)
class Job:
    """What the store must hold of a job.

    Attributes:
        name: Its id.
        label: Its callback.
        received_at: When that came.
        is_seen: Whether somebody has it for certain: it is final then.
        may_be_seen: Whether somebody may have it.
        is_known: Whether its submission is recorded.
        is_collected: Whether somebody was given its outcome.
    """

    name: str
    label: str | None = None
    received_at: float = 0.0
    is_seen: bool = False
    may_be_seen: bool = False
    is_known: bool = False
    is_collected: bool = False

    def see(self) -> None:
        """Note that somebody has its callback."""
        self.is_seen = self.may_be_seen = True


@attrs.define(eq=False)
class Running:
    """Something that goes on beyond the step that began it.

    Attributes:
        process: Where it runs.
        client: Whose it is; its process may have another one since.
        task: What runs.
        end: How it ended.
        is_cancelled: Whether its end was asked for.
        is_checked: Whether its end was found to be right.
    """

    process: Process
    client: MaviClient
    task: "asyncio.Task[None] | None" = attrs.field(default=None, kw_only=True)
    end: str | None = attrs.field(default=None, kw_only=True)
    is_cancelled: bool = attrs.field(default=False, kw_only=True)
    is_checked: bool = attrs.field(default=False, kw_only=True)

    @property
    def is_orphaned(self) -> bool:
        """Whether its client was closed."""
        return self.client is not self.process.client

    def started(self, task: "asyncio.Task[None]") -> None:
        """Note what runs."""
        self.task = task
        task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Ask for its end."""
        if self.task is not None:
            self.is_cancelled = True
            self.task.cancel()

    def _ended(self, _: "asyncio.Task[None]") -> None:
        # One that was cancelled before it began has not noted its own end.
        self.end, self.task = self.end or "cancelled", None


@attrs.define(eq=False)
class Wait(Running):
    """Somebody who waits.

    Attributes:
        name: The job.
        timeout: Seconds; ``None`` for ever.
        since: When it began.
        was_there: Whether the callback was there before.
        known: What the task had for its outcome before.
    """

    name: str
    timeout: float | None
    since: float
    was_there: bool
    known: str | None

    @property
    def is_pending(self) -> bool:
        """Whether it goes on."""
        return self.end is None


@attrs.define(eq=False)
class Submit(Running):
    """A call of `submit_speaker`.

    Attributes:
        asset_id: What is submitted.
        key: The idempotency key.
        last: The server's last answer.
    """

    asset_id: str
    key: str | None
    last: str


@attrs.define(eq=False)
class Hook:
    """A done-callback, and what it was called with."""

    process: Process
    client: MaviClient
    name: str
    is_removed: bool = False
    labels: list[str | None] = attrs.Factory(list)

    def __call__(self, task: SpeakerTask) -> None:
        """Note a call."""
        self.labels.append(label_of(task._body))

    @property
    def is_pending(self) -> bool:
        """Whether it is still to be called."""
        return not self.labels and not self.is_removed


@attrs.define(eq=False)
class Fed:
    """A body that was fed, and what became of it."""

    name: str
    label: str
    fault: str
    end: Delivery | str = "cancelled"


def outcomes(
    label: str | None,
    fed: Counter[str],
    *,
    may_be_seen: bool,
    may_be_unseen: bool,
) -> set[str | None]:
    """What may be stored after some bodies were put in any order.

    Args:
        label: What is stored before.
        fed: The bodies, each with how often it was put.
        may_be_seen: Whether what is stored may be final.
        may_be_unseen: Whether it may still be replaced.
    """
    if not fed:
        return {label}
    found: set[str | None] = set()
    for new in fed:
        rest = fed - Counter([new])
        is_better = label in WORSE and new in BETTER
        if label is None or (is_better and may_be_unseen):
            found |= outcomes(new, rest, may_be_seen=may_be_seen, may_be_unseen=may_be_unseen)
        if label is not None and (not is_better or may_be_seen):
            found |= outcomes(label, rest, may_be_seen=may_be_seen, may_be_unseen=may_be_unseen)
    return found
