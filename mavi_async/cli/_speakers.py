"""Speaker jobs from the command line, with a receiver of its own for their callbacks."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from mavi_async._client import MaviClient
from mavi_async._diarization import Diarization
from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import (
    AuthenticationError,
    ConfigurationError,
    MaviError,
    WebhookNotConfigured,
)
from mavi_async.cli._board import Board, Stage, WatchedStore
from mavi_async.cli._jobs import Listener, run_jobs
from mavi_async.cli._progress import Progress
from mavi_async.cli._receiver import callback_path, listen, new_token, receiving
from mavi_async.cli._results import JsonResults, TextResults
from mavi_async.cli._text import make_console

__all__ = ["SpeakersOptions", "run_speakers"]

INTERRUPTED: Final = 130
_SET_UP: Final = (AuthenticationError, ConfigurationError, WebhookNotConfigured)


@attrs.frozen
class SpeakersOptions:
    """What is asked for; `MaviClient` says what most of it means.

    Attributes:
        asset_ids: The recordings; each is submitted once, however often it is named.
        listen: Where to receive callbacks, ``HOST:PORT``.
        token: The secret in the callback's path; ``None`` makes one.
        base_url: Where the API is.
        rate: Requests per second.
        timeout: Seconds to wait for each callback.
        as_json: Whether results are written as JSON lines.
    """

    asset_ids: Sequence[str]
    listen: str
    token: str | None = attrs.field(repr=False)
    base_url: str | None
    rate: float
    timeout: float
    as_json: bool


def run_speakers(options: SpeakersOptions) -> int:
    """Run the jobs and return the exit code.

    Raises:
        ConfigurationError: If nothing was submitted because an option cannot be used.
    """
    run = _Run(options)
    with listen(options.listen) as listener:
        try:
            asyncio.run(run.run(listener))
        except (KeyboardInterrupt, asyncio.CancelledError):
            run.report_interruption()
            return INTERRUPTED
    run.report()
    return run.exit_code()


class _Run:
    """One run of the command."""

    def __init__(self, options: SpeakersOptions) -> None:
        self._options = options
        self._board = Board(dict.fromkeys(options.asset_ids))
        self._progress = Progress(self._board, make_console(sys.stderr))
        self._results: Listener = JsonResults() if options.as_json else TextResults()
        self._errors: list[MaviError] = []

    async def run(self, listener: socket.socket) -> None:
        """Receive callbacks, submit, and hand out results."""
        options = self._options
        token = options.token or new_token()
        dispatcher = Dispatcher(store=WatchedStore(self._board))
        client = MaviClient(
            base_url=options.base_url, requests_per_second=options.rate, dispatcher=dispatcher
        )
        with _termination_as_cancellation():
            async with client, receiving(dispatcher, listener, token):
                self._say_where(listener, token)
                with self._progress:
                    await run_jobs(
                        client, self._board.rows, self._board, self, timeout=options.timeout
                    )

    def succeeded(self, asset_id: str, diarization: Diarization) -> None:
        """Write a result."""
        with self._progress.aside():
            self._results.succeeded(asset_id, diarization)

    def failed(self, asset_id: str, error: MaviError) -> None:
        """Keep an error for the report."""
        self._errors.append(error)
        with self._progress.aside():
            self._results.failed(asset_id, error)

    def report(self) -> None:
        """Say how it ended."""
        for row in self._board.at(Stage.FAILED):
            self._progress.note(f"failed: {row.asset_id}: {row.note}")
        done = len(self._board.at(Stage.DONE))
        self._progress.note(f"{done} of {len(self._board.rows)} recordings done.")

    def report_interruption(self) -> None:
        """Say what goes on at MAVI although nobody here waits for it any more."""
        for row in self._board.at(Stage.RUNNING):
            self._progress.note(f"still running at MAVI: {row.asset_id} as task {row.task_id}")
        for row in self._board.at(Stage.SENDING):
            self._progress.note(f"may be running at MAVI: {row.asset_id}, its answer never came")
        queued = len(self._board.at(Stage.QUEUED))
        self._progress.note(f"Stopped. Recordings that were not submitted: {queued}")

    def exit_code(self) -> int:
        """Return 2 where the set-up let nothing succeed, 1 where something failed, else 0."""
        if not self._errors:
            return 0
        all_failed = len(self._errors) == len(self._board.rows)
        wrong_set_up = all(isinstance(error, _SET_UP) for error in self._errors)
        return 2 if all_failed and wrong_set_up else 1

    def _say_where(self, listener: socket.socket, token: str) -> None:
        host, port = listener.getsockname()[:2]
        # A token that was given is known already, and stays out of logs.
        path = callback_path("<your token>" if self._options.token else token)
        self._progress.note(f"Receiving callbacks on {host} port {port}.")
        self._progress.note(f"Webhook URL to set in MAVI's console: https://YOUR-HOST{path}")


@contextlib.contextmanager
def _termination_as_cancellation() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C is: what still runs is worth knowing."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - tells type checkers
    try:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    except NotImplementedError:  # this event loop has no signals
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
