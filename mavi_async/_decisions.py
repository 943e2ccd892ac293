"""What only a person can decide about a submission whose outcome nobody knows.

Either a callback turns out to be the answer to it, or no job was made.
"""

from collections.abc import Sequence
from functools import partial

import anyio.to_thread

from mavi_async._endpoints import GENERATE
from mavi_async._errors import ConfigurationError, MalformedResult
from mavi_async._records import Intent, IntentState, Submission
from mavi_async._task import Outcome
from mavi_async.stores import TaskStore
from mavi_async.stores._deadline import in_time

__all__ = ["abandon", "adopt", "list_unknown", "why_not_unknown"]


async def list_unknown(store: TaskStore, *, account: str) -> Sequence[Intent]:
    """Return the submissions that are to be decided about, oldest first."""
    return await in_time(store.list_intents(IntentState.UNKNOWN, account))


async def adopt(
    store: TaskStore, intent_id: str, task_id: str, *, account: str | None
) -> Submission:
    """Make a callback that nobody submitted the answer to an unknown submission.

    Doing it twice is allowed.

    Args:
        store: Where both are.
        intent_id: The submission.
        task_id: The job that the callback answers.
        account: Whose submission it must be; ``None`` for anybody's.

    Raises:
        ConfigurationError: If they do not fit; it says why, and nothing is changed.
        StoreError: If the store is down.
    """
    # Where another process is quicker, the second look finds what it did.
    for _ in range(2):
        job = await _adopt(store, intent_id, task_id, account)
        if job is not None:
            return job
    raise _refused(f"something about task {task_id} has just changed: try again")


async def abandon(store: TaskStore, intent_id: str, *, account: str | None) -> None:
    """Decide that no job came of an unknown submission; its idempotency key is free then.

    Args:
        store: Where it is.
        intent_id: The submission.
        account: Whose submission it must be; ``None`` for anybody's.

    Raises:
        ConfigurationError: If it is not unknown; it says why, and nothing is changed.
        StoreError: If the store is down.
    """
    await _find(store, intent_id, account)
    end = store.update_intent(intent_id, IntentState.NOT_SENT, only_if=IntentState.UNKNOWN)
    if not await in_time(end):
        intent = await _find(store, intent_id, account)
        raise _refused(why_not_unknown(intent) or "it became unknown just now: try again")


def why_not_unknown(intent: Intent) -> str | None:
    """Say what is known of a submission; ``None`` where nothing is."""
    if intent.state is IntentState.UNKNOWN:
        return None
    if intent.state is IntentState.SENDING:
        return f"{intent.asset_id} is being submitted, or was just now: look again in two minutes"
    if intent.task_id is not None:
        return f"task {intent.task_id} is the job of {intent.asset_id}"
    if intent.state is IntentState.ACCEPTED:
        return f"{intent.asset_id} was done, and its result handed out"
    return f"nothing came of {intent.asset_id}, and nothing is in the way of another try"


async def _adopt(
    store: TaskStore, intent_id: str, task_id: str, account: str | None
) -> Submission | None:
    """Adopt it, or find that it was adopted; ``None`` if somebody else was quicker."""
    intent = await _find(store, intent_id, account)
    job = await in_time(store.get_submission(task_id))
    if job is not None and intent.task_id == task_id:
        return job
    reason = why_not_unknown(intent)
    if reason is None and intent.endpoint == GENERATE:
        reason = f"{intent.asset_id} was to be done at once: it is never called back"
    if reason is None and job is not None:
        reason = f"task {task_id} is the job of {job.asset_id}"
    reason = reason or await _why_not_fit(await in_time(store.get_callback(task_id)), task_id)
    if reason is not None:
        raise _refused(reason)
    return await in_time(store.adopt(intent_id, task_id))


async def _find(store: TaskStore, intent_id: str, account: str | None) -> Intent:
    intent = await in_time(store.get_intent(intent_id))
    if intent is None:
        raise _refused(f"there is no submission {intent_id} in this store")
    if account not in (None, intent.account):
        raise _refused(
            f"the submission of {intent.asset_id} is one of account {intent.account}: "
            "decide about it with a client that has that as account="
        )
    return intent


async def _why_not_fit(body: bytes | None, task_id: str) -> str | None:
    """A webhook gets the callbacks of all kinds of jobs; only those of speaker jobs fit."""
    if body is None:
        return f"no callback of task {task_id} is in this store: if you have its body, feed it"
    decode = partial(Outcome.decode, body, task_id=task_id, uri=None)
    error = (await anyio.to_thread.run_sync(decode)).error
    if isinstance(error, MalformedResult):
        return f"the callback of task {task_id} does not answer a speaker job: {error}"
    return None


def _refused(reason: str) -> ConfigurationError:
    return ConfigurationError(f"nothing was changed: {reason}")
