"""UEM, which tells scorers what part of a recording counts.

Source: NIST, The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan.
"""

from typing import Final

from mavi_async._diarization import Diarization
from mavi_async.formats._format import Format
from mavi_async.formats._names import recording_name
from mavi_async.formats._ticks import decimal, require_decimals, ticks

__all__ = ["FORMAT", "write_uem"]


def write_uem(diarization: Diarization, *, uri: str | None = None, decimals: int = 3) -> str:
    """Write the whole recording as the part to score: ``uri 1 0.000 end``.

    Without a UEM file, many scorers take the part from the first to the last segment of the
    reference, and what is said outside goes unpunished.

    Args:
        diarization: The result; its duration or its last end, whichever is later, is the end.
        uri: Name of the recording, without spaces; by default the result's own.
        decimals: Of the seconds, 0 to 9.
    """
    require_decimals(decimals)
    last = max((segment.end for segment in diarization.segments), default=0.0)
    end = max(ticks(max(diarization.duration, last), decimals), 1)
    return f"{recording_name(diarization, uri)} 1 {decimal(0, decimals)} {decimal(end, decimals)}\n"


FORMAT: Final = Format(
    "uem", (".uem",), write_uem, None, "NIST UEM: the part to score, which is all of it"
)
