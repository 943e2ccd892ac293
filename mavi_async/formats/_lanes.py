"""What the pictures of a result share: a lane per speaker, over one stretch of time."""

import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final, TypeAlias, TypeVar

import attrs

from mavi_async._diarization import Diarization
from mavi_async._diarized import Diarized
from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment, TimeSpan, in_time
from mavi_async._sweep import cut, union
from mavi_async.formats._shown import shown

__all__ = [
    "COLOURS",
    "Lane",
    "Lanes",
    "Span",
    "colours",
    "drawable",
    "length_of",
    "shares",
    "tick_step",
    "ticks",
]

Span: TypeAlias = tuple[float, float]
D = TypeVar("D", bound=Diarized)

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
        spans: Where it speaks, in order; they neither overlap nor touch.
        talk: Sum of these in seconds.
        turns: How often the speaker takes the floor.
        longest: Seconds of the longest turn.
    """

    name: str
    colour: int
    spans: tuple[Span, ...]
    talk: float
    turns: int
    longest: float


@attrs.frozen
class Lanes:
    """A result laid out to be drawn.

    Attributes:
        seconds: Length of the recording, and never less than what is said in it.
        lanes: Of the 50 who talk most, in order of first speech.
        speakers: The labels of the lanes, as they are in the result.
        left_out: How many speakers have no lane.
        shared: Where at least two speakers speak, in order.
        shared_seconds: Sum of these.
    """

    seconds: float
    lanes: tuple[Lane, ...]
    speakers: tuple[str, ...]
    left_out: int
    shared: tuple[Span, ...]
    shared_seconds: float

    @classmethod
    def of(cls, diarization: Diarization) -> "Lanes":
        """Lay out a result that is `drawable`."""
        talk = dict(diarization.chart())
        loudest = set(list(talk)[:_MOST_LANES])
        speakers = tuple(speaker for speaker in diarization.speakers if speaker in loudest)
        spans, turns = _by_speaker(diarization.support()), _by_speaker(diarization.turns())
        numbers = colours(speakers)
        return cls(
            length_of(diarization),
            tuple(
                Lane(
                    shown(speaker),
                    numbers[speaker],
                    tuple(spans[speaker]),
                    talk[speaker],
                    len(turns[speaker]),
                    max(end - start for start, end in turns[speaker]),
                )
                for speaker in speakers
            ),
            speakers,
            len(talk) - len(speakers),
            tuple(union(TimeSpan(each.start, each.end) for each in diarization.overlaps())),
            diarization.overlap_duration,
        )


def _by_speaker(segments: Iterable[SpeakerSegment]) -> dict[str, list[Span]]:
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    for segment in segments:
        spans[segment.speaker].append((segment.start, segment.end))
    return spans


def drawable(diarized: D) -> D:
    """Return a result without what lies before 0, where the axes of pictures begin."""
    if not diarized.segments or diarized.segments[0].start >= 0:
        return diarized
    kept = sorted(cut(diarized.segments, 0.0, math.inf), key=in_time)
    return attrs.evolve(diarized, segments=tuple(kept))


def length_of(diarized: Diarized) -> float:
    """Return the seconds that a picture is of: never none, and never less than what is said.

    Raises:
        ConfigurationError: They are infinite.
    """
    seconds = max(diarized.duration, *(segment.end for segment in diarized.segments), 1e-3)
    if not math.isfinite(seconds):
        raise ConfigurationError(
            f"no picture can hold {seconds!r} seconds: `clip(duration)` the result first"
        )
    return seconds


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
        spans: In any order, without overlaps; what lies outside of the columns is left out.
        seconds: What all columns together stand for.
        columns: How many.
    """
    covered = [0.0] * columns
    for start, end in spans:
        begin, until = start / seconds * columns, end / seconds * columns
        for column in range(max(int(begin), 0), min(int(until) + 1, columns)):
            covered[column] += max(0.0, min(until, column + 1) - max(begin, column))
    return [min(share, 1.0) for share in covered]


def tick_step(seconds: float, room: int) -> float:
    """Return the roundest distance of at most so many ticks on an axis."""
    return next((step for step in _STEPS if seconds / step <= room), seconds / room)


def ticks(seconds: float, room: int) -> list[float]:
    """Return at most ``room + 1`` round times, from 0 on."""
    step = tick_step(seconds, room)
    return [number * step for number in range(int(seconds / step + 1e-9) + 1)]
