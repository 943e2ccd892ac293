"""WebVTT, the subtitles of the web, which know who speaks.

Source: W3C, WebVTT: The Web Video Text Tracks Format.
"""

import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Final

from mavi_async._diarization import Diarization
from mavi_async._segments import SpeakerSegment
from mavi_async.formats._format import Format
from mavi_async.formats._lines import bad_line, length
from mavi_async.formats._names import distinct, one_line
from mavi_async.formats._ticks import clock, placed

__all__ = ["FORMAT", "read_vtt", "write_vtt"]

_BREAK: Final = re.compile(r"\r\n|\r|\n")
_MOMENT: Final = r"(?:(\d{2,6}):)?([0-5]\d):([0-5]\d\.\d{3})"
_TIMES: Final = re.compile(rf"\s*{_MOMENT}\s+-->\s+{_MOMENT}(?:\s.*)?", re.ASCII)
_VOICE: Final = re.compile(r"<v(?:\.[^\s<>]*+)?[ \t\n]++([^<>]*+)>")


def write_vtt(diarization: Diarization, *, exclusive: bool = False) -> str:
    """Write a cue for each segment: ``<v SPEAKER_00>SPEAKER_00</v>``.

    Times are ``HH:MM:SS.mmm``; a cue is a millisecond long at least. ``&``, ``<`` and ``>`` in
    names are escaped, and so is a ``-`` that would make an arrow with what follows; line breaks
    become spaces.

    Args:
        diarization: The result.
        exclusive: Whether to show one speaker at a time, as `Diarization.exclusive` has them;
            otherwise browsers show cues that overlap above each other.
    """
    source = diarization.exclusive() if exclusive else diarization
    names = distinct(diarization.speakers, one_line)
    written = {speaker: _escaped(name) for speaker, name in names.items()}
    return "WEBVTT\n" + "".join(
        f"\n{clock(start, '.')} --> {clock(end, '.')}\n"
        f"<v {written[speaker]}>{written[speaker]}</v>\n"
        for start, end, speaker in placed(source.segments, 3, apart=exclusive)
    )


def read_vtt(text: str, uri: str | None = None) -> Diarization:
    """Read cues with voices, such as those of a meeting's transcript.

    Each voice in a cue speaks for all of it. Notes, styles and settings are skipped.

    Raises:
        ConfigurationError: It is not WebVTT, or a cue has no voice; the message names the line.
    """
    rows = _BREAK.split(text.removeprefix("\ufeff"))
    if not re.match(r"WEBVTT(\s|$)", rows[0]):
        raise bad_line("WebVTT", 1, "expected WEBVTT")
    return Diarization.from_segments(_segments(rows), uri=uri)


def _escaped(name: str) -> str:
    """A name as text: the ``>`` of its tag after ``--`` would be an arrow, which ends the cue."""
    text = escape(name, quote=False)
    return f"{text[:-1]}&#45;" if text.endswith("--") else text


def _segments(rows: list[str]) -> Iterator[SpeakerSegment]:
    for index, row in enumerate(rows):
        if "-->" not in row:
            continue
        start, end = _times(index + 1, row)
        voices = _VOICE.findall("\n".join(_payload(rows, index + 1)))
        if not voices:
            why = "the cue does not say who speaks, in the form <v NAME>"
            raise bad_line("WebVTT", index + 1, why)
        for voice in dict.fromkeys(voices):
            yield SpeakerSegment(start, end, " ".join(unescape(voice).split()))


def _payload(rows: list[str], index: int) -> Iterator[str]:
    while index < len(rows) and rows[index].strip():
        yield rows[index]
        index += 1


def _times(line: int, row: str) -> tuple[float, float]:
    found = _TIMES.fullmatch(row)
    if not found:
        raise bad_line("WebVTT", line, "expected times in the form 00:00:01.000 --> 00:00:02.000")
    start, end = (_seconds(*found.groups("0")[n : n + 3]) for n in (0, 3))
    length("WebVTT", line, start, end)
    return start, end


def _seconds(hours: str, minutes: str, seconds: str) -> float:
    # In whole milliseconds, so that the nearest number to what is written comes out.
    return (int(hours) * 3_600_000 + int(minutes) * 60_000 + int(seconds.replace(".", ""))) / 1000


FORMAT: Final = Format("vtt", (".vtt",), write_vtt, read_vtt, "WebVTT subtitles: who speaks")
