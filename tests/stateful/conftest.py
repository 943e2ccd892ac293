"""Worlds to tell stories of; what they are made of lies beside this file."""

import asyncio
import gc
import itertools
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import anyio.to_thread
import pytest

from mavi_async import MemoryStore, SQLiteStore
from mavi_async.stores import TaskStore, _pacer, _sqlite, _sqlite_pacer, _sqlite_workers
from tests.stateful.processes import Busy
from tests.stateful.still_loop import CLOCK, StillLoop
from tests.stateful.world import MAX_UNKNOWN, TTL, World


class OpenWorld(Protocol):
    """Opens a world on one kind of store."""

    def __call__(self, kind: str, *, local: bool) -> tuple[asyncio.Runner, World]:
        """Return the runner of its loop, and the world."""
        ...


@pytest.fixture(scope="package")
def frozen() -> Iterator[None]:
    """Keep what was there before out of the garbage collections that the stories ask for."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything go by the worlds' clock, but for the threads of the SQLite store."""
    for name, module in tuple(sys.modules.items()):
        is_ours = name.startswith("mavi_async.") and "_sqlite" not in name
        if is_ours and getattr(module, "time", None) is time:
            monkeypatch.setattr(module, "time", CLOCK)
    monkeypatch.setattr(anyio.to_thread, "run_sync", Busy(anyio.to_thread).run_sync)
    schedule = partial(_pacer.Schedule, clock=CLOCK.monotonic)
    monkeypatch.setattr(_pacer, "Schedule", schedule)
    pacer = partial(_sqlite_pacer.SQLitePacer, clock=CLOCK.monotonic)
    monkeypatch.setattr(_sqlite, "SQLitePacer", pacer)
    monkeypatch.setattr(_sqlite_workers, "LOOK_EVERY", 0.002)


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is such: stories commit thousands of times."""
    in_memory = Path("/dev/shm")
    with TemporaryDirectory(dir=in_memory if in_memory.is_dir() else tmp_path) as folder:
        yield Path(folder)
        # The stores that were thrown away are still about to close their files.
        gc.collect()
        for thread in threading.enumerate():
            if thread.name.startswith("mavi_async"):
                thread.join(10)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator["Ear"]:
    """Hear what is logged."""
    ear = Ear()
    log = logging.getLogger("mavi_async")
    monkeypatch.setattr(log, "level", logging.DEBUG)
    # Who keeps the records keeps the errors in them, and with those whole worlds.
    monkeypatch.setattr(log, "propagate", False)
    log.addHandler(ear)
    yield ear
    log.removeHandler(ear)


@pytest.fixture
def open_world(frozen: None, still_clock: None, fast_folder: Path, heard: "Ear") -> OpenWorld:
    """Open worlds, one after another."""
    numbers = itertools.count()

    def open_one(kind: str, *, local: bool) -> tuple[asyncio.Runner, World]:
        options: Any = {"ttl": TTL, "max_unknown": MAX_UNKNOWN, "clock": CLOCK.time}
        memory = MemoryStore(**options)
        path = fast_folder / str(next(numbers)) / "tasks.sqlite3"

        def store_of() -> TaskStore:
            return memory if kind == "memory" else SQLiteStore(path, **options)

        async def open_it() -> World:
            world = World(store_of, local=local)
            await world.open()
            return world

        runner = asyncio.Runner(loop_factory=StillLoop)
        world = runner.run(open_it())
        heard.keep = world.shown.append
        return runner, world

    return open_one


class Ear(logging.Handler):
    """Hears everything that is logged, as users would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.keep: Callable[[str], object] = str

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on what was logged."""
        self.keep(self.format(record))
