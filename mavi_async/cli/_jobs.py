"""Submitting recordings at once, and handing out each result as it comes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

from mavi_async._client import MaviClient
from mavi_async._diarization import Diarization
from mavi_async._errors import (
    AuthenticationError,
    MaviError,
    OutOfCredits,
    WebhookNotConfigured,
)
from mavi_async._task import SpeakerTask
from mavi_async.cli._board import Board, NotSubmitted

__all__ = ["Listener", "age", "await_jobs", "run_jobs"]

_REFUSALS: Final = (AuthenticationError, OutOfCredits, WebhookNotConfigured)


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
    key_of: Callable[[str], Awaitable[str]] | None = None,
) -> None:
    """Submit recordings and await all results; the failure of one stops none of the others.

    The exception is a refusal that all would meet, such as that of the key: what has not left
    yet is then not submitted.

    Args:
        client: An open client whose callbacks are received.
        asset_ids: The recordings.
        board: Where the end of each is noted; the client's store tells it of each step.
        listener: Who gets the results, each as soon as it is there.
        timeout: Seconds to wait for each callback.
        key_of: Gives each recording its idempotency key.
    """

    async def run(asset_id: str) -> None:
        try:
            key = None if key_of is None else await key_of(asset_id)
            task = await client.submit_speaker(asset_id, idempotency_key=key)
        except _REFUSALS as error:
            _fail(asset_id, error, board, listener)
            for queued in board.refused(asset_id, error.message):
                jobs[queued].cancel()
        except MaviError as error:
            _fail(asset_id, error, board, listener)
        except asyncio.CancelledError:
            if board.refusal is None:
                raise
            _fail(asset_id, NotSubmitted(board.refusal), board, listener)
        else:
            board.attached(asset_id, task.task_id, seconds=age(task))
            await _await_job(task, asset_id, board, listener, timeout)

    board.queue = lambda: client.pacing
    jobs = {asset_id: asyncio.create_task(run(asset_id)) for asset_id in asset_ids}
    await _gather(jobs.values())


async def await_jobs(
    tasks: dict[str, SpeakerTask], board: Board, listener: Listener, *, timeout: float | None
) -> None:
    """Await the results of jobs that were submitted before.

    Args:
        tasks: The jobs, by the name that each has on the board.
        board: Where the end of each is noted.
        listener: Who gets the results, each as soon as it is there.
        timeout: Seconds to wait for each callback.
    """
    await _gather(
        asyncio.create_task(_await_job(task, name, board, listener, timeout))
        for name, task in tasks.items()
    )


def age(task: SpeakerTask) -> float:
    """Return the seconds since a job was accepted, as far as that is known."""
    submitted_at = task.submitted_at
    return 0.0 if submitted_at is None else max(0.0, time.time() - submitted_at.timestamp())


async def _await_job(
    task: SpeakerTask, name: str, board: Board, listener: Listener, timeout: float | None
) -> None:
    try:
        diarization = await task.wait(timeout)
    except MaviError as error:
        _fail(name, error, board, listener)
    else:
        board.done(name)
        listener.succeeded(name, diarization)


def _fail(name: str, error: MaviError, board: Board, listener: Listener) -> None:
    if isinstance(error, NotSubmitted):
        board.skipped(name)
    else:
        board.failed(name, str(error))
    listener.failed(name, error)


async def _gather(jobs: Iterable["asyncio.Task[None]"]) -> None:
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    for bug in filter(None, outcomes):
        raise bug
