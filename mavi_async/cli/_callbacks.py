"""Callbacks that belong to no job, or contradict an earlier one: listed, and saved to a file."""

import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import attrs
from rich.text import Text

from mavi_async._errors import ConfigurationError
from mavi_async.cli._gist import gist_of
from mavi_async.cli._letters import Letter
from mavi_async.cli._notes import error_notes
from mavi_async.cli._place import Place
from mavi_async.cli._rows import print_rows
from mavi_async.cli._text import age_text, make_console, size_text
from mavi_async.stores import TaskStore

__all__ = ["CallbacksOptions", "run_callbacks"]

_MOST_SHOWN: Final = 20
_MEANINGS: Final = {
    "unmatched": "callbacks of jobs that nobody submitted through this store",
    "conflict": "callbacks that contradict an earlier one, which counts",
}

T = TypeVar("T")


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
        note(f"Nothing has been kept in {place} yet.")
        return 0
    async with place.open() as store:
        if options.save is not None:
            count = await _save(store, options.save)
            note(f"Callbacks saved: {count}. They are still in the store.")
            return 0
        await _list(store, options, place)
    return 0


async def _letters(store: TaskStore, newest: int | None = None) -> AsyncIterator[Letter]:
    """Read them one by one: together they may be large."""
    for arrival in _last(await store.list_unmatched(), newest):
        body = await store.get_callback(arrival.task_id)
        if body is not None:
            yield Letter("unmatched", arrival.task_id, arrival.received_at, body)
    for kept in _last(await store.list_aside(), newest):
        yield Letter("conflict", kept.task_id, kept.received_at, kept.body)


def _last(kept: Sequence[T], newest: int | None) -> Sequence[T]:
    return kept if newest is None else kept[-newest:]


async def _save(store: TaskStore, path: Path) -> int:
    count = 0
    with _created(path) as write:
        async for letter in _letters(store):
            write(letter.to_line())
            count += 1
    return count


@contextlib.contextmanager
def _created(path: Path) -> Iterator[Callable[[str], None]]:
    """Make a file for the user alone, never in the place of another: it may be the only copy."""
    if str(path) == "-":
        console = make_console(sys.stdout)
        yield lambda line: console.out(line, highlight=False)
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123
            yield lambda line: print(line, file=file)
    except FileExistsError:
        raise ConfigurationError(f"{path} exists: save to another file") from None
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error


async def _list(store: TaskStore, options: CallbacksOptions, place: Place) -> None:
    console, now = make_console(sys.stdout), time.time()
    newest = None if options.all_of_them else _MOST_SHOWN
    gists = [_gist(letter) async for letter in _letters(store, newest)]
    if options.as_json:
        for gist in gists:
            console.out(json.dumps(attrs.asdict(gist)), highlight=False)
        return
    counts = {
        "unmatched": len(await store.list_unmatched()),
        "conflict": len(await store.list_aside()),
    }
    for kind, meaning in _MEANINGS.items():
        of_kind = [gist for gist in gists if gist.kind == kind]
        heading = Text.assemble((f"{kind}: {counts[kind]}", "bold"), f"  {meaning}")
        console.print(heading, soft_wrap=True)
        print_rows(console, [gist.row(now) for gist in of_kind])
        if len(of_kind) < counts[kind]:
            console.print(Text(f"  and {counts[kind] - len(of_kind)} older: --all"))
    if gists:
        save = place.command("callbacks", "--save", "FILE")
        console.print(Text(f"  keep a copy: {save}", "cyan"), soft_wrap=True)


@attrs.frozen
class _Gist:
    """What a list shows of a callback."""

    kind: str
    task_id: str
    received_at: float
    size: int
    holds: str

    def row(self, now: float) -> tuple[str, str, str, str]:
        """Return it as cells of a table."""
        age = age_text(now - self.received_at)
        return age, self.task_id, size_text(self.size), self.holds


def _gist(letter: Letter) -> _Gist:
    holds = gist_of(letter.task_id, letter.body)
    return _Gist(letter.kind, letter.task_id, letter.received_at, len(letter.body), holds)
