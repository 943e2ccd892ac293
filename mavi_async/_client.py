"""The client: submit, await, close."""

import logging
import os
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Literal, Self, TypeVar, get_args

import anyio

from mavi_async._background import Background
from mavi_async._configuration import (
    BaseUrl,
    checked_asset_id,
    checked_rate,
    checked_seconds,
    checked_task_id,
)
from mavi_async._diarization import Diarization
from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import ClientClosed, ConfigurationError, TaskStateError
from mavi_async._gate import Gate
from mavi_async._loop import Home
from mavi_async._records import Intent, IntentState, Submission
from mavi_async._retry import RetryPolicy
from mavi_async._secret import find_api_key
from mavi_async._submit import Submitter
from mavi_async._task import UNSET, SpeakerTask, Unset
from mavi_async._transport import HttpClient, Transport
from mavi_async._wire import Envelope, decode_sync_result, submitted_task_id
from mavi_async.stores import Lane, TaskStore
from mavi_async.stores._deadline import in_time

__all__ = ["MaviClient"]

_DEFAULT_BASE_URL: Final = "https://mavi-backend.memories.ai/serve/api/v2"

_SUBMIT: Final = "/transcriptions/async-generate-speaker"
_GENERATE: Final = "/transcriptions/sync-generate-speaker"
_ENDPOINTS: Final = (_SUBMIT, _GENERATE)
_MAX_IN_FLIGHT: Final = 8

log = logging.getLogger("mavi_async")

T = TypeVar("T")


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
        self._base_url = BaseUrl.parse(
            base_url or os.environ.get("MAVI_BASE_URL") or _DEFAULT_BASE_URL, allow_http=allow_http
        )
        self._account = account or key.account()
        self._interval = checked_rate(requests_per_second)
        self._submit_timeout = checked_seconds(submit_timeout, "submit_timeout", positive=True)
        self._close_timeout = checked_seconds(close_timeout, "close_timeout")
        self._retry: RetryPolicy = retry
        self._owns_dispatcher = dispatcher is None
        self._dispatcher = Dispatcher(store=store) if dispatcher is None else dispatcher
        if result_timeout is not None:
            result_timeout = checked_seconds(result_timeout, "result_timeout")
        self._inbox = self._dispatcher.open_inbox(result_timeout)
        self._transport = Transport(
            self._base_url,
            key,
            http_client=http_client,
            max_connections=_MAX_IN_FLIGHT * len(_ENDPOINTS),
        )
        self._background = Background()
        self._home = Home("client")
        self._state: Literal["new", "open", "closed"] = "new"
        self._gates = {path: self._gate(path) for path in _ENDPOINTS}

    @property
    def dispatcher(self) -> Dispatcher:
        """Where callbacks are fed to."""
        return self._dispatcher

    @property
    def account(self) -> str:
        """What the account is called in the store: a digest of the key, unless it was named."""
        return self._account

    async def __aenter__(self) -> Self:
        self._home.enter()
        if self._state == "open":
            raise TaskStateError("the client is entered already: make another one")
        if self._state == "closed":
            raise ClientClosed("a client is entered once: make a new one")
        self._dispatcher.bind()
        self._transport.open()
        self._state = "open"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def submit_speaker(self, asset_id: str) -> SpeakerTask:
        """Submit a recording and return the task that resolves with its callback.

        Waits its turn, so that any number of submits may be gathered. A submit that is
        cancelled before its request leaves costs nothing; one that is cancelled later is
        finished and recorded in the background. It is never sent twice where that could bill
        twice.

        Args:
            asset_id: An uploaded recording.

        Raises:
            RequestRejected: If MAVI refuses it; see its subclasses.
            ServiceUnavailable: If MAVI could not be reached; nothing was sent.
            SubmitOutcomeUnknown: If a job may exist; it is not submitted again.
            StoreError: If the store is down; nothing was sent.
            ClientClosed: If the client was closed.
            TaskStateError: Outside ``async with``, or in another event loop.
            ConfigurationError: If the asset id cannot be one.

        Source: MAVI API, ``POST /transcriptions/async-generate-speaker``.
        """
        submitter = self._submitter(_SUBMIT, self._record, self._submit_timeout)
        return await submitter.submit(checked_asset_id(asset_id))

    async def diarize(self, asset_id: str, *, timeout: float | Unset | None = UNSET) -> Diarization:
        """Submit a recording and await its result, in one call.

        Args:
            asset_id: An uploaded recording.
            timeout: Seconds to wait for the callback once the recording is submitted; ``None``
                waits for ever, the default is the client's ``result_timeout``.

        Raises:
            MaviError: As `submit_speaker` and `SpeakerTask.wait` do. A `TaskTimeout` carries
                the ``task_id`` with which to attach to the job again.
        """
        task = await self.submit_speaker(asset_id)
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
        submitter = self._submitter(_GENERATE, self._read_result, deadline)
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

    async def aclose(self) -> None:
        """Close the client; closing twice is allowed.

        New submits are refused at once. Requests under way may finish for ``close_timeout``
        seconds, so that no job is left without a known id. Waits then end with
        `DispatcherClosed`. What was given to the client stays open.
        """
        if self._state == "closed":
            return
        self._state = "closed"
        for gate in self._gates.values():
            gate.close()
        self._gates.clear()  # with them goes this client's say in the account's rate
        # A scope that is cancelled must not cut short what is bounded and may be billed.
        with anyio.CancelScope(shield=True):
            try:
                await self._background.finish(self._close_timeout)
            finally:
                self._inbox.close()
                await self._transport.aclose()
                if self._owns_dispatcher:
                    await self._dispatcher.aclose()

    def _gate(self, endpoint: str) -> Gate:
        origin = "{}://{}:{}".format(*self._base_url.origin)
        lane = Lane(origin, self._account, endpoint)
        pacer = self._dispatcher.store.pacer(lane, self._interval)
        return Gate(pacer, max_in_flight=_MAX_IN_FLIGHT)

    def _submitter(
        self,
        path: str,
        read: Callable[[Envelope, bytes, Intent], Awaitable[T]],
        deadline: float,
    ) -> Submitter[T]:
        self._check_open()
        return Submitter(
            path=path,
            transport=self._transport,
            gate=self._gates[path],
            store=self._dispatcher.store,
            background=self._background,
            account=self._account,
            retry=self._retry,
            deadline=deadline,
            read=read,
        )

    def _check_open(self) -> None:
        if self._state == "closed":
            raise ClientClosed("the client is closed: make a new one to submit")
        if self._state == "new":
            raise TaskStateError("enter the client first: async with MaviClient() as client")
        self._home.enter()

    async def _record(self, envelope: Envelope, _: bytes, intent: Intent) -> SpeakerTask:
        """Record an accepted job before its task is handed out."""
        task_id = submitted_task_id(envelope)
        submission = Submission(task_id, intent.account, intent.asset_id, time.time())
        task = self._inbox.task(
            task_id, asset_id=intent.asset_id, submitted_at=submission.submitted_at
        )
        store = self._dispatcher.store
        try:
            await in_time(store.put_submission(submission, intent_id=intent.intent_id))
        except Exception:
            # The job exists and is paid for: its caller gets it, recorded or not.
            log.exception("task %s (%s) is not recorded", task_id, intent.asset_id)
        try:
            await self._dispatcher.look(task)
        except Exception:
            log.exception("whether task %s was called back early is open", task_id)
        return task

    async def _read_result(self, envelope: Envelope, body: bytes, intent: Intent) -> Diarization:
        diarization = decode_sync_result(envelope, asset_id=intent.asset_id, raw=body)
        store = self._dispatcher.store
        try:
            await in_time(store.update_intent(intent.intent_id, IntentState.ACCEPTED))
        except Exception:
            log.exception("the result of %s is not recorded", intent.asset_id)
        return diarization
