"""The result, its segments, and the records that stores keep."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavi_async._diarization import Diarization
from mavi_async._records import Intent, IntentState, KeptAside, Put, Submission, Unmatched, Verdict
from mavi_async._segments import SpeakerSegment, Usage

TALK = (
    SpeakerSegment(2.0, 4.0, "b"),
    SpeakerSegment(0.5, 1.0, "c"),
    SpeakerSegment(0.0, 3.0, "a"),
    SpeakerSegment(3.0, 3.0, "nobody"),
    SpeakerSegment(5.0, 4.5, "nobody"),
    SpeakerSegment(0.0, 1.0, "b"),
)
RECORDS = [
    TALK[0],
    Usage(),
    Diarization(TALK),
    Unmatched("t", b""),
    Put(Verdict.FIRST),
    KeptAside("t", b"", 0.0),
    Submission("t", "account", "re_1", 0.0),
    Intent("i", "account", "re_1", IntentState.SENDING, 0.0, 1.0),
]


def test_segments_are_put_in_order_of_time() -> None:
    """By start, end and speaker; those without a positive length are left out and counted."""
    expected = (TALK[5], TALK[2], TALK[1], TALK[0])

    result = Diarization.from_segments(TALK, task_id="t", uri="re_1", raw=b"raw")

    assert expected == result.segments == tuple(result)
    assert (4, 2, "t", "re_1", b"raw", Usage()) == (
        len(result),
        result.dropped,
        result.task_id,
        result.uri,
        result.raw,
        result.usage,
    )


def test_speakers_are_in_order_of_first_speech() -> None:
    """Each label once; those that never speak are not among them."""
    result = Diarization.from_segments(TALK)

    assert ("b", "a", "c") == result.speakers
    assert 3 == result.num_speakers


def test_the_chart_is_sorted_by_talk_time() -> None:
    """The most talkative first, equals by label."""
    expected = [("a", 3.0), ("b", 3.0), ("c", 0.5)]

    assert expected == Diarization.from_segments(TALK).chart()


def test_shared_time_of_one_speaker_counts_once() -> None:
    """A segment within another adds nothing, one that goes on adds the rest."""
    bounds = [(0.0, 10.0), (1.0, 2.0), (3.0, 4.0), (9.0, 12.0), (20.0, 21.0)]
    segments = [SpeakerSegment(start, end, "a") for start, end in bounds]

    assert [("a", 13.0)] == Diarization.from_segments(segments).chart()


SECONDS = st.integers(0, 60).map(float)
SEGMENTS = st.lists(st.builds(SpeakerSegment, SECONDS, SECONDS, st.sampled_from("ab")))


@given(SEGMENTS)
def test_the_chart_counts_each_second_once(segments: list[SpeakerSegment]) -> None:
    """Talk time is the number of seconds in which a speaker speaks."""
    heard = {(s.speaker, t) for s in segments for t in range(int(s.start), int(s.end))}

    chart = dict(Diarization.from_segments(segments).chart())

    assert len(heard) == sum(chart.values())
    assert {speaker for speaker, _ in heard} == set(chart)


def test_the_duration_is_what_mavi_bills() -> None:
    """Or the end of the last segment, where MAVI does not say; nothing lasts no time."""
    assert 0.0 == Diarization(TALK, usage=Usage(duration=0.0)).duration
    assert 4.5 == Diarization(TALK).duration
    assert 0.0 == Diarization(()).duration


def test_a_result_shows_its_size_and_not_its_content() -> None:
    """A log line of it stays a line."""
    named = Diarization.from_segments(TALK, task_id="t", uri="re_1", usage=Usage(60.04, "pyannote"))

    assert "<Diarization re_1: 4 segments, 3 speakers, 60.0 s>" == repr(named)
    assert "<Diarization t: 0 segments, 0 speakers, 0.0 s>" == repr(Diarization((), task_id="t"))
    assert "<Diarization : 0 segments, 0 speakers, 0.0 s>" == repr(Diarization(()))
    assert "<Diarization a\ufffd\ufffdb" == repr(Diarization((), uri="a\n\ud800b" * 10**5))[:17]
    assert 200 > len(repr(Diarization((), uri="a\n" * 10**5)))
    assert "pyannote" == named.model


def test_a_segment_knows_its_length() -> None:
    """In seconds, like its bounds."""
    assert 2.5 == SpeakerSegment(1.5, 4.0, "a").duration


def test_a_submission_knows_its_moment() -> None:
    """As a datetime that is aware of its zone."""
    expected = datetime(1970, 1, 2, tzinfo=UTC)

    assert expected == Submission("t", "account", "re_1", 86_400.0).submitted


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_do_not_change(record: Any) -> None:
    """They are frozen, slotted, equal by value and usable as keys."""
    name = attrs.fields(type(record))[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(record, name, None)

    assert not hasattr(record, "__dict__")
    assert {record} == {deepcopy(record)}
