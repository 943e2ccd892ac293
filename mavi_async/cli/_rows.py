"""Rows of short texts: aligned in a terminal, and one line each anywhere else."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mavi_async.cli._text import safe_text

__all__ = ["print_rows"]

_INDENT: Final = 2


def print_rows(console: Console, rows: Sequence[Sequence[str]]) -> None:
    """Print rows whose first column is aligned to the right, and whose last may be long.

    Args:
        console: Where to.
        rows: Of the same length; whatever is in them is shown safely.
    """
    safe = [[safe_text(cell, longest=256) for cell in row] for row in rows]
    if not console.is_terminal:
        _print_lines(console, safe)
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    last = len(rows[0]) - 1 if rows else 0
    for number in range(last + 1):
        table.add_column(
            justify="left" if number else "right", no_wrap=number < last, overflow="fold"
        )
    for row in safe:
        table.add_row(*(Text(cell) for cell in row))
    console.print(Padding(table, (0, 0, 0, _INDENT), expand=False))


def _print_lines(console: Console, rows: Sequence[Sequence[str]]) -> None:
    """A file has no width: nothing is wrapped in it."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [" " * _INDENT + first.rjust(widths[0])]
        cells += [cell.ljust(width) for cell, width in zip(others, widths[1:], strict=True)]
        console.print(Text("  ".join(cells).rstrip()), soft_wrap=True)
