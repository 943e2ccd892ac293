"""Results on standard output, drawn for people or as JSON lines for programs; or in files."""

import json
import sys

import attrs
from rich.text import Text

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError, MaviError
from mavi_async.cli._destination import Destination
from mavi_async.cli._notes import Note
from mavi_async.cli._place import Place
from mavi_async.cli._text import NotWritten, make_console
from mavi_async.cli._timeline import Timeline

__all__ = ["FileResults", "JsonResults", "TextResults"]


class TextResults:
    """Draws each result; errors are left to whoever shows the progress."""

    def __init__(self) -> None:
        self._console = make_console(sys.stdout)

    def succeeded(self, asset_id: str, diarization: Diarization) -> None:
        """Draw a result."""
        self._console.print(Timeline(asset_id, diarization))
        self._console.print(Text())

    def failed(self, asset_id: str, error: MaviError) -> None:
        """Print nothing: standard output is for results."""


class JsonResults:
    """Writes one JSON object a line for each recording, failed or not."""

    def __init__(self) -> None:
        self._console = make_console(sys.stdout)

    def succeeded(self, asset_id: str, diarization: Diarization) -> None:
        """Write a result."""
        self._write(
            {
                "asset_id": asset_id,
                "task_id": diarization.task_id,
                "ok": True,
                "duration": diarization.duration,
                "model": diarization.model,
                "talk_time": dict(diarization.chart()),
                "segments": [attrs.asdict(segment) for segment in diarization.segments],
            }
        )

    def failed(self, asset_id: str, error: MaviError) -> None:
        """Write an error."""
        self._write(
            {
                "asset_id": asset_id,
                "task_id": getattr(error, "task_id", None),
                "ok": False,
                "error": type(error).__name__,
                "message": str(error),
            }
        )

    def _write(self, document: dict[str, object]) -> None:
        # ASCII only, so that no name can steer the terminal it may end up in.
        self._console.out(json.dumps(document, ensure_ascii=True), highlight=False)


class FileResults:
    """Writes each result to its file; errors are left to whoever shows the progress."""

    def __init__(self, destination: Destination, place: Place, note: Note) -> None:
        self._destination = destination
        self._place = place
        self._note = note

    def succeeded(self, asset_id: str, diarization: Diarization) -> None:
        """Write a result.

        Raises:
            NotWritten: If that fails; the message has the command that does it again.
        """
        try:
            path = self._destination.write(asset_id, diarization)
        except ConfigurationError as error:
            again = self._place.command(
                "export", str(diarization.task_id), "--to", self._destination.format.name
            )
            raise NotWritten(
                f"{asset_id}: {error.message}; the result is in the store: {again} --output FILE"
            ) from error
        if path is not None:
            self._note(f"{asset_id}: written to {path}")

    def failed(self, asset_id: str, error: MaviError) -> None:
        """Write nothing: a file is for a result."""
