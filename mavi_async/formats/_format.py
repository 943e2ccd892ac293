"""What the package knows of a file format."""

from collections.abc import Callable

import attrs

from mavi_async._diarization import Diarization

__all__ = ["Format"]


@attrs.frozen
class Format:
    """A file format that results can be written to, and perhaps read from.

    Attributes:
        name: What one asks for, such as ``rttm``.
        suffixes: Of the names of its files; the first is the usual one.
        write: Writes a result with the defaults of the format's own function.
        read: Reads a text; its second argument is the recording, by name. ``None`` where a file
            does not say who speaks, or not in a way that can be relied upon.
        description: A line for people.
    """

    name: str
    suffixes: tuple[str, ...]
    write: Callable[[Diarization], str]
    read: Callable[[str, str | None], Diarization] | None
    description: str
