"""What a result holds, and what it says without any arithmetic of time."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, Self, overload

import attrs

from mavi_async._arguments import require_text
from mavi_async._segments import SpeakerSegment, Usage, in_time

__all__ = ["Diarized"]

NO_USAGE: Final = Usage()

_LONGEST_NAME: Final = 80


def _require_name(_instance: object, _attribute: object, uri: str | None) -> None:
    """Refuse a path, mostly: it would break whatever shows or writes the name, far from here."""
    if uri is not None:
        require_text("uri", uri)


@attrs.frozen(repr=False)
class Diarized:
    """The fields of `Diarization`; the groups of its methods build on them."""

    segments: tuple[SpeakerSegment, ...]
    task_id: str | None = None
    uri: str | None = attrs.field(default=None, validator=_require_name)
    usage: Usage = NO_USAGE
    dropped: int = 0
    # What was read from it is compared; and a result that was saved and read is to be equal.
    raw: bytes = attrs.field(default=b"", eq=False)

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
        kept = tuple(sorted((s for s in received if s.end > s.start), key=in_time))
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
        """Seconds of audio as MAVI reports them, or else the end of the last segment.

        What MAVI reports is of the whole recording, and stays so in what was cut from it.
        """
        if self.usage.duration is not None:
            return self.usage.duration
        return max((segment.end for segment in self.segments), default=0.0)

    @property
    def model(self) -> str | None:
        """The diarization model, such as ``pyannote``."""
        return self.usage.model

    @overload
    def itertracks(
        self, yield_label: Literal[False] = False
    ) -> Iterator[tuple[SpeakerSegment, int]]: ...
    @overload
    def itertracks(
        self, yield_label: Literal[True]
    ) -> Iterator[tuple[SpeakerSegment, int, str]]: ...
    def itertracks(
        self, yield_label: bool = False
    ) -> Iterator[tuple[SpeakerSegment, int]] | Iterator[tuple[SpeakerSegment, int, str]]:
        """Walk through the segments as through a pyannote ``Annotation``, in order of time.

        Args:
            yield_label: Whether to add the speaker: ``(segment, track, speaker)`` instead of
                ``(segment, track)``. The track is the segment's number.
        """
        if yield_label:
            return ((each, track, each.speaker) for track, each in enumerate(self.segments))
        return ((each, track) for track, each in enumerate(self.segments))

    def __iter__(self) -> Iterator[SpeakerSegment]:
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    def __repr__(self) -> str:
        # A name may come from a file, and a log line of it is to stay a line.
        name = (self.uri or self.task_id or "")[:_LONGEST_NAME]
        shown = "".join(character if character.isprintable() else "\ufffd" for character in name)
        return (
            f"<{type(self).__name__} {shown}: {len(self.segments)} segments, "
            f"{self.num_speakers} speakers, {self.duration:.1f} s>"
        )

    def _with(self, segments: Iterable[SpeakerSegment]) -> Self:
        """The same recording with other segments, which are put in order."""
        kept = sorted((s for s in segments if s.end > s.start), key=in_time)
        return attrs.evolve(self, segments=tuple(kept))
