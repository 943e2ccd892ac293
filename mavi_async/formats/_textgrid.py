"""TextGrids of Praat, a tier for each speaker.

Source: Praat manual, "TextGrid file formats".
"""

import re
from collections.abc import Iterator
from typing import Final

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment, Usage
from mavi_async.formats._format import Format
from mavi_async.formats._lines import bad_line, length, moment
from mavi_async.formats._names import distinct, one_line
from mavi_async.formats._ticks import decimal, ticks

__all__ = ["FORMAT", "read_textgrid", "write_textgrid"]

_DECIMALS: Final = 9
_NOBODY: Final = "nobody"
# Praat's own rule: texts, numbers and flags that stand free count, and all else is comment.
_BREAK: Final = re.compile(r"\r\n|\r|\n")
_TOKEN: Final = re.compile(
    r'(?<!\S)(?:"(?P<text>[^"]*+(?:""[^"]*+)*+)"|(?P<plain><\w+>|[-+]?[\d.]\S*)|!.*)(?!\S)'
)


def write_textgrid(diarization: Diarization) -> str:
    """Write an interval tier for each speaker, in the long text form.

    All tiers go from 0 to the end of the recording, or the last end where that is later, and
    silence is an interval without text. Times have 9 decimals. A tier cannot hold overlaps:
    segments of one speaker that overlap or touch are joined, as `support` does. ``"`` in names
    is doubled, line breaks become spaces. Where nobody speaks, there is an empty tier
    ``nobody``, for Praat opens no TextGrid without tiers.
    """
    source = diarization.support()
    last = max((segment.end for segment in source.segments), default=0.0)
    end = max(ticks(max(source.duration, last), _DECIMALS), 1)
    spoken: dict[str, list[tuple[int, int]]] = {speaker: [] for speaker in diarization.speakers}
    for segment in source.segments:
        bounds = ticks(segment.start, _DECIMALS), ticks(segment.end, _DECIMALS)
        spoken[segment.speaker].append(bounds)
    names = distinct(spoken, one_line)
    tiers = {names[speaker]: spans for speaker, spans in spoken.items()} or {_NOBODY: []}
    rows = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        f"xmin = 0\nxmax = {_time(end)}",
        f"tiers? <exists>\nsize = {len(tiers)}\nitem []:",
    ]
    for number, (name, spans) in enumerate(tiers.items(), start=1):
        rows += [f"    item [{number}]:", *_tier(name, spans, end)]
    return "\n".join(rows) + "\n"


def read_textgrid(text: str, uri: str | None = None) -> Diarization:
    """Read a TextGrid, in its long or its short text form, in which each tier is a speaker.

    Whatever text an interval has, the speaker of its tier speaks. Point tiers are skipped.

    Raises:
        ConfigurationError: It is no TextGrid, or ends too early; the message names the line.
    """
    tokens = _Tokens(text.removeprefix("\ufeff"))
    if (tokens.text(), tokens.text()) != ("ooTextFile", "TextGrid"):
        raise tokens.error('expected File type = "ooTextFile" and Object class = "TextGrid"')
    tokens.moment("xmin")
    end = tokens.moment("xmax")
    tiers = tokens.count() if tokens.plain() == "<exists>" else 0
    segments = [segment for _ in range(tiers) for segment in _read_tier(tokens)]
    return Diarization.from_segments(segments, uri=uri, usage=Usage(duration=end))


def _tier(name: str, spans: list[tuple[int, int]], end: int) -> Iterator[str]:
    intervals = list(_intervals(spans, end))
    yield '        class = "IntervalTier"'
    yield f"        name = {_quoted(name)}"
    yield f"        xmin = 0\n        xmax = {_time(end)}"
    yield f"        intervals: size = {len(intervals)}"
    for number, (begin, until, speaks) in enumerate(intervals, start=1):
        yield f"        intervals [{number}]:"
        yield f"            xmin = {_time(begin)}\n            xmax = {_time(until)}"
        yield f"            text = {_quoted(name if speaks else '')}"


def _intervals(spans: list[tuple[int, int]], end: int) -> Iterator[tuple[int, int, bool]]:
    """Yield speech and silence by turns, without gaps, from 0 to the end."""
    reached = 0
    for start, until in spans:
        if until > reached:
            if start > reached:
                yield reached, start, False
            yield max(start, reached), until, True
            reached = until
    if end > reached:
        yield reached, end, False


def _time(units: int) -> str:
    """Write a time without the zeros at its end, as Praat does."""
    return decimal(units, _DECIMALS).rstrip("0").rstrip(".")


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _read_tier(tokens: "_Tokens") -> Iterator[SpeakerSegment]:
    kind, name = tokens.text(), tokens.text()
    if kind not in ("IntervalTier", "TextTier"):
        raise tokens.error("expected a tier")
    tokens.moment("xmin")
    tokens.moment("xmax")
    for _ in range(tokens.count()):
        start = tokens.moment("xmin")
        if kind == "TextTier":
            tokens.text()
            continue
        end = tokens.moment("xmax")
        length("TextGrid", tokens.line, start, end)
        if tokens.text().strip():
            yield SpeakerSegment(start, end, name)


class _Tokens:
    """What counts in a TextGrid, one after the other."""

    def __init__(self, text: str) -> None:
        self.line = 1  # of the latest one
        self._found = (found for found in _TOKEN.finditer(text) if found.lastgroup)
        self._source = text
        self._position = 0

    def text(self) -> str:
        """Take a text in quotes."""
        return self._take("text", "a text in quotes").replace('""', '"')

    def plain(self) -> str:
        """Take a number or a flag, as it is written."""
        return self._take("plain", "a number")

    def moment(self, name: str) -> float:
        """Take a number of seconds."""
        text = self.plain()
        return moment("TextGrid", self.line, name, text)

    def count(self) -> int:
        """Take a number of what follows."""
        text = self.plain()
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
            raise self.error("expected a whole number")
        return int(text)

    def error(self, why: str) -> ConfigurationError:
        """Make the error for the latest one."""
        return bad_line("TextGrid", self.line, why)

    def _take(self, group: str, wanted: str) -> str:
        found = next(self._found, None)
        position = len(self._source) if found is None else found.start()
        # Counted on from the one before: each from the start would take ages.
        self.line += len(_BREAK.findall(self._source, self._position, position))
        self._position = position
        if found is None or found.lastgroup != group:
            raise self.error(f"expected {wanted}")
        return found[group]


FORMAT: Final = Format(
    "textgrid", (".TextGrid",), write_textgrid, read_textgrid, "Praat: a tier for each speaker"
)
