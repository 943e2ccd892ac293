"""Recordings that are read in pieces, off the event loop: paths, bytes and binary files."""

import inspect
import io
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import anyio
import anyio.to_thread

from mavi_async._errors import ConfigurationError
from mavi_async._multipart import checked_filename
from mavi_async._reader import READ_SECONDS, Reader

__all__ = ["OnProgress", "Recording", "Source", "check_file", "name_of", "opened"]

_File = IO[bytes] | io.RawIOBase
Recording = os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
OnProgress = Callable[[int, int | None], object]
"""Called with the bytes of the file that were sent, and how many there are if that is known."""

_PIECE_BYTES: Final = 256 * 1024

# Two that read one file in turns would each send half of it.
_being_read: Final = set[int]()

T = TypeVar("T")


class Source:
    """What is left of a recording from where it stands.

    Args:
        recording: A path, the bytes themselves, or a binary file, which is left open.
        filename: What the recording is called.
    """

    def __init__(self, recording: Recording, filename: str) -> None:
        self.filename = filename
        self.size: int | None = None
        self._recording = recording
        self._reader = Reader()
        self._file: _File | None = None
        self._start: int | None = None
        self._read_bytes = 0

    async def open(self) -> None:
        """Open it, and find out where it stands and how long the rest is.

        Raises:
            ConfigurationError: If it cannot be read, or there is nothing to read.
        """
        await self._call(self._open)
        if self.size == 0:
            raise ConfigurationError(f"{self.filename!r} is empty, or was read to its end before")

    @property
    def may_be_read(self) -> bool:
        """Whether it can be read from where it stood, perhaps once more."""
        return self._start is not None or self._read_bytes == 0

    async def rewind(self) -> None:
        """Go back to where it stood."""
        if self._read_bytes and self._start is not None:
            await self._call(partial(self._opened.seek, self._start))
        self._read_bytes = 0

    async def read(self) -> bytes:
        """Read the next piece; nothing at the end.

        Raises:
            ConfigurationError: If it cannot be read, or is shorter than it was.
        """
        left = _PIECE_BYTES if self.size is None else self.size - self._read_bytes
        if not left:
            return b""
        longest = min(left, _PIECE_BYTES)
        piece = self._checked(await self._call(partial(self._opened.read, longest)), longest)
        if not piece and self.size is not None:
            raise ConfigurationError(f"{self.filename!r} became shorter while it was uploaded")
        self._read_bytes += len(piece)
        return piece

    async def aclose(self, *, put_back: bool) -> None:
        """Close what was opened here; where a read hangs, as soon as it does no more.

        Args:
            put_back: Whether a file of somebody else's is to stand where it stood before.
        """
        await self._reader.end(partial(self._let_go, put_back=put_back))

    @property
    def _opened(self) -> _File:
        assert self._file is not None  # noqa: S101 - tells type checkers
        return self._file

    def _open(self) -> None:
        recording: Any = self._recording
        if isinstance(recording, os.PathLike):
            _check_file(Path(recording))
            self._file = Path(recording).open("rb", buffering=0)  # noqa: SIM115 - see _let_go
        elif isinstance(recording, bytes):
            self._file = io.BytesIO(recording)
        elif isinstance(recording, bytearray | memoryview):
            self._file = _View(recording)
        else:
            self._claim()
            self._file = recording
        found = _measured(self._opened)
        if found is not None:
            self._start, self.size = found

    def _claim(self) -> None:
        if id(self._recording) in _being_read:
            raise ConfigurationError(
                f"the file object of {self.filename!r} is being read by another upload: open the "
                "file once for each"
            )
        _being_read.add(id(self._recording))

    def _let_go(self, *, put_back: bool) -> None:
        if self._file is None:
            return
        if self._file is not self._recording:
            self._file.close()
            return
        try:
            if put_back and self._start is not None:
                self._file.seek(self._start)
        finally:
            _being_read.discard(id(self._recording))

    def _checked(self, piece: object, longest: int) -> bytes:
        if isinstance(piece, bytearray | memoryview):
            piece = bytes(piece)
        if not isinstance(piece, bytes):
            raise ConfigurationError(
                f"reading {self.filename!r} gives {type(piece).__name__}: open it in binary mode, "
                "and so that reading waits"
            )
        if len(piece) > longest:
            raise ConfigurationError(
                f"reading {longest} bytes of {self.filename!r} gives {len(piece)}: its read() must "
                "give no more than it is asked for"
            )
        return piece

    async def _call(self, function: Callable[[], T]) -> T:
        try:
            return await self._reader.call(function)
        except ConfigurationError:
            raise
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the recording cannot be read: {error}") from error


@asynccontextmanager
async def opened(recording: Recording, filename: str | None) -> AsyncIterator[Source]:
    """Make a recording readable; what is opened here is closed here.

    Args:
        recording: A path, the bytes themselves, or a binary file. That is read from where it
            stands and left open; it stands there again where the block raises.
        filename: What it is called, if not as its path or file says.

    Raises:
        ConfigurationError: If it cannot be read, or is of a format that MAVI does not take.
    """
    source = Source(recording, name_of(recording, filename))
    try:
        await source.open()
        yield source
    except BaseException:
        await source.aclose(put_back=True)
        raise
    await source.aclose(put_back=False)


def name_of(recording: object, filename: str | None = None) -> str:
    """What a recording is called: as is said, or as its path or file is.

    Raises:
        ConfigurationError: If it is no recording, has no name, or is of a format that MAVI does
            not take.
    """
    if isinstance(recording, io.TextIOBase):
        raise ConfigurationError('the file is open in text mode: open it in binary mode, "rb"')
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


async def check_file(recording: Recording, limiter: anyio.CapacityLimiter) -> None:
    """Make sure that a path leads to a file, without keeping it open.

    Raises:
        ConfigurationError: If it does not.
    """
    if not isinstance(recording, os.PathLike):
        return
    try:
        with anyio.fail_after(READ_SECONDS):
            await anyio.to_thread.run_sync(
                _check_file, Path(recording), abandon_on_cancel=True, limiter=limiter
            )
    except OSError as error:  # a timeout is one, without a text
        reason = str(error) or "its disk does not answer"
        raise ConfigurationError(f"the recording cannot be read: {reason}") from error


def _check_file(path: Path) -> None:
    # Opening a pipe would wait for whoever writes into it.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ConfigurationError(f"{str(path)!r} is no file: pass one, or an open file object")


class _View(io.RawIOBase):
    """Bytes that may change, read without a copy of them all."""

    def __init__(self, content: bytearray | memoryview) -> None:
        self._content = memoryview(content).cast("B")
        self._at = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._at = offset + (0 if whence == os.SEEK_SET else len(self._content))
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        piece = bytes(self._content[self._at : self._at + size])
        self._at += len(piece)
        return piece

    def close(self) -> None:
        super().close()
        self._content.release()  # a bytearray may change its size again


def _measured(file: _File) -> tuple[int, int] | None:
    """Where a file stands and how many bytes follow; ``None`` where it can be read only once."""
    seekable = getattr(file, "seekable", None)
    if seekable is None or not seekable():
        return None
    start = file.tell()
    file.seek(0, os.SEEK_END)
    end = file.tell()
    file.seek(start)
    return start, max(0, end - start)
