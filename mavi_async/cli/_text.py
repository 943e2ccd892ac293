"""Text for people: what others wrote made safe for a terminal, and seconds made readable."""

import contextlib
import io
import os
import unicodedata
from typing import Final, TextIO

from rich.console import Console

__all__ = ["clock_text", "make_console", "safe_text"]

_LONGEST: Final = 400
_HOUR: Final = 3600


class _PatientConsole(Console):
    """A console whose reader may leave, as ``head`` does: what is paid for still goes on."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on, instead of ending the program."""
        self.quiet = True
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.file.fileno())
            os.close(nowhere)


def make_console(stream: TextIO) -> Console:
    """Make a console that takes text literally, and is plain unless the stream is a terminal."""
    if isinstance(stream, io.TextIOWrapper):
        # A name that the terminal's encoding lacks must not end the program.
        stream.reconfigure(errors="replace")
    return _PatientConsole(
        file=stream,
        force_terminal=stream.isatty(),
        markup=False,
        emoji=False,
        highlight=False,
    )


def safe_text(text: str, *, longest: int = _LONGEST) -> str:
    """Return one line of bounded length in which nothing steers the terminal.

    Control and format characters go, such as escapes and those that change the direction of
    writing, and so do combining marks in heaps.

    Args:
        text: Whatever a server or a file said.
        longest: Characters at most; a longer text ends in an ellipsis.
    """
    kept: list[str] = []
    marks = 0
    # The bound comes first: a megabyte is cut, not filtered.
    for character in text[: longest * 4]:
        category = unicodedata.category(character)
        marks = marks + 1 if category.startswith("M") else 0
        if character.isspace():
            kept.append(" ")
        elif not category.startswith("C") and marks <= 2:
            kept.append(character)
    line = " ".join("".join(kept).split())
    if len(line) > longest or len(text) > longest * 4:
        line = line[: longest - 1] + "…"
    return line


def clock_text(seconds: float) -> str:
    """Return a length of time as ``m:ss`` or ``h:mm:ss``."""
    if seconds >= 100 * _HOUR:
        return f"{seconds / _HOUR:.3g} h"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
