"""Sweeping, polling, receipts and the alarm, under trio."""

import itertools
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import pytest
import sniffio
import trio

from mavi_async import Dispatcher, MaviClient, MemoryStore, _lookout, _polling, _receipts
from mavi_async._records import Submission

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, MakeClient, Until

KEY = "sk-mavi-0123456789abcdef"
DEADLINE = 30

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Trio alone."""
    return "trio"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look and poll all the time."""
    for module in (_lookout, _polling, _receipts):
        monkeypatch.setattr(module, "pauses", lambda *_: itertools.repeat(0.001))


class QuietStore(MemoryStore):
    """A store whose hints are all lost; it lists what was collected."""

    local = False

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.collected: list[str] = []

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        """Give no hint."""
        return lambda: None

    async def list_arrived(self, task_ids: Collection[str]) -> Collection[str]:
        """Count the looks."""
        self.looks += 1
        return await super().list_arrived(task_ids)

    async def mark_collected(self, task_ids: Collection[str]) -> None:
        """List them."""
        self.collected.extend(task_ids)


async def test_what_another_process_stored_is_found_and_collected(
    client_of: "MakeClient", body_of: "MakeBody", until: "Until"
) -> None:
    """The sweep finds it; a moment later it is noted that somebody has it."""
    assert sniffio.current_async_library() == "trio"
    store = QuietStore()
    dispatcher = Dispatcher(store=store)
    task = client_of(dispatcher).speaker_task("t1")
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task.wait)
            await until(lambda: store.looks)
            await store.put_callback("t1", body_of("t1"), seen=False)
        await until(lambda: store.collected)
        await dispatcher.aclose()

    assert ["t1"] == store.collected


async def test_a_poll_answers(body_of: "MakeBody") -> None:
    """Closing the client ends the polling of what is not answered."""
    assert sniffio.current_async_library() == "trio"

    async def poll(task_id: str) -> bytes | None:
        return body_of(task_id) if task_id == "t1" else None

    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery, MaviClient(KEY, poller=poll) as client:
            nursery.start_soon(client.speaker_task("t2").wait)
            assert "t1" == (await client.speaker_task("t1")).task_id
            nursery.cancel_scope.cancel()


async def test_silence_is_told() -> None:
    """The hook may be a coroutine function."""
    assert sniffio.current_async_library() == "trio"
    store = MemoryStore()
    await store.put_submission(Submission("t1", "studio", "re_1", time.time()))
    heard, hear = trio.open_memory_channel[Submission](1)
    with trio.fail_after(DEADLINE):
        async with MaviClient(
            KEY, account="studio", store=store, on_silence=heard.send, silence_after=0.001
        ) as client:
            await client.resume()

            assert "t1" == (await hear.receive()).task_id
