"""A process that lives long: what many tasks leave behind is nothing."""

import asyncio
import gc
import logging
import mmap
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from mavi_async import Dispatcher, MemoryStore, SQLiteStore
from mavi_async._lookout import Lookout
from mavi_async._receipts import Receipts
from mavi_async._registry import Registry
from mavi_async.stores import IntentState

if TYPE_CHECKING:
    from tests.soak.conftest import MakeStore, OpenWorld, World

# How many live at once, and one in how many is submitted over HTTP: a file takes more time.
STORES: Final[dict[str, tuple[int, int]]] = {"memory": (250, 10), "sqlite": (100, 50)}
# What comes and goes however many tasks there were, such as the timers that asyncio has cancelled.
# One small object for each task would be more.
NOISE: Final = {
    "blocks": 1_500,
    "bytes": 256 * 1024,
    "resident MiB": 32,
    "objects": 4,
    "file KiB": 256,
}

Stock = Counter[str]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Log nothing: pytest would keep it all."""
    log = logging.getLogger("mavi_async")
    before = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(before)


@pytest.fixture
def make_store(kind: str, tmp_path: Path, ttl: float) -> "MakeStore":
    """Makes a store of some kind."""
    if kind == "memory":
        return lambda clock: MemoryStore(ttl=ttl, clock=clock)
    return lambda clock: SQLiteStore(tmp_path / "store.db", ttl=ttl, clock=clock)


@pytest.mark.fault("a long life")
@pytest.mark.parametrize(("kind", "count"), [("memory", 5_000), ("sqlite", 2_000)])
def test_thousands_of_tasks_leave_nothing(
    count: int, kind: str, make_store: "MakeStore", open_world: "OpenWorld"
) -> None:
    """Submitted, awaited, timed out, cancelled, expired: afterwards all is as it was before."""
    before = in_process()
    left = asyncio.run(soak(open_world, make_store, count, *STORES[kind]))

    assert {} == beyond_noise(left)
    assert {} == more_than(before)


@pytest.mark.fault("a long life")
@pytest.mark.torture
@pytest.mark.parametrize("kind", STORES)
def test_a_hundred_thousand_tasks_leave_nothing(
    kind: str,
    make_store: "MakeStore",
    open_world: "OpenWorld",
    request: pytest.FixtureRequest,
) -> None:
    """Nor do many more, and the process does not grow."""
    before = in_process()
    left = asyncio.run(soak(open_world, make_store, 100_000, *STORES[kind]))
    request.node.user_properties.append(("left", dict(left)))

    assert {} == beyond_noise(left)
    assert {} == more_than(before)


def keep_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep each body that is fed."""
    kept: list[bytes] = []
    feed = Dispatcher.feed

    async def feed_and_keep(self: Dispatcher, body: Any) -> Any:
        kept.append(body)
        return await feed(self, body)

    monkeypatch.setattr(Dispatcher, "feed", feed_and_keep)


def hold_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold whatever was awaited."""
    monkeypatch.setattr(Registry, "release", lambda self, handle: None)


def note_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the receipts lying."""

    async def do_nothing(self: Receipts) -> None:
        pass

    for name in ("_work", "_note"):
        monkeypatch.setattr(Receipts, name, do_nothing)


def watch_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for hints, and never take that back."""
    monkeypatch.setattr(Lookout, "end", lambda self: None)


LEAKS: Final[dict[str, tuple[Callable[[pytest.MonkeyPatch], None], int]]] = {
    "held": (hold_for_ever, 250),
    "receipts": (note_nothing, 250),
    "watchers": (watch_for_ever, 250),
    "blocks": (keep_bodies, 2_000),
}


@pytest.mark.parametrize("found", LEAKS)
@pytest.mark.parametrize("kind", ["memory"])
def test_planted_leaks_are_found(
    found: str,
    make_store: "MakeStore",
    open_world: "OpenWorld",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is kept by mistake, of each kind, shows up in what is left."""
    plant, count = LEAKS[found]
    plant(monkeypatch)
    left = asyncio.run(soak(open_world, make_store, count, 125, 10, patience=0.1))

    assert found in beyond_noise(left)


def beyond_noise(left: Stock) -> dict[str, int]:
    """What is left and should not be."""
    return {
        name: number
        for name, number in left.items()
        if number > NOISE.get("objects" if name.startswith("object ") else name, 0)
    }


def more_than(before: Stock) -> Stock:
    """What the process has more than before, once the last threads have ended."""
    give_up_at = time.monotonic() + 10
    while (more := in_process() - before) and time.monotonic() < give_up_at:
        time.sleep(0.01)
    return more


async def soak(
    open_world: "OpenWorld",
    make_store: "MakeStore",
    count: int,
    at_once: int,
    submits: int,
    *,
    patience: float = 30.0,
) -> Stock:
    """Let many tasks live and return what is left of them that those before did not leave."""
    async with open_world(make_store) as world:

        async def live(count: int) -> Stock:
            await world.live_through(count, at_once=at_once, submits=submits)
            await world.settle(patience)
            gc.collect()
            # First, since to look at every object takes memory as well.
            resident = Counter({"resident MiB": resident_mib()})
            return resident + await kept_by(world) + held_by_process() + on_disk(world)

        baseline = await live(max(2 * at_once, count // 10))
        # What is to be empty must be so from the start: these have no baseline.
        left = await kept_by(world) + (await live(count - count // 5) - baseline)
        # Every allocation is followed for a part of them only: it takes most of the time.
        tracemalloc.start()
        try:
            await live(at_once)
            before, _ = tracemalloc.get_traced_memory()
            traced = await live(count // 5) - baseline
            del traced["resident MiB"]  # what follows the allocations takes most of it
            left |= traced
            left["bytes"] = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    return left


async def kept_by(world: "World") -> Stock:
    """What client, dispatcher and store keep for tasks: nothing, once nobody needs any."""
    client, dispatcher, store = world.client, world.dispatcher, world.store
    if isinstance(store, SQLiteStore):
        watchers = len(store._connections.watchers._watchers)
    else:
        assert isinstance(store, MemoryStore)
        watchers = len(store._watchers)
    intents = [await store.list_intents(state) for state in IntentState]
    return +Counter(
        {
            "registered": len(client._inbox._registry),
            "held": len(client._inbox.held),
            "background": len(dispatcher._background._jobs) + len(client._background._jobs),
            "being fed": len(dispatcher._being_fed),
            "receipts": len(dispatcher._receipts._due),
            "unmatched": len(dispatcher._unmatched._due),
            "silences": len(client._alarm._expected),
            "queued": sum(len(gate._queue) for gate in client._endpoints._gates.values()),
            "watchers": watchers,
            "submissions": len(await store.list_pending()) + len(await store.list_done()),
            "intents": sum(map(len, intents)),
            "bodies": len(await store.list_unmatched()) + len(await store.list_aside()),
        }
    )


def on_disk(world: "World") -> Stock:
    """What the store's file takes."""
    if not isinstance(world.store, SQLiteStore):
        return Counter()
    return Counter({"file KiB": world.store.path.stat().st_size // 1024})


def held_by_process() -> Stock:
    """What there is in the process: objects of the package, small ones of any kind, tasks."""
    objects = Counter(
        f"object {type(each).__qualname__}"
        for each in gc.get_objects()
        if str(type(each).__module__).startswith("mavi_async")  # some make it a property
    )
    tasks = len(asyncio.all_tasks())
    return objects + Counter(blocks=sys.getallocatedblocks(), tasks=tasks, **in_process())


def resident_mib() -> int:
    """How much memory the system has given to the process, where it says so."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    return int(statm.read_text().split()[1]) * mmap.PAGESIZE // 1024**2


def in_process() -> Stock:
    """What the system has given to the process."""
    descriptors = Path("/proc/self/fd")
    return Counter(
        {
            "threads": threading.active_count(),
            "descriptors": len(list(descriptors.iterdir())) if descriptors.exists() else 0,
        }
    )
