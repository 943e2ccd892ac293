"""Callbacks are found although no hint tells of them."""

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

import pytest

from mavi_async import Dispatcher, MemoryStore, StoreError, TaskTimeout, _lookout

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, MakeClient, Until

pytestmark = pytest.mark.asyncio


class QuietStore(MemoryStore):
    """A store of another process: it gives no hints, or promises them and loses them all."""

    local = False

    def __init__(self, *, promises_hints: bool) -> None:
        super().__init__()
        self.promises_hints = promises_hints
        self.looks = 0
        self.failures: list[Exception] = []
        self.watchers = 0
        self.watch_failures = 0
        self.get_failures = 0

    async def watch(  # type: ignore[override] # what stores may do, and this one's parent never does
        self, notify: Callable[[str | None], None]
    ) -> Callable[[], None] | None:
        """Give no hint."""
        if self.watch_failures > 0:
            self.watch_failures -= 1
            raise StoreError("the store is down")
        self.watchers += 1
        return self.stop if self.promises_hints else None

    def stop(self) -> None:
        """Count who stopped."""
        self.watchers -= 1

    async def get_callback(self, task_id: str) -> bytes | None:
        """Fail for a while, if it is to."""
        if self.get_failures > 0:
            self.get_failures -= 1
            raise StoreError("the store is down")
        return await super().get_callback(task_id)

    async def list_arrived(self, task_ids: Collection[str]) -> Collection[str]:
        """Fail for a while, if it is to."""
        self.looks += 1
        if self.failures:
            raise self.failures.pop()
        return await super().list_arrived(task_ids)


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Look all the time; the first pauses that were asked for are listed."""
    first_pauses: list[float] = []

    def pauses(first: float, _: float) -> Iterator[float]:
        first_pauses.append(first)
        return itertools.repeat(0.001)

    monkeypatch.setattr(_lookout, "pauses", pauses)
    return first_pauses


@pytest.mark.parametrize("promises_hints", [False, True])
async def test_what_another_process_stored_is_found(
    promises_hints: bool,
    began: list[float],
    client_of: "MakeClient",
    body_of: "MakeBody",
    until: "Until",
) -> None:
    """All that is awaited is looked for together; what is not there is waited for further."""
    store = QuietStore(promises_hints=promises_hints)
    async with Dispatcher(store=store) as dispatcher:
        client = client_of(dispatcher)
        waiters = [asyncio.create_task(client.speaker_task(name).wait()) for name in "abc"]
        await until(lambda: store.looks)
        for name in "ab":
            await store.put_callback(name, body_of(name), seen=False)

        assert ["a", "b"] == [(await each).task_id for each in waiters[:2]]
        assert not waiters[2].done()
        await store.put_callback("c", body_of("c"), seen=False)
        await waiters[2]


@pytest.mark.parametrize(("promises_hints", "expected"), [(True, [5.0]), (False, [0.25, 0.25])])
async def test_without_hints_the_first_look_comes_soon(
    promises_hints: bool,
    expected: list[float],
    began: list[float],
    client_of: "MakeClient",
    until: "Until",
) -> None:
    """With hints it is only for those that get lost; each new waiter starts the looking anew."""
    store = QuietStore(promises_hints=promises_hints)
    async with Dispatcher(store=store) as dispatcher:
        client = client_of(dispatcher)
        waiters = [asyncio.create_task(client.speaker_task("a").wait())]
        await until(lambda: store.looks)
        waiters.append(asyncio.create_task(client.speaker_task("b").wait()))
        looks = store.looks
        await until(lambda: store.looks > looks + 2)
        await client.aclose()
        await asyncio.gather(*waiters, return_exceptions=True)

    assert expected == began


async def test_a_store_that_fails_is_looked_at_again(
    began: list[float],
    client_of: "MakeClient",
    body_of: "MakeBody",
    until: "Until",
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Waiters do not notice."""
    store = QuietStore(promises_hints=False)
    store.failures = [StoreError("the store is down"), ConnectionError("no route")]
    async with Dispatcher(store=store) as dispatcher:
        waiter = asyncio.create_task(client_of(dispatcher).speaker_task("a").wait())
        await until(lambda: store.looks > 3)
        await store.put_callback("a", body_of("a"), seen=False)

        assert "a" == (await waiter).task_id
    for reason in ("the store is down", "no route"):
        assert f"whether callbacks have come is open: {reason}" in caplog.text


async def test_nobody_looks_when_nobody_waits(
    began: list[float], client_of: "MakeClient", body_of: "MakeBody", until: "Until"
) -> None:
    """The looking ends with the last waiter, and begins again with the next one."""
    store = QuietStore(promises_hints=False)
    async with Dispatcher(store=store) as dispatcher:
        task = client_of(dispatcher).speaker_task("a")
        for _ in range(5):
            with pytest.raises(TaskTimeout):
                await task.wait(timeout=0.001)
        with pytest.raises(TaskTimeout):
            await task.wait(timeout=0)

        await until(lambda: not dispatcher._background._jobs)
        waiter = asyncio.create_task(task.wait(timeout=30))
        looks = store.looks
        await until(lambda: store.looks > looks)
        await store.put_callback("a", body_of("a"), seen=False)
        await waiter


async def test_a_local_store_is_not_looked_at(
    began: list[float], client_of: "MakeClient", until: "Until"
) -> None:
    """Its hints cannot get lost."""
    async with Dispatcher() as dispatcher:
        client = client_of(dispatcher)
        waiter = asyncio.create_task(client.speaker_task("a").wait())
        await until(lambda: "1 waiting" in repr(client.speaker_task("a")))
        await client.aclose()
        await asyncio.gather(waiter, return_exceptions=True)

    assert [] == began


@pytest.mark.parametrize("promises_hints", [False, True])
async def test_a_wait_that_begins_while_the_store_is_down(
    promises_hints: bool,
    began: list[float],
    client_of: "MakeClient",
    body_of: "MakeBody",
    until: "Until",
) -> None:
    """Goes on, and ends as any other; only a look without waiting says that the store is down."""
    store = QuietStore(promises_hints=promises_hints)
    store.watch_failures, store.get_failures = 3, 1
    async with Dispatcher(store=store) as dispatcher:
        client = client_of(dispatcher)
        with pytest.raises(StoreError):
            await client.speaker_task("b").wait(timeout=0)
        waiter = asyncio.create_task(client.speaker_task("a").wait())
        await until(lambda: store.looks)
        await store.put_callback("a", body_of("a"), seen=False)

        assert "a" == (await waiter).task_id
    assert 0 == store.watch_failures


async def test_nobody_watches_for_what_nobody_awaits(
    client_of: "MakeClient", until: "Until"
) -> None:
    """Neither after a look without waiting, nor for a callback that was taken back at once."""
    store = QuietStore(promises_hints=True)
    async with Dispatcher(store=store) as dispatcher:
        task = client_of(dispatcher).speaker_task("a")
        with pytest.raises(TaskTimeout):
            await task.wait(timeout=0)
        task.add_done_callback(print)
        task.remove_done_callback(print)

        await until(lambda: not dispatcher._background._jobs)
        assert 0 == store.watchers
