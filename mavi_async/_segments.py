"""The records that a result is made of, and those that its measures return."""

from operator import attrgetter
from typing import Final, NamedTuple

import attrs

__all__ = ["Overlap", "SpeakerSegment", "TimeSpan", "Usage", "in_time"]


@attrs.frozen(order=True)
class SpeakerSegment:
    """A stretch of time in which one speaker speaks.

    Attributes:
        start: Seconds from the start of the audio.
        end: Seconds from the start of the audio, greater than ``start``.
        speaker: An anonymous label such as ``SPEAKER_00``; the same label is the same voice
            within one recording, and means nothing across recordings.
    """

    start: float
    end: float
    speaker: str

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


# The order of `SpeakerSegment` itself, without a Python call for each comparison.
in_time: Final = attrgetter("start", "end", "speaker")


class TimeSpan(NamedTuple):
    """A stretch of time, whoever speaks in it; unpacks into its bounds.

    Attributes:
        start: Seconds from the start of the audio.
        end: Seconds from the start of the audio.
    """

    start: float
    end: float

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


class Overlap(NamedTuple):
    """A stretch of time in which the same two or more speakers speak.

    Attributes:
        start: Seconds from the start of the audio.
        end: Seconds from the start of the audio.
        speakers: Who, in alphabetical order.
    """

    start: float
    end: float
    speakers: tuple[str, ...]

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@attrs.frozen
class Usage:
    """What a job consumed, as MAVI reports it.

    Attributes:
        duration: Seconds of audio, the unit of billing.
        model: The diarization model, such as ``pyannote``.
        output_tokens: 0 for speaker jobs.
        prompt_tokens: 0 for speaker jobs.
    """

    duration: float | None = None
    model: str | None = None
    output_tokens: int | None = None
    prompt_tokens: int | None = None
