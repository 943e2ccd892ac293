"""A waiter hears of a callback that came another way than through its own dispatcher."""

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import pytest

from mavi_async import Dispatcher, MemoryStore, StoreError
from mavi_async._records import Put

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, MakeClient, Until


class TellingStore(MemoryStore):
    """A store that shows who asked for hints, and that may keep a body and say that it failed."""

    def __init__(self) -> None:
        super().__init__()
        self.fails_after_keeping = False
        self.asked: list[Collection[str]] = []

    @property
    def watchers(self) -> list[Callable[[str | None], None]]:
        """Who asked for hints."""
        return self._watchers

    async def list_arrived(self, task_ids: Collection[str]) -> Collection[str]:
        """Note what was asked for together."""
        self.asked.append(task_ids)
        return await super().list_arrived(task_ids)

    async def get_callback(self, task_id: str) -> bytes | None:
        """Note what was asked for alone."""
        self.asked.append(task_id)
        return await super().get_callback(task_id)

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a body."""
        put = await super().put_callback(task_id, body, seen=seen)
        if self.fails_after_keeping:
            raise StoreError("the answer was lost")
        return put


@pytest.mark.asyncio
async def test_a_callback_fed_to_another_dispatcher_resolves(
    client_of: "MakeClient", body_of: "MakeBody", until: "Until"
) -> None:
    """Two dispatchers that share a store are as good as one; afterwards nobody watches."""
    store = TellingStore()
    async with Dispatcher(store=store) as here, Dispatcher(store=store) as there:
        waiter = asyncio.create_task(client_of(here).speaker_task("t1").wait())
        await until(lambda: store.watchers)

        await there.feed(body_of("t1"))

        async with asyncio.timeout(30):
            assert "t1" == (await waiter).task_id
        assert [] == store.watchers


@pytest.mark.asyncio
async def test_after_missed_hints_all_are_looked_for(
    client_of: "MakeClient", body_of: "MakeBody", until: "Until"
) -> None:
    """All at once; those that are there resolve, the others go on waiting."""
    store = TellingStore()
    async with Dispatcher(store=store) as dispatcher:
        client = client_of(dispatcher)
        names = ("t1", "t2", "t3")
        waiters = [asyncio.create_task(client.speaker_task(name).wait()) for name in names]
        await until(lambda: all("1 waiting" in repr(client.speaker_task(name)) for name in names))
        [notify] = store.watchers
        store.watchers.clear()
        for name in names[:2]:
            await store.put_callback(name, body_of(name), seen=False)
        store.watchers.append(notify)
        store.asked.clear()

        for _ in range(3):
            notify(None)

        async with asyncio.timeout(30):
            assert ["t1", "t2"] == [(await waiter).task_id for waiter in waiters[:2]]
        assert [["t1", "t2", "t3"], "t1", "t2"] == store.asked
        assert not waiters[2].done()
        await dispatcher.feed(body_of("t3"))
        await waiters[2]


@pytest.mark.asyncio
async def test_a_put_that_failed_and_was_kept_resolves(
    client_of: "MakeClient", body_of: "MakeBody", until: "Until"
) -> None:
    """The sender is told to send it again, and the waiter need not wait for that."""
    store = TellingStore()
    async with Dispatcher(store=store) as dispatcher:
        waiter = asyncio.create_task(client_of(dispatcher).speaker_task("t1").wait())
        await until(lambda: store.watchers)
        store.fails_after_keeping = True

        with pytest.raises(StoreError, match="the answer was lost"):
            await dispatcher.feed(body_of("t1"))

        async with asyncio.timeout(30):
            assert "t1" == (await waiter).task_id
