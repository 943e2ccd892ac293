"""The assets of one account: uploaded, asked about, and awaited by asking again and again."""

import contextlib
import copy
import logging
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from weakref import WeakValueDictionary

import anyio
import attrs

from mavi_async._answers import Attempt, Endpoint, Outcome
from mavi_async._asset import Asset
from mavi_async._asset_task import AssetTask
from mavi_async._background import Background, Job, JobCancelled
from mavi_async._backoff import pauses
from mavi_async._endpoints import METADATA, Endpoints
from mavi_async._errors import ClientClosed, ConfigurationError, MaviError, StoreError
from mavi_async._lifecycle import Lifecycle
from mavi_async._nap import Naps
from mavi_async._questions import Finding, Questions
from mavi_async._turn import Turn
from mavi_async._wire import Envelope

if TYPE_CHECKING:
    from mavi_async._upload import Upload

__all__ = ["Assets"]

log = logging.getLogger("mavi_async")

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 20.0
_FAILURES_IN_A_ROW: Final = 8
_ASK_SECONDS: Final = 30.0


class Assets:
    """Where one asks about assets.

    Args:
        endpoints: The API.
        lifecycle: Whether the client is open.
        result_timeout: Seconds to wait by default.
    """

    def __init__(
        self, endpoints: Endpoints, lifecycle: Lifecycle, result_timeout: float | None
    ) -> None:
        self.result_timeout = result_timeout
        self._endpoints = endpoints
        self._lifecycle = lifecycle
        self._background = Background()
        self._tasks: WeakValueDictionary[str, AssetTask] = WeakValueDictionary()
        self._watched: dict[str, tuple[AssetTask, Naps]] = {}
        self._looks: dict[str, Job[Finding]] = {}

    def task(self, asset_id: str) -> AssetTask:
        """Return the live task of an asset, or make it."""
        self._lifecycle.check_not_closed()
        return self._tasks.setdefault(asset_id, AssetTask(asset_id, self))

    async def describe(self, asset_id: str) -> Asset:
        """Ask for an asset's metadata, again where that may help."""
        self._lifecycle.check_open()
        question = _Question(self._endpoints.questions(METADATA), asset_id)
        asset = await question.ask()
        task = self._tasks.get(asset_id)
        if task is not None:
            task.learn(asset)
        return asset

    async def upload(self, upload: "Upload") -> AssetTask:
        """Send a file. To cancel it leaves nothing running, and no file open."""
        self._lifecycle.check_open()
        job = self._background.start(partial(upload.run, self._endpoints))
        try:
            return self.task(await job.wait())
        except JobCancelled:
            raise ClientClosed(
                "the client was closed during the upload: upload the file again"
            ) from None
        except BaseException:
            job.cancel()
            with anyio.CancelScope(shield=True), contextlib.suppress(Exception):
                await job.wait()
            raise

    async def look(self, task: AssetTask) -> None:
        """Ask about an asset once.

        Raises:
            MaviError: If there is no usable answer.
        """
        self._lifecycle.check_open()
        finding = await self._look(task)
        if finding.outcome is not Outcome.ACCEPTED:
            raise finding.error()

    def watch(self, task: AssetTask) -> None:
        """Ask about an asset for as long as somebody waits for it."""
        self._lifecycle.check_open()
        watched = self._watched.get(task.asset_id)
        if watched is None:
            naps = Naps(lambda: pauses(_FIRST_PAUSE, _LONGEST_PAUSE))
            self._watched[task.asset_id] = task, naps
            self._background.start(partial(self._watch, task, naps))
        else:
            watched[1].begin_again()

    async def aclose(self) -> None:
        """Stop asking, and uploading, and tell those who wait."""
        watched = tuple(self._watched.values())
        await self._background.finish(0)
        for task, _ in watched:
            task.give_up(_closed(task.asset_id))

    async def _watch(self, task: AssetTask, naps: Naps) -> None:
        try:
            error = await self._poll(task, naps)
        except Exception as bug:
            log.exception("asset %s is not asked about any more", task.asset_id)
            error = MaviError(f"asking about the asset failed: {type(bug).__name__}")
        finally:
            # At once: who comes to wait from now on starts anew.
            self._watched.pop(task.asset_id, None)
        if error is not None:
            task.give_up(error)

    async def _poll(self, task: AssetTask, naps: Naps) -> MaviError | None:
        """Ask until nobody needs to know; return why that had to be given up."""
        failures = 0
        while True:
            error, is_final, asked = await self._try_to_look(task)
            failures = 0 if error is None else failures + 1
            if is_final or failures >= _FAILURES_IN_A_ROW:
                return error
            if error is not None:
                log.info("asset %s is asked about again: %s", task.asset_id, error)
            if task.is_awaited:
                await naps.take(asked)
            if not task.is_awaited:
                return None

    async def _try_to_look(self, task: AssetTask) -> tuple[MaviError | None, bool, float]:
        """Ask once; return what went wrong, whether for good, and how long one is asked to wait."""
        try:
            finding = await self._look(task)
        except ClientClosed:
            return _closed(task.asset_id), True, 0.0
        except ConfigurationError as error:
            return error, True, 0.0
        except StoreError as error:
            return error, False, 0.0
        if finding.outcome is Outcome.ACCEPTED:
            return None, False, 0.0
        return finding.error(), finding.is_final, finding.seconds_to_wait

    async def _look(self, task: AssetTask) -> Finding:
        """Ask once for everybody who asks at the moment."""
        job = self._looks.get(task.asset_id)
        if job is None:
            job = self._background.start(partial(self._ask, task))
            self._looks[task.asset_id] = job
        try:
            return await job.wait()
        except JobCancelled:
            raise _closed(task.asset_id) from None
        except MaviError as error:
            raise copy.copy(error) from None

    async def _ask(self, task: AssetTask) -> Finding:
        try:
            question = _Question(self._endpoints.questions(METADATA), task.asset_id)
            asset, finding = await question.ask_once()
        finally:
            self._looks.pop(task.asset_id, None)
        if asset is not None:
            task.learn(asset)
        return finding


@attrs.frozen
class _Question:
    """Asks for the metadata of one asset."""

    _questions: Questions
    _asset_id: str

    async def ask(self) -> Asset:
        return await self._questions.ask(self._send, self._endpoint, self._read)

    async def ask_once(self) -> tuple[Asset | None, Finding]:
        return await self._questions.ask_once(self._send, self._endpoint, self._read)

    @property
    def _path(self) -> str:
        # An asset id may hold any character; two dots would lead elsewhere.
        return METADATA.format(asset_id=quote(self._asset_id, safe="").replace(".", "%2E"))

    @property
    def _endpoint(self) -> Endpoint:
        return self._questions.transport.endpoint(self._path, "GET")

    async def _send(self, turn: Turn) -> Attempt:
        return await self._questions.transport.get(
            self._path, deadline=_ASK_SECONDS, before_leaving=turn.hold, on_leaving=turn.left
        )

    def _read(self, envelope: Envelope) -> Asset:
        from mavi_async._asset_wire import read_asset

        return read_asset(envelope, asset_id=self._asset_id)


def _closed(asset_id: str) -> ClientClosed:
    return ClientClosed(
        f"the client was closed while this waited for asset {asset_id}: attach to it with "
        "asset_task(asset_id) of another client"
    )
