"""A recording of a batch before anything became of it: where it is, what its files are called."""

import os
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Final

import attrs

from mavi_async._errors import ConfigurationError

__all__ = ["Planned", "check_names", "complain", "is_file"]

_MOST_COMPLAINTS: Final = 10


@attrs.frozen
class Planned:
    """A recording, before anything has become of it.

    Attributes:
        source: An asset id, or a file.
        name: The path of what is written about it, in the output folder, without its suffix.
        given: What to call it to whoever gave it: the file, or a line of a manifest.
    """

    source: str | Path
    name: str
    given: str

    @property
    def identity(self) -> str:
        """The same for the same recording, by whatever path."""
        return self.source if isinstance(self.source, str) else os.path.realpath(self.source)

    @property
    def called(self) -> str:
        """What to call it while it is under way."""
        return str(self.source)


def check_names(planned: Iterable[Planned]) -> None:
    """See that what is written about one recording does not replace what is about another.

    File systems may not tell upper case from lower case, or ways to write an accent, apart.

    Raises:
        ConfigurationError: If it would.
    """
    taken: dict[str, Planned] = {}
    complaints: list[str] = []
    for each in planned:
        name = unicodedata.normalize("NFC", str(PurePath(each.name))).casefold()
        other = taken.setdefault(name, each)
        if other is not each:
            complaints.append(
                f"{other.given} and {each.given} would both be written to {each.name}"
            )
    complain(complaints, "name them apart, in a manifest if need be")


def is_file(path: Path) -> bool:
    """Whether there is a file; there is none of a name that is longer than any."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def complain(complaints: Sequence[str], advice: str) -> None:
    """Raise what is wrong, all at once but for what is too much to read.

    Raises:
        ConfigurationError: If anything is.
    """
    if not complaints:
        return
    lines = [*complaints[:_MOST_COMPLAINTS]]
    if len(complaints) > _MOST_COMPLAINTS:
        lines.append(f"and {len(complaints) - _MOST_COMPLAINTS} more")
    lines.append(f"Nothing was sent: {advice}.")
    raise ConfigurationError("\n".join(lines))
