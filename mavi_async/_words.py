"""Putting speakers on the words of a transcript."""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from numbers import Real
from operator import attrgetter
from typing import Final, Protocol, TypeAlias

from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment, TimeSpan

__all__ = ["TimedWord", "Word", "nearest_speakers", "speakers_during", "word_spans"]


class TimedWord(Protocol):
    """A word as an object, such as faster-whisper's."""

    @property
    def start(self) -> float:
        """Seconds from the start of the audio."""
        ...

    @property
    def end(self) -> float:
        """Seconds from the start of the audio."""
        ...


# An object, or the dictionary with `start` and `end` that whisper and whisperX make of a word.
Word: TypeAlias = TimedWord | Mapping[str, object]

_start: Final = attrgetter("start")


def word_spans(words: Iterable[Word]) -> list[TimeSpan]:
    """Read when words are said.

    Raises:
        ConfigurationError: One has no times; the message names its index.
    """
    return [_word_span(index, word) for index, word in enumerate(words)]


def speakers_during(
    spans: Sequence[TimeSpan], segments: Sequence[SpeakerSegment]
) -> list[str | None]:
    """Find who speaks for longest during each span, or nobody; on a tie, who began earlier.

    Args:
        spans: In any order; one without length is a moment.
        segments: In order of time; those of one speaker do not overlap.
    """
    heard: defaultdict[int, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for index, segment in _meetings(spans, segments):
        span = spans[index]
        seconds = min(span.end, segment.end) - max(span.start, segment.start)
        heard[index][segment.speaker].append(seconds)
    return [_loudest(heard[index]) if index in heard else None for index in range(len(spans))]


def nearest_speakers(
    spans: Sequence[TimeSpan], segments: Sequence[SpeakerSegment]
) -> Iterator[str | None]:
    """Find who speaks closest to each span, during which nobody does; the earlier on a tie."""
    starts = [segment.start for segment in segments]
    last_heard: list[SpeakerSegment] = list(accumulate(segments, _later_to_end))
    for span in spans:
        following = bisect_right(starts, span.start)
        before = last_heard[following - 1] if following else None
        after = segments[following] if following < len(segments) else None
        if before and after:
            before_is_near = span.start - before.end <= after.start - span.end
            yield (before if before_is_near else after).speaker
        else:
            only = before or after
            yield only.speaker if only else None


def _meetings(
    spans: Sequence[TimeSpan], segments: Sequence[SpeakerSegment]
) -> Iterator[tuple[int, SpeakerSegment]]:
    """Yield each span's index with each segment during it, for one span in order of time.

    Of two stretches that meet, one begins during the other: two searches find all.
    """
    order = sorted(range(len(spans)), key=spans.__getitem__)
    spans_start = [spans[index].start for index in order]
    segments_start = [segment.start for segment in segments]
    for segment in segments:
        first = bisect_left(spans_start, segment.start)
        for place in range(first, bisect_left(spans_start, segment.end)):
            yield order[place], segment
    for index in order:
        first = bisect_right(segments_start, spans[index].start)
        for place in range(first, bisect_left(segments_start, spans[index].end)):
            yield index, segments[place]


def _later_to_end(one: SpeakerSegment, other: SpeakerSegment) -> SpeakerSegment:
    return other if other.end > one.end else one


def _loudest(heard: Mapping[str, Sequence[float]]) -> str:
    return max(heard, key=lambda speaker: math.fsum(heard[speaker]))


def _word_span(index: int, word: Word) -> TimeSpan:
    times = _time(word, "start"), _time(word, "end")
    match times:
        # Numbers of other libraries are some, too, such as numpy's of 32 bits.
        case [Real() as start, Real() as end] if start <= end:
            return TimeSpan(float(start), float(end))
    raise ConfigurationError(
        f"word {index} is from {times[0]!r} to {times[1]!r}: give each word `start` and `end` in "
        "seconds, and leave out the words that the transcript has no times for"
    )


def _time(word: Word, name: str) -> object:
    return word.get(name) if isinstance(word, Mapping) else getattr(word, name, None)
