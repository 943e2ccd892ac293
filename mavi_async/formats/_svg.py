"""A result as a picture: a lane per speaker over an axis of time.

Source: W3C, Scalable Vector Graphics 1.1; the accessible name follows SVG-AAM.
"""

import math
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import attrs

from mavi_async._arguments import as_number, refused
from mavi_async._diarization import Diarization
from mavi_async.formats._lanes import Lane, Lanes, Span, drawable, shares, tick_step, ticks
from mavi_async.formats._palette import DARK, LIGHT, Tones
from mavi_async.formats._shown import clock, length, percent, shown

__all__ = ["facts_of", "write_svg"]

_NARROWEST: Final = 320
_WIDEST: Final = 4000
_MARGIN: Final = 16
_TOP: Final = 62
_BOTTOM: Final = 34
_TALK: Final = 106
_LETTER: Final = 8.3  # a capital of 12 pixels in a wide font


def write_svg(diarization: Diarization, *, width: int = 880, title: str | None = None) -> str:
    """Draw a result as SVG.

    A lane for each of the 50 who talk most, in order of first speech, with talk time and share of
    the recording. Bands behind the lanes show where several speak. It follows the reader's light
    or dark scheme, brings its own background, and has neither script nor link.

    A recording of more segments than pixels is drawn in columns two pixels wide: the height of a
    bar is the square root of the share of the column's time in which the speaker speaks, so that
    little is still seen. So the size is bounded by the width and the speakers, not by the length.

    Args:
        diarization: The result.
        width: In pixels, from 320 to 4000; the height follows from the speakers. It scales.
        title: Heading; the name of the recording by default. Names are cut where there is no
            room; in full, up to 200 characters, they are in the lane's tooltip.

    Raises:
        ConfigurationError: The width is no number, or a bound is infinite.
    """
    pixels = as_number(width)
    if pixels is None or math.isnan(pixels):
        raise refused("width", width, f"pixels, from {_NARROWEST} to {_WIDEST}")
    width = round(min(max(pixels, _NARROWEST), _WIDEST))
    diarization = drawable(diarization)
    heading = shown(title or diarization.uri or diarization.task_id or "Who spoke when")
    drawing = _Drawing.of(Lanes.of(diarization), width, len(diarization))
    return "\n".join(drawing.lines(heading, facts_of(diarization, drawing.lanes))) + "\n"


def facts_of(diarization: Diarization, lanes: Lanes) -> str:
    """Say in a line how long a recording is, and how many speak in it."""
    speakers, segments = diarization.num_speakers, len(diarization)
    return " · ".join(
        [
            clock(lanes.seconds),
            f"{speakers} speaker{'s' * (speakers != 1)}",
            f"{segments:,} segment{'s' * (segments != 1)}",
        ]
    )


@attrs.frozen
class _Drawing:
    """Where on the picture what is drawn.

    Attributes:
        lanes: What is drawn.
        width: Of the picture.
        names: Width of the column of names.
        exact: Whether each segment is drawn at its place.
    """

    lanes: Lanes
    width: int
    names: int
    exact: bool

    @classmethod
    def of(cls, lanes: Lanes, width: int, segments: int) -> "_Drawing":
        widest = max((len(lane.name) for lane in lanes.lanes), default=0) * _LETTER
        names = round(min(widest, width * 0.22, 180))
        return cls(lanes, width, names, segments <= width - names - _TALK - 2 * _MARGIN)

    @property
    def left(self) -> int:
        """Where time begins."""
        return _MARGIN + self.names + 10

    @property
    def columns(self) -> int:
        """How many pixels the time has, an even number."""
        return (self.width - _MARGIN - _TALK - self.left) // 2 * 2

    @property
    def pitch(self) -> int:
        """From one lane to the next."""
        return 28 if len(self.lanes.lanes) <= 8 else 22

    @property
    def bottom(self) -> int:
        """Where the lanes end."""
        return _TOP + self.pitch * max(1, len(self.lanes.lanes) + bool(self.lanes.left_out))

    def lines(self, heading: str, facts: str) -> Iterator[str]:
        """Write the picture."""
        height = self.bottom + _BOTTOM
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="mavi-picture" role="img" '
            f'width="{self.width}" height="{height}" viewBox="0 0 {self.width} {height}" '
            f"aria-label={quoteattr(f'{heading}: {facts}')}>"
        )
        yield f"<title>{escape(heading)}</title>"
        yield f"<style>{_STYLE}</style>"
        yield f'<rect class="mavi-ground" width="{self.width}" height="{height}" rx="8"/>'
        yield from self._heading(heading, facts)
        if self.lanes.lanes:
            yield from self._axis()
            yield from self._lanes()
        else:
            yield f'<text class="mavi-faint" x="{_MARGIN}" y="{_TOP + 18}">Nobody speaks.</text>'
        yield "</svg>"

    def _heading(self, heading: str, facts: str) -> Iterator[str]:
        yield _clipped(
            [f'<text class="mavi-head" y="18">{escape(heading)}</text>'],
            (_MARGIN, 10, self.width - 2 * _MARGIN, 26),
        )
        shared = ""
        if self.lanes.shared:
            swatch = '<tspan class="mavi-key">■</tspan>'
            shared = f" · {swatch} several at once {length(self.lanes.shared_seconds)}"
        yield f'<text class="mavi-faint" x="{_MARGIN}" y="48">{facts}{shared}</text>'

    def _axis(self) -> Iterator[str]:
        """Write the bands where several speak, and a line and a time for each tick."""
        tall = self.bottom - _TOP
        bands = self._exact(self.lanes.shared) if self.exact else self._bands()
        yield (
            f'<path class="mavi-shared" transform="translate({self.left} {_TOP + tall / 2:g})" '
            f'stroke-width="{tall}" d="{bands}"/>'
        )
        room = max(1, self.columns // 64)
        decimals = int(tick_step(self.lanes.seconds, room) < 1)
        for moment in ticks(self.lanes.seconds, room):
            x = self.left + self._x(moment)
            yield f'<path class="mavi-tick" d="M{x:g} {_TOP - 4}V{self.bottom + 4}"/>'
            yield (
                f'<text class="mavi-faint" x="{x:g}" y="{self.bottom + 20}" text-anchor="middle">'
                f"{clock(moment, decimals=decimals)}</text>"
            )

    def _lanes(self) -> Iterator[str]:
        for number, lane in enumerate(self.lanes.lanes):
            yield from self._lane(lane, _TOP + number * self.pitch)
        if self.lanes.left_out:
            y = self.bottom - self.pitch / 2 + 4
            text = f"and {self.lanes.left_out} more who talk less"
            yield f'<text class="mavi-faint" x="{self.left}" y="{y:g}">{text}</text>'

    def _lane(self, lane: Lane, top: int) -> Iterator[str]:
        """Write name, track, bars and talk time of one speaker."""
        share = percent(lane.talk / self.lanes.seconds)
        middle = top + self.pitch / 2
        bar = self.pitch - 8
        yield f'<g class="mavi-{lane.colour}">'
        yield f"<title>{escape(lane.name)}: {length(lane.talk)}, {escape(share)}</title>"
        yield _clipped(
            [f'<text class="mavi-name" y="{self.pitch / 2 + 4:g}">{escape(lane.name)}</text>'],
            (_MARGIN, top, self.names, self.pitch),
        )
        yield f'<path class="mavi-track" d="M{self.left} {middle:g}h{self.columns}"/>'
        place = f'transform="translate({self.left} {middle:g})"'
        if self.exact:
            bars = self._exact(lane.spans)
            yield f'<path {place} stroke="currentColor" stroke-width="{bar}" d="{bars}"/>'
        else:
            yield f'<path {place} fill="currentColor" d="{self._heights(lane, bar)}"/>'
        right = self.width - _MARGIN
        yield _right("mavi-name", right - 42, middle + 4, clock(lane.talk))
        yield _right("mavi-faint", right, middle + 4, escape(share))
        yield "</g>"

    def _x(self, moment: float) -> float:
        return round(moment / self.lanes.seconds * self.columns, 1)

    def _exact(self, spans: tuple[Span, ...]) -> str:
        """Write spans as strokes; the shortest is half a pixel long."""
        places = ((self._x(max(start, 0)), self._x(end)) for start, end in spans if end > 0)
        return "".join(f"M{x:g} 0h{max(until - x, 0.5):.3g}" for x, until in places)

    def _heights(self, lane: Lane, bar: int) -> str:
        """Write columns, as high as the root of their share; the smallest is two pixels high."""
        covered = shares(lane.spans, self.lanes.seconds, self.columns // 2)
        heights = [max(2, round(share**0.5 * bar)) if share else 0 for share in covered]
        path, before = f"M0 {bar // 2}", 0
        for column, height in enumerate([*heights, 0]):
            if height != before:
                path += f"H{2 * column}v{before - height}"
            before = height
        return f"{path}z"

    def _bands(self) -> str:
        """Write the columns that several share for at least half of their time."""
        covered = shares(self.lanes.shared, self.lanes.seconds, self.columns // 2)
        return "".join(f"M{2 * n} 0h2" for n, share in enumerate(covered) if share >= 0.5)


def _clipped(content: list[str], box: tuple[float, float, float, float]) -> str:
    """Put content into a box that cuts off what does not fit, however wide its glyphs are."""
    x, y, width, height = box
    return (
        f'<svg x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}">{"".join(content)}</svg>'
    )


def _right(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="end">{text}</text>'


def _rules(tones: Tones) -> str:
    """Write what differs between light and dark."""
    return (
        f".mavi-ground{{fill:{tones.ground}}}"
        f".mavi-head,.mavi-name{{fill:{tones.ink}}}"
        f".mavi-faint{{fill:{tones.faint}}}"
        f".mavi-track{{stroke:{tones.track}}}"
        f".mavi-tick{{stroke:{tones.line}}}"
        f".mavi-shared{{stroke:{tones.shared}}}"
        f".mavi-key{{fill:{tones.shared}}}"
        + "".join(f".mavi-{n}{{color:{tone}}}" for n, tone in enumerate(tones.speakers))
    )


# An SVG that stands in a page shares its style sheet with it: all names begin alike.
_STYLE: Final = (
    ".mavi-picture{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;"
    "font-variant-numeric:tabular-nums;max-width:100%;height:auto}"
    ".mavi-head{font-size:16px;font-weight:600}"
    f"{_rules(LIGHT)}"
    f"@media (prefers-color-scheme:dark){{{_rules(DARK)}}}"
)
