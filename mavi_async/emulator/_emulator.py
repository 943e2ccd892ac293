"""The emulator as its users hold it."""

import contextlib
import os
import socket
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from mavi_async._errors import TaskStateError
from mavi_async.emulator._admission import Admission
from mavi_async.emulator._answers import Dialect, Rejection
from mavi_async.emulator._api import API_PATH, SpeakerApi
from mavi_async.emulator._app import build_app
from mavi_async.emulator._callbacks import Courier
from mavi_async.emulator._control import CONTROL_PATH, Control
from mavi_async.emulator._conversation import Conversation
from mavi_async.emulator._faults import Fault, FaultPlan
from mavi_async.emulator._jobs import Ledger
from mavi_async.emulator._library import Library
from mavi_async.emulator._limiter import LimiterKind
from mavi_async.emulator._replay import read_replay
from mavi_async.emulator._serving import (
    LoopbackServer,
    ServerThread,
    Serves,
    loopback_listener,
)
from mavi_async.emulator._settings import DEFAULT_API_KEY, Settings, check_webhook_url
from mavi_async.emulator._uploads import UploadApi

__all__ = ["Emulator"]


class Emulator:
    """Serve the MAVI speaker API on loopback, with its rate limit and its callbacks.

    Use it as a context manager, plain or asynchronous, under asyncio or trio. It runs in a thread
    and an event loop of its own, so a blocked program does not shift the arrivals it measures.
    What it has counted can still be read after it has stopped, and it may be started again.

    Args:
        requests_per_second: The account's limit, for each endpoint.
        replay: A folder of RTTM files; a file's name without ``.rttm`` is an asset id, or the
            name of an uploaded file without its extension. Every other asset gets a conversation
            invented from its id, always the same.
        webhook_url: Where callbacks go. Without one, submits are refused.
        api_key: The only key that it takes.
        limiter: How the limit is kept: ``strict`` (a token bucket of one), ``bucket2`` (of two),
            ``fixed`` or ``sliding`` (windows of at least a second).
        rejection: What a request over the limit gets: HTTP ``429``, HTTP ``200`` with the code
            ``"0429"``, or HTTP ``400`` with the text that also stands for bad parameters.
        envelope: The code of success, ``"0000"`` or the integer ``200``.
        callback_delay: Seconds from a submit to its callback.
        callback_tries: How often one callback is posted until it is answered with 2xx.
        upload_delay: Seconds from the end of an upload until its asset can be used.
        signed_url_seconds: How long a signed URL is good for.
        unknown_assets: Assets to refuse with the ambiguous 400.
        port: The port to serve on; 0 is any free one.

    Raises:
        ConfigurationError: An option is out of its range.
    """

    def __init__(
        self,
        requests_per_second: float = 1.0,
        *,
        replay: str | os.PathLike[str] | None = None,
        webhook_url: str | None = None,
        api_key: str = DEFAULT_API_KEY,
        limiter: LimiterKind = "strict",
        rejection: Rejection = "429",
        envelope: Dialect = "0000",
        callback_delay: float = 0.05,
        callback_tries: int = 8,
        upload_delay: float = 0.05,
        signed_url_seconds: float = 93_600.0,
        unknown_assets: Iterable[str] = (),
        port: int = 0,
    ) -> None:
        self._settings = Settings(
            requests_per_second=requests_per_second,
            replay=replay,
            api_key=api_key,
            limiter=limiter,
            rejection=rejection,
            envelope=envelope,
            callback_delay=callback_delay,
            callback_tries=callback_tries,
            upload_delay=upload_delay,
            signed_url_seconds=signed_url_seconds,
            unknown_assets=frozenset(unknown_assets),
            port=port,
        )
        self._ledger = Ledger(check_webhook_url(webhook_url), upload_delay)
        self._plan = FaultPlan()
        self._port: int | None = None
        self._thread: ServerThread | None = None

    def __repr__(self) -> str:
        state = "stopped" if self._thread is None else f"serving on port {self._port}"
        return f"<Emulator {state}, {self.jobs_created} jobs, {self.rejections} rejections>"

    @property
    def base_url(self) -> str:
        """What to give a client as its base URL.

        Raises:
            TaskStateError: It has not been started.
        """
        return self._origin() + API_PATH

    @property
    def control_url(self) -> str:
        """What other processes reach ``/state``, ``/faults``, ``/webhook``, ``/reset`` under.

        Raises:
            TaskStateError: It has not been started.
        """
        return self._origin() + CONTROL_PATH

    @property
    def api_key(self) -> str:
        """The key that it takes."""
        return self._settings.api_key

    @property
    def webhook_url(self) -> str | None:
        """Where callbacks go; set it at any time, also for callbacks already on their way."""
        return self._ledger.webhook_url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self._ledger.webhook_url = check_webhook_url(url)

    @property
    def jobs_created(self) -> int:
        """How many jobs would be billed."""
        return len(self._ledger.jobs)

    @property
    def assets_created(self) -> int:
        """How many assets uploads have made, among them those that only have a signed URL."""
        return len(self._ledger.assets)

    @property
    def rejections(self) -> int:
        """How many requests were told to slow down, by the limit or by an injected 429."""
        return len(self._ledger.rejection_times)

    @property
    def submit_times(self) -> list[float]:
        """When each submit that the limit let pass arrived, in `time.monotonic` seconds."""
        return list(self._ledger.submit_times)

    @property
    def rejection_times(self) -> list[float]:
        """When each request that was told to slow down arrived."""
        return list(self._ledger.rejection_times)

    def inject(self, *faults: Fault) -> None:
        """Make something go wrong from now on."""
        self._plan.add(*faults)

    def state(self) -> dict[str, object]:
        """Everything that happened, as ``GET /_emulator/state`` shows it."""
        return {**self._ledger.to_document(), "faults_planned": len(self._plan)}

    def start(self) -> None:
        """Return once it serves; milliseconds, so it may be called in an event loop.

        Raises:
            ConfigurationError: The port is taken, or the replay folder cannot be used.
            TaskStateError: It is running already.
        """
        if self._thread is not None:
            raise TaskStateError("this emulator is running already")
        settings = self._settings
        replay = {} if settings.replay is None else read_replay(settings.replay)
        listener = loopback_listener(settings.port)
        thread = ServerThread(lambda serves: self._serve(listener, replay, serves))
        self._port = listener.getsockname()[1]
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """Cut off all requests and callbacks, and end the thread. Stopping twice is harmless."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    # Starting and stopping block for milliseconds even here: nothing can then be cancelled
    # halfway, under any event loop, and no helper thread stays behind.
    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _origin(self) -> str:
        if self._port is None:
            raise TaskStateError("the emulator has no address yet: use `with Emulator(…)`")
        return f"http://127.0.0.1:{self._port}"

    async def _serve(
        self, listener: socket.socket, replay: Mapping[str, Conversation], serves: Serves
    ) -> None:
        """Serve until told to stop; runs in the thread."""
        settings = self._settings
        courier = Courier(
            self._ledger,
            delay=settings.callback_delay,
            tries=settings.callback_tries,
            patience=max(0.5, 2 / settings.requests_per_second),
        )
        with listener:
            async with contextlib.aclosing(courier):
                ledger, plan = self._ledger, self._plan
                admission, library = Admission(settings, ledger), Library(settings, replay, ledger)
                speakers = SpeakerApi(settings, library, ledger, plan, courier, admission)
                uploads = UploadApi(settings, library, ledger, plan, admission)
                control = Control(admission, ledger, plan, courier)
                routes = [
                    *(*speakers.routes(API_PATH), *uploads.routes(API_PATH)),
                    *control.routes(),
                ]
                server = LoopbackServer(
                    build_app(routes), on_serving=lambda: serves(server.request_stop)
                )
                await server.serve([listener])
