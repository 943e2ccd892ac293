"""The result of a speaker job."""

from mavi_async._cleanup import Cleanup
from mavi_async._talk import Talk

__all__ = ["Diarization"]


class Diarization(Talk, Cleanup):
    """Who spoke when in one recording.

    Iterating yields the segments in order of time. Segments may overlap, mostly those of
    different speakers. All times are seconds, all methods leave the object as it is.

    Attributes:
        segments: Sorted by start, end and speaker; seconds, exactly as MAVI sent them.
        task_id: The job, or ``None`` for the synchronous endpoint, which creates none.
        uri: Name of the recording: the asset id where it is known, else the task id.
        usage: What the job consumed.
        dropped: How many segments were left out because they end at or before their start.
        raw: The body as received.
    """

    __slots__ = ()
