"""A picture of what a command printed."""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rich.console import Console, RenderableType

from mavi_async._errors import ConfigurationError

__all__ = ["check_folder", "save_svg"]

_COLUMNS: Final = 110


def check_folder(path: Path) -> None:
    """Find out early that a picture could not be saved.

    Raises:
        ConfigurationError: If there is no such folder.
    """
    if not path.parent.is_dir():
        raise ConfigurationError(f"cannot write {str(path)!r}: there is no such folder")


def save_svg(printed: Iterable[RenderableType], path: Path, *, title: str) -> None:
    """Draw what was printed as it looks in a terminal of 110 columns.

    Args:
        printed: In order.
        path: The file to write.
        title: Of the terminal's window.

    Raises:
        ConfigurationError: If the file cannot be written.
    """
    console = Console(
        file=io.StringIO(),
        record=True,
        width=_COLUMNS,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
        _environ={},
    )
    for each in printed:
        console.print(each)
    # Without the fonts that rich would have each viewer fetch from a third party.
    svg = re.sub(r"\s*@font-face \{.*?\}", "", console.export_svg(title=title), flags=re.DOTALL)
    try:
        path.write_text(svg, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write {str(path)!r}: {error.strerror}") from error
