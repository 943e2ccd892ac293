"""Results in files: written as a whole or not at all, and read whatever they are."""

import os
from pathlib import Path
from typing import Final

import attrs

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async.formats._recognised import named_by_suffix, readable, recognised
from mavi_async.formats._registry import format_named, format_of
from mavi_async.formats._replacing import replace

__all__ = ["load", "save"]

MAX_FILE_BYTES: Final = 64 * 2**20


def save(
    diarization: Diarization,
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - what one would call it
) -> None:
    """Write a result to a file, as UTF-8, in the format that the file's suffix names.

    It is written beside and then renamed, so that there is never half a file, and one that is
    there already stays as it is if anything goes wrong; its permissions stay in any case. Into
    a pipe or a device, such as ``/dev/stdout``, it is written.

    Args:
        diarization: The result.
        path: The file; its folder must exist.
        format: Name of the format, where the suffix does not name it.

    Raises:
        ConfigurationError: There is no such format, or the file cannot be written.
    """
    text = (format_of(path) if format is None else format_named(format)).write(diarization)
    try:
        replace(Path(path), text.encode())
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {os.fspath(path)!r}: {error.strerror}{_advice(path)}"
        ) from error


def load(
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - what one would call it
    *,
    uri: str | None = None,
) -> Diarization:
    """Read a result from a file: one that `save` wrote, a callback, or another tool's.

    Args:
        path: The file, of at most 64 MiB; UTF-8, or UTF-16 where it begins with its mark.
        format: Name of the format. By default the suffix tells, or else the content.
        uri: Name of the recording. By default the one in the file, or else the file's name;
            where a file holds several, which one to read.

    Raises:
        ConfigurationError: The file cannot be read; the message says where and why.
        TaskFailed: It is a callback, and MAVI could not do the job.
        MalformedResult: It is a callback without a usable result.
    """
    try:
        result = _read(Path(path), format, uri)
    except OSError as error:
        raise ConfigurationError(f"cannot read {os.fspath(path)!r}: {error.strerror}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{os.fspath(path)!r}: {error.message}") from error
    return result if result.uri else attrs.evolve(result, uri=uri or Path(path).stem)


def _advice(path: str | os.PathLike[str]) -> str:
    if os.path.isdir(path):  # noqa: PTH112 - unlike that of pathlib, it raises nothing
        return "; give the name of a file in it"
    return "" if os.path.isdir(Path(path).parent) else "; create the folder first"  # noqa: PTH112


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationError("larger than 64 MiB, which no result is: is it the right file?")
    return content


def _text(content: bytes) -> str:
    """Decode a file; Praat, for one, writes UTF-16 where a label is not ASCII."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if wide else "utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        encoding = "UTF-16" if wide else "UTF-8"
        raise ConfigurationError(
            f"line {line} is not {encoding} text: save the file as UTF-8, "
            "and make sure that it is the right one"
        ) from None


def _read(path: Path, name: str | None, uri: str | None) -> Diarization:
    chosen = named_by_suffix(path) if name is None else format_named(name)
    if chosen is not None and chosen.read is None:
        raise ConfigurationError(
            f"{chosen.name} can be written, but not read back: read one of {readable()}"
        )
    text = _text(_content(path))
    try:
        read = (chosen or recognised(text)).read
        assert read is not None  # noqa: S101 - tells type checkers
        return read(text, uri)
    except ConfigurationError:
        if text.removeprefix("\ufeff").strip():
            raise
        raise ConfigurationError("there is nothing in it") from None
