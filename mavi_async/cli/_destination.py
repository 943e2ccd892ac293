"""Where results are written: a file, a folder with a file for each, or standard output."""

import hashlib
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Self

import attrs

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async.cli._text import discard_rest
from mavi_async.formats import FORMATS, Format, format_named, format_of
from mavi_async.formats._replacing import replace

__all__ = ["Destination", "check_options", "find_destination", "fitting"]

_FIT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
# Where the device stands for a file, replacing that would pull it from under whoever writes to it.
_STANDARD_OUTPUT: Final = ("-", "/dev/stdout")
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")


@attrs.frozen
class Destination:
    """A format, and the file of each recording.

    Attributes:
        format: Of all files.
        files: The file of each recording; ``None`` is standard output.
        folder: Where the files are, if each gets one of its own there; made where it is missing.
    """

    format: Format
    files: Mapping[str, Path | None]
    folder: Path | None = None

    @classmethod
    def of(cls, output: str | None, to: str | None, names: Iterable[str]) -> Self:
        """Choose by what was asked for.

        A folder is what is one, what ends in a slash, and, for several recordings, whatever has
        no suffix.

        Args:
            output: A file, a folder, or ``-`` or nothing for standard output.
            to: Name of a format; by default the suffix of the file tells.
            names: The recordings.

        Raises:
            ConfigurationError: If the format is not known, or several would be written to one file.
        """
        names = list(dict.fromkeys(names))
        if output is None or output in _STANDARD_OUTPUT:
            return cls(_format(to), {_single(names, "standard output is one"): None})
        path = Path(output)
        ends_so = output.endswith(tuple(filter(None, (os.sep, os.altsep))))
        if path.is_dir() or ends_so or (len(names) > 1 and not path.suffix):
            chosen = _format(to)
            files = _file_names(names, chosen.suffixes[0])
            return cls(chosen, {name: path / file for name, file in files.items()}, path)
        chosen = format_of(path) if to is None else format_named(to)
        return cls(chosen, {_single(names, f"{output!r} is one"): path})

    def prepare(self) -> None:
        """Make the folder, and find out early that files could not be written.

        Raises:
            ConfigurationError: If they could not.
        """
        try:
            if self.folder is not None:
                self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise _cannot_write(self.folder, error.strerror) from error
        for path in filter(None, self.files.values()):
            folder = path.parent
            if not folder.is_dir():
                raise _cannot_write(path, f"there is no folder {str(folder)!r}: create it first")
            if not os.access(path if path.exists() else folder, os.W_OK):
                raise _cannot_write(path, "you may not write there")

    def write(self, name: str, diarization: Diarization) -> Path | None:
        """Write a result and return its file, which is there as a whole or as it was before.

        Raises:
            ConfigurationError: If it cannot be written.
        """
        text, path = self.format.write(diarization), self.files[name]
        if path is None:
            _print(text)
            return None
        try:
            replace(path, text.encode())
        except OSError as error:
            raise _cannot_write(path, error.strerror) from error
        return path


def find_destination(
    output: str | None, to: str | None, names: Iterable[str], *, as_json: bool
) -> Destination | None:
    """Choose where the results of jobs go, and find out early that they could not.

    Args:
        output: As for `Destination.of`; without it, they are not written to files.
        to: Name of a format.
        names: The recordings.
        as_json: Whether standard output is taken.

    Raises:
        ConfigurationError: If the options do not go together, or files could not be written.
    """
    check_options(output, to, as_json=as_json)
    if output is None:
        return None
    destination = Destination.of(output, to, names)
    destination.prepare()
    return destination


def check_options(output: str | None, to: str | None, *, as_json: bool) -> None:
    """Find out whether options go together, whatever the recordings.

    Raises:
        ConfigurationError: If they do not.
    """
    if output is None and to is not None:
        raise ConfigurationError("--to is the format of --output: name a file or a folder, too")
    if output == "-" and as_json:
        raise ConfigurationError("--json and --output - would both write to standard output")


def _format(to: str | None) -> Format:
    if to is None:
        raise ConfigurationError(f"name a format with --to: one of {', '.join(FORMATS)}")
    return format_named(to)


def _single(names: list[str], what: str) -> str:
    if len(names) != 1:
        raise ConfigurationError(
            f"{what}, and there are {len(names)} recordings: give a folder for them, "
            "such as --output results/ --to rttm"
        )
    return names[0]


def _file_names(names: list[str], suffix: str) -> dict[str, str]:
    """Name files after recordings; a digest tells apart what would be the same name to some."""
    times = Counter(name.casefold() for name in names)
    files: dict[str, str] = {}
    for name in names:
        stem = _with_digest(name) if times[name.casefold()] > 1 else fitting(name)
        files[name] = stem + suffix
    return files


def fitting(name: str) -> str:
    """Make a file's name, without its suffix, of what an asset is called."""
    return name if _FIT.fullmatch(name) else _with_digest(name)


def _with_digest(name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    readable = _UNFIT.sub("_", name[:80]).lstrip("-") or "recording"
    return f"{readable}-{digest[:8]}"


def _cannot_write(path: Path | None, why: str | None) -> ConfigurationError:
    return ConfigurationError(f"cannot write {str(path)!r}: {why}")


def _print(text: str) -> None:
    """Write to standard output: to a terminal what does not steer it, elsewhere every byte.

    A reader that leaves, as ``head`` does, has what it wanted.
    """
    out = sys.stdout
    if out.isatty():
        content = "".join(map(_visible, text)).encode(out.encoding, "replace")
    else:
        content = text.encode()
    try:
        out.flush()
        out.buffer.write(content)
        out.buffer.flush()
    except OSError as error:
        discard_rest(out)
        if not isinstance(error, BrokenPipeError):
            why = f"cannot write to standard output: {error.strerror}"
            raise ConfigurationError(why) from error


def _visible(character: str) -> str:
    # What joins emoji is of the same category as what turns the direction of writing around.
    steers = unicodedata.category(character) in ("Cc", "Cf") and character not in "\n\t\u200d"
    return "\ufffd" if steers else character
