"""A batch while it runs: redrawn in a terminal, line by line anywhere else."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mavi_async._batch_records import BatchStage
from mavi_async.cli._batch_board import BatchBoard
from mavi_async.cli._notes import logged_to
from mavi_async.cli._text import clock_text, safe_text, size_text

__all__ = ["BatchDisplay"]

_UNDER_WAY: Final = {
    BatchStage.QUEUED: "being looked at",
    BatchStage.UPLOADING: "to be uploaded",
    BatchStage.PROCESSING: "being processed",
    BatchStage.WAITING_FOR_SLOT: "waiting for a slot",
    BatchStage.SUBMITTED: "submitted",
    BatchStage.WAITING_FOR_CALLBACK: "waiting for the callback",
}
_ENDS: Final = {
    BatchStage.DONE: "green",
    BatchStage.FAILED: "red",
    BatchStage.UNKNOWN: "red",
    BatchStage.PENDING: "yellow",
    BatchStage.STOPPED: "bright_black",
}
_WIDEST_NAME: Final = 40
_MOST_TRANSFERS: Final = 8


class BatchDisplay:
    """Shows a board on a console, until the end of a ``with`` block.

    Args:
        board: What to show.
        console: Where; where it is no terminal, the steps of each recording are lines.
    """

    def __init__(self, board: BatchBoard, console: Console) -> None:
        self._board = board
        self._console = console
        self._stack = contextlib.ExitStack()
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._live: Live | None = None
        if not self._is_live:
            board.on_change = self._say

    def __enter__(self) -> Self:
        self._stack.enter_context(logged_to(self.note))
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._stack.close()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for other output, on whichever stream."""
        was_live = self._live is not None
        self.stop()
        try:
            yield
        finally:
            if was_live:
                self._start()

    def note(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(Text(safe_text(text)), soft_wrap=True)

    def ended(self, name: str, text: str) -> None:
        """Say how a recording ended; in a terminal, it is counted."""
        if not self._is_live:
            self._say(name, text)

    def stop(self) -> None:
        """Draw no more, and leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _start(self) -> None:
        if self._is_live:
            # A new one each time: a restarted one erases what was printed in between.
            self._live = Live(
                get_renderable=self._picture,
                console=self._console,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start(refresh=True)

    def _say(self, name: str, text: str) -> None:
        line = f"{self._board.elapsed():6.1f} s  {safe_text(name, longest=100)}  {safe_text(text)}"
        # A full disk must not cost a result.
        with contextlib.suppress(OSError):
            self._console.print(Text(line), soft_wrap=True)

    def _picture(self) -> RenderableType:
        return Group(_whole(self._board), *_stages(self._board), _transfers(self._board))


def _whole(board: BatchBoard) -> RenderableType:
    ended = board.written + sum(board.counts[stage] for stage in _ENDS)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row(
        ProgressBar(total=max(1, board.total), completed=ended, width=_WIDEST_NAME),
        Text(f"{ended} of {board.total} recordings"),
        Text(clock_text(board.elapsed()), "dim"),
    )
    return table


def _stages(board: BatchBoard) -> Iterator[RenderableType]:
    """How many are where: first how they ended, then where the others are."""
    ends = [(f"{board.written} written before", "green")] if board.written else []
    ends += [
        (f"{board.counts[stage]} {stage.value}", style)
        for stage, style in _ENDS.items()
        if board.counts[stage]
    ]
    others = [f"{board.counts[stage]} {what}" for stage, what in _UNDER_WAY.items()]
    others = [text for text in others if not text.startswith("0 ")]
    if board.not_begun():
        others.append(f"{board.not_begun()} not begun")
    if ends:
        yield Text(" · ").join(Text(*end) for end in ends)
    if others:
        yield Text(" · ".join(others), "cyan")
    queue = board.queue()
    if queue.queued:
        yield Text(
            f"{queue.queued} queued for a slot, about {clock_text(queue.estimated_wait)} in all",
            "dim",
        )


def _transfers(board: BatchBoard) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    # The others wait for their turn.
    moving = (each for each in board.transfers.values() if each.sent_bytes)
    for each in itertools.islice(moving, _MOST_TRANSFERS):
        total = each.total_bytes or each.sent_bytes
        table.add_row(
            Text(safe_text(each.name, longest=_WIDEST_NAME)),
            ProgressBar(total=max(1, total), completed=each.sent_bytes, width=20),
            Text(f"{size_text(each.sent_bytes)} of {size_text(total)}", "dim"),
        )
    return table
