"""Cancelling a submit at each point of its way: no job without a known id, and no turn lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import httpx2
import pytest

from mavi_async import MaviClient, MemoryStore
from mavi_async._records import IntentState
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.client.conftest import MakeStall, Phase, SteppedStore, Until

FAST = 100_000.0
NOBODY = "http://127.0.0.1:9/callback"
AN_HOUR = 3600.0

Ready = Callable[[], Awaitable[object]]
Way = Callable[[MaviClient, Ready], Awaitable[None]]


async def cancel_the_task(client: MaviClient, ready: Ready) -> None:
    """Cancel asyncio's task."""
    task = asyncio.create_task(client.submit_speaker("re_cancelled"))
    await ready()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def run_out_of_time(client: MaviClient, ready: Ready) -> None:
    """Let `asyncio.timeout` run out."""
    timeout = asyncio.timeout(None)

    async def submit() -> None:
        async with timeout:
            await client.submit_speaker("re_cancelled")

    task = asyncio.create_task(submit())
    await ready()
    timeout.reschedule(asyncio.get_running_loop().time())
    with pytest.raises(TimeoutError):
        await task


async def cancel_the_scope(client: MaviClient, ready: Ready) -> None:
    """Cancel a scope of anyio's."""
    scope = anyio.CancelScope()

    async def submit() -> None:
        with scope:
            await client.submit_speaker("re_cancelled")

    task = asyncio.create_task(submit())
    await ready()
    scope.cancel()
    await task
    assert scope.cancelled_caught


async def fail_beside_it(client: MaviClient, ready: Ready) -> None:
    """Have a task group cancel it because its neighbour failed."""

    async def fail() -> None:
        await ready()
        raise ZeroDivisionError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.submit_speaker("re_cancelled"))
            group.create_task(fail())
    except* ZeroDivisionError:
        pass


WAYS: list[Way] = [cancel_the_task, run_out_of_time, cancel_the_scope, fail_beside_it]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An API that accepts everything at once."""
    with Emulator(FAST, webhook_url=NOBODY, callback_tries=1) as emulator:
        yield emulator


async def agreement(emulator: Emulator, store: MemoryStore, client: MaviClient) -> list[str]:
    """The assets that have a job, after making sure that the store knows every one of them."""
    jobs = emulator.state()["jobs"]
    assert isinstance(jobs, list)
    known = await store.list_pending(client.account)
    accepted = await store.list_intents(IntentState.ACCEPTED, client.account)
    assert {job["task_id"] for job in jobs} == {each.task_id for each in known}
    assert {job["task_id"] for job in jobs} == {each.task_id for each in accepted}
    for state in (IntentState.SENDING, IntentState.UNKNOWN):
        assert await store.list_intents(state, client.account) == ()
    return sorted(job["asset_id"] for job in jobs)


@asynccontextmanager
async def leaving_nothing(client: MaviClient) -> AsyncIterator[MaviClient]:
    """Use a client, and make sure that nothing of it is left."""
    before = asyncio.all_tasks()
    async with client:
        yield client
    assert asyncio.all_tasks() == before


async def some_turns() -> None:
    """Let the event loop run everything that is ready."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.fault("a submit is cancelled")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.asyncio
async def test_cancelled_in_the_queue(
    way: Way, emulator: Emulator, stepped_store: type["SteppedStore"], until: "Until"
) -> None:
    """Leaving the queue behind others costs nothing, and those behind move up."""
    store = stepped_store(AN_HOUR)
    client = MaviClient(
        emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST, store=store
    )
    async with leaving_nothing(client):
        head = asyncio.create_task(client.submit_speaker("re_head"))
        await until(lambda: not store.delays)
        await way(client, some_turns)
        later = asyncio.create_task(client.submit_speaker("re_later"))
        head.cancel()
        await later

        assert store.given_back == [AN_HOUR]
        assert await agreement(emulator, store, client) == ["re_later"]


@pytest.mark.fault("a submit is cancelled")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.asyncio
async def test_cancelled_with_a_slot(
    way: Way, emulator: Emulator, stepped_store: type["SteppedStore"], until: "Until"
) -> None:
    """The head of the queue gives its slot back, and the next one takes over."""
    store = stepped_store(AN_HOUR)
    client = MaviClient(
        emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST, store=store
    )
    async with leaving_nothing(client):
        for _ in range(10):  # more often than requests may be under way
            await way(client, lambda: until(lambda: not store.delays))
            store.delays.append(AN_HOUR)
        store.delays.clear()
        await client.submit_speaker("re_later")

        assert store.given_back == [AN_HOUR] * 10
        assert await agreement(emulator, store, client) == ["re_later"]


@pytest.mark.fault("a submit is cancelled")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", ["connecting", "sending", "reading"])
@pytest.mark.asyncio
async def test_cancelled_under_way(
    phase: "Phase", way: Way, emulator: Emulator, stall_at: "MakeStall", until: "Until"
) -> None:
    """Once its intent is kept, a cancelled submit is finished and its job is recorded."""
    stall = stall_at(phase)
    store = MemoryStore()
    client = MaviClient(
        emulator.api_key,
        base_url=emulator.base_url,
        requests_per_second=FAST,
        store=store,
        http_client=stall.http_client,
    )
    async with stall.http_client, leaving_nothing(client):
        await way(client, stall.reached.wait)
        if phase == "reading":
            await until(lambda: emulator.jobs_created == 1)
        stall.go_on.set()
        await asyncio.gather(*(client.submit_speaker(f"re_{number}") for number in range(20)))

    assert await agreement(emulator, store, client) == sorted(
        ["re_cancelled", *(f"re_{number}" for number in range(20))]
    )


@pytest.mark.fault("a submit is cancelled")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.asyncio
async def test_cancelled_while_it_rests(way: Way, emulator: Emulator, until: "Until") -> None:
    """Between two tries a cancelled submit ends: it is not sent again."""
    emulator.inject(Fault("429", retry_after="50"))
    store = MemoryStore()
    client = MaviClient(
        emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST, store=store
    )
    async with leaving_nothing(client):
        await way(client, lambda: until(lambda: emulator.rejections == 1))
        await client.submit_speaker("re_later")
        refused = await store.list_intents(IntentState.NOT_SENT, client.account)

        assert [intent.asset_id for intent in refused] == ["re_cancelled"]
        assert await agreement(emulator, store, client) == ["re_later"]


async def cancel_at_random(emulator: Emulator, rounds: int, seed: int) -> None:
    """Cancel submits at random moments, ten at a time, with httpx2."""
    dice = random.Random(seed)
    store = MemoryStore()
    async with httpx2.AsyncClient() as http_client:
        client = MaviClient(
            emulator.api_key,
            base_url=emulator.base_url,
            requests_per_second=FAST,
            store=store,
            http_client=http_client,
        )

        async def submit_and_cancel(number: int) -> bool:
            task = asyncio.create_task(client.submit_speaker(f"re_{number}"))
            await asyncio.wait([task], timeout=dice.random() * 0.02)
            task.cancel()
            await asyncio.wait([task])
            return not task.cancelled()

        async with leaving_nothing(client):
            finished = []
            for start in range(0, rounds, 10):
                together = (submit_and_cancel(number) for number in range(start, start + 10))
                finished += await asyncio.gather(*together)
            last = await client.submit_speaker("re_last")
    assets = await agreement(emulator, store, client)

    assert last.asset_id == "re_last"
    assert len(assets) == len(set(assets)) == emulator.jobs_created
    assert sum(finished) + 1 <= len(assets) <= rounds + 1


@pytest.mark.fault("a submit is cancelled")
@pytest.mark.asyncio
async def test_cancelled_at_random(emulator: Emulator) -> None:
    """Whenever submits are cancelled, every job that was made is known and none is made twice."""
    await cancel_at_random(emulator, rounds=200, seed=1)


@pytest.mark.fault("a submit is cancelled")
@pytest.mark.torture
@pytest.mark.asyncio
async def test_cancelled_at_random_for_long(emulator: Emulator) -> None:
    """The same, five thousand times."""
    await cancel_at_random(emulator, rounds=5000, seed=2)
