"""Callbacks that belong to no job, or contradict an earlier one: listed, and saved to a file."""

import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, TextIO

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mavi_async._errors import ConfigurationError, TaskFailed
from mavi_async._task import Outcome
from mavi_async.cli._letters import Letter
from mavi_async.cli._notes import error_notes
from mavi_async.cli._place import Place
from mavi_async.cli._text import age_text, clock_text, make_console, safe_text, size_text
from mavi_async.stores import TaskStore

__all__ = ["CallbacksOptions", "run_callbacks"]

_MOST_SHOWN: Final = 20


@attrs.frozen
class CallbacksOptions:
    """What is asked for.

    Attributes:
        save: The file to save them to, ``-`` for standard output; ``None`` to list them.
        all_of_them: Whether also the older ones are listed.
        as_json: Whether to list them as JSON lines, which leave the bodies out.
    """

    save: Path | None
    all_of_them: bool
    as_json: bool


async def run_callbacks(options: CallbacksOptions, place: Place) -> int:
    """List or save the callbacks and return the exit code.

    Raises:
        ConfigurationError: If the file exists already or cannot be written.
    """
    note = error_notes()
    if not place.exists:
        note(f"Nothing has been kept in {place.path} yet.")
        return 0
    async with place.open() as store:
        if options.save is not None:
            count = await _save(store, options.save)
            note(f"Callbacks saved: {count}. They are still in the store.")
            return 0
        await _list(store, options, make_console(sys.stdout))
    return 0


async def _letters(store: TaskStore, newest: int | None = None) -> AsyncIterator[Letter]:
    """Read them one by one: together they may be large."""
    arrivals = await store.list_unmatched()
    for arrival in arrivals if newest is None else arrivals[-newest:]:
        body = await store.get_callback(arrival.task_id)
        if body is not None:
            yield Letter("unmatched", arrival.task_id, arrival.received_at, body)
    aside = await store.list_aside()
    for kept in aside if newest is None else aside[-newest:]:
        yield Letter("conflict", kept.task_id, kept.received_at, kept.body)


async def _save(store: TaskStore, path: Path) -> int:
    count = 0
    with _created(path) as file:
        async for letter in _letters(store):
            file.write(letter.to_line() + "\n")
            count += 1
    return count


def _created(path: Path) -> TextIO:
    """Make a file for the user alone, never in the place of another: it may be the only copy."""
    if str(path) == "-":
        return open(os.dup(sys.stdout.fileno()), "w", encoding="ascii")  # noqa: PTH123
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{path} exists: save to another file") from None
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error
    return open(descriptor, "w", encoding="ascii")  # noqa: PTH123


async def _list(store: TaskStore, options: CallbacksOptions, console: Console) -> None:
    newest = None if options.all_of_them else _MOST_SHOWN
    letters = [(letter, _gist(letter)) async for letter in _letters(store, newest)]
    if options.as_json:
        for letter, gist in letters:
            console.out(json.dumps(_facts(letter, gist)), highlight=False)
        return
    for kind, heading in (
        ("unmatched", "callbacks of jobs that nobody submitted through this store"),
        ("conflict", "callbacks that contradict an earlier one, which counts"),
    ):
        of_kind = [(letter, gist) for letter, gist in letters if letter.kind == kind]
        console.print(Text.assemble((f"{kind}: {len(of_kind)}", "bold"), f"  {heading}"))
        console.print(_table(of_kind), soft_wrap=not console.is_terminal)


def _facts(letter: Letter, gist: str) -> dict[str, object]:
    return {
        "kind": letter.kind,
        "task_id": letter.task_id,
        "received_at": letter.received_at,
        "size": len(letter.body),
        "holds": gist,
    }


def _table(letters: list[tuple[Letter, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, min_width=8)
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    now = time.time()
    for letter, gist in letters:
        table.add_row(
            age_text(now - letter.received_at),
            Text(safe_text(letter.task_id)),
            size_text(len(letter.body)),
            Text(safe_text(gist)),
        )
    return table


def _gist(letter: Letter) -> str:
    """Say in a few words what a body holds, which may tell whose it is."""
    outcome = Outcome.decode(letter.body, task_id=letter.task_id, uri=None)
    if outcome.diarization is not None:
        found = outcome.diarization
        return f"a result: {clock_text(found.duration)}, speakers: {found.num_speakers}"
    if isinstance(outcome.error, TaskFailed):
        return f"a failure: {outcome.error.message}"
    return "no speaker result: another kind of job"
