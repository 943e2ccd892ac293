"""Parts of a result, and results made better: each a new object."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavi_async import Diarization, SpeakerSegment, Usage

if TYPE_CHECKING:
    from tests.results.conftest import Make

# A busy machine is no failure.
PATIENT = settings(deadline=None)

SECONDS = st.integers(0, 24).map(float)
SEGMENTS = st.lists(st.builds(SpeakerSegment, SECONDS, SECONDS, st.sampled_from("abcd")))
RESULTS = SEGMENTS.map(Diarization.from_segments)
COLLARS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])
STEPS: dict[str, Callable[[Diarization], Diarization]] = {
    "crop": lambda result: result.crop(1, 3),
    "crop loose": lambda result: result.crop(1, 3, "loose"),
    "crop strict": lambda result: result.crop(1, 3, "strict"),
    "subset": lambda result: result.subset(["a"]),
    "turns": lambda result: result.turns(),
    "support": lambda result: result.support(1),
    "exclusive": lambda result: result.exclusive(),
    "drop_short": lambda result: result.drop_short(1),
    "rename": lambda result: result.rename({"a": "z"}),
    "relabel": lambda result: result.relabel(),
    "shift": lambda result: result.shift(1),
    "clip": lambda result: result.clip(3),
}


def heard(result: Diarization) -> set[tuple[str, int]]:
    """Who is heard in which second."""
    return {(s.speaker, t) for s in result for t in range(int(s.start), int(s.end))}


def rows(result: Diarization) -> list[str]:
    """The segments, as short as they can be written."""
    return [f"{s.start:g}-{s.end:g} {s.speaker}" for s in result]


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_keeps_what_the_result_is_of(step: Callable[[Diarization], Diarization]) -> None:
    """Job, name, usage and raw body stay; the original does not change; all are in order."""
    segments = (SpeakerSegment(0.0, 2.0, "b"), SpeakerSegment(0.0, 5.0, "a"))
    before = Diarization.from_segments(
        segments, task_id="t", uri="re_1", usage=Usage(60.0, "pyannote"), raw=b"raw"
    )

    after = step(before)

    assert ("t", "re_1", Usage(60.0, "pyannote"), b"raw", "pyannote", 60.0) == (
        *(after.task_id, after.uri, after.usage, after.raw, after.model, after.duration),
    )
    assert type(before) is type(after)
    assert before.segments == segments
    assert sorted(after.segments) == [*after.segments]


@PATIENT
@given(RESULTS, st.lists(SECONDS, unique=True))
def test_crops_of_a_partition_add_up(result: Diarization, cuts: list[float]) -> None:
    """Every second of every speaker is in exactly one of the parts."""
    bounds = [-math.inf, *sorted(cuts), math.inf]
    parts = [result.crop(start, end) for start, end in pairwise(bounds)]

    assert heard(result) == set().union(*map(heard, parts))
    for speaker in result.speakers:
        talk = sum(dict(part.chart()).get(speaker, 0.0) for part in parts)

        assert result.speaker_duration(speaker) == talk


@PATIENT
@given(RESULTS, SECONDS, st.integers(1, 10))
def test_modes_of_a_crop(result: Diarization, start: float, length: int) -> None:
    """Strict keeps what lies within, loose also what reaches beyond, which intersection cuts."""
    end = start + length
    loose, strict = result.crop(start, end, "loose"), result.crop(start, end, "strict")

    assert [s for s in result if s.end > start and s.start < end] == [*loose]
    assert [s for s in result if start <= s.start and s.end <= end] == [*strict]
    assert {(s, t) for s, t in heard(result) if start <= t < end} == heard(result.crop(start, end))


@PATIENT
@given(RESULTS, COLLARS, COLLARS)
def test_support_is_idempotent_and_monotone(result: Diarization, one: float, two: float) -> None:
    """Joining again changes nothing, a larger collar joins at least as much."""
    small, large = result.support(min(one, two)), result.support(max(one, two))

    assert small.support(min(one, two)) == small
    assert small.support(max(one, two)) == large
    assert heard(result) <= heard(small) <= heard(large)
    assert heard(result) == heard(result.support())
    assert len(large) <= len(small) <= len(result)


@PATIENT
@given(RESULTS, COLLARS)
def test_support_leaves_no_shorter_pause(result: Diarization, collar: float) -> None:
    """It fills pauses strictly shorter than the collar, and no others."""
    joined = result.support(collar)

    for speaker in result.speakers:
        own = [s for s in joined if s.speaker == speaker]
        pauses = [later.start - earlier.end for earlier, later in pairwise(own)]
        filled = heard(joined.subset([speaker])) - heard(result.subset([speaker]))

        assert all(pause >= collar and pause > 0 for pause in pauses)
        assert not filled or collar > 1


def test_a_pause_as_long_as_the_collar_stays(make: "Make") -> None:
    """As in pyannote; without a collar, what touches is joined and what does not is not."""
    result = Diarization.from_segments([*make("a #..#"), SpeakerSegment(4.0, 5.0, "a")])

    assert ["0-1 a", "3-5 a"] == rows(result.support()) == rows(result.support(2.0))
    assert ["0-5 a"] == rows(result.support(2.001))


@PATIENT
@given(RESULTS)
def test_exclusive_leaves_one_voice_at_a_time(result: Diarization) -> None:
    """No overlap, the same speech, and nobody says what they did not say."""
    alone = result.exclusive()

    assert [] == alone.overlaps()
    assert heard(alone) <= heard(result)
    assert {t for _, t in heard(result)} == {t for _, t in heard(alone)}
    assert alone.exclusive() == alone


@PATIENT
@given(RESULTS)
def test_exclusive_follows_its_rule(result: Diarization) -> None:
    """Second by second: who has the floor keeps it, then it goes to who began first."""
    turns = result.support()
    floor: SpeakerSegment | None = None
    expected: dict[int, str] = {}
    for t in range(24):
        talking = [s for s in turns if s.start <= t < s.end]
        if floor not in talking:
            floor = min(talking, key=lambda s: (s.start, -s.end, s.speaker), default=None)
        if floor:
            expected[t] = floor.speaker

    assert expected == {t: speaker for speaker, t in heard(result.exclusive())}


def test_exclusive_in_pictures(make: "Make") -> None:
    """Interrupting counts from where the other stops; words in between are not heard."""
    result = make("""
        a ####......##
        b ...####.....
        c .#...##.....
        d ..........#.
    """)

    assert ["0-4 a", "4-7 b", "10-12 a"] == rows(result.exclusive())


def test_turns_alternate(make: "Make") -> None:
    """Whoever begins ends the others' turns; a pause does only where it is too long."""
    result = make("""
        a ##.##..#######
        b .........#....
        b ...............#.#....#
        a ..........##..........
    """)

    assert ["0-14 a", "9-10 b", "15-18 b", "22-23 b"] == rows(result.support().turns(2.0))
    assert ["0-5 a", "7-14 a", "9-10 b", "15-18 b", "22-23 b"] == rows(result.turns(1.0))
    assert ["0-14 a", "9-23 b"] == rows(result.turns())


@PATIENT
@given(RESULTS)
def test_no_two_turns_in_a_row_are_of_one_speaker(result: Diarization) -> None:
    """Without a longest pause, speakers alternate, and everybody says what they said."""
    turns = result.turns()

    assert all(earlier.speaker != later.speaker for earlier, later in pairwise(turns))
    assert heard(result) <= heard(turns)
    assert turns.turns() == turns


@PATIENT
@given(RESULTS, st.sets(st.sampled_from("abcd")))
def test_a_subset_is_what_some_say(result: Diarization, wanted: set[str]) -> None:
    """All they say, and nothing else."""
    wanted &= set(result.speakers)

    assert [s for s in result if s.speaker in wanted] == [*result.subset(wanted)]


def test_short_segments_are_dropped(make: "Make") -> None:
    """A segment of exactly that length stays."""
    result = make("a #.##.###")

    assert ["2-4 a", "5-8 a"] == rows(result.drop_short(2))
    assert result == result.drop_short(0)


def test_renaming(make: "Make") -> None:
    """Names not mentioned stay, two may be swapped, and two with one name are one speaker."""
    result = make("""
        a ##..##
        b .##...
        c ...#..
    """)

    assert ["0-2 b", "1-3 a", "3-4 c", "4-6 b"] == rows(result.rename({"a": "b", "b": "a"}))
    assert ["0-3 a", "3-4 c", "4-6 a"] == rows(result.rename({"b": "a"}).support())
    assert ["0-2 b", "0-2 c"] == rows(make("a ##\nb ##").rename({"a": "c"}))


def test_labels_anew(make: "Make") -> None:
    """Numbered in order of first speech, which is stable under doing it again."""
    result = make("""
        SPEAKER_01 ##..
        Ann ..##
        SPEAKER_00 .##.
    """)

    relabelled = result.relabel()

    assert ["0-2 SPEAKER_00", "1-3 SPEAKER_01", "2-4 SPEAKER_02"] == rows(relabelled)
    assert relabelled.relabel() == relabelled


def test_shifting_and_clipping(make: "Make") -> None:
    """Shifting moves everything, also before 0; clipping cuts off what is outside."""
    result = make("a ####.##.#")

    assert ["-2-2 a", "3-5 a", "6-7 a"] == rows(result.shift(-2))
    assert ["0-2 a", "3-4 a"] == rows(result.shift(-2).clip(4))
    assert ["0-2 a"] == rows(result.shift(-2).clip(3))
    assert [] == rows(result.clip(0))


def test_clipping_to_what_mavi_billed() -> None:
    """Models hear a bit beyond the end; by default that is cut off."""
    segments = [SpeakerSegment(0.0, 3.1, "a"), SpeakerSegment(3.0, 3.2, "b")]

    assert ["0-3 a"] == rows(Diarization.from_segments(segments, usage=Usage(3.0)).clip())
    assert segments == [*Diarization.from_segments(segments).clip()]


def test_what_floats_cannot_hold_is_left_out() -> None:
    """A segment that has no length any more after it was moved is none."""
    assert not Diarization.from_segments([SpeakerSegment(0.0, 1e-12, "a")]).shift(1e6)
