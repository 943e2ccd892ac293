"""What commands that wait for results have in common: progress, results, how it all ends."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Iterable, Iterator
from typing import Final

from mavi_async._diarization import Diarization
from mavi_async._errors import (
    AuthenticationError,
    ConfigurationError,
    MaviError,
    SubmitOutcomeUnknown,
    TaskFailed,
    TaskTimeout,
    WebhookNotConfigured,
)
from mavi_async.cli._board import Board, Stage
from mavi_async.cli._destination import Destination
from mavi_async.cli._jobs import Listener
from mavi_async.cli._place import Place
from mavi_async.cli._progress import Progress
from mavi_async.cli._results import FileResults, JsonResults, TextResults
from mavi_async.cli._text import NotWritten, make_console

__all__ = ["INTERRUPTED", "Session", "run_session"]

INTERRUPTED: Final = 130
_SET_UP: Final = (AuthenticationError, ConfigurationError, WebhookNotConfigured)


class Session:
    """One run of a command that hands out results; it listens to its jobs.

    Args:
        names: What to wait for.
        place: Where the jobs are kept.
        as_json: Whether results are written as JSON lines.
        destination: The files to write results to; ``None`` for drawings instead.
    """

    def __init__(
        self,
        names: Iterable[str],
        place: Place,
        *,
        as_json: bool,
        destination: Destination | None = None,
    ) -> None:
        self.board = Board(names)
        self.progress = Progress(self.board, make_console(sys.stderr))
        self._place = place
        self.resume = place.command("resume")
        self.made_token = False
        self._tasks = place.command("tasks")
        # A name on the board may be more than the recording's; programs want that alone.
        self.asset_ids: dict[str, str] = {}
        self._results: list[Listener] = [JsonResults() if as_json else TextResults()]
        if destination is not None:
            self.write_to(destination)
        self._errors: list[MaviError] = []

    def write_to(self, destination: Destination) -> None:
        """Write results to files, and draw none."""
        files = FileResults(destination, self._place, self.progress.note)
        self._results = [each for each in self._results if not isinstance(each, TextResults)]
        self._results.append(files)

    def succeeded(self, asset_id: str, diarization: Diarization) -> None:
        """Write a result."""
        try:
            with self.progress.aside():
                for each in self._results:
                    each.succeeded(self._called(asset_id, each), diarization)
        except NotWritten as error:
            self._errors.append(error)
            self.progress.note(error.message)

    def failed(self, asset_id: str, error: MaviError) -> None:
        """Keep an error for the report."""
        self._errors.append(error)
        with self.progress.aside():
            for each in self._results:
                each.failed(self._called(asset_id, each), error)

    def report(self) -> None:
        """Say how it ended, and what goes on from there."""
        note = self.progress.note
        for row in self.board.at(Stage.FAILED):
            note(f"failed: {row.asset_id}: {row.note}")
        if skipped := self.board.at(Stage.SKIPPED):
            note(f"Not submitted after that: {len(skipped)}")
        note(f"{len(self.board.at(Stage.DONE))} of {len(self.board.rows)} recordings done.")
        if unwritten := sum(isinstance(error, NotWritten) for error in self._errors):
            note(f"Results that could not be written, and are in the store: {unwritten}")
        if self._met(SubmitOutcomeUnknown):
            note(f"What may be running at MAVI, and what to do about it: {self._tasks}")
        if self._met(TaskFailed):
            note("To submit once more what MAVI could not do, and pay for it: speakers --again")
        if self._met(TaskTimeout):
            self._say_resume("To wait again for what still runs")

    def report_interruption(self) -> None:
        """Say what goes on at MAVI although nobody here waits for it any more."""
        note = self.progress.note
        for row in self.board.at(Stage.RUNNING):
            note(f"still running at MAVI: {row.asset_id} as task {row.task_id}")
        for row in self.board.at(Stage.SENDING):
            note(f"may be running at MAVI: {row.asset_id}, its answer never came")
        for row in self.board.at(Stage.ELSEWHERE):
            note(f"being submitted by another run: {row.asset_id}")
        if queued := self.board.at(Stage.QUEUED):
            note(f"Recordings that were not submitted: {len(queued)}")
        if self.board.at(Stage.RUNNING, Stage.SENDING):
            self._say_resume("Stopped. To go on waiting for them")
        else:
            note("Stopped.")

    def _called(self, name: str, listener: Listener) -> str:
        return self.asset_ids.get(name, name) if isinstance(listener, JsonResults) else name

    def _say_resume(self, purpose: str) -> None:
        self.progress.note(f"{purpose}: {self.resume}")
        if self.made_token:
            self.progress.note("Set MAVI_CALLBACK_TOKEN before: to the end of the URL shown above.")

    def exit_code(self) -> int:
        """Return 2 where the set-up let nothing succeed, 1 where something failed, else 0."""
        if not self._errors:
            return 0
        all_failed = len(self._errors) == len(self.board.rows)
        wrong_set_up = all(isinstance(error, _SET_UP) for error in self._errors)
        return 2 if all_failed and wrong_set_up else 1

    def _met(self, kind: type[MaviError]) -> bool:
        return any(isinstance(error, kind) for error in self._errors)


def run_session(session: Session, main: Coroutine[object, object, None]) -> int:
    """Run a session's coroutine to its end, or to Ctrl-C or SIGTERM, and return the exit code."""
    try:
        asyncio.run(_until_terminated(main))
    except (KeyboardInterrupt, asyncio.CancelledError):
        session.report_interruption()
        return INTERRUPTED
    session.report()
    return session.exit_code()


async def _until_terminated(main: Coroutine[object, object, None]) -> None:
    with _termination_as_cancellation():
        await main


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
