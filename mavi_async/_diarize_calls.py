"""From a recording to its result in one call: uploaded, submitted, and awaited."""

from pathlib import PurePath
from typing import TYPE_CHECKING

import attrs

from mavi_async._asset_calls import AssetCalls
from mavi_async._configuration import checked_idempotency_key, checked_seconds
from mavi_async._diarization import Diarization
from mavi_async._speaker_calls import SpeakerCalls
from mavi_async._task import UNSET, Unset

if TYPE_CHECKING:
    from mavi_async._recordings import Recordings
    from mavi_async._source import OnProgress, Recording
    from mavi_async._upload import Via

__all__ = ["DiarizeCalls"]


class DiarizeCalls(SpeakerCalls, AssetCalls):
    """The calls of a client that take a recording from the file to the result."""

    _made_recordings: "Recordings | None" = None

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
            idempotency_key: As for `submit_speaker`. What was uploaded or submitted under it before
                is not uploaded again, whatever the recording is.
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
            max_wait = checked_seconds(max_wait, "max_wait")
        if idempotency_key is not None:
            checked_idempotency_key(idempotency_key)
        if isinstance(source, str):
            task = await self.submit_speaker(
                _no_path(source), idempotency_key=idempotency_key, max_wait=max_wait
            )
            return await task.wait(timeout)
        from mavi_async._recordings import Escort, Wish
        from mavi_async._source import name_of
        from mavi_async._upload import checked_via

        uri = PurePath(name_of(source, filename)).stem
        wish = Wish(source, filename, checked_via(via), idempotency_key, max_wait, timeout)
        self._lifecycle.check_open()
        task = await self._recordings.task(wish, Escort(on_progress))
        return attrs.evolve(await task.wait(timeout), uri=uri)

    @property
    def _recordings(self) -> "Recordings":
        """Made when it is needed, as `_assets` is."""
        if self._made_recordings is None:
            from mavi_async._recordings import Recordings

            self._made_recordings = Recordings(self, self._jobs, self._submitter)
        return self._made_recordings


def _no_path(text: str) -> str:
    from mavi_async._multipart import checked_no_path

    return checked_no_path(text)
