"""Conversations invented from an asset's id: the same one in every process and every version."""

import hashlib
import random

import attrs

from mavi_async._segments import SpeakerSegment

__all__ = ["Conversation", "invent_conversation"]

_SHORTEST_TURN = 1.0
_LONGEST_TURN = 15.0


@attrs.frozen
class Conversation:
    """Who speaks when in one recording.

    Attributes:
        segments: Sorted by start.
        duration: Seconds, at least the last end.
    """

    segments: tuple[SpeakerSegment, ...]
    duration: float


def invent_conversation(asset_id: str) -> Conversation:
    """Invent a plausible conversation of two to five speakers and one to six minutes.

    There are pauses, a little overlap, and now and then a speaker who goes on after a pause. No
    speaker overlaps with itself.

    Args:
        asset_id: Any text; the same one gives the same conversation.
    """
    dice = _Dice(asset_id)
    duration = round(dice.between(60, 360), 3)
    crowd = 2 + int(dice.roll() * 4)
    segments: list[SpeakerSegment] = []
    free_at = [0.0] * crowd
    speaker, cursor = 0, dice.between(0, 1)
    while (start := round(max(cursor, free_at[speaker]), 3)) + _SHORTEST_TURN <= duration:
        end = round(min(start + dice.turn(), duration), 3)
        segments.append(SpeakerSegment(start, end, f"SPEAKER_{speaker:02d}"))
        free_at[speaker] = end
        speaker = _next_speaker(dice, speaker, len(segments), crowd)
        cursor = end + dice.pause()
    return Conversation(tuple(segments), duration)


def _next_speaker(dice: "_Dice", speaker: int, turns: int, crowd: int) -> int:
    """Introduce everybody once, in order; then let anybody else speak, rarely the same one."""
    if turns < crowd:
        return turns
    if dice.roll() < 0.15:
        return speaker
    return (speaker + 1 + int(dice.roll() * (crowd - 1))) % crowd


class _Dice:
    """Random numbers that a text decides."""

    def __init__(self, text: str) -> None:
        seed = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        # Of `Random`, only the sequence of `random()` is promised not to change between versions
        # of Python: nothing here uses another of its methods.
        self._random = random.Random(int.from_bytes(seed, "big"))  # noqa: S311 - no secrets here

    def roll(self) -> float:
        """Between 0 and 1."""
        return self._random.random()

    def between(self, low: float, high: float) -> float:
        """Evenly spread."""
        return low + (high - low) * self.roll()

    def turn(self) -> float:
        """Mostly short: the square favours the low end."""
        roll = self.roll()
        return _SHORTEST_TURN + (_LONGEST_TURN - _SHORTEST_TURN) * roll * roll

    def pause(self) -> float:
        """Mostly a pause, at times negative: the next speaker cuts in."""
        cut_in = self.roll() < 0.12
        return -self.between(0.1, 0.8) if cut_in else self.between(0.05, 1.2)
