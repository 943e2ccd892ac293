"""Arithmetic of time: sweeps over segments that are sorted by start, end and speaker.

Each is one pass in the order of time, plus a sort where that order changes, so that ten times the
segments take about ten times as long. Bounds are compared and handed on as they are: nothing is
rounded, and there is no tolerance. Segments that touch do not overlap, and leave no gap.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter

from mavi_async._segments import Overlap, SpeakerSegment, TimeSpan, in_time

__all__ = ["cut", "gaps", "merged", "one_at_a_time", "overlaps", "turns", "union"]

_start = attrgetter("start")


def union(segments: Iterable[SpeakerSegment | TimeSpan]) -> Iterator[TimeSpan]:
    """Yield the longest stretches without silence, whoever speaks."""
    begin = end = -math.inf
    for segment in segments:
        if segment.start > end:
            if end > begin:
                yield TimeSpan(begin, end)
            begin, end = segment.start, segment.end
        elif segment.end > end:
            end = segment.end
    if end > begin:
        yield TimeSpan(begin, end)


def gaps(segments: Iterable[SpeakerSegment]) -> Iterator[TimeSpan]:
    """Yield the silences between the first word and the last."""
    end = math.inf
    for span in union(segments):
        if span.start > end:
            yield TimeSpan(end, span.start)
        end = span.end


def merged(segments: Iterable[SpeakerSegment], collar: float = 0.0) -> list[SpeakerSegment]:
    """Join each speaker's segments that overlap, touch, or are closer than the collar."""
    latest: dict[str, SpeakerSegment] = {}
    finished: list[SpeakerSegment] = []
    for segment in segments:
        speaker = segment.speaker
        earlier = latest.get(speaker)
        if earlier is None:
            latest[speaker] = segment
            continue
        silence = segment.start - earlier.end
        if silence > 0 and silence >= collar:
            finished.append(earlier)
            latest[speaker] = segment
        elif segment.end > earlier.end:
            latest[speaker] = SpeakerSegment(earlier.start, segment.end, speaker)
    finished.extend(latest.values())
    finished.sort(key=in_time)
    return finished


def overlaps(segments: Iterable[SpeakerSegment]) -> Iterator[Overlap]:
    """Yield the stretches in which at least two speakers speak, one for each set of speakers."""
    for group in _connected(segments):
        if len(group) > 1:
            yield from _shared(merged(group))


def turns(segments: Iterable[SpeakerSegment], max_gap: float) -> list[SpeakerSegment]:
    """Join what a speaker says until somebody else begins, or the silence is too long."""
    joined: list[SpeakerSegment] = []
    for segment in merged(segments):
        earlier = joined[-1] if joined else None
        if (
            earlier is not None
            and earlier.speaker == segment.speaker
            and segment.start - earlier.end <= max_gap
        ):
            joined[-1] = SpeakerSegment(earlier.start, segment.end, segment.speaker)
        else:
            joined.append(segment)
    return joined


def one_at_a_time(segments: Iterable[SpeakerSegment]) -> Iterator[SpeakerSegment]:
    """Give each moment to whoever has been speaking for longest.

    Of those who begin at once, the one who goes on for longer comes first, then the lesser name.
    """
    # In this order, whoever comes next is the first of all who are not over by then.
    taken_until = -math.inf
    for segment in sorted(merged(segments), key=lambda s: (s.start, -s.end, s.speaker)):
        if segment.start >= taken_until:
            yield segment
        elif segment.end > taken_until:
            yield SpeakerSegment(taken_until, segment.end, segment.speaker)
        taken_until = max(taken_until, segment.end)


def cut(segments: Sequence[SpeakerSegment], start: float, end: float) -> Iterator[SpeakerSegment]:
    """Yield what lies between two moments, cut off at both."""
    for segment in segments[: bisect_left(segments, end, key=_start)]:
        if segment.end > start:
            if segment.start >= start and segment.end <= end:
                yield segment
            else:
                bounds = max(segment.start, start), min(segment.end, end)
                yield SpeakerSegment(*bounds, segment.speaker)


def _connected(segments: Iterable[SpeakerSegment]) -> Iterator[list[SpeakerSegment]]:
    """Yield groups with silence in between, so that no overlap goes on from one to the next."""
    group: list[SpeakerSegment] = []
    end = -math.inf
    for segment in segments:
        if segment.start > end:
            if group:
                yield group
            group = [segment]
            end = segment.end
        else:
            group.append(segment)
            end = max(end, segment.end)
    if group:
        yield group


def _shared(group: Iterable[SpeakerSegment]) -> Iterator[Overlap]:
    """Walk along all bounds; each speaker's own segments neither touch nor overlap."""
    bounds = sorted(
        bound
        for segment in group
        for bound in ((segment.start, True, segment.speaker), (segment.end, False, segment.speaker))
    )
    speaking: set[str] = set()
    since = -math.inf
    for moment, begins, speaker in bounds:
        if len(speaking) > 1 and moment > since:
            yield Overlap(since, moment, tuple(sorted(speaking)))
        change: Callable[[str], None] = speaking.add if begins else speaking.remove
        change(speaker)
        since = moment
