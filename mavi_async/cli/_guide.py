"""Which command comes next, by what is known of a job."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import attrs

from mavi_async._endpoints import GENERATE
from mavi_async.cli._place import Place

__all__ = ["Guide", "Job", "State"]

State = Literal["sending", "unknown", "orphaned", "pending", "arrived", "done"]

_INTENT: Final = "INTENT_ID"
_TASK: Final = "TASK_ID"


@attrs.frozen(kw_only=True)
class Job:
    """One line of a list of jobs.

    Attributes:
        state: How far it has come.
        since: When it was submitted, or its callback came; seconds since the epoch.
        asset_id: What was submitted; unknown of an orphaned callback.
        task_id: The job, once that is known.
        intent_id: The submission, while the job is not known.
        account: Whose it is.
        endpoint: Where it was submitted to, while the job is not known.
    """

    state: State
    since: float
    asset_id: str | None = None
    task_id: str | None = None
    intent_id: str | None = None
    account: str | None = None
    endpoint: str | None = None

    @property
    def may_be_called_back(self) -> bool:
        """Whether a callback may still tell what became of an unknown submission."""
        return self.state == "unknown" and self.endpoint != GENERATE


class Guide:
    """Writes command lines for the jobs of a store.

    Args:
        place: The store.
        jobs: All of its jobs: where just one submission is unknown, or just one callback
            orphaned, commands name it.
    """

    def __init__(self, place: Place, jobs: Sequence[Job]) -> None:
        self._place = place
        adoptable = [job.intent_id for job in jobs if job.may_be_called_back]
        self._intent = _only(adoptable) or _INTENT
        self._task = _only([job.task_id for job in jobs if job.state == "orphaned"]) or _TASK
        self._may_adopt = bool(adoptable)

    def command(self, job: Job) -> str:
        """Return the one command to go on with."""
        if job.state == "unknown" and not job.may_be_called_back:
            return self._place.command("forget", job.intent_id or _INTENT)
        if job.state == "unknown":
            return self._place.command("adopt", job.intent_id or _INTENT, self._task)
        if job.state == "orphaned" and self._may_adopt:
            return self._place.command("adopt", self._intent, job.task_id or _TASK)
        if job.state in ("orphaned", "done"):
            return self._place.command("show", job.task_id or _TASK)
        return self._place.command("tasks" if job.state == "sending" else "resume")

    def advice(self, jobs: Sequence[Job]) -> Iterator[str]:
        """Return what one can do about jobs of the same state, a line for each possibility."""
        state, command = jobs[0].state, self._place.command
        task = _only([job.task_id for job in jobs]) or _TASK
        if state == "sending":
            yield f"ask again in two minutes: {command('tasks')}"
        elif state == "unknown":
            if self._may_adopt:
                adopt = command("adopt", self._intent, self._task)
                yield f"if its callback is among the orphaned: {adopt}"
            intent = _only([job.intent_id for job in jobs]) or _INTENT
            yield f"if MAVI's console shows no such job: {command('forget', intent)}"
        elif state == "orphaned":
            yield f"look at it: {command('show', task)}"
            if self._may_adopt:
                adopt = command("adopt", self._intent, task)
                yield f"if it answers an unknown submission: {adopt}"
            yield f"if another program submitted it: {command('forget', task)}"
        elif state == "done":
            yield f"see it again: {command('show', task)}"
        else:
            where = " --listen HOST:PORT, unless a service receives them"
            yield f"get the results: {command('resume')}{where if state == 'pending' else ''}"


def _only(names: Sequence[str | None]) -> str | None:
    return names[0] if len(names) == 1 else None
