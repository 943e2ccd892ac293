"""LAB: a line of start, end and speaker for each segment."""

from typing import Final

from mavi_async._diarization import Diarization
from mavi_async._segments import SpeakerSegment
from mavi_async.formats._format import Format
from mavi_async.formats._lines import bad_line, length, lines, moment
from mavi_async.formats._names import distinct, token
from mavi_async.formats._ticks import decimal, placed

__all__ = ["FORMAT", "read_lab", "write_lab"]


def write_lab(diarization: Diarization, *, decimals: int = 3) -> str:
    """Write a line for each segment: ``start end speaker``, in seconds.

    One file is one recording, for its name is not in it. Names are replaced as in RTTM, and what
    is shorter than half a unit gets a whole one.

    Args:
        diarization: The result.
        decimals: Of the seconds, 0 to 9.
    """
    names = distinct(diarization.speakers, token)
    return "".join(
        f"{decimal(start, decimals)} {decimal(end, decimals)} {names[speaker]}\n"
        for start, end, speaker in placed(diarization.segments, decimals)
    )


def read_lab(text: str, uri: str | None = None) -> Diarization:
    """Read lines of start, end and speaker, who may have spaces in the name.

    Raises:
        ConfigurationError: A line is something else; the message names its number.
    """
    return Diarization.from_segments([_segment(*row) for row in lines(text)], uri=uri)


def _segment(number: int, line: str) -> SpeakerSegment:
    fields = line.split(maxsplit=2)
    if len(fields) < 3:
        raise bad_line("LAB", number, "expected start, end and speaker, with spaces between")
    start = moment("LAB", number, "start", fields[0])
    end = moment("LAB", number, "end", fields[1])
    length("LAB", number, start, end)
    return SpeakerSegment(start, end, fields[2].rstrip())


FORMAT: Final = Format("lab", (".lab",), write_lab, read_lab, "start, end and speaker, a line each")
