"""Which recordings a batch has: those of folders, of lists, and files that are named."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from mavi_async._errors import ConfigurationError
from mavi_async._multipart import FORMATS
from mavi_async._source import name_of
from mavi_async.cli._batch_manifest import read_manifest
from mavi_async.cli._batch_planned import Planned, check_names, complain, is_file

__all__ = ["Inputs", "find_inputs"]

_MANIFEST: Final = ".csv"
_SUFFIXES: Final = frozenset(f".{name}" for name in FORMATS)
_MOST_KINDS: Final = 3


@attrs.frozen
class Inputs:
    """What a batch is to be made of.

    Attributes:
        recordings: Each once, in the order in which they are taken.
        passed_over: What else there was in a folder, in words; empty if nothing.
    """

    recordings: Sequence[Planned]
    passed_over: Sequence[str]


def find_inputs(paths: Sequence[Path], output: Path) -> Inputs:
    """Find the recordings.

    A folder is searched with all that are below it, since that is where recordings of days and
    rooms are; what is hidden, and what is behind a link to a folder, is not. They are sorted, so
    that another run has them in the same order.

    Args:
        paths: Folders, manifests and recordings.
        output: What is not searched.

    Raises:
        ConfigurationError: If one of them is not there, is no recording, or there are none; or
            if two would be written to one file.
    """
    recordings: dict[tuple[str, str], Planned] = {}
    passed_over: list[str] = []
    complaints: list[str] = []
    for path in dict.fromkeys(paths):
        several: Sequence[Planned] = ()
        if _is_folder(path):
            found = _Folder(path, output)
            several = list(found.recordings())
            passed_over += found.passed_over()
        elif path.suffix.lower() == _MANIFEST:
            several = read_manifest(path)
        else:
            try:
                several = [_file(path)]
            except ConfigurationError as error:
                complaints.append(error.message)
        recordings |= {(each.identity, each.name): each for each in several}
    complain(complaints, "name folders, recordings, or manifests (.csv) with a path or asset_id")
    if not recordings:
        raise ConfigurationError(f"no recordings in {', '.join(map(str, paths))}")
    check_names(recordings.values())
    return Inputs(tuple(recordings.values()), passed_over)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is longer than any
        return False


def _file(path: Path) -> Planned:
    if not is_file(path):
        raise ConfigurationError(f"there is no file or folder {str(path)!r}")
    name_of(path)
    return Planned(path, path.stem, str(path))


class _Folder:
    """A folder that is searched."""

    def __init__(self, path: Path, output: Path) -> None:
        self._path = path
        self._output = os.path.realpath(output)
        self._others: Counter[str] = Counter()
        self._hidden = 0
        self._links = 0

    def recordings(self) -> Iterator[Planned]:
        """Return what MAVI takes, by what its file is called."""
        for place, folders, files in os.walk(self._path, onerror=_refuse):
            folder = Path(place)
            folders[:] = sorted(name for name in folders if self._is_searched(folder / name))
            for name in sorted(files):
                path = folder / name
                if name.startswith("."):
                    self._hidden += 1
                elif path.suffix.lower() in _SUFFIXES and is_file(path):
                    relative = path.relative_to(self._path).with_suffix("")
                    yield Planned(path, str(relative), str(path))
                else:
                    self._others[path.suffix.lower() or "without a suffix"] += 1

    def passed_over(self) -> Iterator[str]:
        """Say what was not taken."""
        if self._others:
            kinds = [kind for kind, _ in self._others.most_common(_MOST_KINDS)]
            more = ", …" * (len(self._others) > _MOST_KINDS)
            yield (
                f"Passed over in {self._path}: other files: {self._others.total()} "
                f"({', '.join(kinds)}{more})"
            )
        if self._hidden:
            yield f"Passed over in {self._path}: hidden: {self._hidden}"
        if self._links:
            yield f"Passed over in {self._path}: links to folders: {self._links}"

    def _is_searched(self, folder: Path) -> bool:
        if folder.name.startswith("."):
            self._hidden += 1
        elif folder.is_symlink():
            self._links += 1
        else:
            return os.path.realpath(folder) != self._output
        return False


def _refuse(error: OSError) -> None:
    """What cannot be read may hold recordings that would be missed."""
    raise ConfigurationError(f"cannot read {error.filename!r}: {error.strerror}") from error
