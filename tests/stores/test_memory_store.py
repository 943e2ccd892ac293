"""A `MemoryStore` keeps the contract of all stores, and what is its own."""

from typing import Any

import attrs
import pytest
import sniffio

from mavi_async import MemoryStore
from mavi_async.stores import Intent, IntentState, KeptAside, Submission
from mavi_async.testing import check_task_store, task_store_checks

CHECKS = task_store_checks()
DAY = 86_400.0


@attrs.define
class Clock:
    """The time, as the test holds it."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def make_store(name: str, /, **options: Any) -> MemoryStore:
    """Make a store, which has nothing to do with any other of the same name."""
    return MemoryStore(**options)


@pytest.fixture
def clock() -> Clock:
    """The time of the store."""
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    """A store that keeps things for a day."""
    return MemoryStore(ttl=DAY, max_aside_bytes=10, clock=clock)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", CHECKS)
async def test_it_keeps_the_contract(name: str) -> None:
    """As far as one instance goes: nobody shares it."""
    await CHECKS[name](make_store)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_it_keeps_the_contract_under_trio(anyio_backend: str) -> None:
    """All of it at once: that nothing suspends is checked in either."""
    assert sniffio.current_async_library() == anyio_backend
    await check_task_store(make_store)


@pytest.mark.asyncio
async def test_what_is_kept_aside_is_bounded_in_bytes(store: MemoryStore, clock: Clock) -> None:
    """The oldest make room, and one that is too large by itself is not kept."""
    for body in (b"first", b"1" * 6, b"2" * 6, b"3" * 4, b"4" * 11):
        await store.put_callback("t", body, seen=False)
        clock.now += 1

    assert [] == list(await store.list_aside())
    await store.put_callback("t", b"5" * 10, seen=False)
    assert [KeptAside("t", b"5" * 10, clock.now)] == list(await store.list_aside())


@pytest.mark.asyncio
async def test_hints_come_at_once(store: MemoryStore, clock: Clock) -> None:
    """Before `put_callback` returns, one for each first body and for nothing else."""
    hints: list[str | None] = []
    others: list[str | None] = []
    stop = await store.watch(hints.append)
    await store.watch(others.append)
    await store.put_submission(Submission("t", "mine", "re_1", clock.now))
    for task_id, body in (("t", b"a"), ("t", b"a"), ("t", b"b"), ("u", b"a")):
        await store.put_callback(task_id, body, seen=False)

    stop()
    stop()
    await store.put_callback("v", b"a", seen=True)

    assert ["t", "u"] == hints
    assert ["t", "u", "v"] == others


@pytest.mark.asyncio
async def test_age_counts_from_when_it_was_put(store: MemoryStore, clock: Clock) -> None:
    """Neither an old submission nor one from the future stands in the way of the others."""
    await store.put_submission(Submission("future", "mine", "re_1", clock.now + 10 * DAY))
    await store.put_submission(Submission("past", "mine", "re_1", clock.now - 10 * DAY))
    clock.now += DAY / 2
    await store.put_submission(Submission("present", "mine", "re_1", clock.now))
    pending = [each.task_id for each in await store.list_pending()]
    clock.now += DAY / 2

    assert ["past", "present", "future"] == pending
    assert 2 == await store.expire()
    assert ["present"] == [each.task_id for each in await store.list_pending()]


@pytest.mark.asyncio
async def test_an_adopted_job_is_over_with_its_callback(store: MemoryStore, clock: Clock) -> None:
    """It was kept for longer, and would be pending again: nothing could ever end that."""
    intent = Intent("i", "mine", "re_1", IntentState.UNKNOWN, clock.now, clock.now)
    await store.begin_intent(intent)
    await store.put_callback("t", b"body", seen=False)
    clock.now += DAY / 2
    assert await store.adopt("i", "t") is not None
    clock.now += DAY / 2

    assert 3 == await store.expire()
    assert () == await store.list_pending()
    assert not await store.forget("t")
