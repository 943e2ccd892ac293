"""A result written in another format, cleaned up before if so asked."""

from collections.abc import Sequence

import attrs

from mavi_async._arguments import require_seconds
from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async.cli._destination import Destination
from mavi_async.cli._notes import error_notes
from mavi_async.cli._place import Place
from mavi_async.cli._sources import NotHere, Sources, in_options

__all__ = ["CleanUp", "ExportOptions", "run_export"]


@attrs.frozen
class CleanUp:
    """What is done to a result before it is written, in this order.

    Attributes:
        rename: ``OLD=NEW``: other names for speakers.
        merge_gaps: Pauses of a speaker shorter than so many seconds are closed.
        min_duration: Segments shorter than so many seconds are left out.
        exclusive: Whether one speaker at a time is left.
    """

    rename: Sequence[str] = ()
    merge_gaps: float | None = None
    min_duration: float | None = None
    exclusive: bool = False

    def apply(self, diarization: Diarization) -> Diarization:
        """Return the result cleaned up.

        Raises:
            ConfigurationError: If an option cannot be used, or nobody of a name speaks.
        """
        result = diarization
        if self.rename:
            result = result.rename(_names(self.rename))
        if self.merge_gaps is not None:
            require_seconds("--merge-gaps", self.merge_gaps, at_least=0.0)
            result = result.support(self.merge_gaps)
        if self.min_duration is not None:
            require_seconds("--min-duration", self.min_duration, at_least=0.0)
            result = result.drop_short(self.min_duration)
        return result.exclusive() if self.exclusive else result


@attrs.frozen
class ExportOptions:
    """What is asked for.

    Attributes:
        to: Name of the format; ``None`` for what the suffix of the file says.
        output: A file, a folder, or ``-`` or ``None`` for standard output.
        format_name: Format of the file to read, where it does not tell.
        uri: What to call the recording; where a file holds several, the one to read.
        clean_up: What is done before.
        audio: A recording to embed in a page.
        audio_src: Instead, the URL of one to link.
    """

    to: str | None
    output: str | None
    format_name: str | None
    uri: str | None
    clean_up: CleanUp
    audio: str | None
    audio_src: str | None


async def run_export(name: str, options: ExportOptions, place: Place) -> int:
    """Write a result in another format and return the exit code.

    Raises:
        ConfigurationError: If it cannot be read or written, or an option cannot be used.
    """
    Destination.of(options.output, options.to, [name])  # before anything is read
    note = error_notes()
    async with Sources(place) as sources:
        try:
            found = await sources.read(name, format_name=options.format_name, uri=options.uri)
        except NotHere as error:
            note(str(error))
            return 1
        if failure := found.outcome.error:
            note(f"failed: {found.name}: {failure}")
            return 1
        result = options.clean_up.apply(found.outcome.result())
        destination = Destination.of(options.output, options.to, [found.name])
        destination.prepare()
        path = _with_audio(destination, options).write(found.name, result)
        if path is not None:
            note(f"{found.name}: written to {path}")
        await sources.handed_out(name)
    return 0


def _with_audio(destination: Destination, options: ExportOptions) -> Destination:
    """Give the page its recording."""
    if options.audio is None and options.audio_src is None:
        return destination
    if destination.format.name != "html":
        raise ConfigurationError("--audio and --audio-src are for pages alone: --to html")

    def write(diarization: Diarization) -> str:
        try:
            return diarization.to_html(audio=options.audio, audio_src=options.audio_src)
        except ConfigurationError as error:
            raise ConfigurationError(in_options(error.message)) from error

    return attrs.evolve(destination, format=attrs.evolve(destination.format, write=write))


def _names(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``OLD=NEW`` of each."""
    names: dict[str, str] = {}
    for pair in pairs:
        old, _, new = pair.partition("=")
        if not old or not new:
            raise ConfigurationError(f"--rename is OLD=NEW, such as SPEAKER_00=Ann, not {pair!r}")
        if names.setdefault(old, new) != new:
            raise ConfigurationError(f"--rename gives {old} two names: {names[old]} and {new}")
    return names
