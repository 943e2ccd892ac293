"""The files of a batch: one for each recording and format, in a folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import attrs

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async.cli._batch_planned import Planned
from mavi_async.cli._destination import Destination
from mavi_async.formats import Format, format_named

__all__ = ["Outputs", "Unwritten"]


@attrs.frozen
class Unwritten:
    """A file that could not be written.

    Attributes:
        path: The file.
        format: What it would have been.
        why: What went wrong.
    """

    path: Path
    format: Format
    why: str


@attrs.frozen
class Outputs:
    """Where the results of a batch go.

    Attributes:
        folder: What all of them are in.
        formats: What each result is written as.
    """

    folder: Path
    formats: Sequence[Format]

    @classmethod
    def of(cls, folder: Path, names: Sequence[str]) -> Self:
        """Look up the formats.

        Raises:
            ConfigurationError: If one does not exist, or two have the same suffix.
        """
        formats = [format_named(name) for name in dict.fromkeys(names)]
        suffixes: dict[str, str] = {}
        for each in formats:
            other = suffixes.setdefault(each.suffixes[0], each.name)
            if other != each.name:
                raise ConfigurationError(
                    f"{other} and {each.name} files have the same suffix: choose one"
                )
        return cls(folder, formats)

    def prepare(self, planned: Sequence[Planned]) -> None:
        """Make the folders, and find out early that files could not be written.

        Raises:
            ConfigurationError: If they could not.
        """
        files = [path for each in planned for path, _ in self._files(each)]
        try:
            self.folder.mkdir(exist_ok=True)
            for folder in {path.parent for path in files}:
                folder.mkdir(parents=True, exist_ok=True)
            for path in files:
                path.exists()  # raises for a name that is longer than the disk allows
        except OSError as error:
            why = f"cannot write {str(error.filename)!r}: {error.strerror}"
            raise ConfigurationError(why) from error
        for each in planned:
            for path, format_ in self._files(each):
                Destination(format_, {each.name: path}).prepare()

    def are_written(self, planned: Planned) -> bool:
        """Whether all files of a recording are there."""
        return all(_is_written(path, planned) for path, _ in self._files(planned))

    def write(
        self, planned: Planned, diarization: Diarization, *, missing: bool
    ) -> Iterator[Unwritten]:
        """Write the files of a recording, and return those that could not be.

        Args:
            planned: The recording.
            diarization: Its result.
            missing: Whether what is there already stays as it is.
        """
        for path, format_ in self._files(planned):
            if missing and _is_written(path, planned):
                continue
            try:
                # Somebody may have tidied up meanwhile.
                path.parent.mkdir(parents=True, exist_ok=True)
                Destination(format_, {planned.name: path}).write(planned.name, diarization)
            except (ConfigurationError, OSError) as error:
                yield Unwritten(path, format_, str(error))

    def _files(self, planned: Planned) -> Iterator[tuple[Path, Format]]:
        for each in self.formats:
            yield self.folder / f"{planned.name}{each.suffixes[0]}", each


def _is_written(path: Path, planned: Planned) -> bool:
    """Whether a file is there, and not of a recording that was changed since."""
    try:
        written_at = path.stat().st_mtime_ns
        source = planned.source
        return isinstance(source, str) or source.stat().st_mtime_ns <= written_at
    except OSError:
        return False
