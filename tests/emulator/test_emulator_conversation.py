"""Invented conversations."""

import hashlib
import itertools
import json

import attrs
import pytest

from mavi_async.emulator._conversation import Conversation, invent_conversation

CONVERSATIONS = [invent_conversation(f"re_{number}") for number in range(100)]


def test_never_changes() -> None:
    """The same id gives the same result in every process and version, for ever."""
    conversation = invent_conversation("re_657929111888723968")
    digest = hashlib.sha256(json.dumps(attrs.asdict(conversation)).encode()).hexdigest()

    assert digest[:16] == "a83b906da154decd"


def test_differs_by_asset() -> None:
    """Different ids have different conversations."""
    assert len(CONVERSATIONS) == len(set(CONVERSATIONS))


@pytest.mark.parametrize("asset_id", ["", "\ud800", "é" * 1000])
def test_any_text_is_an_id(asset_id: str) -> None:
    """Also text that cannot be encoded."""
    assert invent_conversation(asset_id).segments


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_is_plausible(conversation: Conversation) -> None:
    """Two to five people take turns for one to six minutes."""
    segments = conversation.segments
    speakers = list(dict.fromkeys(segment.speaker for segment in segments))

    assert 60 <= conversation.duration <= 360
    assert 2 <= len(speakers) <= 5
    assert speakers == sorted(speakers)
    assert list(segments) == sorted(segments)
    assert all(0 <= segment.start < segment.end <= conversation.duration for segment in segments)
    assert all(segment.duration <= 15.001 for segment in segments)


def test_nobody_overlaps_with_themselves() -> None:
    """Overlap is always between two people."""
    for conversation in CONVERSATIONS:
        free_at: dict[str, float] = {}
        for segment in conversation.segments:
            assert segment.start >= free_at.get(segment.speaker, 0)
            free_at[segment.speaker] = segment.end


def test_has_overlap_pauses_and_speakers_who_go_on() -> None:
    """What makes real conversations hard is there, in small doses."""
    pairs = [pair for each in CONVERSATIONS for pair in itertools.pairwise(each.segments)]
    overlapping = sum(later.start < earlier.end for earlier, later in pairs) / len(pairs)
    going_on = sum(later.speaker == earlier.speaker for earlier, later in pairs) / len(pairs)

    assert 0.03 < overlapping < 0.2
    assert 0.03 < going_on < 0.3
