"""How long a recording is, as far as its file says."""

import io
import math
import os
from pathlib import Path
from typing import Final

from mavi_async._errors import ConfigurationError

__all__ = ["length_of"]

# What tinytag reads of what MAVI takes. A bare AAC stream is not among it: taken for MP3, as it
# would be, half a minute becomes less than a second.
_READABLE: Final = frozenset({".flac", ".m4a", ".mov", ".mp3", ".mp4", ".ogg", ".wav", ".wmv"})
_MOST_READS: Final = 1_000_000
_MOST_BYTES: Final = 2**24


class _Unreadable(Exception):
    """Raised for a file that takes more reading than any recording does."""


class _Bounded(io.BufferedReader):
    """A file that can be read so often, so that garbage takes neither minutes nor all memory."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read a piece."""
        self._reads += 1
        if self._reads > _MOST_READS or size is None or not 0 <= size <= _MOST_BYTES:
            raise _Unreadable
        return super().read(size)


def length_of(recording: os.PathLike[str]) -> float | None:
    """Return the seconds that a file says it plays, or ``None`` where it does not tell.

    Raises:
        ConfigurationError: If the extra that reads them is missing.
    """
    try:
        from tinytag import TinyTag
    except ImportError:
        raise ConfigurationError(
            'reading the length of recordings needs: pip install "mavi-async[cost]"'
        ) from None
    path = Path(recording)
    try:
        # Opening a pipe would wait for whoever writes into it.
        if path.suffix.lower() not in _READABLE or not path.is_file():
            return None
        with _Bounded(io.FileIO(path)) as file:
            tag = TinyTag.get(path, file_obj=file, tags=False)
    except Exception:  # noqa: BLE001 - whatever is odd about a file, its length is not known
        return None
    seconds = tag.duration
    if path.suffix.lower() == ".wav" and seconds and tag.bitrate:
        # What was written into a pipe says that it is as long as can be.
        seconds = min(seconds, tag.filesize * 8 / (tag.bitrate * 1000))
    return seconds if seconds and math.isfinite(seconds) and seconds > 0 else None
