"""Receiving callbacks, for whichever process waits for them."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Final

import attrs
from rich.text import Text

from mavi_async._dispatcher import Dispatcher
from mavi_async._records import Put, Verdict
from mavi_async._task import LARGE_BODY
from mavi_async.cli._entrance import Entrance, entered
from mavi_async.cli._forwarding import ForwardingStore
from mavi_async.cli._gist import gist_of
from mavi_async.cli._notes import error_notes, logged_to
from mavi_async.cli._place import Place
from mavi_async.cli._stopping import stopping
from mavi_async.cli._text import make_console, safe_text, size_text
from mavi_async.stores import TaskStore

__all__ = ["ListenOptions", "run_listen"]

_MEANINGS: Final = {Verdict.SAME: "duplicate", Verdict.OTHER: "conflict"}


@attrs.frozen
class ListenOptions:
    """What is asked for.

    Attributes:
        address: Where to receive callbacks, ``HOST:PORT``.
        token: The secret in the callback's path; ``None`` makes one.
        quiet: Whether to say nothing of what comes.
    """

    address: str
    token: str | None = attrs.field(repr=False)
    quiet: bool


def run_listen(options: ListenOptions, place: Place) -> int:
    """Receive until Ctrl-C or SIGTERM, and return the exit code.

    Raises:
        ConfigurationError: If an option cannot be used.
        StoreError: If the store cannot be.
    """
    with entered(options.address, options.token, received_elsewhere=False) as entrance:
        asyncio.run(_run(options, place, entrance))
    return 0


async def _run(options: ListenOptions, place: Place, entrance: Entrance) -> None:
    note = error_notes()
    async with place.open() as store:
        # Whoever posts a callback is not the one to find out that there is no store.
        await store.last_callback_at()
        told = _ToldStore(store, quiet=options.quiet)
        with logged_to(note):
            async with Dispatcher(store=told) as dispatcher, entrance.receiving(dispatcher, note):
                note(f"Keeping them in {place}. Ctrl-C stops it.")
                await _until_stopped()
    note(f"Callbacks received: {told.count}")


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    with stopping(stopped.set):
        await stopped.wait()


class _ToldStore(ForwardingStore):
    """A store whose callbacks are told of on standard output, a line each."""

    def __init__(self, store: TaskStore, *, quiet: bool) -> None:
        super().__init__(store)
        self.count = 0
        self.put_callback = self._put_callback
        self._store = store
        self._console = None if quiet else make_console(sys.stdout)

    async def _put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await self._store.put_callback(task_id, body, seen=seen)
        self.count += 1
        if self._console is not None:
            line = "  ".join(map(safe_text, _cells(task_id, body, put)))
            # A full disk must not cost a callback.
            with contextlib.suppress(OSError):
                self._console.print(Text(line), soft_wrap=True)
        return put


def _cells(task_id: str, body: bytes, put: Put) -> Iterator[str]:
    yield time.strftime("%H:%M:%S")
    yield task_id
    yield _MEANINGS.get(put.verdict, "stored" if put.known else "stored, of a job not known yet")
    yield size_text(len(body))
    if len(body) <= LARGE_BODY:  # others would hold up those that come meanwhile
        yield gist_of(task_id, body)
