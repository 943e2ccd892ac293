"""The speaker jobs of one account, from their submission to the task that stands for each."""

import logging
import time
import uuid
from functools import partial
from typing import Final

import attrs

from mavi_async._background import Background
from mavi_async._backoff import pauses
from mavi_async._decisions import adopt
from mavi_async._diarization import Diarization
from mavi_async._dispatcher import Dispatcher
from mavi_async._endpoints import SUBMIT
from mavi_async._errors import ConfigurationError
from mavi_async._inbox import Inbox
from mavi_async._patience import Patience
from mavi_async._records import Intent, IntentState, Submission
from mavi_async._silence import SilenceAlarm
from mavi_async._submit import KeyTaken, Submitter
from mavi_async._task import SpeakerTask
from mavi_async._wire import Envelope, decode_sync_result, submitted_task_id
from mavi_async.stores import TaskStore
from mavi_async.stores._deadline import eventually, in_time

__all__ = ["SpeakerJobs"]

log = logging.getLogger("mavi_async")

_FIRST_LOOK: Final = 0.05
_LONGEST_LOOK: Final = 1.0


@attrs.frozen
class SpeakerJobs:
    """Submits, records, resumes and adopts jobs.

    Attributes:
        dispatcher: Where callbacks arrive.
        inbox: Where the tasks are.
        background: Where what outlives its caller is done.
        alarm: Told of each job that a callback is expected for.
        account: Whose jobs they are.
    """

    dispatcher: Dispatcher
    inbox: Inbox
    background: Background
    alarm: SilenceAlarm
    account: str

    @property
    def store(self) -> TaskStore:
        """Where the jobs are kept."""
        return self.dispatcher.store

    async def submit(
        self,
        submitter: Submitter[SpeakerTask],
        asset_id: str,
        key: str | None,
        *,
        whichever: bool = False,
    ) -> SpeakerTask:
        """Submit a recording, unless an earlier submission has the idempotency key.

        Args:
            submitter: Makes the request.
            asset_id: The recording.
            key: The idempotency key.
            whichever: Whether the earlier submission may be one of another asset, since the
                recording was uploaded twice.
        """
        patience = submitter.patience(asset_id)
        while True:
            if key is not None:
                task = await self._task_with_key(
                    submitter, None if whichever else asset_id, key, patience
                )
                if task is not None:
                    return task
            try:
                return await submitter.submit(asset_id, key, patience)
            except KeyTaken as taken:
                log.info("%s was submitted elsewhere meanwhile", asset_id)
                is_own = whichever or taken.intent.asset_id == asset_id
                if taken.intent.task_id is not None and is_own:
                    return await self._task_of(taken.intent, taken.intent.task_id)

    async def earlier(self, key: str) -> Intent | None:
        """Find what was submitted under an idempotency key, or uploaded to be."""
        return await in_time(self.store.find_intent(self.account, key))

    async def remember_upload(self, key: str, asset_id: str) -> None:
        """Keep which asset is to be submitted under an idempotency key.

        What another process submits under it meanwhile stays as it is.
        """
        now = time.time()
        intent = Intent(
            intent_id=uuid.uuid4().hex,
            account=self.account,
            endpoint=SUBMIT,
            asset_id=asset_id,
            state=IntentState.NOT_SENT,
            created_at=now,
            expires_at=now,
            idempotency_key=key,
        )
        await in_time(self.store.begin_intent(intent))

    async def record(self, envelope: Envelope, _: bytes, intent: Intent) -> SpeakerTask:
        """Record an accepted job before its task is handed out."""
        task_id = submitted_task_id(envelope)
        submission = Submission(task_id, intent.account, intent.asset_id, time.time())
        task = self._task(submission)
        try:
            await in_time(self.store.put_submission(submission, intent_id=intent.intent_id))
        except Exception:
            # The job exists and is paid for: its caller gets it, recorded or not.
            log.exception("task %s (%s) is not recorded yet", task_id, intent.asset_id)
            put = partial(self.store.put_submission, submission, intent_id=intent.intent_id)
            self.background.start_quietly(partial(eventually, put), f"recording task {task_id}")
        try:
            await self.dispatcher.find(task)
        except Exception:
            log.exception("whether task %s was called back early is open", task_id)
        return task

    async def read_result(self, envelope: Envelope, body: bytes, intent: Intent) -> Diarization:
        """Take the result of a job that was done at once."""
        diarization = decode_sync_result(envelope, asset_id=intent.asset_id, raw=body)
        try:
            await in_time(self.store.update_intent(intent.intent_id, IntentState.ACCEPTED))
        except Exception:
            log.exception("the result of %s is not recorded", intent.asset_id)
        return diarization

    async def resume(self) -> list[SpeakerTask]:
        """Take up every job whose result nobody has yet, oldest first."""
        # A callback that comes between the two looks is then in both lists, not in none.
        pending = await in_time(self.store.list_pending(self.account))
        arrived = await in_time(self.store.list_uncollected(self.account))
        jobs = {each.task_id: each for each in (*pending, *arrived)}
        others = () if jobs else await in_time(self.store.list_pending())
        if others:
            log.warning(
                "the store has pending jobs of other accounts, and none of %s: name the account "
                "with account=, since without it each API key counts as one",
                self.account,
            )
        return [
            self._task(each) for each in sorted(jobs.values(), key=lambda job: job.submitted_at)
        ]

    async def adopt(self, intent_id: str, task_id: str) -> SpeakerTask:
        """Bind an unknown submission to a callback that nobody submitted."""
        return self._task(await adopt(self.store, intent_id, task_id, account=self.account))

    def _task(self, submission: Submission) -> SpeakerTask:
        self.alarm.expect(submission)
        return self.inbox.task(
            submission.task_id,
            asset_id=submission.asset_id,
            submitted_at=submission.submitted_at,
        )

    async def _task_with_key(
        self, submitter: Submitter[SpeakerTask], asset_id: str | None, key: str, patience: Patience
    ) -> SpeakerTask | None:
        """The task of the submission with a key, once it has one; ``None`` if the key is free."""
        for pause in pauses(_FIRST_LOOK, _LONGEST_LOOK):
            intent = await in_time(self.store.find_intent(self.account, key))
            if intent is None or intent.state is IntentState.NOT_SENT:
                return None
            if asset_id not in (None, intent.asset_id):
                raise ConfigurationError(
                    f"the idempotency key was used for asset {intent.asset_id}: "
                    "use another key for another asset"
                )
            if intent.state is IntentState.UNKNOWN:
                raise submitter.outcome_unknown(intent)
            if intent.task_id is not None:
                return await self._task_of(intent, intent.task_id)
            submitter.check()
            await patience.rest(pause)
        raise AssertionError("pauses have no end")

    async def _task_of(self, intent: Intent, task_id: str) -> SpeakerTask:
        submission = await in_time(self.store.get_submission(task_id))
        return self._task(
            submission or Submission(task_id, intent.account, intent.asset_id, intent.created_at)
        )
