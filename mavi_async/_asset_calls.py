"""What a client does with files: upload them, and ask what has become of them."""

from typing import TYPE_CHECKING

from mavi_async._asset import Asset
from mavi_async._asset_task import AssetTask
from mavi_async._configuration import checked_asset_id
from mavi_async._endpoints import Endpoints
from mavi_async._lifecycle import Lifecycle

if TYPE_CHECKING:
    from mavi_async._assets import Assets
    from mavi_async._source import OnProgress, Recording
    from mavi_async._upload import Via

__all__ = ["AssetCalls"]


class AssetCalls:
    """The calls of a client that are about assets."""

    _lifecycle: Lifecycle
    _endpoints: Endpoints
    _result_timeout: float | None
    _made_assets: "Assets | None" = None

    async def upload(
        self,
        recording: "Recording",
        *,
        filename: str | None = None,
        via: "Via | None" = None,
        on_progress: "OnProgress | None" = None,
    ) -> AssetTask:
        """Upload a recording and return the task that resolves once jobs can be made of it.

        It is read in pieces, so that its size costs no memory. Uploads wait their turn, as submits
        do, and are free: one that breaks off is sent again, if it can be read again, and may leave
        an asset behind that nobody uses. To cancel it ends it.

        Args:
            recording: A `pathlib.Path`, the bytes, or a binary file, which is read from where it
                stands, from a thread of its own, and left open; where this raises, it stands there
                again, if it can.
            filename: What it is called, if not as its path or file says; its extension tells MAVI
                the format.
            via: ``"direct"`` through the API; ``"signed-url"`` to a URL for this file alone, which
                may be another company's storage and never gets the API key. By default that is
                the way of files over 100 MiB.
            on_progress: Called, in the event loop, with the bytes of the file that were sent, and
                how many there are, or ``None`` where that is not known. It begins again from 0
                where the file is sent again. What it raises is logged.

        Raises:
            ConfigurationError: If the recording cannot be read, or MAVI does not take its format.
                What a file object raises other than `OSError` and `ValueError` comes as it is.
            RequestRejected: If MAVI or the storage refuses it; see its subclasses.
            ServiceUnavailable: If there was no usable answer, several times.
            StoreError: If the store is down.
            ClientClosed: If the client was closed, or closes meanwhile.
            TaskStateError: Outside ``async with``, or in another event loop.

        Source: MAVI API, ``POST /upload`` and ``POST /upload/signed-url``.
        """
        from mavi_async._upload import Upload

        return await self._assets.upload(Upload(recording, filename, via, on_progress))

    async def asset(self, asset_id: str) -> Asset:
        """Ask what MAVI knows of an asset.

        Raises:
            RequestRejected: If MAVI refuses to tell; an unknown asset is a `RateLimited` that is
                ambiguous.
            ServiceUnavailable: If there was no usable answer, several times.
            StoreError: If the store is down.
            ClientClosed: If the client was closed, or closes meanwhile.
            TaskStateError: Outside ``async with``, or in another event loop.
            ConfigurationError: If the asset id cannot be one.

        Source: MAVI API, ``GET /{asset_id}/metadata``.
        """
        return await self._assets.describe(checked_asset_id(asset_id))

    def asset_task(self, asset_id: str) -> AssetTask:
        """Attach to an asset that was uploaded before, here or elsewhere.

        Costs no request. The same object is returned for as long as somebody refers to it.

        Raises:
            ConfigurationError: If the asset id cannot be one.
            ClientClosed: If the client was closed.
        """
        return self._assets.task(checked_asset_id(asset_id))

    @property
    def _assets(self) -> "Assets":
        """Made when it is needed: most clients need not even load what it takes."""
        if self._made_assets is None:
            from mavi_async._assets import Assets

            self._made_assets = Assets(self._endpoints, self._lifecycle, self._result_timeout)
        return self._made_assets

    async def _close_assets(self) -> None:
        if self._made_assets is not None:
            await self._made_assets.aclose()
