"""The result of a speaker job, with its way into formats and out of them."""

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Final, Self

from mavi_async._arguments import require_seconds, require_text
from mavi_async._bridges import Bridges
from mavi_async._cleanup import Cleanup
from mavi_async._rows import SegmentRow, read_rows, row_of
from mavi_async._segments import Usage
from mavi_async._talk import Talk

__all__ = ["Diarization"]

_TEXT: Final = "the content as a text; `load` reads files"


class Diarization(Talk, Cleanup, Bridges):
    """Who spoke when in one recording.

    Iterating yields the segments in order of time. Segments may overlap, mostly those of
    different speakers. All times are seconds, and all methods leave the object as it is.

    Two are equal if all that they hold is, but for ``raw``. Where only the talk matters, compare
    their ``segments``.

    Attributes:
        segments: Sorted by start, end and speaker; seconds, exactly as MAVI sent them.
        task_id: The job, or ``None`` for the synchronous endpoint, which creates none.
        uri: Name of the recording: the asset id where it is known, else the task id.
        usage: What the job consumed.
        dropped: How many segments were left out because they end at or before their start.
        raw: The body as received.
    """

    __slots__ = ()

    # The formats build on this class, and most programs need none of them: hence the imports
    # within the methods.

    @classmethod
    def from_callback(
        cls, body: bytes | str | Mapping[str, object], *, uri: str | None = None
    ) -> "Diarization":
        """Read a callback, such as one that was saved to a file.

        Args:
            body: As MAVI sent it; also ``raw`` of a result or of a `MalformedResult`.
            uri: Name of the recording, which no callback has; the task id by default.

        Raises:
            TaskFailed: It reports that MAVI could not do the job.
            MalformedResult: It is no callback of a speaker job; ``task_id`` is empty where not
                even that could be read.
        """
        from mavi_async._wire import read_callback

        return read_callback(body, uri=uri)

    @classmethod
    def from_records(
        cls,
        records: Iterable[Mapping[str, object]],
        *,
        uri: str | None = None,
        duration: float | None = None,
    ) -> Self:
        """Take over the segments of another tool: dictionaries with start, end and speaker.

        Args:
            records: In any order; seconds. Whatever else they hold is ignored.
            uri: Name of the recording.
            duration: Seconds of audio; by default, the recording ends with the last segment.

        Raises:
            ConfigurationError: A record lacks one of the three, or it is of the wrong type.
        """
        if duration is not None:
            duration = require_seconds("duration", duration, at_least=0.0)
        return cls.from_segments(read_rows(records), uri=uri, usage=Usage(duration=duration))

    def to_records(self) -> list[SegmentRow]:
        """Return ``start``, ``end``, ``duration`` and ``speaker`` of each segment, as they are."""
        return [row_of(segment) for segment in self.segments]

    @classmethod
    def from_rttm(cls, text: str, *, uri: str | None = None) -> "Diarization":
        """Read one recording of the text of an RTTM file; `load` reads the file itself.

        Args:
            text: Fields of 9 or 10, of which the fifth is a duration; any order. Comments and
                lines of other types are skipped.
            uri: Name of the recording; by default the one in the text. Where that has several,
                which one to read.

        Raises:
            ConfigurationError: It is no RTTM, or holds several recordings and none of this name.
        """
        from mavi_async.formats._rttm import read_rttm

        return read_rttm(require_text("text", text, _TEXT), uri)

    @classmethod
    def from_json(cls, text: str, *, uri: str | None = None) -> "Diarization":
        """Read what `to_json` wrote, which makes an equal result; or a list like records.

        Args:
            text: One JSON document.
            uri: Name of the recording; by default the one in the text.

        Raises:
            ConfigurationError: It is something else; the message says where.
            TaskFailed: It is a callback, and MAVI could not do the job.
            MalformedResult: It is a callback without a usable result.
        """
        from mavi_async.formats._json import read_json

        return read_json(require_text("text", text, _TEXT), uri)

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        format: str | None = None,  # noqa: A002 - what one would call it
        *,
        uri: str | None = None,
    ) -> "Diarization":
        """Read a file: one that `save` wrote, a saved callback, or another tool's.

        Args:
            path: The file, of at most 64 MiB.
            format: Its name, such as ``"rttm"``; by default suffix or content tell.
            uri: Name of the recording; by default the one in the file, or else the file's name.
                Where a file holds several recordings, which one to read.

        Raises:
            ConfigurationError: The file cannot be read; the message says where and why.
            TaskFailed: It is a callback, and MAVI could not do the job.
            MalformedResult: It is a callback without a usable result.
        """
        from mavi_async.formats import load

        return load(path, format, uri=uri)

    def save(
        self,
        path: str | PathLike[str],
        format: str | None = None,  # noqa: A002 - what one would call it
    ) -> None:
        """Write a file in the format that its suffix names, such as ``.rttm`` or ``.vtt``.

        It is written beside and then renamed: there is never half a file, and what is there
        already stays if anything goes wrong.

        Args:
            path: The file, in a folder that exists.
            format: Its name, where the suffix does not tell.

        Raises:
            ConfigurationError: There is no such format, and the message lists those there are;
                or the file cannot be written.
        """
        from mavi_async.formats import save

        save(self, path, format)

    def to_rttm(self, *, uri: str | None = None, decimals: int = 3) -> str:
        """Write RTTM, for scorers: ``SPEAKER uri 1 start duration <NA> <NA> speaker <NA> <NA>``.

        Start and end are rounded and then subtracted, so that what touches still does. Nothing
        becomes shorter than one unit, which scorers would refuse: what was may overlap with the
        next by as much, unless `drop_short` has left it out. Spaces in names become ``_``.
        `support` first where a speaker may overlap with themselves: scorers count it twice.

        Args:
            uri: Name of the recording; by default the result's own.
            decimals: Of the seconds, 0 to 9.

        Source: NIST, The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan.
        """
        from mavi_async.formats._rttm import write_rttm

        return write_rttm(self, uri=uri, decimals=decimals)

    def to_uem(self, *, uri: str | None = None, decimals: int = 3) -> str:
        """Write UEM, what scorers are to look at: the whole recording, ``uri 1 0.000 end``.

        Args:
            uri: Name of the recording; by default the result's own.
            decimals: Of the seconds, 0 to 9.
        """
        from mavi_async.formats._uem import write_uem

        return write_uem(self, uri=uri, decimals=decimals)

    def to_lab(self, *, decimals: int = 3) -> str:
        """Write LAB, a line a segment: ``start end speaker``, in seconds; one recording a file.

        Args:
            decimals: Of the seconds, 0 to 9.
        """
        from mavi_async.formats._lab import write_lab

        return write_lab(self, decimals=decimals)

    def to_vtt(self, *, exclusive: bool = False) -> str:
        """Write WebVTT, for players on the web: a cue a segment, the speaker as its voice.

        Args:
            exclusive: One speaker at a time, as `exclusive` leaves them.

        Source: W3C, WebVTT: The Web Video Text Tracks Format.
        """
        from mavi_async.formats._vtt import write_vtt

        return write_vtt(self, exclusive=exclusive)

    def to_srt(self, *, exclusive: bool = False) -> str:
        """Write SRT, for all other players: a cue a segment, its text ``[SPEAKER_00]``.

        Args:
            exclusive: One speaker at a time, as `exclusive` leaves them: many players show only
                one of the cues that overlap.
        """
        from mavi_async.formats._srt import write_srt

        return write_srt(self, exclusive=exclusive)

    def to_audacity(self) -> str:
        """Write a label track for Audacity: start, end and speaker with tabs, 6 decimals."""
        from mavi_async.formats._audacity import write_audacity

        return write_audacity(self)

    def to_textgrid(self) -> str:
        """Write a TextGrid for Praat: an interval tier a speaker, silence included.

        A tier cannot hold overlaps, so each speaker's segments are joined as by `support`.
        """
        from mavi_async.formats._textgrid import write_textgrid

        return write_textgrid(self)

    def to_csv(self) -> str:
        """Write the columns ``start,end,duration,speaker``, seconds with all their digits.

        A name that a spreadsheet would take for a formula gets a ``'`` in front. `load` reads
        every name as it is; pandas takes ``NA``, ``null`` and the like for missing, unless it is
        told ``keep_default_na=False``.
        """
        from mavi_async.formats._csv import write_csv

        return write_csv(self)

    def to_json(self, *, include_raw: bool = False) -> str:
        """Write everything as one JSON document, which `from_json` reads.

        Args:
            include_raw: Whether to add the body as received, which is empty otherwise when read.
        """
        from mavi_async.formats._json import write_json

        return write_json(self, include_raw=include_raw)

    def to_jsonl(self) -> str:
        """Write a JSON object a segment and line: what `to_records` returns, for streaming."""
        from mavi_async.formats._jsonl import write_jsonl

        return write_jsonl(self)

    def to_svg(self, *, width: int = 880, title: str | None = None) -> str:
        """Draw it as SVG: a lane per speaker over an axis of time, and their shares of it.

        Its size depends on width and speakers, not on the length. It follows the reader's light
        or dark scheme, and links to nothing.

        Args:
            width: In pixels, from 320 to 4000; it scales.
            title: Heading; the name of the recording by default.
        """
        from mavi_async.formats._svg import write_svg

        return write_svg(self, width=width, title=title)

    def to_html(
        self,
        *,
        audio: str | PathLike[str] | None = None,
        audio_src: str | None = None,
        title: str | None = None,
    ) -> str:
        """Write a page to look at and, with a recording, to listen to; it needs nothing else.

        Args:
            audio: A recording to embed, of at most 32 MiB.
            audio_src: Instead, the URL of one to link, relative to where the page will lie.
            title: Heading; the name of the recording by default.

        Raises:
            ConfigurationError: The recording cannot be read or is too large, or the URL is none.
        """
        from mavi_async.formats._html import write_html

        return write_html(self, audio=audio, audio_src=audio_src, title=title)

    def _repr_svg_(self) -> str:
        """Let a notebook show the picture."""
        return self.to_svg()
