"""The threads and connections behind a `SQLiteStore`, and the loops that it is used from."""

import asyncio
import contextlib
import gc
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from weakref import ref

import pytest
import trio

from mavi_async import SQLiteStore, StoreError
from mavi_async._records import Put, Verdict

FIRST = Put(Verdict.FIRST)
DESCRIPTORS = Path("/proc/self/fd")
LISTS_DESCRIPTORS = DESCRIPTORS.is_dir()


def threads() -> list[threading.Thread]:
    """The threads of stores."""
    return [each for each in threading.enumerate() if each.name == "mavi_async store"]


def descriptors(path: Path) -> list[str]:
    """The open files of a store, where the system lists them."""
    found: list[str] = []
    if LISTS_DESCRIPTORS:
        for each in DESCRIPTORS.iterdir():
            with contextlib.suppress(FileNotFoundError):  # that of the listing itself
                found.append(str(each.readlink()))
    return [each for each in found if each.startswith(str(path))]


async def use(store: SQLiteStore, task_id: str) -> None:
    """Write, read and watch."""
    assert FIRST == await store.put_callback(task_id, b"body", seen=True)
    assert b"body" == await store.get_callback(task_id)
    await store.watch(print)


@pytest.mark.asyncio
async def test_closing_leaves_nothing_behind(path: Path) -> None:
    """Neither threads nor descriptors, as often as it is done; a later call opens again."""
    store = SQLiteStore(path)
    before = len(threads())
    for task_id in "ab":
        await use(store, task_id)
        assert before + 2 == len(threads())
        assert bool(descriptors(path)) == LISTS_DESCRIPTORS
        for _ in range(2):
            await store.aclose()

        assert before == len(threads())
        assert [] == descriptors(path)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_closing_leaves_nothing_behind_under_trio(path: Path) -> None:
    """As under asyncio."""
    store = SQLiteStore(path)
    before = len(threads())
    await use(store, "t")
    await store.aclose()

    assert trio.current_time() > 0
    assert (before, []) == (len(threads()), descriptors(path))


@pytest.mark.asyncio
async def test_closing_carries_out_what_was_asked_before(store: SQLiteStore) -> None:
    """Nobody is left waiting."""
    calls = [
        asyncio.create_task(store.put_callback(f"t{number}", b"body", seen=True))
        for number in range(100)
    ]
    await asyncio.sleep(0)
    await store.aclose()

    assert [FIRST] * 100 == await asyncio.gather(*calls)


def test_a_store_that_nobody_holds_ends_its_threads(path: Path) -> None:
    """Also where nobody closed it."""
    before = threads()

    async def use_one() -> "ref[SQLiteStore]":
        store = SQLiteStore(path)
        await store.put_callback("t", b"body", seen=True)
        await store.get_callback("t")
        return ref(store)

    gone = asyncio.run(use_one())
    gc.collect()
    for thread in {*threads()} - {*before}:
        thread.join(10)

    assert gone() is None
    assert before == threads()


def test_loops_and_threads_share_a_store(path: Path) -> None:
    """Each hears of what the others put, in its own loop."""
    store = SQLiteStore(path)
    heard: dict[int, set[str | None]] = {number: set() for number in range(3)}
    strangers: list[int] = []
    are_ready = threading.Barrier(3)
    errors: list[BaseException] = []

    async def work(number: int) -> None:
        home, all_there = threading.get_ident(), asyncio.Event()

        def notify(task_id: str | None) -> None:
            if threading.get_ident() != home:
                strangers.append(number)
            heard[number].add(task_id)
            if len(heard[number]) == 3:
                all_there.set()

        stop = await store.watch(notify)
        are_ready.wait()
        await store.put_callback(f"t{number}", b"body", seen=True)
        async with asyncio.timeout(30):
            await all_there.wait()
        stop()

    def run(number: int) -> None:
        try:
            asyncio.run(work(number))
        except BaseException as error:
            errors.append(error)
            raise

    workers = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    asyncio.run(store.aclose())

    assert ([], []) == (errors, strangers)
    assert [{"t0", "t1", "t2"}] * 3 == list(heard.values())


@pytest.mark.asyncio
async def test_a_hint_is_given_once(store: SQLiteStore, other: SQLiteStore) -> None:
    """What was announced at once is not found again among what others put."""
    heard: list[str | None] = []
    told = asyncio.Event()

    def notify(task_id: str | None) -> None:
        heard.append(task_id)
        if task_id == "theirs":
            told.set()

    await store.watch(notify)
    await store.put_callback("mine", b"body", seen=True)
    await other.put_callback("theirs", b"body", seen=True)
    async with asyncio.timeout(30):
        await told.wait()

    assert ["mine", "theirs"] == heard


def run_and_drop(work: Callable[[], Awaitable[object]]) -> None:
    """Run something on a loop that ends without a word."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(work())
    loop.close()


def test_a_loop_may_end_while_it_watches(path: Path) -> None:
    """Those who go on still hear of everything, and the one that ended disturbs nobody."""
    store = SQLiteStore(path)
    heard: list[str | None] = []
    run_and_drop(lambda: store.watch(heard.append))

    async def go_on() -> None:
        others: list[str | None] = []
        await store.watch(others.append)
        await store.put_callback("t", b"body", seen=True)
        assert ["t"] == others
        await store.aclose()

    asyncio.run(go_on())

    assert [] == heard


def test_a_loop_may_end_while_a_call_is_under_way(path: Path) -> None:
    """The call is done or not, and the store goes on."""
    store = SQLiteStore(path)

    async def begin() -> None:
        call = asyncio.ensure_future(store.put_callback("t", b"body", seen=True))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.sleep(0)

    run_and_drop(begin)

    async def go_on() -> None:
        assert FIRST == await store.put_callback("u", b"body", seen=True)
        await store.aclose()

    asyncio.run(go_on())


@pytest.mark.asyncio
async def test_who_cancels_while_it_is_done_finds_it_done(store: SQLiteStore) -> None:
    """Whole, as it is one step; what comes behind it waits for it."""
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        may_end.wait()
        connection.execute("UPDATE summary SET last_callback_at = 5.0")

    call = asyncio.create_task(store._connections.write(work))
    await begun.wait()
    call.cancel()
    await asyncio.wait([call])
    behind = asyncio.create_task(store.forget("nothing"))
    may_end.set()

    assert not await behind
    assert call.cancelled()
    assert 5.0 == await store.last_callback_at()


@pytest.mark.asyncio
async def test_what_cannot_be_announced_is_kept_all_the_same(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller gets what was kept, as do the others of the same commit."""
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)

    def refuse(_: int) -> None:
        raise RuntimeError("nobody to tell")

    may_begin = threading.Event()
    behind = [
        asyncio.create_task(store._connections.write(work, then))
        for work, then in (
            (lambda _: may_begin.wait(), None),
            (lambda _: 1, refuse),
            (lambda _: 2, print),
        )
    ]
    await asyncio.sleep(0)
    may_begin.set()
    async with asyncio.timeout(30):
        ended = await asyncio.gather(*behind)

    assert [True, 1, 2] == ended
    assert ["nobody to tell"] == [str(each.exc_value) for each in reported]


@pytest.mark.asyncio
async def test_who_gives_up_leaves_nothing_in_a_store_that_hangs(store: SQLiteStore) -> None:
    """What has not begun is not done later, nor is what it would store held until then."""
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hang(_: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        may_end.wait()

    hanging = asyncio.create_task(store._connections.write(hang))
    await begun.wait()
    done: list[int] = []

    def work(_: sqlite3.Connection) -> None:
        done.append(1)

    gone = ref(work)
    given_up = asyncio.create_task(store._connections.write(work))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])
    del given_up, work
    gc.collect()
    is_gone = gone() is None
    may_end.set()
    await hanging

    assert is_gone
    assert not await store.forget("nothing")
    assert [] == done


@pytest.mark.asyncio
async def test_no_thread_is_an_error_of_the_store(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system out of threads may have some again later."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(StoreError, match="got none"):
            await store.put_callback("t", b"body", seen=True)

    assert FIRST == await store.put_callback("t", b"body", seen=True)


def commits(path: Path) -> int:
    """How many transactions have changed a file, as its header counts them."""
    return int.from_bytes(path.read_bytes()[24:28])


@pytest.mark.asyncio
async def test_many_calls_share_a_commit(store: SQLiteStore, path: Path) -> None:
    """A burst of callbacks does not wait for as many writes of the disk."""
    await store.put_callback("first", b"body", seen=True)
    before = commits(path)
    calls = (store.put_callback(f"t{number}", b"body", seen=True) for number in range(200))

    assert [FIRST] * 200 == await asyncio.gather(*calls)
    assert 0 < commits(path) - before <= 50
