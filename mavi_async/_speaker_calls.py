"""What a client does with recordings that are uploaded: submit them, and take up their jobs."""

from collections.abc import Callable, Sequence

import attrs

from mavi_async._configuration import (
    checked_asset_id,
    checked_idempotency_key,
    checked_seconds,
    checked_task_id,
)
from mavi_async._decisions import abandon, list_unknown
from mavi_async._diarization import Diarization
from mavi_async._endpoints import GENERATE, SUBMIT, Endpoints
from mavi_async._lifecycle import Lifecycle
from mavi_async._records import Intent
from mavi_async._speaker_jobs import SpeakerJobs
from mavi_async._submit import Submitter
from mavi_async._task import SpeakerTask

__all__ = ["SpeakerCalls"]


class SpeakerCalls:
    """The calls of a client that are about speaker jobs."""

    _lifecycle: Lifecycle
    _endpoints: Endpoints
    _jobs: SpeakerJobs
    _submit_timeout: float

    async def submit_speaker(
        self,
        asset_id: str,
        *,
        idempotency_key: str | None = None,
        max_wait: float | None = None,
    ) -> SpeakerTask:
        """Submit a recording and return the task that resolves with its callback.

        Waits its turn, so that any number of submits may be gathered. A submit that is
        cancelled before its request leaves costs nothing; one that is cancelled later is
        finished and recorded in the background. It is never sent twice where that could bill
        twice.

        With an idempotency key it may be called again, in any process that shares the store: it
        then gives the task of the first call, for as long as the store keeps that. While the
        first is under way the second waits for it; where nothing was created, it submits.

        Args:
            asset_id: An uploaded recording.
            idempotency_key: Your name for this submission, unique in the account.
            max_wait: Seconds that it may wait for its turn; ``None`` for any time.

        Raises:
            RequestRejected: If MAVI refuses it; see its subclasses.
            ServiceUnavailable: If MAVI could not be reached; nothing was sent.
            SubmitOutcomeUnknown: If a job may exist; it is not submitted again.
            PacingTimeout: If its turn would not come in `max_wait` seconds; nothing was sent.
            StoreError: If the store is down; nothing was sent.
            ClientClosed: If the client was closed.
            TaskStateError: Outside ``async with``, or in another event loop.
            ConfigurationError: If the asset id cannot be one, or the idempotency key was used for
                another asset.

        Source: MAVI API, ``POST /transcriptions/async-generate-speaker``.
        """
        self._lifecycle.check_open()
        if max_wait is not None:
            max_wait = checked_seconds(max_wait, "max_wait")
        submitter = self._submitter(max_wait)
        key = None if idempotency_key is None else checked_idempotency_key(idempotency_key)
        return await self._jobs.submit(submitter, checked_asset_id(asset_id), key)

    async def generate_speaker(self, asset_id: str, *, timeout: float = 300.0) -> Diarization:
        """Have a short recording done at once, without a callback.

        It is paced, and billed, like a submitted job, but has no ``task_id``: where its outcome
        is unknown there is nothing to attach to.

        Args:
            asset_id: An uploaded recording.
            timeout: Seconds that the request takes at most, once it is its turn.

        Raises:
            MaviError: As `submit_speaker` does.

        Source: MAVI API, ``POST /transcriptions/sync-generate-speaker``.
        """
        deadline = checked_seconds(timeout, "timeout", positive=True)
        self._lifecycle.check_open()
        submitter = self._endpoints.submitter(GENERATE, self._jobs.read_result, deadline)
        return await submitter.submit(checked_asset_id(asset_id))

    def speaker_task(self, task_id: str) -> SpeakerTask:
        """Attach to a job that was submitted before, here or elsewhere.

        Costs no request. The same object is returned for as long as somebody refers to it; its
        callback is looked for when it is first awaited.

        Raises:
            ConfigurationError: If the task id cannot be one.
            ClientClosed: If the client was closed.
        """
        self._lifecycle.check_not_closed()
        return self._jobs.inbox.task(checked_task_id(task_id))

    async def resume(self) -> list[SpeakerTask]:
        """Take up every job of the account whose result nobody has yet, after a restart.

        Those are the jobs without a callback, and those whose callback came while nobody
        awaited it: they resolve at once. A result that was handed out just before a crash may
        be among them.

        Returns:
            The tasks, in the order in which they were submitted.

        Raises:
            StoreError: If the store is down.
            ClientClosed: If the client was closed.
            TaskStateError: Outside ``async with``, or in another event loop.
        """
        self._lifecycle.check_open()
        return await self._jobs.resume()

    async def adopt(self, intent_id: str, task_id: str) -> SpeakerTask:
        """Decide that a callback which nobody submitted belongs to an unknown submission.

        After `SubmitOutcomeUnknown` a job may exist, and its callback then comes as an unmatched
        one. Which is which only you can tell, for example by the length of the recording.

        Args:
            intent_id: The submission, as `SubmitOutcomeUnknown` names it.
            task_id: The job whose callback is in the store.

        Raises:
            ConfigurationError: If they do not fit: the submission is not an unknown one of this
                account, or no unmatched callback of a speaker job is here. Nothing is changed
                then. Doing it twice is allowed.
            StoreError: If the store is down.
            ClientClosed: If the client was closed.
            TaskStateError: Outside ``async with``, or in another event loop.
        """
        self._lifecycle.check_open()
        return await self._jobs.adopt(intent_id, checked_task_id(task_id))

    async def unknown_submissions(self) -> Sequence[Intent]:
        """Return the submissions of the account that may have created a job, oldest first.

        Each ended in `SubmitOutcomeUnknown`, or its process died in the middle of it. It stays
        until you decide: `adopt` its callback, or `abandon` it.

        Raises:
            StoreError: If the store is down.
            ClientClosed: If the client was closed.
            TaskStateError: Outside ``async with``, or in another event loop.
        """
        self._lifecycle.check_open()
        return await list_unknown(self._jobs.store, account=self._jobs.account)

    async def abandon(self, intent_id: str) -> None:
        """Decide that no job came of an unknown submission; its idempotency key is free then.

        If there was a job after all, submitting the recording again pays for it twice.

        Args:
            intent_id: The submission, as `SubmitOutcomeUnknown` names it.

        Raises:
            ConfigurationError: If it is not an unknown one of this account, for example since
                its callback was adopted meanwhile. Nothing is changed then.
            StoreError: If the store is down.
            ClientClosed: If the client was closed.
            TaskStateError: Outside ``async with``, or in another event loop.
        """
        self._lifecycle.check_open()
        await abandon(self._jobs.store, intent_id, account=self._jobs.account)

    def _submitter(
        self, max_wait: float | None, check: Callable[[], None] | None = None
    ) -> Submitter[SpeakerTask]:
        submitter = self._endpoints.submitter(
            SUBMIT, self._jobs.record, self._submit_timeout, max_wait
        )
        return submitter if check is None else attrs.evolve(submitter, check=check)
