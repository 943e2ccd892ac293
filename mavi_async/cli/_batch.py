"""Many recordings from the command line: found, uploaded, submitted, and written as they come."""

import asyncio
import json
import os
import sys
from typing import Final

import attrs
from rich.text import Text

from mavi_async._batch import Batch, BatchRecording
from mavi_async._batch_records import BatchOutcome, BatchState
from mavi_async._client import MaviClient
from mavi_async._configuration import checked_seconds
from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import (
    AuthenticationError,
    ClientClosed,
    ConfigurationError,
    OutOfCredits,
    WebhookNotConfigured,
)
from mavi_async.cli._batch_board import BatchBoard
from mavi_async.cli._batch_inputs import Inputs, find_inputs
from mavi_async.cli._batch_options import BatchOptions
from mavi_async.cli._batch_outputs import Outputs
from mavi_async.cli._batch_plan import estimated, find_earlier
from mavi_async.cli._batch_progress import BatchDisplay
from mavi_async.cli._batch_report import BatchReport, Ended
from mavi_async.cli._entrance import Entrance, entered
from mavi_async.cli._place import Place
from mavi_async.cli._rows import print_rows
from mavi_async.cli._session import INTERRUPTED
from mavi_async.cli._stopping import stopping
from mavi_async.cli._text import make_console, safe_text
from mavi_async.stores import TaskStore

__all__ = ["run_batch"]

_REFUSALS: Final = (AuthenticationError, OutOfCredits, WebhookNotConfigured)
_LONGEST_LINE: Final = 100_000


def run_batch(options: BatchOptions, place: Place) -> int:
    """Run the batch and return the exit code.

    Raises:
        ConfigurationError: If nothing was submitted because something cannot be used.
    """
    checked_seconds(options.timeout, "--timeout")
    checked_seconds(options.rate, "--rate", positive=True)
    inputs = find_inputs(options.paths, options.output)
    outputs = Outputs.of(options.output, options.formats)
    elsewhere = options.received_elsewhere
    with entered(options.listen, options.token, received_elsewhere=elsewhere) as entrance:
        outputs.prepare(inputs.recordings)
        return asyncio.run(_Run(options, place, inputs, outputs).run(entrance))


class _Run:
    """One run of a batch."""

    def __init__(
        self, options: BatchOptions, place: Place, inputs: Inputs, outputs: Outputs
    ) -> None:
        self._options = options
        self._place = place
        self._inputs = inputs
        self._outputs = outputs
        self._is_interrupted = False
        self._closing: asyncio.Task[None] | None = None
        done = options.resume
        self._due = [each for each in inputs.recordings if not (done and outputs.are_written(each))]
        total = len(inputs.recordings)
        self._board = BatchBoard(total, total - len(self._due))
        self._display = BatchDisplay(self._board, make_console(sys.stderr))
        self._report = BatchReport(
            total, total - len(self._due), place.command(*options.again()), place.command
        )
        self._sources = [BatchRecording(each.source) for each in self._due]
        self._planned = dict(zip(map(id, self._sources), self._due, strict=True))
        self._out = make_console(sys.stdout) if options.as_json else None

    async def run(self, entrance: Entrance) -> int:
        """Plan, submit, write, and report."""
        options, note = self._options, self._display.note
        async with (
            self._place.open() as store,
            Dispatcher(store=store) as dispatcher,
            MaviClient(
                base_url=options.base_url,
                account=options.account,
                requests_per_second=options.rate,
                dispatcher=dispatcher,
            ) as client,
        ):
            batch = client.diarize_many(
                self._sources,
                name=options.batch,
                on_error=options.on_error,
                on_progress=lambda step: self._board.moved(self._planned[id(step.source)], step),
                timeout=options.timeout,
            )
            await self._plan(client, store)
            self._board.queue = lambda: client.pacing
            async with entrance.receiving(dispatcher, note):
                with self._display, stopping(lambda: self._stop(client)):
                    await self._take_all(batch)
                    if self._closing is not None:
                        await self._closing
        return self._end(entrance)

    async def _plan(self, client: MaviClient, store: TaskStore) -> None:
        """Look at what was done before and what the rest will cost, before anything is sent."""
        options, note = self._options, self._display.note
        for line in self._inputs.passed_over:
            note(line)
        earlier = await find_earlier(store, client.account, options.batch, self._due)
        if earlier and not options.resume:
            raise ConfigurationError(
                f"the batch {options.batch!r} was begun before, with {len(earlier)} of these "
                "recordings: use --resume to go on with it, or another --name or --output to pay "
                "for all of them again"
            )
        estimate, paid = await estimated(self._due, earlier)
        before = f"; submitted before, and not in that: {paid}" if paid else ""
        note(f"Recordings: {len(self._due)}. To be paid: {estimate}{before}.")
        options.budget.check(estimate)

    async def _take_all(self, batch: Batch[BatchRecording]) -> None:
        try:
            async for outcome in batch:
                if isinstance(outcome.error, _REFUSALS):
                    batch.stop()
                await self._take(outcome)
        except ClientClosed:
            if not self._is_interrupted:
                raise

    async def _take(self, outcome: BatchOutcome[BatchRecording]) -> None:
        """Write a result, and keep what became of it for the report."""
        planned = self._planned[id(outcome.source)]
        ended = Ended.of(planned, outcome)
        if outcome.diarization is not None:
            write = self._outputs.write
            missing = self._options.resume
            unwritten = await asyncio.to_thread(
                lambda result: list(write(planned, result, missing=missing)), outcome.diarization
            )
            ended = attrs.evolve(ended, unwritten=unwritten)
        self._report.ended.append(ended)
        text = ended.kind if outcome.error is None else f"{ended.kind}: {outcome.error}"
        if outcome.state is not BatchState.STOPPED:
            self._display.ended(planned.called, text)
        self._write_line(ended)

    def _write_line(self, ended: Ended) -> None:
        """Tell programs."""
        if self._out is None:
            return
        outcome, error = ended.outcome, ended.outcome.error
        document = {
            "source": str(ended.planned.source),
            "name": ended.planned.name,
            "state": outcome.state.value,
            "ok": ended.kind == "done",
            "asset_id": outcome.asset_id,
            "task_id": outcome.task_id,
            "intent_id": outcome.intent_id,
            "duration": ended.seconds,
            "error": None if error is None else type(error).__name__,
            "message": None if error is None else str(error),
            "unwritten": [str(each.path) for each in ended.unwritten],
            "next": self._report.next_command(ended),
        }
        with self._display.aside():
            # ASCII only, so that no name can steer the terminal it may end up in.
            self._out.out(json.dumps(document, ensure_ascii=True), highlight=False)

    def _stop(self, client: MaviClient) -> None:
        """Submit nothing more at the first signal, and end at once at the second.

        Closing the client lets requests under way finish and be recorded, so that no job is left
        whose id nobody knows.
        """
        if self._is_interrupted:
            self._display.stop()
            self._display.note(f"Ended at once. To go on: {self._report.resume}")
            # What is half done is what a crash leaves, which is what the store is made for.
            os._exit(INTERRUPTED)
        self._is_interrupted = True
        self._display.note(
            "Stopping: nothing more is submitted; requests under way are waited for, ten seconds "
            "at most. Once more ends it at once."
        )
        self._closing = asyncio.create_task(client.aclose())

    def _end(self, entrance: Entrance) -> int:
        """Report, and return the exit code."""
        console = make_console(sys.stderr)
        self._report.submitted = self._board.submitted
        for line in self._report.lines():
            indent = " " * (len(line) - len(line.lstrip()))
            text = Text(indent + safe_text(line, longest=_LONGEST_LINE))
            console.print(text, soft_wrap=True)
        print_rows(console, self._report.rows())
        for line in self._report.totals():
            self._display.note(line)
        code = INTERRUPTED if self._is_interrupted else self._report.exit_code()
        if code and entrance.makes_token:
            self._display.note("Set MAVI_CALLBACK_TOKEN before: to the end of the URL shown above.")
        if self._is_interrupted:
            self._display.note("Stopped.")
        return code
