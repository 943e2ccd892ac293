"""The result of a speaker job."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final, Self

import attrs

from mavi_async._segments import SpeakerSegment, Usage

__all__ = ["Diarization"]

NO_USAGE: Final = Usage()

_in_time = attrgetter("start", "end", "speaker")


@attrs.frozen(repr=False)
class Diarization:
    """Who spoke when in one recording.

    Iterating yields the segments in order of time. Segments of different speakers may overlap.

    Attributes:
        segments: Sorted by start, end and speaker; seconds, exactly as MAVI sent them.
        task_id: The job, or ``None`` for the synchronous endpoint, which creates none.
        uri: Name of the recording: the asset id where it is known, else the task id.
        usage: What the job consumed.
        dropped: How many segments were left out because they end at or before their start.
        raw: The body as received.
    """

    segments: tuple[SpeakerSegment, ...]
    task_id: str | None = None
    uri: str | None = None
    usage: Usage = NO_USAGE
    dropped: int = 0
    raw: bytes = b""

    @classmethod
    def from_segments(
        cls,
        segments: Iterable[SpeakerSegment],
        *,
        task_id: str | None = None,
        uri: str | None = None,
        usage: Usage = NO_USAGE,
        raw: bytes = b"",
    ) -> Self:
        """Put segments in order and leave out those without a positive length."""
        received = list(segments)
        kept = tuple(sorted((s for s in received if s.end > s.start), key=_in_time))
        return cls(kept, task_id, uri, usage, len(received) - len(kept), raw)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The labels, in order of first speech."""
        return tuple(dict.fromkeys(segment.speaker for segment in self.segments))

    @property
    def num_speakers(self) -> int:
        """How many different speakers there are."""
        return len(self.speakers)

    @property
    def duration(self) -> float:
        """Seconds of audio as MAVI reports them, or else the end of the last segment."""
        if self.usage.duration is not None:
            return self.usage.duration
        return max((segment.end for segment in self.segments), default=0.0)

    @property
    def model(self) -> str | None:
        """The diarization model, such as ``pyannote``."""
        return self.usage.model

    def chart(self) -> list[tuple[str, float]]:
        """Return each speaker's talk time in seconds, most talkative first.

        Where segments of one speaker overlap each other, the shared time counts once.
        """
        talked: defaultdict[str, float] = defaultdict(float)
        heard_until: dict[str, float] = {}
        for segment in self.segments:
            begin = max(segment.start, heard_until.get(segment.speaker, segment.start))
            talked[segment.speaker] += max(0.0, segment.end - begin)
            heard_until[segment.speaker] = max(begin, segment.end)
        return sorted(talked.items(), key=lambda entry: (-entry[1], entry[0]))

    def __iter__(self) -> Iterator[SpeakerSegment]:
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    def __repr__(self) -> str:
        return (
            f"<Diarization {self.uri or self.task_id or ''!s}: {len(self.segments)} segments, "
            f"{self.num_speakers} speakers, {self.duration:.1f} s>"
        )
