"""The client: submit, await, close."""

from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self, get_args

import anyio

from mavi_async._background import Background, Hook
from mavi_async._configuration import (
    checked_asset_id,
    checked_idempotency_key,
    checked_rate,
    checked_seconds,
    checked_task_id,
    find_base_url,
)
from mavi_async._decisions import abandon, list_unknown
from mavi_async._diarization import Diarization
from mavi_async._dispatcher import Dispatcher
from mavi_async._endpoints import GENERATE, SUBMIT, Endpoints
from mavi_async._errors import ClientClosed, ConfigurationError, TaskStateError
from mavi_async._loop import Home
from mavi_async._polling import Poller
from mavi_async._records import Intent, Pacing, Submission
from mavi_async._retry import RetryPolicy
from mavi_async._secret import find_api_key
from mavi_async._silence import SilenceAlarm
from mavi_async._speaker_jobs import SpeakerJobs
from mavi_async._task import UNSET, SpeakerTask, Unset
from mavi_async._transport import HttpClient
from mavi_async.stores import TaskStore

__all__ = ["MaviClient"]


class MaviClient:
    """Submits recordings to MAVI and awaits who speaks when in them.

    ::

        async with MaviClient() as client:
            task = await client.submit_speaker("re_657929111888723968")
            diarization = await task

    The callbacks that MAVI sends must reach `dispatcher`: mount `mavi_async.asgi.CallbackApp`,
    `mavi_async.fastapi.callback_router` or `mavi_async.aiohttp.add_callback_route` in the web
    service whose URL is set as the webhook in MAVI's console.

    A client belongs to one event loop, asyncio or trio, and to one process.

    Args:
        api_key: The key; by default the environment's ``MAVI_API_KEY``.
        base_url: Where the API is; by default the environment's ``MAVI_BASE_URL``, or MAVI's own.
        account: A name for the account, where several keys share one; by default a digest of
            the key. Clients of one account share its rate.
        requests_per_second: The account's rate limit at one endpoint.
        store: Where submissions and callbacks are kept; by default in memory.
        dispatcher: One that is shared with other clients; by default its own. It is not closed.
        http_client: An `httpx.AsyncClient` or ``httpx2.AsyncClient`` to use. It is not closed.
        result_timeout: Seconds that awaiting a task takes at most, unless ``wait`` says
            otherwise; ``None`` waits for ever.
        submit_timeout: Seconds that one submit request takes at most, once it is its turn.
        retry: Which failures are sent again: ``"safe"``, those after which no job can exist;
            ``"never"``, none; ``"allow_duplicates"``, also those after which one may exist,
            which may bill twice.
        close_timeout: Seconds that closing lets requests under way finish.
        poller: Asked for the callbacks of awaited jobs, in a deployment that has an endpoint of
            its own for that: takes a ``task_id``, returns the body or ``None``. The first
            answer wins, from callback or poll.
        on_silence: Called with a `Submission` when no callback at all has come in
            `silence_after` seconds since it. It may be a coroutine function.
        silence_after: Seconds; ``None`` for no such alarm.
        allow_http: Whether `base_url` may be http on another host than this one.

    Raises:
        ConfigurationError: If something is missing or unusable.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        account: str | None = None,
        requests_per_second: float = 1.0,
        store: TaskStore | None = None,
        dispatcher: Dispatcher | None = None,
        http_client: HttpClient | None = None,
        result_timeout: float | None = 3600.0,
        submit_timeout: float = 30.0,
        retry: RetryPolicy = "safe",
        close_timeout: float = 10.0,
        poller: Poller | None = None,
        on_silence: Hook[Submission] | None = None,
        silence_after: float | None = 1800.0,
        allow_http: bool = False,
    ) -> None:
        try:
            key = find_api_key(api_key)
        finally:
            del api_key  # error reporters show what the frames of a traceback hold
        if store is not None and dispatcher is not None and dispatcher.store is not store:
            raise ConfigurationError("give the store to the dispatcher, or no dispatcher")
        if retry not in get_args(RetryPolicy):
            raise ConfigurationError(f"retry is one of {', '.join(get_args(RetryPolicy))}")
        self._account = account or key.account()
        interval = checked_rate(requests_per_second)
        self._submit_timeout = checked_seconds(submit_timeout, "submit_timeout", positive=True)
        self._close_timeout = checked_seconds(close_timeout, "close_timeout")
        self._owns_dispatcher = dispatcher is None
        self._dispatcher = Dispatcher(store=store) if dispatcher is None else dispatcher
        if result_timeout is not None:
            result_timeout = checked_seconds(result_timeout, "result_timeout")
        self._inbox = self._dispatcher.open_inbox(result_timeout, poller)
        if silence_after is not None:
            silence_after = checked_seconds(silence_after, "silence_after", positive=True)
        self._background = Background()
        self._alarm = SilenceAlarm(
            self._dispatcher.store, self._background, hook=on_silence, after=silence_after
        )
        self._jobs = SpeakerJobs(
            self._dispatcher, self._inbox, self._background, self._alarm, self._account
        )
        self._endpoints = Endpoints(
            find_base_url(base_url, allow_http=allow_http),
            key,
            http_client=http_client,
            store=self._dispatcher.store,
            background=self._background,
            account=self._account,
            interval=interval,
            retry=retry,
        )
        self._home = Home("client")
        self._state: Literal["new", "open", "closed"] = "new"

    @property
    def dispatcher(self) -> Dispatcher:
        """Where callbacks are fed to."""
        return self._dispatcher

    @property
    def account(self) -> str:
        """What the account is called in the store: a digest of the key, unless it was named."""
        return self._account

    @property
    def pacing(self) -> Pacing:
        """How many submits wait for their turn, and how long the next one would."""
        return self._endpoints.queue(SUBMIT)

    async def __aenter__(self) -> Self:
        self._home.enter()
        if self._state == "open":
            raise TaskStateError("the client is entered already: make another one")
        if self._state == "closed":
            raise ClientClosed("a client is entered once: make a new one")
        self._dispatcher.bind()
        self._endpoints.open()
        self._state = "open"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

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
        self._check_open()
        if max_wait is not None:
            max_wait = checked_seconds(max_wait, "max_wait")
        submitter = self._endpoints.submitter(
            SUBMIT, self._jobs.record, self._submit_timeout, max_wait
        )
        key = None if idempotency_key is None else checked_idempotency_key(idempotency_key)
        return await self._jobs.submit(submitter, checked_asset_id(asset_id), key)

    async def diarize(
        self,
        asset_id: str,
        *,
        idempotency_key: str | None = None,
        max_wait: float | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> Diarization:
        """Submit a recording and await its result, in one call.

        Args:
            asset_id: An uploaded recording.
            idempotency_key: As for `submit_speaker`.
            max_wait: As for `submit_speaker`.
            timeout: Seconds to wait for the callback once the recording is submitted; ``None``
                waits for ever, the default is the client's ``result_timeout``.

        Raises:
            MaviError: As `submit_speaker` and `SpeakerTask.wait` do. A `TaskTimeout` carries
                the ``task_id`` with which to attach to the job again.
        """
        if not isinstance(timeout, Unset) and timeout is not None:
            checked_seconds(timeout, "timeout")  # before anything is billed
        task = await self.submit_speaker(
            asset_id, idempotency_key=idempotency_key, max_wait=max_wait
        )
        return await task.wait(timeout)

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
        self._check_open()
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
        if self._state == "closed":
            raise ClientClosed("the client is closed: make a new one to attach to the task")
        return self._inbox.task(checked_task_id(task_id))

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
        self._check_open()
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
        self._check_open()
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
        self._check_open()
        return await list_unknown(self._dispatcher.store, account=self._account)

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
        self._check_open()
        await abandon(self._dispatcher.store, intent_id, account=self._account)

    async def aclose(self) -> None:
        """Close the client; closing twice is allowed.

        New submits are refused at once. Requests under way may finish for ``close_timeout``
        seconds, so that no job is left without a known id. Waits then end with
        `DispatcherClosed`. What was given to the client stays open.
        """
        if self._state == "closed":
            return
        self._state = "closed"
        self._alarm.close()
        self._endpoints.close_queues()
        # A scope that is cancelled must not cut short what is bounded and may be billed.
        with anyio.CancelScope(shield=True):
            try:
                await self._background.finish(self._close_timeout)
            finally:
                await self._inbox.aclose()
                await self._endpoints.aclose()
                await self._dispatcher.flush()
                if self._owns_dispatcher:
                    await self._dispatcher.aclose()

    def _check_open(self) -> None:
        if self._state == "closed":
            raise ClientClosed("the client is closed: make a new one to submit")
        if self._state == "new":
            raise TaskStateError("enter the client first: async with MaviClient() as client")
        self._home.enter()
