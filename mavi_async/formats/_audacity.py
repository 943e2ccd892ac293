"""Labels of Audacity, to see and correct a result beside the sound.

Source: Audacity Manual, Importing and Exporting Labels.
"""

from typing import Final

from mavi_async._diarization import Diarization
from mavi_async._segments import SpeakerSegment
from mavi_async.formats._format import Format
from mavi_async.formats._lines import bad_line, length, lines, moment
from mavi_async.formats._names import distinct, one_line
from mavi_async.formats._ticks import decimal, placed

__all__ = ["FORMAT", "read_audacity", "write_audacity"]

_DECIMALS: Final = 6


def write_audacity(diarization: Diarization) -> str:
    """Write a line for each segment: start, end and speaker with tabs between.

    Seconds with 6 decimals, as Audacity writes them. Labels cannot have tabs or line breaks:
    those become spaces, control characters ``U+FFFD``, and a name is at most 1,000 characters.
    Audacity shows what overlaps in further rows of the same label track.
    """
    names = distinct(diarization.speakers, one_line)
    return "".join(
        f"{decimal(start, _DECIMALS)}\t{decimal(end, _DECIMALS)}\t{names[speaker]}\n"
        for start, end, speaker in placed(diarization.segments, _DECIMALS)
    )


def read_audacity(text: str, uri: str | None = None) -> Diarization:
    """Read a label track, in which each label is a speaker.

    Labels of a point in time have no length, and are dropped and counted like all such; lines
    of frequencies, which begin with a backslash, are skipped.

    Raises:
        ConfigurationError: A line is no label; the message names its number.
    """
    rows = [row for row in lines(text) if not row[1].startswith("\\")]
    return Diarization.from_segments([_segment(*row) for row in rows], uri=uri)


def _segment(number: int, line: str) -> SpeakerSegment:
    fields = line.split("\t", maxsplit=2)
    if len(fields) < 3 or not fields[2].strip():
        raise bad_line("Audacity", number, "expected start, end and speaker, with tabs between")
    start = moment("Audacity", number, "start", fields[0])
    end = moment("Audacity", number, "end", fields[1])
    length("Audacity", number, start, end)
    return SpeakerSegment(start, end, fields[2].strip())


FORMAT: Final = Format(
    "audacity", (".txt",), write_audacity, read_audacity, "labels of Audacity, with tabs between"
)
