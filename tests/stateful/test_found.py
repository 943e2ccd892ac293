"""What the stories of `test_stateful` have found, told plainly."""

import asyncio

import pytest

from mavi_async import Delivery, Dispatcher, MalformedResult, MaviClient, MemoryStore
from mavi_async._records import Put

KEY = "sk-mavi-0123456789abcdef"
UNREADABLE = b'{"code": "0000", "task_id": "t1", "data": "?"}'
READABLE = b'{"code": "0000", "task_id": "t1", "data": {"data": {"data": []}}}'


class HeldStore(MemoryStore):
    """A store whose answer to the first put is held back, as by a slow disk."""

    local = False

    def __init__(self) -> None:
        super().__init__()
        self.has_kept = asyncio.Event()
        self.go_on = asyncio.Event()

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a body."""
        put = await super().put_callback(task_id, body, seen=seen)
        self.has_kept.set()
        await self.go_on.wait()
        return put


@pytest.mark.asyncio
async def test_what_a_task_got_that_was_attached_during_the_put_is_final() -> None:
    """Nobody waited when the body was kept, and yet no later one replaces it once it was seen."""
    store = HeldStore()
    async with Dispatcher(store=store) as dispatcher:
        feeding = asyncio.create_task(dispatcher.feed(UNREADABLE))
        await store.has_kept.wait()
        task = MaviClient(KEY, dispatcher=dispatcher).speaker_task("t1")
        store.go_on.set()

        assert Delivery.RESOLVED is await feeding
        assert isinstance(task.exception(), MalformedResult)
        assert Delivery.CONFLICT is await dispatcher.feed(READABLE)
        assert UNREADABLE == await store.get_callback("t1")


@pytest.mark.asyncio
async def test_what_a_task_got_in_place_of_an_unreadable_body_is_out_of_reach_of_a_flood() -> None:
    """A job that nobody submitted here is awaited: its result is not one of the unknown ones."""
    store = MemoryStore()
    async with Dispatcher(store=store) as dispatcher:
        await dispatcher.feed(UNREADABLE)
        task = MaviClient(KEY, dispatcher=dispatcher).speaker_task("t1")

        assert Delivery.RESOLVED is await dispatcher.feed(READABLE)
        assert task.done()
        assert () == await store.list_unmatched()
