"""What a result measures, against counting second by second."""

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mavi_async import (
    ConfigurationError,
    Diarization,
    MaviError,
    Overlap,
    SpeakerSegment,
    TimeSpan,
)

if TYPE_CHECKING:
    from tests.results.conftest import Make

# A busy machine is no failure.
PATIENT = settings(deadline=None)

SECONDS = st.integers(0, 24).map(float)
SEGMENTS = st.lists(st.builds(SpeakerSegment, SECONDS, SECONDS, st.sampled_from("abcd")))
RESULTS = SEGMENTS.map(Diarization.from_segments)

NOBODY = Diarization(())


def speaking(result: Diarization, second: float) -> set[str]:
    """Who speaks during a second."""
    return {s.speaker for s in result.segments if s.start <= second < s.end}


def seconds_with(result: Diarization, least: int) -> set[int]:
    """The seconds in which at least so many speak."""
    return {t for t in range(24) if len(speaking(result, t)) >= least}


def seconds_of(*spans: TimeSpan | Overlap | SpeakerSegment) -> list[int]:
    """The seconds that stretches of time cover, in their order."""
    return [second for span in spans for second in range(int(span.start), int(span.end))]


@PATIENT
@given(RESULTS)
def test_time_is_counted_once(result: Diarization) -> None:
    """However many speak, and however often the same speaker is listed."""
    assert len(seconds_with(result, 1)) == result.speech_duration
    assert len(seconds_with(result, 2)) == result.overlap_duration
    for speaker in result.speakers:
        expected = sum(speaker in speaking(result, t) for t in range(24))

        assert expected == result.speaker_duration(speaker) == dict(result.chart())[speaker]


TWICE = [SpeakerSegment(n, n + 2.0, speaker) for n in (0.0, 2.0) for speaker in "ab"]


@PATIENT
@given(RESULTS)
@example(Diarization.from_segments(TWICE))
@example(Diarization.from_segments(SpeakerSegment(0.0, 1.0, speaker) for speaker in "abc"))
def test_overlaps_say_who_speaks(result: Diarization) -> None:
    """They are in order, without a second missing, and end only where the speakers change."""
    overlaps = result.overlaps()

    assert sorted(seconds_with(result, 2)) == seconds_of(*overlaps)
    for overlap in overlaps:
        assert all(set(overlap.speakers) == speaking(result, t) for t in seconds_of(overlap))
        assert tuple(sorted(overlap.speakers)) == overlap.speakers
        assert overlap.duration > 0
    assert not any(
        earlier.end == later.start and earlier.speakers == later.speakers
        for earlier, later in pairwise(overlaps)
    )


@PATIENT
@given(RESULTS)
def test_gaps_are_the_silence_in_between(result: Diarization) -> None:
    """With all speech they make up the extent, and no two of them touch."""
    silent = set(range(24)) - seconds_with(result, 1)
    extent = set(seconds_of(result.extent))
    gaps = result.gaps()

    assert sorted(silent & extent) == seconds_of(*gaps)
    assert not any(earlier.end >= later.start for earlier, later in pairwise(gaps))


@PATIENT
@given(RESULTS, st.integers(-1, 50).map(lambda half: half / 2))
def test_a_moment_belongs_to_whoever_speaks_from_then_on(result: Diarization, t: float) -> None:
    """A start is in its segment, an end is not; nobody is named twice, the first to begin first."""
    found = result.at(t)

    assert speaking(result, t) == set(found)
    assert [*dict.fromkeys(s.speaker for s in result if s.start <= t < s.end)] == [*found]


def test_the_most_talkative_is_the_first_of_the_chart(make: "Make") -> None:
    """Equals are in the order of their names, and nobody is the most talkative of nobody."""
    result = make("""
        b ###
        a   ###
        c ##########
    """)

    assert [("c", 10.0), ("a", 3.0), ("b", 3.0)] == result.chart()
    assert "c" == result.argmax()
    assert NOBODY.argmax() is None


@PATIENT
@given(RESULTS.filter(bool))
def test_shares_add_up_to_one(result: Diarization) -> None:
    """They are fractions of all talk time, as in pyannote, not per cent."""
    shares = result.chart(percent=True)

    assert pytest.approx(1.0) == sum(share for _, share in shares)
    assert [speaker for speaker, _ in result.chart()] == [speaker for speaker, _ in shares]


def test_nobody_measures_nothing() -> None:
    """A recording without speech has no special cases for its caller."""
    assert TimeSpan(0.0, 0.0) == NOBODY.extent
    assert (0.0, 0.0, 0.0) == (
        NOBODY.speech_duration,
        NOBODY.overlap_duration,
        NOBODY.overlap_ratio,
    )
    assert [] == [*NOBODY.chart(percent=True), *NOBODY.gaps(), *NOBODY.overlaps()]
    assert not NOBODY
    assert () == NOBODY.at(0)


def test_the_ratio_is_a_share_of_speech(make: "Make") -> None:
    """Four of seven seconds with speech, whatever the recording's length."""
    result = make("""
        a ####......
        b ..####....
        c ..#####...
    """)

    assert 4 / 7 == result.overlap_ratio


def test_spans_unpack_and_have_a_length() -> None:
    """In seconds, like everything else."""
    [(start, end)] = Diarization.from_records(
        [{"start": 1, "end": 2, "speaker": "a"}, {"start": 4.5, "end": 5, "speaker": "a"}]
    ).gaps()

    assert (2.0, 4.5) == (start, end)
    assert 2.5 == TimeSpan(2.0, 4.5).duration == Overlap(2.0, 4.5, ("a", "b")).duration


def test_many_short_pieces_add_up() -> None:
    """A sum of ten thousand is as exact as floats are: errors do not pile up."""
    pieces = [SpeakerSegment(n / 7, n / 7 + 1 / 30, "a") for n in range(10_000)]
    expected = math.fsum(piece.duration for piece in pieces)
    result = Diarization.from_segments(pieces)

    assert expected == result.speech_duration == result.speaker_duration("a")
    assert [("a", expected)] == result.chart()


def test_itertracks_is_that_of_pyannote(make: "Make") -> None:
    """What is written for an Annotation runs on a result; tracks tell equal bounds apart."""
    result = make("""
        a ##
        b ##
    """)

    lines = [
        f"{turn.start:.1f} {turn.end:.1f} {track} {speaker}"
        for turn, track, speaker in result.itertracks(yield_label=True)
    ]

    assert ["0.0 2.0 0 a", "0.0 2.0 1 b"] == lines
    assert [(segment, n) for n, segment in enumerate(result)] == [*result.itertracks()]


TALK = Diarization.from_segments(
    [SpeakerSegment(0.0, 4.0, "a"), SpeakerSegment(3.0, 9.0, "b\n" * 50)]
)
ANNOTATION: Any = TALK.to_pyannote()
ENDLESS = Diarization.from_segments([SpeakerSegment(0.0, math.inf, "a")])
CROWD = Diarization.from_segments(SpeakerSegment(n, n + 1, f"s{n:02}") for n in range(12))
NAN = math.nan
MISUSES: list[tuple[str, Callable[[], object]]] = [
    ("there is no 'c': 'a', 'b\\nb", lambda: TALK.speaker_duration("c")),
    ("s09' and 2 more speak here", lambda: CROWD.speaker_duration("s12")),
    ("there is no 'a': nobody speak", lambda: NOBODY.subset(["a"])),
    ("there is no 'c'", lambda: TALK.subset(["a", "c"])),
    ("there is no 'SPEAKER_00'", lambda: TALK.rename({"SPEAKER_00": "Ann"})),
    ("speakers is 'a': give a list", lambda: TALK.subset("a")),
    ("t is nan: give a number of seconds", lambda: TALK.at(NAN)),
    ("t is '1': give a number of seconds", lambda: TALK.at("1")),  # type: ignore[arg-type]
    ("start is nan: give a number", lambda: TALK.crop(NAN, 2)),
    ("end is nan: give a number", lambda: TALK.crop(1, NAN)),
    ("end is 2.0 and start is 2.0: give an end that is after", lambda: TALK.crop(2, 2)),
    ("there is no mode 'exact'", lambda: TALK.crop(1, 2, "exact")),  # type: ignore[arg-type]
    ("'intersection', 'loose', 'strict'", lambda: TALK.crop(1, 2, "x")),  # type: ignore[arg-type]
    ("max_gap is -1: give a number of seconds, at least 0", lambda: TALK.turns(-1)),
    ("max_gap is nan", lambda: TALK.turns(NAN)),
    ("collar is -0.1: give a number of seconds, at least 0", lambda: TALK.support(-0.1)),
    ("collar is nan", lambda: TALK.support(NAN)),
    ("collar is inf", lambda: TALK.support(math.inf)),
    ("min_duration is -1", lambda: TALK.drop_short(-1)),
    ("offset is inf", lambda: TALK.shift(math.inf)),
    ("duration is -1", lambda: TALK.clip(-1)),
    ("collar is -1", lambda: TALK.der(TALK, -1)),
    ("start is a huge number: give", lambda: TALK.crop(10**9999, 2)),
    ("start is True: give a number of seconds", lambda: TALK.crop(True, 2)),
    ("offset is of type list: give a number of seconds", lambda: TALK.shift([1])),  # type: ignore[arg-type]
    ("mapping is of type list: give a dictionary", lambda: TALK.rename(["a"])),  # type: ignore[arg-type]
    ("the new name of 'a' is None: give a text", lambda: TALK.rename({"a": None})),  # type: ignore[dict-item]
    ("a speaker is of type list: give a text", lambda: TALK.subset([["a"]])),  # type: ignore[list-item]
    ("duration is '3': give", lambda: Diarization.from_records([], duration="3")),  # type: ignore[arg-type]
    ("duration is -1: give", lambda: Diarization.from_records([], duration=-1)),
    ("text is of type PosixPath: give the", lambda: Diarization.from_rttm(Path("x"))),  # type: ignore[arg-type]
    ("text is of type bytes: give the", lambda: Diarization.from_json(b"[]")),  # type: ignore[arg-type]
    ("reference is of type Annotation", lambda: TALK.der(ANNOTATION)),
    ("Diarization.from_rttm(annotation.to_rttm())", lambda: TALK.jer(ANNOTATION)),
    ("uri is of type PosixPath: give a text", lambda: Diarization.from_records([], uri=Path("x"))),  # type: ignore[arg-type]
    ("uri is of type PosixPath: give a text", lambda: TALK.to_rttm(uri=Path("x"))),  # type: ignore[arg-type]
    ("decimals is 2.5: give a whole number from 0 to 9", lambda: TALK.to_rttm(decimals=2.5)),  # type: ignore[arg-type]
    ("decimals is 2.5: give a whole", lambda: TALK.to_uem(decimals=2.5)),  # type: ignore[arg-type]
    ("width is nan: give pixels, from 320 to 4000", lambda: TALK.to_svg(width=NAN)),  # type: ignore[arg-type]
    ("width is '9': give pixels", lambda: TALK.to_svg(width="9")),  # type: ignore[arg-type]
    ("no picture can hold inf seconds: `clip(duration)`", ENDLESS.to_svg),
    ("no picture can hold inf seconds: `clip(duration)`", ENDLESS.to_html),
    ("no picture can hold inf seconds: `clip(duration)`", ENDLESS.plot),
]


def test_numbers_of_other_libraries_are_numbers() -> None:
    """Whatever they are made of, what comes of them is floats."""
    cropped = TALK.crop(Decimal("3.5"), np.float32(6)).shift(Fraction(1, 2))  # type: ignore[arg-type]

    assert [(4.0, 4.5), (4.0, 6.5)] == [(s.start, s.end) for s in cropped]
    assert {float} == {type(bound) for s in cropped for bound in (s.start, s.end)}


def test_all_names_are_looked_up_at_once() -> None:
    """Each of many speakers is compared with a few others, not with all of them."""

    class Counted(str):
        __slots__ = ()
        comparisons = 0
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            Counted.comparisons += 1
            return str.__eq__(self, other)

    names = [Counted(f"s{n}") for n in range(500)]
    crowd = Diarization.from_segments(SpeakerSegment(n, n + 1, s) for n, s in enumerate(names))

    chosen = crowd.rename({str(name): name for name in names}).subset(names)

    assert 500 == chosen.num_speakers
    assert Counted.comparisons < 500 * 20


@pytest.mark.parametrize(("why", "misuse"), MISUSES, ids=[why for why, _ in MISUSES])
def test_a_misuse_is_explained(why: str, misuse: Callable[[], object]) -> None:
    """The error names the argument, what it is, and what to give instead, within one line."""
    with pytest.raises(ConfigurationError) as caught:
        misuse()

    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, MaviError | ValueError)
