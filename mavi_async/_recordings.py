"""From a recording to its job: uploaded, submitted and paid for once under one key."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakValueDictionary

import anyio
import attrs

from mavi_async._asset_task import AssetTask
from mavi_async._errors import (
    AssetFailed,
    AuthenticationError,
    MaviError,
    OutOfCredits,
    RateLimited,
    RequestRejected,
    WebhookNotConfigured,
)
from mavi_async._records import Intent, IntentState
from mavi_async._source import OnProgress, Recording
from mavi_async._speaker_jobs import SpeakerJobs
from mavi_async._submit import Submitter
from mavi_async._task import SpeakerTask, Unset
from mavi_async._upload import Via

__all__ = ["Escort", "Recordings", "Wish"]

log = logging.getLogger("mavi_async")


@attrs.frozen
class Wish:
    """What is to be diarized, and how.

    Attributes:
        source: An asset id, or a recording.
        filename: What it is called.
        via: Which way it is uploaded.
        key: The idempotency key.
        max_wait: Seconds that submitting it may wait for its turn.
        timeout: Seconds that the upload may take to become usable.
    """

    source: str | Recording = attrs.field(repr=False)
    filename: str | None
    via: Via | None
    key: str | None
    max_wait: float | None
    timeout: float | Unset | None


class Escort:
    """Goes along with one recording: hears how far it is, and can keep it from being submitted."""

    on_progress: OnProgress | None = None

    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self.on_progress = on_progress

    def uploading(self) -> None:
        """Note that the upload begins."""

    def uploaded(self, asset_id: str) -> None:
        """Note that MAVI has the recording."""

    def waiting(self, asset_id: str) -> None:
        """Note that it is to be submitted."""

    def submitted(self, task_id: str) -> None:
        """Note that it was submitted just now."""

    def check(self) -> None:
        """Raise whatever keeps the recording from being submitted."""

    @contextmanager
    def free_part(self) -> Iterator[None]:
        """Surrounds what bills nothing, and may be cut short."""
        yield


class Uploads(Protocol):
    """Where assets come from."""

    async def upload(
        self,
        recording: Recording,
        *,
        filename: str | None = None,
        via: Via | None = None,
        on_progress: OnProgress | None = None,
    ) -> AssetTask:
        """Upload a recording."""
        ...

    def asset_task(self, asset_id: str) -> AssetTask:
        """Attach to an asset."""
        ...


@attrs.frozen
class Recordings:
    """Makes jobs of recordings.

    Attributes:
        uploads: Where assets come from.
        jobs: Where they are submitted.
        submitter: Makes what submits, with the seconds that it may wait, and a check.
    """

    uploads: Uploads
    jobs: SpeakerJobs
    submitter: Callable[[float | None, Callable[[], None]], Submitter[SpeakerTask]]
    _turns: "WeakValueDictionary[str, anyio.Lock]" = attrs.field(factory=WeakValueDictionary)

    async def task(self, wish: Wish, escort: Escort) -> SpeakerTask:
        """Return the job of a recording: that of its key, or a new one."""
        if isinstance(wish.source, str):
            earlier = None if wish.key is None else await self.jobs.earlier(wish.key)
            return await self._submit(wish, escort, wish.source, earlier)
        if wish.key is None:
            asset_id = await self._upload(wish, escort, wish.source)
            return await self._submit(wish, escort, asset_id, None)
        # Of several calls with one key, one uploads; the others then find what it submitted.
        async with self._turns.setdefault(wish.key, anyio.Lock()):
            return await self._task_of_key(wish, escort, wish.source, wish.key)

    async def _task_of_key(
        self, wish: Wish, escort: Escort, recording: Recording, key: str
    ) -> SpeakerTask:
        earlier = await self.jobs.earlier(key)
        if earlier is not None and earlier.state is not IntentState.NOT_SENT:
            return await self._submit(wish, escort, earlier.asset_id, earlier)
        if earlier is not None:
            task = await self._from_upload(wish, escort, earlier)
            if task is not None:
                return task
        asset_id = await self._upload(wish, escort, recording)
        return await self._submit(wish, escort, asset_id, None)

    async def _from_upload(self, wish: Wish, escort: Escort, earlier: Intent) -> SpeakerTask | None:
        """Submit what was uploaded before, unless MAVI does not take it any more."""
        try:
            with escort.free_part():
                escort.uploaded(earlier.asset_id)
                await self.uploads.asset_task(earlier.asset_id).wait(wish.timeout)
            return await self._submit(wish, escort, earlier.asset_id, earlier)
        except (AssetFailed, RequestRejected) as error:
            if not _is_about_asset(error):
                raise
            log.info("asset %s is replaced by a new upload: %s", earlier.asset_id, error)
            return None

    async def _upload(self, wish: Wish, escort: Escort, recording: Recording) -> str:
        with escort.free_part():
            escort.uploading()
            asset = await self.uploads.upload(
                recording, filename=wish.filename, via=wish.via, on_progress=escort.on_progress
            )
            if wish.key is not None:
                await self.jobs.remember_upload(wish.key, asset.asset_id)
            escort.uploaded(asset.asset_id)
            with _naming(asset.asset_id):
                await asset.wait(wish.timeout)
        return asset.asset_id

    async def _submit(
        self, wish: Wish, escort: Escort, asset_id: str, earlier: Intent | None
    ) -> SpeakerTask:
        is_new = earlier is None or earlier.state is not IntentState.ACCEPTED
        if is_new:
            escort.check()
            escort.waiting(asset_id)
        submitter = self.submitter(wish.max_wait, escort.check)
        if isinstance(wish.source, str):
            task = await self.jobs.submit(submitter, asset_id, wish.key)
        else:
            with _naming(asset_id):
                task = await self.jobs.submit(submitter, asset_id, wish.key, whichever=True)
        if is_new:
            escort.submitted(task.task_id)
        return task


@contextmanager
def _naming(asset_id: str) -> Iterator[None]:
    """Have what fails after an upload name the asset."""
    try:
        yield
    except AssetFailed:
        raise
    except MaviError as error:
        error.add_note(
            f"the recording was uploaded as {asset_id}: give this asset id instead of it to go on "
            "from there without another upload"
        )
        raise


def _is_about_asset(error: AssetFailed | RequestRejected) -> bool:
    if isinstance(error, RateLimited):
        return error.ambiguous
    return not isinstance(error, AuthenticationError | OutOfCredits | WebhookNotConfigured)
