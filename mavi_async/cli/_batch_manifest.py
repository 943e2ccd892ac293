"""The list of a batch's recordings in a CSV file."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from mavi_async._configuration import checked_asset_id
from mavi_async._errors import ConfigurationError
from mavi_async._multipart import checked_no_path
from mavi_async._source import name_of
from mavi_async.cli._batch_planned import Planned, complain, is_file
from mavi_async.cli._destination import fitting

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["read_manifest"]

_SEPARATORS: Final = ",;\t"
_SOURCES: Final = ("asset_id", "path")
_COLUMNS: Final = (*_SOURCES, "name")
_MOST_BYTES: Final = 64 * 2**20
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def read_manifest(path: Path) -> list[Planned]:
    """Read which recordings there are, and what to call what is written about each.

    The first line names the columns: ``asset_id`` or ``path``, or both, of which each line then
    fills one, and perhaps ``name``; others are for whoever made the file. Spreadsheets separate
    them by semicolons or tabs as well. A path is relative to the manifest.

    Raises:
        ConfigurationError: If anything is wrong, with the numbers of the lines.
    """
    text = _text_of(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    complaints: list[str] = []
    planned: dict[str, Planned] = {}
    try:
        columns = _columns(path, next(reader, []))
        for number, cells in _numbered(reader):
            given = f"{path} line {number}"
            try:
                each = _planned(path, given, columns, cells)
            except ConfigurationError as error:
                complaints.append(f"{given}: {error.message}")
                continue
            first = planned.setdefault(each.identity, each)
            if first is not each:
                complaints.append(f"{given}: the same recording as {first.given}")
    except csv.Error as error:
        raise ConfigurationError(f"{path} line {reader.line_num}: {error}") from error
    complain(complaints, "correct the manifest")
    if not planned:
        raise ConfigurationError(f"{path} names no recording: add a line for each")
    return list(planned.values())


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read {str(path)!r}: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise ConfigurationError(f"{str(path)!r} is larger than 64 MiB: cut it into several")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        is_wide = content.startswith(_UTF_16)
        why = "it is UTF-16" if is_wide else f"line {line} is not UTF-8"
        raise ConfigurationError(f"{path}: {why}: save it as CSV in UTF-8") from error


def _separator(text: str) -> str:
    """Take what stands in the first line, which has nothing but names of columns."""
    first = text.partition("\n")[0]
    return max(_SEPARATORS, key=first.count)


def _columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    names = [cell.strip().casefold() for cell in header]
    twice = [name for name in _COLUMNS if names.count(name) > 1]
    if twice:
        raise ConfigurationError(f"{path} line 1: there are two columns {twice[0]!r}")
    if not set(_SOURCES) & set(names):
        raise ConfigurationError(
            f"{path} line 1: it names the columns, of which one is 'path' or 'asset_id'"
        )
    return {name: names.index(name) for name in _COLUMNS if name in names}


def _numbered(reader: "Reader") -> Iterator[tuple[int, list[str]]]:
    """Each line that is not empty, with the number of the line where it begins."""
    number = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield number, cells
        number = reader.line_num + 1


def _planned(
    manifest: Path, given: str, columns: Mapping[str, int], cells: Sequence[str]
) -> Planned:
    """Return the recording of a line.

    Raises:
        ConfigurationError: If it does not say which, or it is not there.
    """
    asset_id, path, name = (_cell(columns.get(column), cells) for column in _COLUMNS)
    if bool(asset_id) == bool(path):
        what = "both 'asset_id' and 'path'" if path else "neither 'asset_id' nor 'path'"
        raise ConfigurationError(f"it has {what}: give one")
    if name:
        _check_name(name)
    if asset_id:
        _check_asset_id(asset_id)
        return Planned(asset_id, name or fitting(asset_id), given)
    file = manifest.parent / path
    name_of(file)
    if not is_file(file):
        raise ConfigurationError(f"there is no file {str(file)!r}")
    return Planned(file, name or _name_for(path), given)


def _check_asset_id(text: str) -> None:
    try:
        checked_no_path(checked_asset_id(text))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{text!r} is no asset_id; a file's is the column 'path'"
        ) from error


def _cell(number: int | None, cells: Sequence[str]) -> str:
    return "" if number is None or number >= len(cells) else cells[number].strip()


def _check_name(name: str) -> None:
    path = PurePath(name)
    is_inside = not path.is_absolute() and ".." not in path.parts and path.name
    if not is_inside or not name.isprintable():
        raise ConfigurationError(
            f"the name {name!r} is none for a file in the output folder: such as talk or day1/talk"
        )


def _name_for(path: str) -> str:
    """The files of a manifest keep their folders, as long as those are below the manifest."""
    pure = PurePath(path)
    is_below = not pure.is_absolute() and ".." not in pure.parts
    return str(pure.with_suffix("")) if is_below else pure.stem
