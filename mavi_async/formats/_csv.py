"""CSV, for spreadsheets and data frames.

Source: RFC 4180; OWASP, CSV Injection.
"""

import csv
import io
import math
from collections.abc import Iterator
from typing import Final

from mavi_async._diarization import Diarization
from mavi_async._segments import SpeakerSegment
from mavi_async.formats._format import Format
from mavi_async.formats._lines import bad_line, number
from mavi_async.formats._names import distinct, one_line

__all__ = ["FORMAT", "read_csv", "write_csv"]

_COLUMNS: Final = ("start", "end", "duration", "speaker")
# Also the wide ones, which the spreadsheets of East Asia take for the same.
_BEGINS_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def write_csv(diarization: Diarization) -> str:
    """Write the columns ``start,end,duration,speaker``, in seconds with all their digits.

    A name that a spreadsheet would take for a formula, for it begins with ``=``, ``+``, ``-`` or
    ``@``, gets a ``'`` in front, which `read_csv` takes away again. Line breaks and tabs in names
    become spaces, and a name is at most 1,000 characters long. ``NA``, ``nan`` and ``None`` are
    names like others, also to `read_csv`; that of pandas needs ``keep_default_na=False``.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    names = distinct(diarization.speakers, one_line)
    cells = {speaker: _harmless(name) for speaker, name in names.items()}
    for segment in diarization.segments:
        numbers = map(float, (segment.start, segment.end, segment.duration))
        writer.writerow((*map(repr, numbers), cells[segment.speaker]))
    return text.getvalue()


def read_csv(text: str, uri: str | None = None) -> Diarization:
    """Read rows with at least the columns ``start``, ``end`` and ``speaker``, in any order.

    Raises:
        ConfigurationError: A column is missing, or a row is wrong; the message names the line.
    """
    return Diarization.from_segments(_segments(_rows(text)), uri=uri)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield rows that are not empty, with the number of the line that they end on."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        for row in reader:
            if any(map(str.strip, row)):
                yield reader.line_num, row
    except csv.Error as error:
        raise bad_line("CSV", reader.line_num, f"this is not CSV: {error}") from None


def _segments(rows: Iterator[tuple[int, list[str]]]) -> Iterator[SpeakerSegment]:
    line, names = next(rows, (1, []))
    header = [name.strip().lower() for name in names]
    missing = [name for name in ("start", "end", "speaker") if name not in header]
    if missing:
        why = f"there is no column {missing[0]}: the first line names start, end and speaker"
        raise bad_line("CSV", line, f"{why}, with commas between")
    start, end, speaker = map(header.index, ("start", "end", "speaker"))
    for line, row in rows:
        if len(row) != len(header):
            raise bad_line("CSV", line, f"expected {len(header)} cells, not {len(row)}")
        bounds = _seconds(line, row[start]), _seconds(line, row[end])
        yield SpeakerSegment(*bounds, _plain(row[speaker]))


def _seconds(line: int, cell: str) -> float:
    value = number(cell.strip())
    if not math.isfinite(value):
        why = f"{cell[:40]!a} is not a number of seconds, with a point for its decimals"
        raise bad_line("CSV", line, why)
    return value


def _harmless(name: str) -> str:
    return f"'{name}" if name.lstrip("'").startswith(_BEGINS_FORMULA) else name


def _plain(cell: str) -> str:
    """Undo `_harmless`."""
    quoted = cell.startswith("'") and cell.lstrip("'").startswith(_BEGINS_FORMULA)
    return cell[1:] if quoted else cell


FORMAT: Final = Format(
    "csv", (".csv",), write_csv, read_csv, "start, end, duration and speaker, for spreadsheets"
)
