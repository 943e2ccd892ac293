"""What a store holds, and what can be done about it."""

import itertools
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import attrs
from rich.console import Console
from rich.text import Text

from mavi_async._records import Intent, IntentState, Submission
from mavi_async.cli._guide import Guide, Job, State
from mavi_async.cli._notes import error_notes
from mavi_async.cli._place import Place
from mavi_async.cli._rows import print_rows
from mavi_async.cli._text import age_text, make_console
from mavi_async.stores import TaskStore

__all__ = ["TasksOptions", "list_jobs", "run_tasks"]

_MOST_SHOWN: Final = 20
_MEANINGS: Final[dict[State, str]] = {
    "sending": "being submitted, unless the process ended in the middle of it",
    "unknown": "sent, and the answer never came: a job may exist and be billed",
    "orphaned": "callbacks of jobs that nobody submitted through this store",
    "pending": "at MAVI, no callback yet",
    "arrived": "the callback is here, and nobody has the result yet",
    "done": "the outcome was handed out",
}


@attrs.frozen
class TasksOptions:
    """What is asked for.

    Attributes:
        account: Whose jobs; ``None`` for everybody's.
        all_of_them: Whether also the older ones are shown.
        as_json: Whether to write JSON lines.
    """

    account: str | None
    all_of_them: bool
    as_json: bool


async def run_tasks(options: TasksOptions, place: Place) -> int:
    """List what the store holds and return the exit code."""
    if not place.exists:
        error_notes()(f"Nothing has been kept in {place} yet.")
        return 0
    async with place.open() as store:
        jobs = await list_jobs(store, options.account)
    console, guide = make_console(sys.stdout), Guide(place, jobs)
    if options.as_json:
        _write_lines(jobs, guide, console, all_of_them=options.all_of_them)
    elif jobs:
        _draw(jobs, guide, console, all_of_them=options.all_of_them)
    else:
        error_notes()(f"No jobs in {place}.")
    return 0


async def list_jobs(store: TaskStore, account: str | None) -> list[Job]:
    """Read everything: what may need a hand first, and oldest first within each state."""
    sending = await store.list_intents(IntentState.SENDING, account)
    unknown = await store.list_intents(IntentState.UNKNOWN, account)
    # Callbacks name no account: those that nobody knows are nobody's.
    orphaned = () if account is not None else await store.list_unmatched()
    pending = await store.list_pending(account)
    arrived = await store.list_uncollected(account)
    fresh = {job.task_id for job in arrived}
    done = [job for job in await store.list_done(account) if job.task_id not in fresh]
    return [
        *_of_intents("sending", sending),
        *_of_intents("unknown", unknown),
        *(Job(state="orphaned", since=each.received_at, task_id=each.task_id) for each in orphaned),
        *_of_submissions("pending", pending),
        *_of_submissions("arrived", arrived),
        *_of_submissions("done", done),
    ]


def _of_intents(state: State, intents: Iterable[Intent]) -> Iterator[Job]:
    for intent in intents:
        yield Job(
            state=state,
            since=intent.created_at,
            asset_id=intent.asset_id,
            intent_id=intent.intent_id,
            account=intent.account,
            endpoint=intent.endpoint,
        )


def _of_submissions(state: State, submissions: Iterable[Submission]) -> Iterator[Job]:
    for submission in submissions:
        yield Job(
            state=state,
            since=submission.submitted_at,
            asset_id=submission.asset_id,
            task_id=submission.task_id,
            account=submission.account,
        )


def _write_lines(jobs: Sequence[Job], guide: Guide, console: Console, *, all_of_them: bool) -> None:
    """Write a JSON object for each job; of those that are done, only the latest unless told."""
    for state, group in _by_state(jobs):
        shown = group if all_of_them or state != "done" else group[-_MOST_SHOWN:]
        for job in shown:
            document = attrs.asdict(job) | {"next": guide.command(job)}
            document["since"] = datetime.fromtimestamp(job.since, UTC).isoformat()
            console.out(json.dumps(document, ensure_ascii=True), highlight=False)


def _draw(jobs: Sequence[Job], guide: Guide, console: Console, *, all_of_them: bool) -> None:
    """Draw a table for each state, and below it what one can do."""
    now = time.time()
    for number, (state, group) in enumerate(_by_state(jobs)):
        shown = group if all_of_them else group[-_MOST_SHOWN:]
        heading = Text.assemble((f"{state}: {len(group)}", "bold"), f"  {_MEANINGS[state]}")
        console.print(Text("\n" * (number > 0)) + heading, soft_wrap=True)
        print_rows(console, [_row(job, now) for job in shown])
        if len(shown) < len(group):
            console.print(Text(f"  and {len(group) - len(shown)} older: --all"), soft_wrap=True)
        for line in guide.advice(group):
            console.print(Text(f"  {line}", "cyan"), soft_wrap=True)


def _row(job: Job, now: float) -> tuple[str, str, str]:
    return age_text(now - job.since), job.task_id or job.intent_id or "", job.asset_id or ""


def _by_state(jobs: Sequence[Job]) -> Iterator[tuple[State, list[Job]]]:
    def state_of(job: Job) -> State:
        return job.state

    for state, group in itertools.groupby(jobs, key=state_of):
        yield state, list(group)
