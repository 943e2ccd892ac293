"""JSON lines, an object for each segment."""

from typing import Final

from mavi_async._diarization import Diarization
from mavi_async._rows import row_of
from mavi_async.formats._format import Format
from mavi_async.formats._json import dump, parse
from mavi_async.formats._lines import lines, segment_from

__all__ = ["FORMAT", "read_jsonl", "write_jsonl"]


def write_jsonl(diarization: Diarization) -> str:
    """Write an object with ``start``, ``end``, ``duration`` and ``speaker`` a line.

    Numbers have all their digits, and names all their characters.

    Raises:
        ConfigurationError: A bound is not finite.
    """
    return "".join(f"{dump(row_of(segment))}\n" for segment in diarization.segments)


def read_jsonl(text: str, uri: str | None = None) -> Diarization:
    """Read objects with start, end and speaker; what else they hold is ignored.

    Raises:
        ConfigurationError: A line holds none; the message names its number.
    """
    segments = [
        segment_from(parse(line, where), where)
        for where, line in ((f"line {number}", line) for number, line in lines(text))
    ]
    return Diarization.from_segments(segments, uri=uri)


FORMAT: Final = Format(
    "jsonl", (".jsonl", ".ndjson"), write_jsonl, read_jsonl, "a JSON object for each segment"
)
