"""Callbacks from a file, fed as if they came in again."""

import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import ConfigurationError
from mavi_async._json import InvalidJSON
from mavi_async._records import Delivery
from mavi_async._structure import Malformed
from mavi_async._wire import read_task_id
from mavi_async.cli._letters import read_lines, unpack
from mavi_async.cli._notes import Note, error_notes, logged_to
from mavi_async.cli._place import Place

__all__ = ["run_replay"]

_MEANINGS = {
    Delivery.RESOLVED: "kept, and somebody waited for it here",
    Delivery.STORED: "kept",
    Delivery.DUPLICATE: "the same was here before",
    Delivery.CONFLICT: "another one was here before, which counts; kept aside",
    Delivery.MALFORMED: "no callback; not kept",
}


async def run_replay(path: Path, place: Place) -> int:
    """Feed what is in a file and return the exit code: 1 where some of it is no callback.

    Raises:
        ConfigurationError: If the file cannot be read.
        StoreError: If the store cannot be written; what was fed before is kept.
    """
    note, counts = error_notes(), Counter[Delivery]()
    with contextlib.ExitStack() as stack:
        stack.enter_context(logged_to(note))
        file = _opened(path, stack)
        try:
            async with place.open() as store, Dispatcher(store=store) as dispatcher:
                for number, line in read_lines(file):
                    counts[await _feed(dispatcher, number, line, note)] += 1
        except OSError as error:
            raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
        finally:
            for delivery, count in sorted(counts.items(), key=lambda each: each[0].value):
                note(f"{delivery.value}: {count} ({_MEANINGS[delivery]})")
    if not counts:
        note(f"There is nothing in {path}.")
    return 1 if counts[Delivery.MALFORMED] else 0


def _opened(path: Path, stack: contextlib.ExitStack) -> BinaryIO:
    if str(path) == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(path.open("rb"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error


async def _feed(dispatcher: Dispatcher, number: int, line: bytes, note: Note) -> Delivery:
    try:
        body = unpack(line)
        read_task_id(body)
    except (InvalidJSON, Malformed) as error:
        note(f"line {number} is no callback: {error}")
        return Delivery.MALFORMED
    return await dispatcher.feed(body)
