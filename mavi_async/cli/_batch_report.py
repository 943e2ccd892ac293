"""What became of a batch: how many of each, what it cost, and which command settles the rest."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final, Self

import attrs

from mavi_async._batch import BatchRecording
from mavi_async._batch_records import BatchOutcome, BatchState
from mavi_async._cost import USD_PER_SECOND
from mavi_async._errors import AuthenticationError, ConfigurationError, WebhookNotConfigured
from mavi_async.cli._batch_outputs import Unwritten
from mavi_async.cli._batch_planned import Planned

__all__ = ["BatchReport", "Ended"]

_NOT_SUBMITTED: Final = "not submitted"
_BEFORE: Final = "written by an earlier run"
_SET_UP: Final = (AuthenticationError, ConfigurationError, WebhookNotConfigured)


@attrs.frozen
class Ended:
    """How a recording ended.

    Attributes:
        planned: The recording.
        outcome: How its job ended, without its result: those of a large batch are many.
        seconds: How long it is, by what MAVI reports.
        unwritten: The files that could not be written of its result.
    """

    planned: Planned
    outcome: BatchOutcome[BatchRecording]
    seconds: float | None = None
    unwritten: Sequence[Unwritten] = ()

    @classmethod
    def of(cls, planned: Planned, outcome: BatchOutcome[BatchRecording]) -> Self:
        """Take what a report needs of an outcome."""
        usage = None if outcome.diarization is None else outcome.diarization.usage
        seconds = None if usage is None else usage.duration
        return cls(planned, attrs.evolve(outcome, diarization=None), seconds)

    @property
    def kind(self) -> str:
        """What has to be done about it, if anything."""
        state = self.outcome.state
        if state is BatchState.FAILED and self.outcome.task_id is not None:
            return "refused"
        if state is BatchState.DONE and self.unwritten:
            return "not written"
        return state.value


@attrs.define
class BatchReport:
    """Collects outcomes and says what they come to.

    Attributes:
        total: How many recordings there are.
        written: How many of them an earlier run has written.
        resume: The command that goes on with the batch.
        command: Writes another command line for the same store.
        ended: Those that have come to an end in this run.
        submitted: The jobs that were submitted in this run.
    """

    total: int
    written: int
    resume: str
    command: Callable[..., str]
    ended: list[Ended] = attrs.field(factory=list)
    submitted: set[str] = attrs.field(factory=set)

    def lines(self) -> Iterator[str]:
        """Say what is left to be done, and with which command."""
        for kind, meaning, advice in _groups():
            several = [each for each in self.ended if each.kind == kind]
            if not several:
                continue
            yield f"{kind}: {len(several)}, {meaning}"
            for each in several:
                yield f"  {each.planned.called}: {_why(each)}"
                for purpose, command in self._own_commands(each):
                    yield f"    {purpose}: {command}"
            if advice:
                yield f"  {advice}: {self.resume}"
        if left := self._stopped():
            yield f"{_NOT_SUBMITTED}: {left}"
            yield f"  to go on: {self.resume}"

    def rows(self) -> list[tuple[str, str]]:
        """Count how recordings ended, for a table."""
        counts = Counter(each.kind for each in self.ended)
        counts[_NOT_SUBMITTED] = self._stopped()
        counts[_BEFORE] = self.written
        kinds = (*(kind for kind, _, _ in _groups()), _NOT_SUBMITTED, _BEFORE)
        several = [("done", counts["done"]), *((kind, counts[kind]) for kind in kinds)]
        return [(str(count), kind) for kind, count in several if count]

    def exit_code(self) -> int:
        """Return 0 where all is done, 2 where the set-up let nothing succeed, else 1."""
        done = sum(each.kind == "done" for each in self.ended)
        if done + self.written == self.total:
            return 0
        errors = [each.outcome.error for each in self.ended if each.outcome.error is not None]
        is_set_up = bool(errors) and all(isinstance(error, _SET_UP) for error in errors)
        return 2 if is_set_up and not done + self.written else 1

    def next_command(self, ended: Ended) -> str | None:
        """Return the one command to go on with, for programs."""
        if ended.kind == "done":
            return None
        own = [command for _, command in self._own_commands(ended)]
        return own[-1] if own else self.resume

    def _own_commands(self, ended: Ended) -> Iterator[tuple[str, str]]:
        outcome = ended.outcome
        if ended.kind == "unknown" and outcome.intent_id is not None:
            adopt = self.command("adopt", outcome.intent_id, "TASK_ID")
            yield "if its callback is among the orphaned of `tasks`", adopt
            yield "if MAVI's console shows no such job", self.command("forget", outcome.intent_id)
        elif ended.kind == "refused" and outcome.task_id is not None:
            forget = self.command("forget", outcome.task_id, "--yes")
            yield "to pay for another try", f"{forget} && {self.resume}"
        for each in ended.unwritten:
            export = ("--to", each.format.name, "--output", str(each.path))
            yield each.why, self.command("export", str(outcome.task_id), *export)

    def _stopped(self) -> int:
        """How many were kept back, or never taken up."""
        ended = [each for each in self.ended if each.kind != BatchState.STOPPED.value]
        return self.total - self.written - len(ended)

    def totals(self) -> Iterator[str]:
        """Say how much is done, and what it cost."""
        done = [each for each in self.ended if each.outcome.state is BatchState.DONE]
        finished = sum(each.kind == "done" for each in done) + self.written
        yield f"{finished} of {self.total} recordings done."
        # A recording that is there twice has one job.
        jobs = {each.outcome.task_id: each.seconds or 0.0 for each in done}
        billed = sum(jobs.values())
        here = sum(seconds for task_id, seconds in jobs.items() if task_id in self.submitted)
        if jobs:
            earlier = "" if here == billed else f"; of that by this run {_amount(here)}"
            yield f"Billed, by what MAVI reports: {_amount(billed)}{earlier}."
        if still := len(self.submitted - jobs.keys()):
            yield f"Jobs of this run whose result and bill are not here: {still}"


def _groups() -> Iterator[tuple[str, str, str]]:
    yield "failed", "no result and no job", "to try again"
    yield "refused", "MAVI took them and could not do them", ""
    yield "unknown", "sent, and the answer never came: a job may exist and be billed", "after that"
    yield "not written", "the results are in the store", "or all of them"
    yield "pending", "at MAVI, no callback yet", "to wait for them"


def _why(ended: Ended) -> str:
    outcome = ended.outcome
    if ended.kind == "pending":
        return f"still running at MAVI as task {outcome.task_id}"
    if ended.kind == "not written":
        return f"task {outcome.task_id}"
    return str(outcome.error)


def _amount(seconds: float) -> str:
    return f"{timedelta(seconds=round(seconds))} of audio, USD {seconds * USD_PER_SECOND:.2f}"
