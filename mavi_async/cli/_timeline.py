"""A result drawn in characters: a lane per speaker, over a time axis.

A character is two halves wide, so that a lane of 70 characters tells 140 moments apart.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from mavi_async._diarization import Diarization
from mavi_async._segments import Overlap
from mavi_async.cli._text import clock_text, safe_text
from mavi_async.formats._lanes import colours, drawable, length_of

__all__ = ["Timeline", "draw"]

# In the order of the colours of the pictures, and of the same hues.
_STYLES: Final = (
    "dodger_blue1",
    "orange1",
    "spring_green3",
    "orchid",
    "gold1",
    "turquoise2",
    "salmon1",
    "slate_blue1",
    "chartreuse3",
    "hot_pink",
)
_MOST_LANES: Final = 24
_NARROWEST: Final = 40
_TALK_WIDTH: Final = 13
_SILENT: Final = "dim bright_black"
_LONGEST_LABEL: Final = 24
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000)


@attrs.frozen
class _Glyphs:
    """Characters for the halves of a cell in which somebody speaks."""

    left: str
    right: str
    both: str
    shared: str
    silence: str
    tick: str


_BLOCKS: Final = _Glyphs("▌", "▐", "█", "▓", "╌", "╵")
_ASCII: Final = _Glyphs("#", "#", "#", "%", "-", "|")


@attrs.frozen
class Timeline:
    """A result that rich draws in whatever width there is.

    Attributes:
        name: What was submitted.
        diarization: The result.
    """

    name: str
    diarization: Diarization

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        yield from draw(
            self.diarization, self.name, width=options.max_width, ascii_only=options.ascii_only
        )


def draw(
    diarization: Diarization, name: str, *, width: int, ascii_only: bool = False
) -> list[Text]:
    """Draw a result as lines.

    Args:
        diarization: The result.
        name: What was submitted.
        width: Columns; less than 40 are taken for 40.
        ascii_only: Whether to do without block characters.

    Returns:
        A heading, a lane for each of the 24 who talk most, in order of first speech, and the
        axis. Where somebody else speaks as well, a lane is hatched.
    """
    diarization = drawable(diarization)
    width = max(width, _NARROWEST)
    glyphs = _ASCII if ascii_only else _BLOCKS
    talk = dict(diarization.chart())
    loudest = set(list(talk)[:_MOST_LANES])
    speakers = [speaker for speaker in diarization.speakers if speaker in loudest]
    lines = [_heading(diarization, name, width, glyphs.shared)]
    if not speakers:
        return [*lines, Text("  nobody speaks in it", style="dim")]
    label_width = _label_width(speakers, width)
    canvas = _Canvas.over(diarization, width - label_width - _TALK_WIDTH - 3, glyphs)
    stretches = diarization.overlaps()
    for speaker, number in colours(speakers).items():
        style = _STYLES[number]
        line = _line("  ")
        line.append(set_cell_size(safe_text(speaker, longest=200), label_width), style)
        line.append(" ")
        line.append_text(canvas.lane(diarization, stretches, speaker, style))
        share = f"{clock_text(talk[speaker])} {talk[speaker] / canvas.seconds:>4.0%}"
        line.append(" " * (_TALK_WIDTH - len(share)), _SILENT)
        lines.append(line.append(share))
    if len(talk) > len(speakers):
        lines.append(Text(f"  and {len(talk) - len(speakers)} more who speak less", style="dim"))
    return [*lines, _line(" " * (label_width + 3)).append(canvas.axis(), "dim")]


@attrs.frozen
class _Canvas:
    """A stretch of time laid out over columns."""

    seconds: float
    columns: int
    glyphs: _Glyphs

    @classmethod
    def over(cls, diarization: Diarization, columns: int, glyphs: _Glyphs) -> "_Canvas":
        return cls(length_of(diarization), columns, glyphs)

    def lane(
        self, diarization: Diarization, stretches: Iterable[Overlap], speaker: str, style: str
    ) -> Text:
        """Draw when one speaker speaks."""
        own = [(each.start, each.end) for each in diarization.segments if each.speaker == speaker]
        noticeable = self.seconds / self.columns / 40
        shared = self._halves(
            (each.start, each.end)
            for each in stretches
            if speaker in each.speakers and each.duration > noticeable
        )
        lit = self._halves(own) | shared
        lane = Text()
        for column in range(self.columns):
            pair = {2 * column, 2 * column + 1}
            lane.append(*self._cell(pair & lit, pair & shared, style))
        return lane

    def axis(self) -> str:
        """Draw ticks at round times, as many as there is room for."""
        room = max(1, self.columns // 12)
        step = next((step for step in _STEPS if self.seconds / step <= room), self.seconds / room)
        axis = ""
        for number in range(room + 1):
            column = int(number * step / self.seconds * self.columns)
            mark = self.glyphs.tick + clock_text(number * step)
            if column + len(mark) <= self.columns:
                axis = axis.ljust(column) + mark
        return axis

    def _halves(self, stretches: Iterable[tuple[float, float]]) -> set[int]:
        """Return the half columns that stretches of time cover; the shortest cover one."""
        most = 2 * self.columns
        covered: set[int] = set()
        for start, end in stretches:
            first = min(max(0, round(start / self.seconds * most)), most - 1)
            after = max(first + 1, round(end / self.seconds * most))
            covered.update(range(first, min(after, most)))
        return covered

    def _cell(self, lit: set[int], shared: set[int], style: str) -> tuple[str, str]:
        if not lit:
            return self.glyphs.silence, _SILENT
        if shared:
            return self.glyphs.shared, style
        if len(lit) == 2:
            return self.glyphs.both, style
        return (self.glyphs.right if lit.pop() % 2 else self.glyphs.left), style


def _heading(diarization: Diarization, name: str, width: int, shared: str) -> Text:
    number = diarization.num_speakers
    facts = f"{clock_text(diarization.duration)}, {number} speaker{'s' * (number != 1)}"
    overlap = diarization.overlap_duration
    if overlap:
        facts += f", {overlap:.1f} s of overlap {shared}"
    title = safe_text(name)
    room = max(8, width - len(facts) - 2)
    if cell_len(title) > room:
        title = set_cell_size(title, room)
    heading = Text.assemble((title, "bold"), "  ", (facts, "dim"), no_wrap=True)
    heading.truncate(width, overflow="ellipsis")
    return heading


def _line(indent: str) -> Text:
    return Text(indent, no_wrap=True, overflow="crop")


def _label_width(speakers: Sequence[str], width: int) -> int:
    widest = max(cell_len(safe_text(speaker, longest=200)) for speaker in speakers)
    return min(widest, _LONGEST_LABEL, width // 4)
