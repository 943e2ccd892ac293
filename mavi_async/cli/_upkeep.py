"""Decisions that only a person can take: which callback is whose, and what to forget."""

from collections.abc import Sequence

import attrs

from mavi_async._configuration import checked_task_id
from mavi_async._decisions import abandon, adopt, why_not_unknown
from mavi_async._errors import ConfigurationError
from mavi_async._records import Intent, IntentState
from mavi_async.cli._notes import Note, error_notes
from mavi_async.cli._place import Place
from mavi_async.stores import TaskStore

__all__ = ["run_adopt", "run_forget"]


async def run_adopt(intent_id: str, task_id: str, place: Place) -> int:
    """Make an orphaned callback that of an unknown submission, and return the exit code.

    Raises:
        ConfigurationError: If what is named cannot be a job.
    """
    note = error_notes()
    checked_task_id(task_id)
    if not place.exists:
        note(f"Nothing has been kept in {place} yet.")
        return 1
    async with place.open() as store:
        try:
            job = await adopt(store, intent_id, task_id, account=None)
        except ConfigurationError as error:
            note(str(error))
            note(f"What is here: {place.command('tasks')}")
            note(f"To feed a callback that you have: {place.command('replay', 'FILE')}")
            return 1
    note(f"Task {task_id} is the job of {job.asset_id}. Its result: {place.command('resume')}")
    return 0


@attrs.frozen
class _Loss:
    """What forgetting something would throw away."""

    name: str
    what: str


async def run_forget(ids: Sequence[str], place: Place, *, yes: bool) -> int:
    """Forget jobs and unknown submissions, and return the exit code.

    Args:
        ids: Task ids and intent ids.
        place: The store.
        yes: Whether to do it; otherwise it is only said what would be lost.
    """
    note = error_notes()
    ids = list(dict.fromkeys(ids))
    if not place.exists:
        note(f"Nothing has been kept in {place} yet.")
        return 1
    async with place.open() as store:
        losses = [loss for each in ids if (loss := await _loss(store, each, note)) is not None]
        forgotten = [yes and await _forget(store, loss, note) for loss in losses]
    if yes:
        return 0 if forgotten == [True] * len(ids) else 1
    for loss in losses:
        note(f"would be forgotten: {loss.name}: {loss.what}")
    if losses:
        names = [loss.name for loss in losses]
        note(f"Nothing was changed. To do it: {place.command('forget', *names, '--yes')}")
    return 1


async def _loss(store: TaskStore, name: str, note: Note) -> _Loss | None:
    """Find what an id stands for; ``None`` for what cannot be forgotten."""
    intent = await store.get_intent(name)
    if intent is not None:
        return _loss_of_intent(intent, note)
    try:
        checked_task_id(name)
    except ConfigurationError:
        note(f"kept: {name} is neither a task id nor an intent id")
        return None
    job = await store.get_submission(name)
    has_callback = await store.get_callback(name) is not None
    if job is None and not has_callback:
        note(f"kept: nothing is here under {name}")
        return None
    if job is None:
        return _Loss(name, "the callback of a job that nobody here submitted")
    if has_callback:
        return _Loss(name, f"the result of {job.asset_id}; a run for it would be paid for again")
    return _Loss(name, f"{job.asset_id}, which is still at MAVI and is paid for")


def _loss_of_intent(intent: Intent, note: Note) -> _Loss | None:
    name = intent.intent_id
    if intent.state is IntentState.UNKNOWN:
        what = f"a submission of {intent.asset_id} that may have created a job, which is paid for"
        return _Loss(name, what)
    note(f"kept: {name}: {why_not_unknown(intent)}")
    return None


async def _forget(store: TaskStore, loss: _Loss, note: Note) -> bool:
    """Do it, unless something has become of it since it was looked at."""
    if await store.get_intent(loss.name) is not None:
        try:
            await abandon(store, loss.name, account=None)
        except ConfigurationError as error:
            note(f"kept: {loss.name}: {error}")
            return False
    elif not await store.forget(loss.name):
        note(f"kept: nothing is here under {loss.name}")
        return False
    note(f"forgotten: {loss.name}: {loss.what}")
    return True
