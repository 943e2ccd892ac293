"""A result as a list of dictionaries, the form that most other tools take and give."""

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TypedDict

from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment

__all__ = ["SegmentRow", "read_rows", "row_of"]


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
        ConfigurationError: A row has no usable start, end or speaker; the message names it.
    """
    for index, row in enumerate(rows):
        speaker = row.get("speaker")
        if not isinstance(speaker, str):
            raise _bad_row(index, "speaker", speaker, "a text")
        yield SpeakerSegment(_seconds(index, row, "start"), _seconds(index, row, "end"), speaker)


def _seconds(index: int, row: Mapping[str, object], name: str) -> float:
    value = row.get(name)
    # Numbers of other libraries are some, too, such as numpy's of 32 bits.
    if not isinstance(value, Real) or not math.isfinite(value):
        raise _bad_row(index, name, value, "a number of seconds")
    return float(value)


def _bad_row(index: int, name: str, value: object, wanted: str) -> ConfigurationError:
    found = ascii(value)[:60]
    return ConfigurationError(f"record {index} has the {name} {found}: give {wanted}")
