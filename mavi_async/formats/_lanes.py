"""What the pictures of a result share: a lane per speaker, over one stretch of time."""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import attrs

from mavi_async._diarization import Diarization
from mavi_async.formats._shown import shown

__all__ = ["COLOURS", "Lane", "Lanes", "Span", "colours", "shares", "tick_step", "ticks"]

Span: TypeAlias = tuple[float, float]

# How many colours a palette has; the pictures and the terminal number theirs alike.
COLOURS: Final = 10

_MOST_LANES: Final = 50
_STEPS: Final = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000),
)


@attrs.frozen
class Lane:
    """When one speaker speaks.

    Attributes:
        name: The label as it may be shown.
        colour: Number of its colour, from 0 to 9.
        spans: Where it speaks, in order, without overlaps.
        talk: Sum of these in seconds.
    """

    name: str
    colour: int
    spans: tuple[Span, ...]
    talk: float

    @property
    def longest(self) -> float:
        """Seconds of the longest stretch without a pause."""
        return max((end - start for start, end in self.spans), default=0.0)


@attrs.frozen
class Lanes:
    """A result laid out to be drawn.

    Attributes:
        seconds: Length of the recording, and never less than what is said in it.
        lanes: Of the 50 who talk most, in order of first speech.
        speakers: The labels of the lanes, as they are in the result.
        left_out: How many speakers have no lane.
        shared: Where at least two speakers speak.
    """

    seconds: float
    lanes: tuple[Lane, ...]
    speakers: tuple[str, ...]
    left_out: int
    shared: tuple[Span, ...]

    @classmethod
    def of(cls, diarization: Diarization) -> "Lanes":
        """Lay out a result."""
        last = max((segment.end for segment in diarization.segments), default=0.0)
        spoken: dict[str, list[Span]] = {speaker: [] for speaker in diarization.speakers}
        for segment in diarization.segments:
            spoken[segment.speaker].append((max(0.0, segment.start), max(0.0, segment.end)))
        joined = {speaker: _joined(spans) for speaker, spans in spoken.items()}
        talk = {speaker: sum(b - a for a, b in spans) for speaker, spans in joined.items()}
        loudest = sorted(talk, key=lambda speaker: -talk[speaker])[:_MOST_LANES]
        kept = tuple(speaker for speaker in talk if speaker in set(loudest))
        numbers = colours(kept)
        return cls(
            max(diarization.duration, last, 1e-3),
            tuple(Lane(shown(s), numbers[s], joined[s], talk[s]) for s in kept),
            kept,
            len(talk) - len(kept),
            _shared(joined.values()),
        )

    @property
    def shared_seconds(self) -> float:
        """For how long at least two speakers speak."""
        return sum(end - start for start, end in self.shared)


def colours(speakers: Iterable[str]) -> dict[str, int]:
    """Give each speaker a colour that depends on the label, so that it is the same everywhere.

    Labels with the same number would share one: the later takes the next that is free, or, when
    there are more speakers than colours, the next that is rarest.
    """
    taken: dict[str, int] = {}
    uses = Counter(range(COLOURS))
    for speaker in speakers:
        digits = speaker[len(speaker.rstrip("0123456789")) :]
        raw = speaker.encode("utf-8", "surrogatepass")
        wanted = int(digits[-6:]) if digits else zlib.crc32(raw)
        turned = [(wanted + step) % COLOURS for step in range(COLOURS)]
        taken[speaker] = min(turned, key=lambda number: uses[number])
        uses[taken[speaker]] += 1
    return taken


def shares(spans: Iterable[Span], seconds: float, columns: int) -> list[float]:
    """Return for each of equally wide columns which share of its time the spans cover.

    Args:
        spans: In order, without overlaps, within the recording.
        seconds: What all columns together stand for.
        columns: How many.
    """
    covered = [0.0] * columns
    for start, end in spans:
        begin, until = start / seconds * columns, end / seconds * columns
        for column in range(int(begin), min(int(until) + 1, columns)):
            covered[column] += max(0.0, min(until, column + 1) - max(begin, column))
    return [min(share, 1.0) for share in covered]


def tick_step(seconds: float, room: int) -> float:
    """Return the roundest distance of at most so many ticks on an axis."""
    return next((step for step in _STEPS if seconds / step <= room), seconds / room)


def ticks(seconds: float, room: int) -> list[float]:
    """Return at most ``room + 1`` round times, from 0 on."""
    step = tick_step(seconds, room)
    return [number * step for number in range(int(seconds / step + 1e-9) + 1)]


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Join what overlaps or touches; the spans are in order."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        elif end > start:
            joined.append((start, end))
    return tuple(joined)


def _shared(lanes: Iterable[Iterable[Span]]) -> tuple[Span, ...]:
    """Return where at least two lanes have a span."""
    changes = sorted(
        change for spans in lanes for start, end in spans for change in ((start, 1), (end, -1))
    )
    found: list[Span] = []
    speaking = 0
    for (moment, step), (following, _) in pairwise(changes):
        speaking += step
        if speaking > 1 and following > moment:
            found.append((moment, following))
    return _joined(found)
