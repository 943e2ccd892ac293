"""The client: what it is made of, and how it is opened and closed."""

from types import TracebackType
from typing import Final, Self, get_args
from weakref import WeakSet

import anyio

from mavi_async._background import Background, Hook
from mavi_async._batch_calls import BatchCalls
from mavi_async._configuration import checked_rate, checked_seconds, find_base_url
from mavi_async._dispatcher import Dispatcher
from mavi_async._endpoints import SUBMIT, Endpoints
from mavi_async._errors import ConfigurationError
from mavi_async._lifecycle import Lifecycle
from mavi_async._polling import Poller
from mavi_async._records import Pacing, Submission
from mavi_async._retry import RetryPolicy
from mavi_async._secret import find_api_key
from mavi_async._silence import SilenceAlarm
from mavi_async._speaker_jobs import SpeakerJobs
from mavi_async._transport import HttpClient
from mavi_async.stores import TaskStore

__all__ = ["MaviClient"]

_NOTING_SECONDS: Final = 5.0


class MaviClient(BatchCalls):
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
        self._lifecycle = Lifecycle()
        self._runs = WeakSet()
        self._result_timeout = result_timeout

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
        self._lifecycle.check_new()
        self._dispatcher.bind()
        self._endpoints.open()
        self._lifecycle.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the client; closing twice is allowed.

        New submits are refused at once. Requests under way may finish for ``close_timeout``
        seconds, so that no job is left without a known id; uploads are free, and end at once.
        Waits then end with `DispatcherClosed`, those for assets with `ClientClosed`, and batches
        with what they know of each recording that they have begun. What was given
        to the client stays open.
        """
        if not self._lifecycle.close():
            return
        self._alarm.close()
        self._cut_batches()
        self._endpoints.close_queues()
        # A scope that is cancelled must not cut short what is bounded and may be billed.
        with anyio.CancelScope(shield=True):
            try:
                await self._close_assets()
                await self._background.finish(self._close_timeout)
            finally:
                await self._inbox.aclose()
                await self._close_batches(_NOTING_SECONDS)
                await self._endpoints.aclose()
                await self._dispatcher.flush()
                if self._owns_dispatcher:
                    await self._dispatcher.aclose()
