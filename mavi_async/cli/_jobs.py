"""Submitting recordings at once and handing out each result as it comes."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from mavi_async._client import MaviClient
from mavi_async._diarization import Diarization
from mavi_async._errors import MaviError
from mavi_async.cli._board import Board

__all__ = ["Listener", "run_jobs"]


class Listener(Protocol):
    """Who is told of results."""

    def succeeded(self, asset_id: str, diarization: Diarization) -> None:
        """Take a result."""
        ...

    def failed(self, asset_id: str, error: MaviError) -> None:
        """Take an error."""
        ...


async def run_jobs(
    client: MaviClient,
    asset_ids: Iterable[str],
    board: Board,
    listener: Listener,
    *,
    timeout: float | None,
) -> None:
    """Submit recordings and await all results; the failure of one stops none of the others.

    Args:
        client: An open client whose callbacks are received.
        asset_ids: The recordings.
        board: Where the end of each is noted.
        listener: Who gets the results, each as soon as it is there.
        timeout: Seconds to wait for each callback.
    """

    async def run(asset_id: str) -> None:
        try:
            task = await client.submit_speaker(asset_id)
            diarization = await task.wait(timeout)
        except MaviError as error:
            board.failed(asset_id, str(error))
            listener.failed(asset_id, error)
        else:
            board.done(asset_id)
            listener.succeeded(asset_id, diarization)

    outcomes = await asyncio.gather(*map(run, asset_ids), return_exceptions=True)
    for bug in filter(None, outcomes):
        raise bug
