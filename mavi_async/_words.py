"""Putting speakers on the words of a transcript."""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from operator import attrgetter
from typing import Final, Protocol, TypeAlias

from mavi_async._arguments import as_number, refused
from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment, TimeSpan

__all__ = ["TimedWord", "Word", "speakers_of"]


class TimedWord(Protocol):
    """A word as an object, such as faster-whisper's."""

    @property
    def start(self) -> float | None:
        """Seconds from the start of the audio; ``None`` where the transcript cannot tell."""
        ...

    @property
    def end(self) -> float | None:
        """Seconds from the start of the audio; ``None`` where the transcript cannot tell."""
        ...


# An object, or the dictionary with `start` and `end` that whisper and whisperX make of a word.
Word: TypeAlias = TimedWord | Mapping[str, object]

_start: Final = attrgetter("start")


def speakers_of(
    words: Iterable[Word], segments: Sequence[SpeakerSegment], *, fill_nearest: bool
) -> list[str | None]:
    """Find who says each word, or nobody.

    Args:
        words: In any order.
        segments: In order of time; those of one speaker do not overlap.
        fill_nearest: Whether words that nobody says go to whoever is closest.

    Raises:
        ConfigurationError: A word has times that are none; the message names its index.
    """
    spans = [_word_span(index, word) for index, word in enumerate(words)]
    timed = [span for span in spans if span is not None]
    found = _speakers_during(timed, segments)
    if fill_nearest:
        silent = [index for index, speaker in enumerate(found) if speaker is None]
        nearest = _nearest_speakers([timed[index] for index in silent], segments)
        for index, speaker in zip(silent, nearest, strict=True):
            found[index] = speaker
    rest = iter(found)
    speakers = [None if span is None else next(rest) for span in spans]
    return list(_from_neighbours(speakers)) if fill_nearest else speakers


def _from_neighbours(speakers: Sequence[str | None]) -> Iterator[str | None]:
    """Yield speakers, each unknown one as the one before; the first ones as the first known."""
    latest = next((speaker for speaker in speakers if speaker is not None), None)
    for speaker in speakers:
        latest = latest if speaker is None else speaker
        yield latest


def _speakers_during(
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


def _nearest_speakers(
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


def _word_span(index: int, word: Word) -> TimeSpan | None:
    """Read when a word is said; nothing where its transcript could not tell."""
    start, end = _time(index, word, "start"), _time(index, word, "end")
    if math.isnan(start) or math.isnan(end):
        return None
    if start > end:
        raise ConfigurationError(
            f"word {index} is from {start!r} to {end!r}: give it an end that is no earlier"
        )
    return TimeSpan(start, end)


def _time(index: int, word: Word, name: str) -> float:
    """Read a bound, which is NaN where there is none."""
    if isinstance(word, Mapping):
        value = word.get(name)
    elif hasattr(word, name):
        value = getattr(word, name)
    else:
        raise refused(f"word {index}", word, "a dictionary or an object with start and end")
    number = math.nan if value is None else as_number(value)
    if number is None or math.isinf(number):
        raise refused(f"the {name} of word {index}", value, "a number of seconds, or None")
    return number
