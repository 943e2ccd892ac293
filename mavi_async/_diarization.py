"""The result of a speaker job, with its way into formats and out of them."""

from collections.abc import Iterable, Mapping
from typing import Self

from mavi_async._bridges import Bridges
from mavi_async._cleanup import Cleanup
from mavi_async._errors import MalformedResult
from mavi_async._rows import SegmentRow, read_rows, row_of
from mavi_async._segments import Usage
from mavi_async._talk import Talk

__all__ = ["Diarization"]


class Diarization(Talk, Cleanup, Bridges):
    """Who spoke when in one recording.

    Iterating yields the segments in order of time. Segments may overlap, mostly those of
    different speakers. All times are seconds, and all methods leave the object as it is.

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
        from mavi_async._json import InvalidJSON
        from mavi_async._structure import Malformed
        from mavi_async._wire import body_bytes, decode_callback, read_task_id

        raw = b""
        try:
            raw = body_bytes(body)
            task_id = read_task_id(raw)
        except InvalidJSON as error:
            raise MalformedResult(f"this is no callback: {error}", "", "$", raw) from None
        except Malformed as error:
            message = f"this is no callback: {error.reason}"
            raise MalformedResult(message, "", error.path, raw) from None
        return decode_callback(raw, task_id=task_id, uri=uri)

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
        return cls.from_segments(read_rows(records), uri=uri, usage=Usage(duration=duration))

    def to_records(self) -> list[SegmentRow]:
        """Return ``start``, ``end``, ``duration`` and ``speaker`` of each segment, as they are."""
        return [row_of(segment) for segment in self.segments]

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
