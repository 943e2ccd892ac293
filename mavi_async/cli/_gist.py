"""What a callback holds, in a few words."""

from mavi_async._errors import TaskFailed
from mavi_async._task import Outcome
from mavi_async.cli._text import clock_text

__all__ = ["gist_of"]


def gist_of(task_id: str, body: bytes) -> str:
    """Say in a few words what a body holds, which may tell whose it is."""
    outcome = Outcome.decode(body, task_id=task_id, uri=None)
    if outcome.diarization is not None:
        found = outcome.diarization
        return f"a result: {clock_text(found.duration)}, speakers: {found.num_speakers}"
    if isinstance(outcome.error, TaskFailed):
        return f"a failure: {outcome.error.message}"
    return "no speaker result: another kind of job"
