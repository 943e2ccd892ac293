"""A board shown while it changes: redrawn in a terminal, line by line anywhere else."""

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from mavi_async.cli._board import Board, Row, Stage
from mavi_async.cli._notes import logged_to
from mavi_async.cli._text import safe_text

__all__ = ["Progress", "board_table"]

_STYLES: Final = {
    Stage.QUEUED: "bright_black",
    Stage.SENDING: "yellow",
    Stage.ELSEWHERE: "yellow",
    Stage.RUNNING: "cyan",
    Stage.DONE: "green",
    Stage.FAILED: "red",
    Stage.SKIPPED: "bright_black",
}
_SIGNS: Final = {Stage.QUEUED: "·", Stage.DONE: "✓", Stage.FAILED: "✗", Stage.SKIPPED: "-"}
_ASCII_SIGNS: Final = {Stage.QUEUED: ".", Stage.DONE: "+", Stage.FAILED: "x", Stage.SKIPPED: "-"}
_MOVING: Final = (Stage.SENDING, Stage.ELSEWHERE, Stage.RUNNING)
_UNDER_WAY: Final = (*_MOVING, Stage.QUEUED)
_MOST_ROWS: Final = 12
_WIDEST_NAME: Final = 28


class Progress:
    """Shows a board on a console, until the end of a ``with`` block.

    Args:
        board: What to show.
        console: Where; where it is no terminal, each change is a line.
    """

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._console = console
        self._spinners: dict[str, Spinner] = {}
        self._logged = contextlib.ExitStack()
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._live: Live | None = None
        if not self._is_live:
            board.on_change = self._say

    def __enter__(self) -> Self:
        self._logged.enter_context(logged_to(self.note))
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        self._logged.close()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for other output, on whichever stream."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def note(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(Text(safe_text(text)), soft_wrap=True)

    def _start(self) -> None:
        if self._is_live:
            # A new one each time: a restarted one erases what was printed in between.
            self._live = Live(
                get_renderable=self._picture,
                console=self._console,
                refresh_per_second=10,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start(refresh=True)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _say(self, asset_id: str, text: str) -> None:
        widest = min(_WIDEST_NAME, max((len(each) for each in self._board.rows), default=0))
        name = safe_text(asset_id, longest=100).ljust(widest)
        line = f"{self._board.elapsed():6.1f} s  {name}  {safe_text(text)}"
        # This is called from within the store: a full disk must not cost a callback.
        with contextlib.suppress(OSError):
            self._console.print(Text(line), soft_wrap=True)

    def _picture(self) -> RenderableType:
        return board_table(
            self._board, spinners=self._spinners, ascii_only=self._console.options.ascii_only
        )


def board_table(
    board: Board, *, spinners: dict[str, Spinner] | None = None, ascii_only: bool = False
) -> Table:
    """Lay a board out as a table; where it is long, what is under way comes first.

    Args:
        board: What to show.
        spinners: Where the moving signs are kept from one drawing to the next; ``None`` for a
            table that stands still.
        ascii_only: Whether to do without other characters.
    """
    table = Table.grid(padding=(0, 2, 0, 0), expand=False)
    table.add_column(width=1)
    table.add_column(max_width=_WIDEST_NAME, no_wrap=True, overflow="ellipsis")
    widest = 0 if spinners is None else max(len(stage.value) for stage in _MOVING) + 7
    table.add_column(no_wrap=True, min_width=widest)
    table.add_column(overflow="fold")
    rows = _most_interesting(board)
    for row in rows:
        style = _STYLES[row.stage]
        sign = _sign(row, spinners, ascii_only=ascii_only)
        name = Text(safe_text(row.asset_id, longest=100))
        table.add_row(sign, name, Text(_stage_text(board, row), style), Text(_remark(row), "dim"))
    if len(rows) < len(board.rows):
        table.add_row("", Text(f"{len(board.rows)} in all"), Text(_totals(board)), "")
    if queue := board.queue_text():
        table.add_row("", "", Text(queue, "dim"), "")
    return table


def _most_interesting(board: Board) -> list[Row]:
    if len(board.rows) <= _MOST_ROWS:
        return list(board.rows.values())
    order = (*_UNDER_WAY, Stage.FAILED, Stage.SKIPPED, Stage.DONE)
    return [row for stage in order for row in board.at(stage)][:_MOST_ROWS]


def _totals(board: Board) -> str:
    counts = ((len(board.at(stage)), stage.value) for stage in Stage)
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def _stage_text(board: Board, row: Row) -> str:
    if row.stage in _MOVING:
        return f"{row.stage.value} {board.seconds_in_stage(row):.1f} s"
    return str(row.stage.value)


def _remark(row: Row) -> str:
    if row.note:
        return safe_text(row.note)
    return f"its callback is made to come {row.plan}" if row.plan else ""


def _sign(row: Row, spinners: dict[str, Spinner] | None, *, ascii_only: bool) -> Spinner | Text:
    signs = _ASCII_SIGNS if ascii_only else _SIGNS
    if row.stage in signs or spinners is None:
        return Text(signs.get(row.stage, ">"), _STYLES[row.stage])
    kind = "line" if ascii_only else "dots"
    spinner = spinners.setdefault(row.asset_id, Spinner(kind))
    spinner.style = _STYLES[row.stage]
    return spinner
