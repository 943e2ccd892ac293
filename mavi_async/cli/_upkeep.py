"""Decisions that only a person can take: which callback is whose, and what to forget."""

from collections.abc import Sequence

import attrs

from mavi_async._configuration import checked_task_id
from mavi_async._endpoints import GENERATE
from mavi_async._errors import ConfigurationError, MalformedResult
from mavi_async._records import Intent, IntentState
from mavi_async._task import Outcome
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
        note(f"Nothing has been kept in {place.path} yet.")
        return 1
    async with place.open() as store:
        why_not = await _why_not_fit(store, intent_id, task_id)
        job = None if why_not else await store.adopt(intent_id, task_id)
        if job is None:
            why_not = why_not or await _why_not_adopted(store, intent_id, task_id, place)
            note(f"Nothing was changed: {why_not}")
            return 1
    note(f"Task {task_id} is the job of {job.asset_id}. Its result: {place.command('resume')}")
    return 0


async def _why_not_fit(store: TaskStore, intent_id: str, task_id: str) -> str | None:
    """A webhook gets the callbacks of all kinds of jobs; only those of speaker jobs fit."""
    intent = await store.get_intent(intent_id)
    if intent is not None and intent.endpoint == GENERATE:
        return f"{intent.asset_id} was to be done at once: it is never called back"
    body = await store.get_callback(task_id)
    if body is None:
        return None
    error = Outcome.decode(body, task_id=task_id, uri=None).error
    if isinstance(error, MalformedResult):
        return f"this callback does not answer a speaker job: {error}"
    return None


async def _why_not_adopted(store: TaskStore, intent_id: str, task_id: str, place: Place) -> str:
    intent = await store.get_intent(intent_id)
    job = await store.get_submission(task_id)
    if intent is None:
        return f"there is no submission {intent_id}; {place.command('tasks')} lists those there are"
    if intent.state is IntentState.SENDING:
        return f"{intent.asset_id} is being submitted, or was two minutes ago; ask again then"
    if intent.task_id == task_id:
        return f"task {task_id} is the job of {intent.asset_id} already"
    if intent.state is not IntentState.UNKNOWN:
        return f"what became of {intent.asset_id} is known: {intent.state.value}"
    if job is not None:
        return f"task {task_id} is the job of {job.asset_id}"
    return (
        f"no callback of task {task_id} is here; if you have its body in a file, feed it first: "
        + place.command("replay", "FILE")
    )


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
        note(f"Nothing has been kept in {place.path} yet.")
        return 1
    async with place.open() as store:
        losses = [loss for each in ids if (loss := await _loss(store, each, note)) is not None]
        for loss in losses:
            done = yes and await _forget(store, loss.name)
            note(f"{'forgotten' if done else 'would be forgotten'}: {loss.name}: {loss.what}")
    if losses and not yes:
        names = [loss.name for loss in losses]
        note(f"Nothing was changed. To do it: {place.command('forget', *names, '--yes')}")
    return 0 if yes and len(losses) == len(ids) else 1


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
    if intent.state is IntentState.SENDING:
        note(f"kept: {name}: {intent.asset_id} may be under way; ask again in two minutes")
    elif intent.task_id is not None:
        note(f"kept: {name}: the job of {intent.asset_id} is known; forget {intent.task_id}")
    else:
        note(f"kept: {name}: nothing came of it, and nothing is in the way of another try")
    return None


async def _forget(store: TaskStore, name: str) -> bool:
    if await store.get_intent(name) is not None:
        return await store.update_intent(name, IntentState.NOT_SENT)
    return await store.forget(name)
