"""All 216 real annotations: what must hold on each, and what pyannote says of them."""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeAlias

import pytest
from pyannote.core import Annotation, Segment, Timeline  # type: ignore[import-untyped]
from pyannote.metrics.diarization import DiarizationErrorRate, JaccardErrorRate

from mavi_async import Diarization, Overlap, SpeakerSegment, TimeSpan

if TYPE_CHECKING:
    from mavi_async._talk import CropMode

Rows: TypeAlias = list[tuple[float, float, str]]

# pyannote takes what is shorter than a microsecond for nothing.
NOTHING = 1e-6


class Bounded(Protocol):
    """Anything with a start and an end."""

    @property
    def start(self) -> float:
        """In seconds."""
        ...

    @property
    def end(self) -> float:
        """In seconds."""
        ...


def annotation(result: Diarization) -> Annotation:
    """The same as pyannote's object, by way of no code of the package."""
    made = Annotation(uri=result.uri)
    for track, segment in enumerate(result.segments):
        made[Segment(segment.start, segment.end), track] = segment.speaker
    return made


@pytest.fixture(scope="module")
def pairs(recordings: list[Diarization]) -> list[tuple[Diarization, Annotation]]:
    """Each recording in both worlds."""
    assert len(recordings) == 216
    return [(result, annotation(result)) for result in recordings]


def rows(segments: Iterable[SpeakerSegment]) -> Rows:
    """What a result holds."""
    return [(s.start, s.end, s.speaker) for s in segments]


def rows_of(theirs: Annotation) -> Rows:
    """What an annotation holds, in the same order."""
    tracks = theirs.itertracks(yield_label=True)
    return sorted((track[0].start, track[0].end, str(track[-1])) for track in tracks)


def bounds(spans: Iterable[Bounded]) -> list[float]:
    """Starts and ends of what pyannote would not take for nothing."""
    return [t for s in spans if s.end - s.start > NOTHING for t in (s.start, s.end)]


def joined(overlaps: Iterable[Overlap]) -> list[TimeSpan]:
    """Overlaps without regard to who it is."""
    spans: list[TimeSpan] = []
    for start, end, _ in overlaps:
        if spans and start - spans[-1].end <= NOTHING:
            spans[-1] = TimeSpan(spans[-1].start, end)
        else:
            spans.append(TimeSpan(start, end))
    return spans


@pytest.mark.parametrize("collar", [0.0, 0.25, 1.0, 5.0])
def test_support_is_that_of_pyannote(
    pairs: list[tuple[Diarization, Annotation]], collar: float
) -> None:
    """The same bounds, to the last bit."""
    for ours, theirs in pairs:
        assert rows_of(theirs.support(collar)) == rows(ours.support(collar))


def test_overlap_and_silence_are_those_of_pyannote(
    pairs: list[tuple[Diarization, Annotation]],
) -> None:
    """As are the extent and everybody's talk time."""
    for ours, theirs in pairs:
        timeline = theirs.get_timeline()

        assert pytest.approx(bounds(theirs.get_overlap())) == bounds(joined(ours.overlaps()))
        assert pytest.approx(theirs.get_overlap().duration()) == ours.overlap_duration
        assert pytest.approx(bounds(timeline.gaps())) == bounds(ours.gaps())
        assert pytest.approx(timeline.support().duration()) == ours.speech_duration
        assert bounds([timeline.extent()]) == bounds([ours.extent])
        assert pytest.approx(dict(theirs.chart())) == dict(ours.chart())
        assert pytest.approx(dict(theirs.chart(percent=True))) == dict(ours.chart(percent=True))
        assert theirs.argmax() == ours.argmax()


@pytest.mark.parametrize("mode", ["intersection", "loose", "strict"])
def test_crops_are_those_of_pyannote(
    pairs: list[tuple[Diarization, Annotation]], mode: "CropMode"
) -> None:
    """In each mode, at bounds that fall anywhere."""
    for ours, theirs in pairs:
        start, end = ours.duration * 0.3, ours.duration * 0.7

        expected = rows_of(theirs.crop(Segment(start, end), mode))

        assert expected == rows(ours.crop(start, end, mode))


def spoilt(result: Diarization) -> Diarization:
    """What a bad system would have made of a recording."""
    first, last = result.speakers[0], result.speakers[-1]
    return result.rename({last: first} if len(result) % 2 else {}).shift(0.15).drop_short(1.5)


@pytest.mark.parametrize("collar", [0.0, 0.5])
def test_error_rates_are_those_of_pyannote(
    pairs: list[tuple[Diarization, Annotation]], collar: float
) -> None:
    """For every twelfth recording, over the whole of it, each speaker's overlaps joined."""
    jaccard = JaccardErrorRate()  # type: ignore[no-untyped-call]
    for ours, theirs in pairs[::12]:
        hypothesis = spoilt(ours)
        everything = Timeline([Segment(0, ours.duration + 1)])
        sides = theirs.support(), annotation(hypothesis).support()
        der = DiarizationErrorRate(collar=collar)(*sides, uem=everything)
        jer = jaccard(*sides, uem=everything)

        assert pytest.approx(der) == hypothesis.der(ours, collar)
        assert pytest.approx(jer) == hypothesis.jer(ours)
        assert 0 == ours.der(ours, collar) == ours.jer(ours)


@pytest.mark.torture
def test_all_error_rates_are_those_of_pyannote(
    pairs: list[tuple[Diarization, Annotation]],
) -> None:
    """For all recordings, and more collars."""
    for collar in (0.0, 0.1, 0.5, 2.0):
        metric = DiarizationErrorRate(collar=collar)
        for ours, theirs in pairs:
            hypothesis = spoilt(ours)
            everything = Timeline([Segment(0, ours.duration + 1)])
            sides = theirs.support(), annotation(hypothesis).support()

            assert pytest.approx(metric(*sides, uem=everything)) == hypothesis.der(ours, collar)


def test_to_pyannote_holds_all_segments(
    pairs: list[tuple[Diarization, Annotation]],
) -> None:
    """Each as it is, under the recording's name."""
    for ours, theirs in pairs:
        handed_over = ours.to_pyannote()

        assert theirs == handed_over
        assert (ours.uri, "speaker") == (handed_over.uri, handed_over.modality)


def test_the_chart_is_all_speech_by_multiplicity(recordings: list[Diarization]) -> None:
    """The sum of talk is the speech, plus the overlap once for each further speaker."""
    for result in recordings:
        talk = math.fsum(seconds for _, seconds in result.chart())
        extra = math.fsum((len(o.speakers) - 1) * o.duration for o in result.overlaps())

        assert pytest.approx(result.speech_duration + extra) == talk
        assert 0 <= result.overlap_ratio <= 1


def test_one_voice_at_a_time(recordings: list[Diarization]) -> None:
    """No overlap is left, no speech is lost, and doing it again changes nothing."""
    for result in recordings:
        alone = result.exclusive()

        assert [] == alone.overlaps()
        assert bounds(result.gaps()) == bounds(alone.gaps())
        assert result.extent == alone.extent
        assert alone == alone.exclusive()


def test_support_is_idempotent_and_monotone(recordings: list[Diarization]) -> None:
    """A larger collar never gives more segments, or less talk."""
    for result in recordings:
        steps = [result.support(collar) for collar in (0, 0.1, 0.5, 1, 5, 60)]

        assert all(
            step.support(c) == step for step, c in zip(steps[:3], (0, 0.1, 0.5), strict=True)
        )
        for small, large in pairwise(steps):
            assert len(large) <= len(small) <= len(result)
            assert (
                dict(small.chart()).items()
                <= {
                    speaker: min(seconds, dict(small.chart())[speaker])
                    for speaker, seconds in large.chart()
                }.items()
            )


def test_crops_of_a_partition_add_up(recordings: list[Diarization]) -> None:
    """Talk, speech and overlap of seven parts are those of the whole."""
    for result in recordings:
        cuts = [-math.inf, *(result.duration * n / 7 for n in range(1, 7)), math.inf]
        parts = [result.crop(start, end) for start, end in pairwise(cuts)]

        assert pytest.approx(result.speech_duration) == sum(p.speech_duration for p in parts)
        assert pytest.approx(result.overlap_duration) == sum(p.overlap_duration for p in parts)
        for speaker, seconds in result.chart():
            talk = sum(dict(part.chart()).get(speaker, 0.0) for part in parts)

            assert pytest.approx(seconds) == talk


def test_records_go_round(recordings: list[Diarization]) -> None:
    """Segments survive as dictionaries, to the last bit."""
    for result in recordings:
        assert result.segments == Diarization.from_records(result.to_records()).segments
