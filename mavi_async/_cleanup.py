"""A result made better to read, show or compare: each step returns a new one."""

from collections.abc import Mapping
from typing import Self

from mavi_async._arguments import require_kind, require_seconds, require_speakers, require_text
from mavi_async._diarized import Diarized
from mavi_async._segments import SpeakerSegment
from mavi_async._sweep import cut, merged, one_at_a_time

__all__ = ["Cleanup"]


class Cleanup(Diarized):
    """The methods of `Diarization` that return a changed copy.

    Each keeps job, name, usage and raw body of the original, so that ``duration`` stays what MAVI
    reported of the recording, also where only a part of it is left.
    """

    __slots__ = ()

    def support(self, collar: float = 0.0) -> Self:
        """Join each speaker's segments that overlap, touch, or have a short pause in between.

        As in pyannote, a pause is short if it is strictly shorter than the collar. What others
        say meanwhile does not matter; `turns` ends a turn there.

        Args:
            collar: Seconds, at least 0.

        Raises:
            ConfigurationError: The collar is negative or not a finite number.
        """
        collar = require_seconds("collar", collar, at_least=0.0)
        return self._with(merged(self.segments, collar))

    def exclusive(self) -> Self:
        """Leave one speaker at a time; wherever anybody spoke, somebody still does.

        Whoever speaks keeps the floor until they stop. Then it goes to whoever of those still
        speaking began earliest; of those who began at once, to the one who goes on for longest,
        of equals to the name that sorts first. So somebody who interrupts counts from where the
        other one stops, and somebody who only speaks while others have the floor is not in it
        any more. Each speaker's segments that touch or overlap are joined before.

        Players that show one subtitle at a time need this, and a plain transcript reads better:
        the speaker changes only where somebody stops.
        """
        return self._with(one_at_a_time(self.segments))

    def drop_short(self, min_duration: float) -> Self:
        """Leave out segments shorter than some seconds, such as a cough or an "mm-hm".

        `support` first, lest what is only cut into short pieces be lost.

        Raises:
            ConfigurationError: The duration is negative or not a finite number.
        """
        min_duration = require_seconds("min_duration", min_duration, at_least=0.0)
        return self._with(s for s in self.segments if s.duration >= min_duration)

    def rename(self, mapping: Mapping[str, str]) -> Self:
        """Give speakers other names; those not in the mapping keep theirs.

        Two speakers may get one name: they are one speaker then.

        Raises:
            ConfigurationError: The mapping names somebody who does not speak here, or a new name
                is no text.
        """
        require_kind("mapping", mapping, Mapping, "a dictionary of old and new names")
        require_speakers(mapping, self.speakers)
        for speaker, name in mapping.items():
            require_text(f"the new name of {speaker!a}", name)
        return self._with(
            SpeakerSegment(s.start, s.end, mapping.get(s.speaker, s.speaker)) for s in self.segments
        )

    def relabel(self) -> Self:
        """Name the speakers ``SPEAKER_00``, ``SPEAKER_01``, … in order of first speech."""
        speakers = dict.fromkeys(segment.speaker for segment in self.segments)
        return self.rename({name: f"SPEAKER_{n:02d}" for n, name in enumerate(speakers)})

    def shift(self, offset: float) -> Self:
        """Move all segments in time, such as those of a part to its place in the whole.

        A negative offset may move some before 0, where most files and all pictures cut them off,
        as `clip` does. ``duration`` does not move: it is that of the recording.

        Raises:
            ConfigurationError: The offset is not a finite number.
        """
        offset = require_seconds("offset", offset)
        return self._with(
            SpeakerSegment(s.start + offset, s.end + offset, s.speaker) for s in self.segments
        )

    def clip(self, duration: float | None = None) -> Self:
        """Cut off what lies before 0 or after the end of the recording.

        Args:
            duration: Where to cut, in seconds; by default, where MAVI says that the recording
                ends. The result's own ``duration`` stays what MAVI says.

        Raises:
            ConfigurationError: The duration is negative or not a finite number.
        """
        end = self.duration if duration is None else duration
        end = require_seconds("duration", end, at_least=0.0)
        return self._with(cut(self.segments, 0.0, end))
