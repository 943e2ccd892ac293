"""SubRip subtitles, which most players know.

Source: there is no standard; https://www.matroska.org/technical/subtitles.html describes the use.
"""

from typing import Final

from mavi_async._diarization import Diarization
from mavi_async.formats._format import Format
from mavi_async.formats._names import distinct, one_line
from mavi_async.formats._ticks import clock, placed

__all__ = ["FORMAT", "write_srt"]

# Players take these for tags, and have no way to write them otherwise.
_LOOKALIKES: Final = str.maketrans("<>{}", "()()")


def write_srt(diarization: Diarization, *, exclusive: bool = False) -> str:
    """Write a cue for each segment, with ``[SPEAKER_00]`` as its text.

    Times are ``HH:MM:SS,mmm``; a cue is a millisecond long at least. In names ``<>{}``, which
    players take for tags, become ``()``, line breaks become spaces.

    Args:
        diarization: The result.
        exclusive: Whether to show one speaker at a time, as `Diarization.exclusive` has them:
            many players show a single cue, and of those that overlap only the last.
    """
    source = diarization.exclusive() if exclusive else diarization
    names = distinct(diarization.speakers, lambda speaker: one_line(speaker.translate(_LOOKALIKES)))
    cues = enumerate(placed(source.segments, 3, apart=exclusive), start=1)
    return "\n".join(
        f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n[{names[speaker]}]\n"
        for number, (start, end, speaker) in cues
    )


FORMAT: Final = Format("srt", (".srt",), write_srt, None, "SubRip subtitles: who speaks")
