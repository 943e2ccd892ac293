"""Speakers for the words of a transcript."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavi_async import ConfigurationError, Diarization, SpeakerSegment

if TYPE_CHECKING:
    from mavi_async._words import Word
    from tests.results.conftest import Make


class HeardWord(NamedTuple):
    """As faster-whisper has them."""

    start: float
    end: float
    word: str = ""


class LostWord(NamedTuple):
    """One that an aligner found no place for."""

    word: str
    start: None = None
    end: None = None


# A busy machine is no failure.
PATIENT = settings(deadline=None)

SECONDS = st.integers(0, 24).map(float)
SEGMENTS = st.lists(st.builds(SpeakerSegment, SECONDS, SECONDS, st.sampled_from("abcd")))
RESULTS = SEGMENTS.map(Diarization.from_segments)
BOUNDS = st.tuples(SECONDS, SECONDS).map(sorted)
WORDS = st.lists(BOUNDS.map(lambda bounds: HeardWord(bounds[0], bounds[1])))


def shared(word: HeardWord, segments: list[SpeakerSegment]) -> float:
    """For how long some segments and a word are at once."""
    return sum(max(0.0, min(s.end, word.end) - max(s.start, word.start)) for s in segments)


def speaker_of(word: HeardWord, result: Diarization) -> str | None:
    """Who says a word: all that say a part of it, one by one."""
    if word.start == word.end:
        return next(iter(result.at(word.start)), None)
    talk = [
        (-shared(word, own), min(s for s in own if shared(word, [s])), speaker)
        for speaker in result.speakers
        if shared(word, own := [s for s in result if s.speaker == speaker])
    ]
    return min(talk)[2] if talk else None


@PATIENT
@given(RESULTS, WORDS)
def test_a_word_goes_to_whoever_says_most_of_it(
    result: Diarization, words: list[HeardWord]
) -> None:
    """All of a speaker's segments count together, and on a tie the one who began earlier wins."""
    result = result.support()

    assert [speaker_of(word, result) for word in words] == result.assign_speakers(words)


@PATIENT
@given(RESULTS, WORDS)
def test_silent_words_go_to_the_nearest(result: Diarization, words: list[HeardWord]) -> None:
    """By the pause between; the earlier one on a tie. The words that are said stay as they are."""

    def distance(word: HeardWord, speaker: str) -> float:
        own = [s for s in result if s.speaker == speaker]
        return min(max(s.start - word.end, word.start - s.end) for s in own)

    filled = result.assign_speakers(words, fill_nearest=True)

    for word, plain, speaker in zip(words, result.assign_speakers(words), filled, strict=True):
        assert plain in (None, speaker)
        assert (speaker is None) == (not result)
        if plain is None and speaker is not None:
            assert distance(word, speaker) == min(distance(word, s) for s in result.speakers)


def test_the_sum_decides_and_not_the_longest_piece(make: "Make") -> None:
    """Two pieces of one speaker outweigh a longer one of another."""
    result = make("""
        a ##...##...
        b ..###.....
    """)

    assert ["a"] == result.assign_speakers([HeardWord(0, 7)])


def test_who_is_listed_twice_does_not_count_twice(make: "Make") -> None:
    """Where a speaker's segments overlap, the shared time of a word is theirs once."""
    doubled = Diarization.from_segments([*make("a ..###\nb ##..."), SpeakerSegment(0.0, 2.0, "b")])

    assert ["a"] == doubled.assign_speakers([HeardWord(0, 5)])


def test_ties(make: "Make") -> None:
    """The earlier speaker, inside a word as in the silence around it."""
    result = make("""
        b ..##......
        a ....##..##
    """)
    words = [HeardWord(3, 5), HeardWord(6.5, 7.5), HeardWord(0, 1)]

    assert ["b", None, None] == result.assign_speakers(words)
    assert ["b", "a", "b"] == result.assign_speakers(words, fill_nearest=True)
    assert ["a", "b"] == make("a #####\nb .#......#").assign_speakers(
        [HeardWord(6, 6), HeardWord(7, 7)], fill_nearest=True
    )
    assert ["b"] == make("b ##...\na ....#").assign_speakers([HeardWord(3, 3)], fill_nearest=True)


@pytest.mark.parametrize(
    "word",
    [
        {"word": "yes", "start": 1, "end": 2, "probability": 0.9},
        HeardWord(1.0, 2.0),
        {"start": np.float32(1), "end": np.float64(2)},
    ],
    ids=["dictionary", "object", "numpy"],
)
def test_words_as_transcripts_have_them(make: "Make", word: Mapping[str, object]) -> None:
    """Dictionaries and objects, with numbers of any kind; the words are left alone."""
    assert ["a"] == make("a ####").assign_speakers([word])


@pytest.mark.parametrize(
    "word",
    [
        {"word": "42"},
        {"start": 1.0},
        {"start": None, "end": None},
        {"start": float("nan"), "end": 1.0},
        LostWord("42"),
    ],
)
def test_a_word_without_times(make: "Make", word: "Word") -> None:
    """Transcripts have some where they could not tell: nobody's, or that of the word before."""
    result = make("a ##..\nb ..##")
    words = [word, HeardWord(0, 1), word, HeardWord(3, 4), word, HeardWord(9, 9.5), word]

    assert [None, "a", None, "b", None, None, None] == result.assign_speakers(words)
    assert ["a", "a", "a", "b", "b", "b", "b"] == result.assign_speakers(words, fill_nearest=True)
    assert [None] == Diarization(()).assign_speakers([word], fill_nearest=True)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ({"start": 2.0, "end": 1.0}, "word 1 is from 2.0 to 1.0: give it an end that is no"),
        (HeardWord(2.0, 1.0), "word 1 is from 2.0 to 1.0"),
        ({"start": "0", "end": "1"}, "the start of word 1 is '0': give a number of seconds, or"),
        ({"start": 0, "end": float("inf")}, "the end of word 1 is inf"),
        ("hello", "word 1 is 'hello': give a dictionary or an object with start and end"),
    ],
)
def test_a_word_of_another_kind_is_named(make: "Make", word: "Word", why: str) -> None:
    """Which one it is, and what it should be."""
    with pytest.raises(ConfigurationError, match=why):
        make("a ##").assign_speakers([{"start": 0, "end": 1}, word])


def test_all_words_of_real_recordings(recordings: list[Diarization]) -> None:
    """Words of a third of a second, one after the other, against looking at all segments."""
    for result in recordings[::9]:
        bounds = [n / 3 for n in range(int(result.duration) + 3)]
        words = [HeardWord(start, end) for start, end in pairwise(bounds)][:300]
        result = result.support()

        assert [speaker_of(word, result) for word in words] == result.assign_speakers(words)
