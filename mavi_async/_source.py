"""Recordings that are read in pieces, off the event loop: paths, bytes and binary files."""

import inspect
import io
import os
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import anyio
import anyio.to_thread

from mavi_async._errors import ConfigurationError
from mavi_async._multipart import Form, checked_filename

__all__ = ["FileContent", "OnProgress", "Recording", "Source", "name_of", "opened"]

Recording = os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
OnProgress = Callable[[int, int | None], object]
"""Called with the bytes of the file that were sent, and how many there are if that is known."""

_PIECE_BYTES: Final = 256 * 1024

T = TypeVar("T")


class Source:
    """What is left of a file from where it stands.

    Args:
        file: Opened in binary mode; it is not closed.
        filename: What the recording is called.
    """

    def __init__(self, file: IO[bytes], filename: str) -> None:
        self.filename = filename
        self.size: int | None = None
        self._file = file
        self._start: int | None = None
        self._read_bytes = 0

    async def measure(self) -> None:
        """Find out where the file stands, and how long the rest is."""
        found = await _in_thread(_measured, self._file)
        if found is not None:
            self._start, self.size = found
        if self.size == 0:
            raise ConfigurationError(f"{self.filename!r} is empty, or was read to its end before")

    @property
    def may_be_read(self) -> bool:
        """Whether it can be read from where it stood, perhaps once more."""
        return self._start is not None or self._read_bytes == 0

    async def rewind(self) -> None:
        """Go back to where it stood."""
        if self._read_bytes and self._start is not None:
            await _in_thread(self._file.seek, self._start)
        self._read_bytes = 0

    async def read(self) -> bytes:
        """Read the next piece; nothing at the end.

        Raises:
            ConfigurationError: If it cannot be read, or is shorter than it was.
        """
        left = _PIECE_BYTES if self.size is None else self.size - self._read_bytes
        piece = await _in_thread(self._file.read, min(left, _PIECE_BYTES)) if left else b""
        if not isinstance(piece, bytes):
            raise ConfigurationError(
                f"reading {self.filename!r} gives {type(piece).__name__}: open it in binary mode"
            )
        if left and not piece and self.size is not None:
            raise ConfigurationError(f"{self.filename!r} became shorter while it was uploaded")
        self._read_bytes += len(piece)
        return piece


@asynccontextmanager
async def opened(recording: Recording, filename: str | None) -> AsyncIterator[Source]:
    """Make a recording readable; what is opened here is closed here.

    Args:
        recording: A path, the bytes themselves, or a binary file, which is read from where it
            stands and left open.
        filename: What it is called, if not as its path or file says.

    Raises:
        ConfigurationError: If it cannot be read, or is of a format that MAVI does not take.
    """
    name = name_of(recording, filename)
    file = await _opened(recording)
    try:
        source = Source(file, name)
        await source.measure()
        yield source
    finally:
        if file is not recording:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(file.close)


def name_of(recording: object, filename: str | None = None) -> str:
    """What a recording is called: as is said, or as its path or file is.

    Raises:
        ConfigurationError: If it is no recording, has no name, or is of a format that MAVI does
            not take.
    """
    read = getattr(recording, "read", None)
    is_file = read is not None and not inspect.iscoroutinefunction(read)
    if not (is_file or isinstance(recording, os.PathLike | bytes | bytearray | memoryview)):
        raise ConfigurationError(
            "a recording is a path (pathlib.Path), bytes, or a file that is open in binary mode; "
            "of an upload that a web framework received, pass its .file"
        )
    path = recording if isinstance(recording, os.PathLike) else getattr(recording, "name", None)
    if filename is None and isinstance(path, os.PathLike | str):
        filename = Path(path).name
    return checked_filename(filename)


class FileContent:
    """A form with a file, in pieces; see `mavi_async._content.Content`."""

    def __init__(self, source: Source, form: Form, on_progress: OnProgress | None) -> None:
        self._source = source
        self._form = form
        self._on_progress = on_progress
        self._sent_bytes = 0
        self._reported_bytes = -1
        self._stage = "head"

    @property
    def headers(self) -> Mapping[str, str]:
        """The form's type, and its length if the file's is known."""
        headers = {"Content-Type": self._form.content_type}
        if self._source.size is not None:
            headers["Content-Length"] = str(self._form.length(self._source.size))
        return headers

    # An iterator rather than a generator: one that is left half-way needs no clean-up.
    def __aiter__(self) -> "FileContent":
        return self

    async def __anext__(self) -> bytes:
        if self._stage == "head":
            self._stage = "file"
            return self._form.head
        # Whoever asks for the next piece has sent the one before.
        self._report()
        if self._stage == "end":
            raise StopAsyncIteration
        piece = await self._source.read()
        if not piece:
            self._stage = "end"
            return self._form.tail
        self._sent_bytes += len(piece)
        return piece

    def _report(self) -> None:
        if self._on_progress is not None and self._sent_bytes != self._reported_bytes:
            self._reported_bytes = self._sent_bytes
            self._on_progress(self._sent_bytes, self._source.size)


async def _opened(recording: object) -> IO[bytes]:
    if isinstance(recording, os.PathLike):
        return await _in_thread(_open_path, Path(recording))
    if isinstance(recording, bytes | bytearray | memoryview):
        return io.BytesIO(recording)
    file: Any = recording
    return file  # type: ignore[no-any-return]  # whatever can be read


def _open_path(path: Path) -> IO[bytes]:
    # Opening a pipe would wait for whoever writes into it.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ConfigurationError(f"{str(path)!r} is no file: pass one, or an open file object")
    return path.open("rb", buffering=0)


def _measured(file: IO[bytes]) -> tuple[int, int] | None:
    """Where a file stands and how many bytes follow; ``None`` where it can be read only once."""
    seekable = getattr(file, "seekable", None)
    if seekable is None or not seekable():
        return None
    start = file.tell()
    file.seek(0, os.SEEK_END)
    end = file.tell()
    file.seek(start)
    return start, end - start


async def _in_thread(function: Callable[..., T], *arguments: object) -> T:
    try:
        return await anyio.to_thread.run_sync(function, *arguments)
    except ConfigurationError:
        raise
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the recording cannot be read: {error}") from error
