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
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import uuid4

import anyio.to_thread
import pytest
import redis

from mavi_async import MemoryStore, SQLiteStore
from mavi_async.redis import _pacer as _redis_pacer
from mavi_async.redis import _server, _store
from mavi_async.stores import TaskStore, _pacer, _sqlite, _sqlite_pacer, _sqlite_workers
from tests.stateful.processes import Busy
from tests.stateful.real_time import Thread
from tests.stateful.still_loop import CLOCK, StillLoop
from tests.stateful.world import MAX_UNKNOWN, TTL, World

if TYPE_CHECKING:
    from tests.conftest import StartRedis

OpenStore = Callable[[], TaskStore]
OpenNamespace = Callable[[], OpenStore]

PATIENTLY = "socket_timeout=60&timeout=60"
OPTIONS: Any = {"ttl": TTL, "max_unknown": MAX_UNKNOWN, "clock": CLOCK.time}


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
    """Let everything go by the worlds' clock, but for the threads of the stores."""
    for name, module in tuple(sys.modules.items()):
        is_ours = name.startswith("mavi_async.") and "_sqlite" not in name
        if is_ours and getattr(module, "time", None) is time:
            monkeypatch.setattr(module, "time", CLOCK)
    monkeypatch.setattr(anyio.to_thread, "run_sync", Busy(anyio.to_thread).run_sync)
    schedule = partial(_pacer.Schedule, clock=CLOCK.monotonic)
    monkeypatch.setattr(_pacer, "Schedule", schedule)
    pacer = partial(_sqlite_pacer.SQLitePacer, clock=CLOCK.monotonic)
    monkeypatch.setattr(_sqlite, "SQLitePacer", pacer)
    redis_pacer = partial(_redis_pacer.RedisPacer, clock=CLOCK.monotonic)
    monkeypatch.setattr(_store, "RedisPacer", redis_pacer)
    monkeypatch.setattr(_server, "STORE_SECONDS", 60.0)
    monkeypatch.setattr(_sqlite_workers, "LOOK_EVERY", 0.002)


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is such: stories commit thousands of times."""
    in_memory = Path("/dev/shm")
    with TemporaryDirectory(dir=in_memory if in_memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def open_sqlite(fast_folder: Path) -> Iterator[OpenNamespace]:
    """Opens stores on a file of each world."""
    numbers = itertools.count()
    stores: list[SQLiteStore] = []

    def stop_all() -> None:
        while stores:
            stores.pop()._connections.stop()

    def open_file() -> OpenStore:
        stop_all()  # also those that were thrown away
        path = fast_folder / str(next(numbers)) / "tasks.sqlite3"

        def open_one() -> TaskStore:
            stores.append(SQLiteStore(path, **OPTIONS))
            return stores[-1]

        return open_one

    yield open_file
    stop_all()
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
def open_redis(start_redis: "StartRedis") -> Iterator[OpenNamespace]:
    """Opens stores on a server, in a namespace of each world."""
    url = start_redis("--appendfsync", "no").url
    thread = Thread()

    def open_namespace() -> OpenStore:
        thread.close_all()
        name = uuid4().hex
        return lambda: cast(
            "TaskStore", thread.open(f"{url}?{PATIENTLY}", namespace=name, **OPTIONS)
        )

    yield open_namespace
    thread.end()
    with redis.Redis.from_url(url) as server:
        staying = [key for key in server.scan_iter(count=1000) if server.pttl(key) == -1]
    assert [] == [key for key in staying if not key.endswith(b":last")], "these never go"


@pytest.fixture
def open_world(
    request: pytest.FixtureRequest, frozen: None, still_clock: None, heard: "Ear"
) -> OpenWorld:
    """Open worlds, one after another."""

    def opener_of(kind: str) -> OpenStore:
        if kind == "memory":
            memory = MemoryStore(**OPTIONS)
            return lambda: memory
        open_namespace: OpenNamespace = request.getfixturevalue(f"open_{kind}")
        return open_namespace()

    def open_one(kind: str, *, local: bool) -> tuple[asyncio.Runner, World]:
        store_of = opener_of(kind)

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
