"""Several processes on one host: what one receives, another awaits."""

import asyncio
import itertools
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mavi_async import MaviClient, SQLiteStore
from mavi_async.emulator import Emulator
from mavi_async.emulator._conversation import invent_conversation

if TYPE_CHECKING:
    from tests.faults.processes.conftest import MakeBody, StartWorker


@pytest.mark.fault("the callback reaches another process")
@pytest.mark.asyncio
async def test_a_callback_reaches_whoever_awaits_it_in_another_process(
    start_worker: "StartWorker", path: Path, key: str
) -> None:
    """Submitted and awaited here, called back there."""
    names = [f"re_{number}" for number in range(10)]
    with Emulator(1000, api_key=key) as mavi:
        receiver = await start_worker()
        mavi.webhook_url = receiver.url
        store = SQLiteStore(path)
        async with MaviClient(
            key, base_url=mavi.base_url, requests_per_second=1000, store=store
        ) as client:
            async with asyncio.timeout(60):
                results = await asyncio.gather(*map(client.diarize, names))
        await store.aclose()

    assert names == [result.uri for result in results]
    assert [invent_conversation(name).segments for name in names] == [
        result.segments for result in results
    ]


@pytest.mark.fault("the callbacks come in any order")
@pytest.mark.fault("the callback reaches another process")
@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.torture)])
@pytest.mark.asyncio
async def test_shuffled_callbacks_over_two_receivers_resolve_every_waiter(
    count: int, start_worker: "StartWorker", path: Path, key: str, body_of: "MakeBody"
) -> None:
    """Each waiter, in each of three processes, gets its own body, whoever received it and when."""
    ids = [f"job{number}" for number in range(count)]
    bodies = {each: body_of(each) for each in ids}
    first, second = await asyncio.gather(start_worker(), start_worker())
    store = SQLiteStore(path)
    order = random.Random(1)
    deliveries = [(each, url) for each in ids for url in (first.url, second.url)]
    order.shuffle(deliveries)
    async with (
        MaviClient(key, base_url="http://127.0.0.1:9", store=store) as client,
        httpx.AsyncClient(limits=httpx.Limits(max_connections=20), timeout=60) as sender,
    ):
        tasks = [client.speaker_task(each) for each in ids]
        here = asyncio.gather(*tasks)
        there = asyncio.gather(first.wait(ids[::2]), second.wait(ids[1::2]))
        answers = await asyncio.gather(
            *(sender.post(url, content=bodies[each]) for each, url in deliveries)
        )
        results = await here
        evens, odds = await there
    await store.aclose()

    assert {200} == {answer.status_code for answer in answers}
    assert list(bodies.values()) == [result.raw for result in results]
    assert [bodies[each].decode() for each in ids[::2]] == evens
    assert [bodies[each].decode() for each in ids[1::2]] == odds


@pytest.mark.fault("a callback contradicts an earlier one")
@pytest.mark.asyncio
async def test_contradicting_callbacks_at_two_receivers_have_one_outcome(
    start_worker: "StartWorker", path: Path, key: str, body_of: "MakeBody"
) -> None:
    """A hundred bodies in ten variants, at both at once: one counts, and all waiters get that."""
    bodies = [body_of("job", number % 10) for number in range(100)]
    first, second = await asyncio.gather(start_worker(), start_worker())
    store = SQLiteStore(path)
    async with (
        MaviClient(key, base_url="http://127.0.0.1:9", store=store) as client,
        httpx.AsyncClient(limits=httpx.Limits(max_connections=20), timeout=60) as sender,
    ):
        task = client.speaker_task("job")
        waiters = asyncio.gather(task, task, first.wait(["job"]), second.wait(["job"]))
        answers = await asyncio.gather(
            *(
                sender.post((first.url, second.url)[number % 3 == 0], content=body)
                for number, body in enumerate(bodies)
            )
        )
        here, again, [one], [other] = await waiters
        kept = await store.get_callback("job")
        aside = await store.list_aside()
    await store.aclose()
    told = Counter(answer.json()["delivery"] for answer in answers)

    assert kept is not None
    assert {kept} == {here.raw, again.raw, one.encode(), other.encode()}
    assert 90 == told["conflict"]
    assert 9 == len(aside)
    assert set(bodies) == {kept} | {each.body for each in aside}


@pytest.mark.alone
@pytest.mark.fault("several processes on one account")
@pytest.mark.asyncio
async def test_four_processes_share_the_rate_of_their_account(
    start_worker: "StartWorker", key: str
) -> None:
    """Submits of four processes at once: each makes its job, once, and hardly any is refused."""
    with Emulator(10, api_key=key, webhook_url="http://127.0.0.1:9", callback_tries=1) as mavi:
        workers = await asyncio.gather(
            *(start_worker(mavi.base_url, requests_per_second=10) for _ in range(4))
        )
        names = [[f"re_{who}_{number}" for number in range(5)] for who in range(4)]
        found = await asyncio.gather(
            *(worker.submit(each) for worker, each in zip(workers, names, strict=True))
        )
        state: Any = mavi.state()

    made = {job["task_id"]: job["asset_id"] for job in state["jobs"]}
    assert sorted(itertools.chain(*names)) == sorted(made.values())
    assert names == [[made[task_id] for task_id in each] for each in found]
    assert mavi.rejections <= 8
