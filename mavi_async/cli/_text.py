"""Text for people: what others wrote made safe for a terminal, and seconds made readable."""

import contextlib
import io
import os
import sys
from typing import IO, Any, Final, TextIO

import attrs
from rich.console import Console

from mavi_async._errors import MaviError
from mavi_async._legible import legible

__all__ = [
    "NotWritten",
    "age_text",
    "clock_text",
    "discard_rest",
    "make_console",
    "safe_text",
    "size_text",
]

_LONGEST: Final = 400
_HOUR: Final = 3600


@attrs.define(slots=False, eq=False)
class NotWritten(MaviError):
    """Raised for what a file, or standard output, did not take."""


class _PatientConsole(Console):
    """A console whose reader may leave, as ``head`` does: what is paid for still goes on."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on, instead of ending the program."""
        self.quiet = True
        discard_rest(self.file)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, and say it where standard output takes no more; without standard error, go on."""
        try:
            super().print(*objects, **options)
        except OSError as error:
            self.on_broken_pipe()
            if self.file is not sys.stderr:
                raise NotWritten(f"cannot write to standard output: {error.strerror}") from error


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


def discard_rest(stream: IO[str]) -> None:
    """Let what is still buffered go nowhere, or the interpreter would complain at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def safe_text(text: str, *, longest: int = _LONGEST) -> str:
    """Return one line of bounded length in which nothing steers the terminal.

    Control and format characters go, such as escapes and those that change the direction of
    writing, and so do combining marks in heaps.

    Args:
        text: Whatever a server or a file said.
        longest: Characters at most; a longer text ends in an ellipsis.
    """
    return legible(text, longest=longest)


def clock_text(seconds: float) -> str:
    """Return a length of time as ``m:ss`` or ``h:mm:ss``."""
    if seconds >= 100 * _HOUR:
        return f"{seconds / _HOUR:.3g} h"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age_text(seconds: float) -> str:
    """Return a length of time in its largest whole unit, such as ``5 min``."""
    for unit, length in (("days", 86_400), ("h", _HOUR), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, int(seconds))} s"


def size_text(count: int) -> str:
    """Return a number of bytes in its largest unit, such as ``1.5 MB``."""
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} B"
