"""By what a recording is known again, in a later run of its batch."""

import hashlib
import os
import stat
from pathlib import Path
from typing import IO, Final, cast
from uuid import uuid4

import anyio.to_thread

from mavi_async._batch import BatchRecording
from mavi_async._configuration import checked_asset_id
from mavi_async._errors import ConfigurationError
from mavi_async._multipart import checked_no_path
from mavi_async._source import name_of

__all__ = ["identity_of"]

_PIECE_BYTES: Final = 1024 * 1024
_SMALL_BYTES: Final = 64 * 1024


async def identity_of(wanted: BatchRecording, *, lasting: bool) -> str:
    """Return what a recording is known by.

    Args:
        wanted: The recording.
        lasting: Whether that must hold in a later run as well.

    Raises:
        ConfigurationError: If it cannot be read, or not be known again.
    """
    source = wanted.source
    if isinstance(source, str):
        checked_asset_id(checked_no_path(source))
    else:
        name_of(source, wanted.filename)
    if wanted.key is not None:
        return f"key {wanted.key}"
    if isinstance(source, str):
        return f"asset {source}"
    if isinstance(source, bytes | bytearray | memoryview):
        if len(source) <= _SMALL_BYTES:
            return _of_bytes(source)
        return await anyio.to_thread.run_sync(_of_bytes, source)
    if not lasting and not isinstance(source, os.PathLike):
        return f"once {uuid4().hex}"
    try:
        return await anyio.to_thread.run_sync(_of_file, source)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the recording cannot be read: {error}") from error


def key_of(batch: str, identity: str) -> str:
    """Return the idempotency key of a recording in a batch."""
    # A file's name may be of bytes that are no text.
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{batch}/{digest[:40]}"


def _of_bytes(content: bytes | bytearray | memoryview) -> str:
    return f"content {hashlib.sha256(content).hexdigest()}"


def _of_file(source: object) -> str:
    if isinstance(source, os.PathLike):
        path = Path(cast("os.PathLike[str]", source)).resolve()
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(f"{str(path)!r} is no file: pass one, or an open file object")
        return f"file {path} {found.st_size} {found.st_mtime_ns}"
    file = cast("IO[bytes]", source)
    seekable = getattr(file, "seekable", None)
    if seekable is None or not seekable():
        raise ConfigurationError(
            "a file that can be read only once is not known again by its content: give it a name "
            "with BatchRecording(file, key=…), or leave out the batch's name"
        )
    start = file.tell()
    digest = hashlib.sha256()
    while piece := file.read(_PIECE_BYTES):
        if not isinstance(piece, bytes):
            raise ConfigurationError("the file gives text: open it in binary mode")
        digest.update(piece)
    file.seek(start)
    return f"content {digest.hexdigest()}"
