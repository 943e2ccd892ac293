"""From a recording to its result in one call: uploaded, submitted, and awaited."""

import logging
from pathlib import PurePath
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import anyio
import attrs

from mavi_async._asset_calls import AssetCalls
from mavi_async._configuration import checked_idempotency_key, checked_seconds
from mavi_async._diarization import Diarization
from mavi_async._errors import AssetFailed, ConfigurationError, MaviError
from mavi_async._speaker_calls import SpeakerCalls
from mavi_async._task import UNSET, SpeakerTask, Unset

if TYPE_CHECKING:
    from mavi_async._source import OnProgress, Recording
    from mavi_async._upload import Upload, Via

__all__ = ["DiarizeCalls"]

log = logging.getLogger("mavi_async")


class DiarizeCalls(SpeakerCalls, AssetCalls):
    """The calls of a client that take a recording from the file to the result."""

    _turns_of_keys: "WeakValueDictionary[str, anyio.Lock] | None" = None

    async def diarize(
        self,
        source: "str | Recording",
        *,
        filename: str | None = None,
        via: "Via | None" = None,
        on_progress: "OnProgress | None" = None,
        idempotency_key: str | None = None,
        max_wait: float | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> Diarization:
        """Submit a recording and await its result, in one call; upload it first where it is one.

        Where it fails after the upload, the error's notes name the asset: give its id instead of
        the recording to go on from there.

        Args:
            source: The asset id of an uploaded recording, or a recording as `upload` takes it:
                text is always an asset id, never a path.
            filename: As for `upload`.
            via: As for `upload`.
            on_progress: As for `upload`.
            idempotency_key: As for `submit_speaker`. What was submitted under it before is not
                uploaded again.
            max_wait: As for `submit_speaker`.
            timeout: Seconds to wait for the callback once the recording is submitted, and before
                that as many for the upload to become usable; ``None`` waits for ever, the default
                is the client's ``result_timeout``.

        Returns:
            The result. Its ``uri`` is the asset id, or of a recording that was uploaded the
            file's name without its extension.

        Raises:
            MaviError: As `upload`, `AssetTask.wait`, `submit_speaker` and `SpeakerTask.wait` do.
                A `TaskTimeout` carries the ``task_id`` with which to attach to the job again.
        """
        # Before anything is uploaded, and billed.
        if not isinstance(timeout, Unset) and timeout is not None:
            checked_seconds(timeout, "timeout")
        if max_wait is not None:
            checked_seconds(max_wait, "max_wait")
        if idempotency_key is not None:
            checked_idempotency_key(idempotency_key)
        if isinstance(source, str):
            task = await self.submit_speaker(
                _no_path(source), idempotency_key=idempotency_key, max_wait=max_wait
            )
            return await task.wait(timeout)
        from mavi_async._source import name_of
        from mavi_async._upload import Upload, checked_via

        uri = PurePath(name_of(source, filename)).stem
        upload = Upload(source, filename, checked_via(via), on_progress)
        task = await self._submit_recording(upload, idempotency_key, max_wait, timeout)
        return attrs.evolve(await task.wait(timeout), uri=uri)

    async def _submit_recording(
        self,
        upload: "Upload",
        key: str | None,
        max_wait: float | None,
        timeout: float | Unset | None,
    ) -> SpeakerTask:
        """Upload a recording and submit it, unless that was done under its key before."""
        self._lifecycle.check_open()
        if key is None:
            asset_id = await self._upload_usable(upload, timeout)
            return await self._submit_uploaded(asset_id, None, max_wait)
        # Of several calls with one key, one uploads; the others then find what it submitted.
        async with self._turn_of(key):
            asset_id = await self._jobs.asset_of(key) or await self._upload_usable(upload, timeout)
            return await self._submit_uploaded(asset_id, key, max_wait)

    async def _upload_usable(self, upload: "Upload", timeout: float | Unset | None) -> str:
        """Upload a recording, wait until jobs can be made of it, and return its asset id."""
        asset = await self._assets.upload(upload)
        try:
            await asset.wait(timeout)
        except AssetFailed:
            raise
        except MaviError as error:
            _name_asset(error, asset.asset_id)
            raise
        return asset.asset_id

    async def _submit_uploaded(
        self, asset_id: str, key: str | None, max_wait: float | None
    ) -> SpeakerTask:
        """Submit what was uploaded; where another process was faster with the key, take its job."""
        try:
            return await self.submit_speaker(asset_id, idempotency_key=key, max_wait=max_wait)
        except ConfigurationError as error:
            submitted = None if key is None else await self._jobs.asset_of(key)
            if submitted in (None, asset_id):
                _name_asset(error, asset_id)
                raise
        except MaviError as error:
            _name_asset(error, asset_id)
            raise
        log.info("%s was submitted elsewhere meanwhile; %s is not used", submitted, asset_id)
        return await self.submit_speaker(submitted, idempotency_key=key, max_wait=max_wait)

    def _turn_of(self, key: str) -> anyio.Lock:
        if self._turns_of_keys is None:
            self._turns_of_keys = WeakValueDictionary()
        return self._turns_of_keys.setdefault(key, anyio.Lock())


def _name_asset(error: MaviError, asset_id: str) -> None:
    error.add_note(
        f"the recording was uploaded as {asset_id}: give this asset id instead of it to go on from "
        "there without another upload"
    )


def _no_path(text: str) -> str:
    from mavi_async._multipart import is_like_path

    if is_like_path(text):
        raise ConfigurationError(
            f"text is an asset_id, which {text!r} is not: of a file pass pathlib.Path({text!r})"
        )
    return text
