"""A result as a list of dictionaries, the form that most other tools take and give."""

from collections.abc import Iterable, Mapping
from typing import Final, TypedDict

from mavi_async._arguments import require_kind, require_seconds, require_text
from mavi_async._segments import SpeakerSegment

__all__ = ["SegmentRow", "read_rows", "row_of"]


_WANTED: Final = (
    "a dictionary with start, end and speaker; data frames return such from "
    "to_dict('records') or to_dicts()"
)


class SegmentRow(TypedDict):
    """A segment as a dictionary: what `SpeakerSegment` holds, and its length."""

    start: float
    end: float
    duration: float
    speaker: str


def row_of(segment: SpeakerSegment) -> SegmentRow:
    """Write one segment."""
    return {
        "start": segment.start,
        "end": segment.end,
        "duration": segment.duration,
        "speaker": segment.speaker,
    }


def read_rows(rows: Iterable[Mapping[str, object]]) -> Iterable[SpeakerSegment]:
    """Read segments; what else a row holds is ignored.

    Raises:
        ConfigurationError: A row is no dictionary, or has no usable start, end or speaker; the
            message names it.
    """
    for index, row in enumerate(rows):
        require_kind(f"record {index}", row, Mapping, _WANTED)
        start, end, speaker = map(row.get, ("start", "end", "speaker"))
        yield SpeakerSegment(
            require_seconds(f"the start of record {index}", start),
            require_seconds(f"the end of record {index}", end),
            require_text(f"the speaker of record {index}", speaker),
        )
