"""RTTM, the field's format for who speaks when.

Source: NIST, The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan, Appendix A.
"""

from collections.abc import Iterator
from decimal import MAX_EMAX, MIN_EMIN, Context
from typing import Final

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment
from mavi_async.formats._format import Format
from mavi_async.formats._lines import bad_line, lines, moment
from mavi_async.formats._names import distinct, recording_name, token
from mavi_async.formats._ticks import decimal, placed

__all__ = ["FORMAT", "OTHER_TYPES", "read_rttm", "write_rttm"]

# Whatever the program that reads has set for its own sums; and nothing is an error in it.
_SUMS: Final = Context(prec=40, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])

# What stands for what is not known, such as the recording in what pyannote writes without one.
_NOT_AVAILABLE: Final = "<NA>"

# Everything else that RT-09 lets stand beside SPEAKER lines; a type outside this list means that
# the text is not RTTM at all, which should be said rather than read as silence.
OTHER_TYPES: Final = frozenset(
    [
        "A/P",
        "CB",
        "EDIT",
        "FILLER",
        "IP",
        "LEXEME",
        "NON-LEX",
        "NON-SPEECH",
        "NOSCORE",
        "NO_RT_METADATA",
        "SEGMENT",
        "SPKR-INFO",
        "SU",
    ]
)


def write_rttm(diarization: Diarization, *, uri: str | None = None, decimals: int = 3) -> str:
    """Write a line for each segment: ``SPEAKER uri 1 start duration <NA> <NA> speaker <NA> <NA>``.

    Start and end are rounded, and the duration is their difference, so that segments that touch
    still do. Scorers refuse a duration of 0: what is shorter than half a unit gets a whole one,
    which may reach into the next by as much, and what lies before 0 is cut off. A segment of a
    speaker that overlaps another one of the same speaker counts as false alarm in most scorers:
    `support()` first where there are some.

    Args:
        diarization: The result.
        uri: Name of the recording; by default the result's own.
        decimals: Of the seconds, 0 to 9.

    Neither name can have spaces: they become ``_``, and what else cannot stand there becomes
    ``U+FFFD``; speakers who differ stay different. Reading does not undo that.
    """
    recording = recording_name(diarization, uri)
    names = distinct(diarization.speakers, token)
    return "".join(
        f"SPEAKER {recording} 1 {decimal(start, decimals)} {decimal(end - start, decimals)} "
        f"<NA> <NA> {names[speaker]} <NA> <NA>\n"
        for start, end, speaker in placed(diarization.segments, decimals)
    )


def read_rttm(text: str, uri: str | None = None) -> Diarization:
    """Read one recording.

    Args:
        text: The content of an RTTM file; a byte order mark, ``;;`` comments, blank lines and
            lines of other types are skipped.
        uri: What to call the recording. Where the text holds several, whose segments would be
            mixed up, which one to read.

    Raises:
        ConfigurationError: A line is not RTTM, and the message names its number; or there are
            several recordings in the text, and not the one to read.
    """
    rows = list(_speaker_rows(text))
    recordings = dict.fromkeys(fields[1] for _, fields in rows)
    several = len(recordings) > 1
    if uri is None and several:
        raise ConfigurationError(
            f"the RTTM text holds {len(recordings)} recordings ({_some(recordings)}): "
            "say which one to read with `uri`"
        )
    if uri is not None and several and uri not in recordings:
        raise ConfigurationError(
            f"the RTTM text holds no recording {uri!r}: `uri` is one of {_some(recordings)}"
        )
    segments = [_segment(*row) for row in rows if not several or row[1][1] == uri]
    name = next((each for each in recordings if each != _NOT_AVAILABLE), None)
    return Diarization.from_segments(segments, uri=uri or name)


def _speaker_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of the SPEAKER lines."""
    for number, line in lines(text):
        fields = line.split()
        if fields[0].startswith(";;") or fields[0] in OTHER_TYPES:
            continue
        if fields[0] != "SPEAKER":
            raise bad_line("RTTM", number, f"{fields[0][:40]!a} is no RTTM type")
        if len(fields) not in (9, 10):
            why = f"expected 9 or 10 fields, found {len(fields)}: names cannot have spaces"
            raise bad_line("RTTM", number, why)
        yield number, fields


def _segment(number: int, fields: list[str]) -> SpeakerSegment:
    """Turn start and *duration*, fields 4 and 5, into bounds.

    They are added as they are written: 0.1 and 0.2 are 0.3, where somebody else may begin. The sum
    of the floats would be a bit more, and the two would overlap.
    """
    start = moment("RTTM", number, "start", fields[3])
    moment("RTTM", number, "duration", fields[4])
    end = _SUMS.add(_SUMS.create_decimal(fields[3]), _SUMS.create_decimal(fields[4]))
    return SpeakerSegment(start, float(end), fields[7])


def _some(recordings: dict[str, None]) -> str:
    few = ", ".join(ascii(each[:40])[1:-1] for each in list(recordings)[:3])
    return f"{few}, …" if len(recordings) > 3 else few


FORMAT: Final = Format(
    "rttm", (".rttm",), write_rttm, read_rttm, "NIST RTTM, which scorers read; milliseconds"
)
