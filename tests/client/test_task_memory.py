"""What is left of tasks when nobody needs them any more: nothing."""

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from mavi_async import Dispatcher, MemoryStore, SpeakerTask, TaskTimeout

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, MakeClient, Until

MANY = 10_000


def live_tasks() -> int:
    """How many task objects there are."""
    gc.collect()
    return sum(type(each) is SpeakerTask for each in gc.get_objects())


@pytest.mark.asyncio
async def test_the_registry_is_empty_at_rest(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """After results, timeouts and cancellations the registry holds only what is referenced."""
    dispatcher = Dispatcher()
    client = client_of(dispatcher)
    kept = client.speaker_task("kept")
    waiters = [asyncio.ensure_future(client.speaker_task(f"t{each}")) for each in range(30)]
    await until(lambda: len(client._inbox.held) == 30)
    for number in range(10):
        await dispatcher.feed(body_of(f"t{number}"))
    for number in range(10, 30):
        waiters[number].cancel()
    with pytest.raises(TaskTimeout):
        await client.speaker_task("late").wait(0)
    await asyncio.wait(waiters)
    del waiters
    gc.collect()

    assert dispatcher.pending == (kept,)
    assert client._inbox.is_idle
    assert len(client._inbox._registry) == 1


@pytest.mark.fault("a long life")
@pytest.mark.parametrize("way", ["forget", "expire"])
@pytest.mark.asyncio
async def test_ten_thousand_tasks_leave_nothing(
    way: str, body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """Tasks created, awaited and dropped leave neither objects nor, once old, stored bodies."""
    now = 1_000_000.0
    store = MemoryStore(ttl=60, clock=lambda: now)
    dispatcher = Dispatcher(store=store)
    client = client_of(dispatcher, result_timeout=None)
    before = live_tasks()
    names = [f"t{number}" for number in range(MANY)]
    together = asyncio.gather(*map(client.speaker_task, names))
    await until(lambda: len(client._inbox.held) == MANY)
    for name in names:
        await dispatcher.feed(body_of(name, segments=1))
    results = await together
    in_order = [result.task_id for result in results]
    del together, results
    if way == "forget":
        for name in names:
            await store.forget(name)
        removed = await store.expire()
    else:
        now += 60
        removed = await store.expire()

    assert in_order == names
    assert removed == (0 if way == "forget" else MANY)
    assert live_tasks() == before
    assert len(client._inbox._registry) == 0
    assert client._inbox.is_idle
    assert [await store.get_callback(name) for name in (names[0], names[-1])] == [None, None]
    assert (len(store._shelf), store._shelf._unknown_bytes) == (0, 0)
