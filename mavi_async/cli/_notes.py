"""Lines for people on standard error, among them what the package logs."""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator

from rich.text import Text

from mavi_async.cli._text import make_console, safe_text

__all__ = ["Note", "error_notes", "logged_to"]

Note = Callable[[str], None]
"""Takes a line; whatever is in it, it is shown safely."""


def error_notes() -> Note:
    """Return a function that prints a line on standard error."""
    console = make_console(sys.stderr)
    return lambda text: console.print(Text(safe_text(text)), soft_wrap=True)


@contextlib.contextmanager
def logged_to(note: Note) -> Iterator[None]:
    """Turn the package's warnings into lines, for the length of a ``with`` block."""
    logger, handler = logging.getLogger("mavi_async"), _NoteHandler(note)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _NoteHandler(logging.Handler):
    def __init__(self, note: Note) -> None:
        super().__init__(logging.WARNING)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        self._note(record.getMessage())
