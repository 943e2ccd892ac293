"""The commands about what is in the store, and their options; none needs a key."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from mavi_async.cli._options import All, AsJson, File, Store

__all__ = ["adopt", "callbacks", "forget", "replay", "tasks"]


def tasks(
    *,
    account: str | None = None,
    all_of_them: All = False,
    as_json: AsJson = False,
    store: Store = None,
) -> int:
    """List jobs: pending, unknown, orphaned, done; and what can be done about each.

    Args:
        account: Whose jobs; by default everybody's.
        all_of_them: Show also the older ones.
        as_json: Write a JSON object a line.
        store: The file or redis:// URL that jobs are kept in; by default MAVI_STORE, or a file in
            your data folder.
    """
    from mavi_async.cli._place import find_place
    from mavi_async.cli._tasks import TasksOptions, run_tasks

    return asyncio.run(run_tasks(TasksOptions(account, all_of_them, as_json), find_place(store)))


def callbacks(
    *,
    save: File | None = None,
    all_of_them: All = False,
    as_json: AsJson = False,
    store: Store = None,
) -> int:
    """List or save callbacks that nobody submitted a job for, or that contradict an earlier one.

    Args:
        save: A new file to save all of them to, for `replay`; - is standard output.
        all_of_them: List also the older ones.
        as_json: List them as JSON objects, a line each, without the bodies.
        store: The file or redis:// URL that jobs are kept in; by default MAVI_STORE, or a file in
            your data folder.
    """
    from mavi_async.cli._callbacks import CallbacksOptions, run_callbacks
    from mavi_async.cli._place import find_place

    options = CallbacksOptions(save, all_of_them, as_json)
    return asyncio.run(run_callbacks(options, find_place(store)))


def replay(file: File, /, *, store: Store = None) -> int:
    """Feed callbacks from a file as if they came in again; doing it twice changes nothing.

    The exit code is 1 if some of it is no callback; the others are kept.

    Args:
        file: What `callbacks --save` wrote, or one callback's body, or a body on each line; - is
            standard input.
        store: The file or redis:// URL to keep them in; by default MAVI_STORE, or a file in your
            data folder.
    """
    from mavi_async.cli._place import find_place
    from mavi_async.cli._replay import run_replay

    return asyncio.run(run_replay(file, find_place(store)))


def adopt(intent_id: str, task_id: str, /, *, store: Store = None) -> int:
    """Decide that an orphaned callback is the result of an unknown submission.

    Args:
        intent_id: The submission, as `tasks` shows it.
        task_id: The job that the callback answers.
        store: The file or redis:// URL that jobs are kept in; by default MAVI_STORE, or a file in
            your data folder.
    """
    from mavi_async.cli._place import find_place
    from mavi_async.cli._upkeep import run_adopt

    return asyncio.run(run_adopt(intent_id, task_id, find_place(store)))


def forget(
    ids: list[str],
    /,
    *,
    yes: Annotated[bool, Parameter(negative="")] = False,
    store: Store = None,
) -> int:
    """Remove jobs with their results, or unknown submissions that created no job.

    Their recordings can then be submitted, and paid for, again. Without --yes it is only said
    what would be removed.

    Args:
        ids: Task ids, or the intent ids of unknown submissions.
        yes: Do it.
        store: The file or redis:// URL that jobs are kept in; by default MAVI_STORE, or a file in
            your data folder.
    """
    from mavi_async.cli._place import find_place
    from mavi_async.cli._upkeep import run_forget

    return asyncio.run(run_forget(ids, find_place(store), yes=yes))
