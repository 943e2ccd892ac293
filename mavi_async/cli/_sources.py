"""Results by name: of a job in the store, in a file, or on standard input."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, Self

import attrs

from mavi_async._configuration import checked_task_id
from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError, MalformedResult, MaviError, TaskFailed
from mavi_async._task import Outcome
from mavi_async.cli._documents import read_documents
from mavi_async.cli._place import Place
from mavi_async.formats import load
from mavi_async.stores import TaskStore

__all__ = ["STANDARD_INPUT", "Found", "NotHere", "Sources", "in_options", "kind_of"]

Kind = Literal["input", "file", "task"]

STANDARD_INPUT: Final = "standard input"
_MOST_BYTES: Final = 64 * 2**20
# What the package calls its arguments, in the words of the command line.
_OPTIONS: Final = {"`uri`": "--uri", "`audio`": "--audio", "`audio_src`": "--audio-src"}


@attrs.define(slots=False, eq=False)
class NotHere(MaviError):
    """Raised for a job whose callback is not in the store."""


@attrs.frozen
class Found:
    """What is there under a name.

    Attributes:
        name: What the recording is called.
        outcome: The result, or the failure that a callback reports.
    """

    name: str
    outcome: Outcome


def kind_of(name: str) -> Kind:
    """Tell what is meant: ``-`` is standard input; a file is what exists or looks like one.

    A path separator or a dot looks like a file: no task id has any.

    Raises:
        ConfigurationError: If it can only be an option that there is not.
    """
    if name == "-":
        return "input"
    if name.startswith("-"):
        raise ConfigurationError(f"unknown option: {name}; a file of that name is ./{name}")
    looks_so = any(mark and mark in name for mark in (".", os.sep, os.altsep))
    return "file" if looks_so or _is_file(Path(name)) else "task"


@attrs.define
class Sources:
    """Reads results; the store is opened for the first that is in it.

    Attributes:
        place: The store.
    """

    place: Place
    _store: TaskStore | None = attrs.field(default=None, init=False)
    _stack: contextlib.AsyncExitStack = attrs.field(factory=contextlib.AsyncExitStack, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def read(
        self, name: str, *, format_name: str | None = None, uri: str | None = None
    ) -> Found:
        """Read a result.

        Args:
            name: A task id, a file, or ``-``.
            format_name: The format of the file, where it does not tell.
            uri: What to call the recording; where a file holds several, the one to read.

        Raises:
            ConfigurationError: If there is no such file, or it cannot be read.
            NotHere: If the job has no callback in the store.
        """
        kind = kind_of(name)
        if kind == "task":
            return await self._find(name, uri)
        try:
            diarization = _read(Path(name) if kind == "file" else None, format_name, uri)
        except ConfigurationError as error:
            raise ConfigurationError(in_options(error.message)) from error
        except (TaskFailed, MalformedResult) as error:
            return Found(uri or error.task_id or name, Outcome(error=error))
        return Found(diarization.uri or name, Outcome(diarization))

    async def handed_out(self, name: str) -> None:
        """Note in the store that somebody has the outcome of a job; nothing where it is none."""
        if kind_of(name) == "task":
            store = await self._opened()
            await store.mark_collected([name])

    async def _find(self, name: str, uri: str | None) -> Found:
        task_id = _checked(name)
        if not self.place.exists:
            raise NotHere(
                f"there is no file {task_id}, and nothing has been kept in {self.place} yet"
            )
        store = await self._opened()
        body = await store.get_callback(task_id)
        submission = await store.get_submission(task_id)
        if body is None and submission is None:
            raise NotHere(f"no callback of task {task_id} is here, and no file of that name")
        if body is None:
            resume = self.place.command("resume")
            raise NotHere(f"no callback of task {task_id} is here yet; to wait for it: {resume}")
        asset_id = task_id if submission is None else submission.asset_id
        outcome = Outcome.decode(body, task_id=task_id, uri=uri or asset_id)
        return Found(uri or asset_id, outcome)

    async def _opened(self) -> TaskStore:
        if self._store is None:
            self._store = await self._stack.enter_async_context(self.place.open())
        return self._store


def in_options(message: str) -> str:
    """Put a message of the package into the words of the command line."""
    for argument, option in _OPTIONS.items():
        message = message.replace(argument, option)
    return message


def _checked(name: str) -> str:
    try:
        return checked_task_id(name)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{name!r} is neither a file that is here nor a task id: {error.message}"
        ) from None


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):  # longer than any name, or with a character of none
        return False


def _read(path: Path | None, format_name: str | None, uri: str | None) -> Diarization:
    """Read a file, or standard input."""
    shown = STANDARD_INPUT if path is None else repr(str(path))
    content = _content(path, shown)
    found = None
    if format_name is None:
        with _told_of(shown):
            found = read_documents(content, uri)
    if found is None and path is not None and path.is_file():
        found = load(path, format_name, uri=uri)
    elif found is None:
        found = _load_passing(content, shown, format_name, uri)
    named = uri or found.uri or (STANDARD_INPUT if path is None else path.stem)
    return attrs.evolve(found, uri=named)


def _load_passing(
    content: bytes, shown: str, format_name: str | None, uri: str | None
) -> Diarization:
    """Read what came through a pipe, and is there only once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "input")
        path.write_bytes(content)
        try:
            found = load(path, format_name, uri=uri)
        except ConfigurationError as error:
            message = error.message.replace(repr(str(path)), shown)
            raise ConfigurationError(message) from error
    return attrs.evolve(found, uri=None) if found.uri == path.stem else found


def _content(path: Path | None, shown: str) -> bytes:
    try:
        if path is None:
            content = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read {shown}: {error.strerror}") from error
    except ValueError as error:  # a name that none can be
        raise ConfigurationError(f"cannot read {shown}: {error}") from error
    if len(content) > _MOST_BYTES:
        raise ConfigurationError(f"{shown} is larger than 64 MiB, which no result is")
    return content


@contextlib.contextmanager
def _told_of(shown: str) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{shown}: {error.message}") from error
