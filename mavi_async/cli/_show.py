"""Results that are in the store, printed once more."""

import sys
from collections.abc import Sequence

from mavi_async._configuration import checked_task_id
from mavi_async._task import Outcome
from mavi_async.cli._jobs import Listener
from mavi_async.cli._notes import Note, error_notes
from mavi_async.cli._place import Place
from mavi_async.cli._results import JsonResults, TextResults
from mavi_async.stores import TaskStore

__all__ = ["run_show"]


async def run_show(task_ids: Sequence[str], place: Place, *, as_json: bool) -> int:
    """Print the results of some jobs and return the exit code.

    Raises:
        ConfigurationError: If what is named cannot be a job.
    """
    task_ids = [checked_task_id(each) for each in dict.fromkeys(task_ids)]
    results: Listener = JsonResults() if as_json else TextResults()
    note = error_notes()
    if not place.exists:
        note(f"Nothing has been kept in {place} yet.")
        return 1
    async with place.open() as store:
        shown = [await _show(task_id, store, results, note) for task_id in task_ids]
    return 0 if all(shown) else 1


async def _show(task_id: str, store: TaskStore, results: Listener, note: Note) -> bool:
    body = await store.get_callback(task_id)
    if body is None:
        note(f"no callback of task {task_id} is here")
        return False
    submission = await store.get_submission(task_id)
    name = task_id if submission is None else submission.asset_id
    outcome = Outcome.decode(body, task_id=task_id, uri=name)
    if outcome.error is None:
        results.succeeded(name, outcome.result())
    else:
        note(f"failed: {name}: {outcome.error}")
        results.failed(name, outcome.error)
    sys.stdout.flush()  # only what is out is handed out
    await store.mark_collected([task_id])
    return outcome.error is None
