"""What the account's other users and an unlucky day do to a batch, over real sockets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI

from mavi_async import Delivery, Diarization, Dispatcher, MaviClient, MemoryStore, Unmatched
from mavi_async._transport import HttpClient
from mavi_async.emulator._conversation import invent_conversation
from mavi_async.fastapi import callback_router

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Receiving, Serving, StartMavi

FAST = 200.0
DEADLINE = 60.0
LIMIT_TEXT = "Request has exceeded the limit."
REJECTIONS = {
    "429": {"status": 429, "body": json.dumps({"code": 429, "msg": "Rate limit exceeded"})},
    "200": {"status": 200, "body": json.dumps({"code": "0429", "msg": LIMIT_TEXT})},
    "400": {"status": 400, "body": json.dumps({"code": 400, "msg": LIMIT_TEXT})},
}


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds in the other process."""
    while not condition():  # noqa: ASYNC110 - nobody here can set an event
        await asyncio.sleep(0.01)


@pytest.mark.fault("a rejection for the rate")
@pytest.mark.parametrize("shape", REJECTIONS)
@pytest.mark.asyncio
async def test_one_forced_rejection_loses_nothing(
    shape: str, start_mavi: "StartMavi", http_client: HttpClient
) -> None:
    """On a strict limiter, one rejection of any shape in the middle: all jobs are made, once."""
    mavi = start_mavi(requests_per_second=20.0, webhook_url="http://127.0.0.1:9", callback_tries=1)
    mavi.inject({"kind": "answer", "asset_id": "re_4", **REJECTIONS[shape]})
    asset_ids = [f"re_{number}" for number in range(10)]

    async with (
        MaviClient(
            mavi.api_key, base_url=mavi.base_url, requests_per_second=20.0, http_client=http_client
        ) as client,
        asyncio.timeout(DEADLINE),
    ):
        tasks = await asyncio.gather(*map(client.submit_speaker, asset_ids))
    state = mavi.state()

    assert asset_ids == [task.asset_id for task in tasks]
    assert sorted(asset_ids) == sorted(job["asset_id"] for job in state["jobs"])
    assert {job["task_id"] for job in state["jobs"]} == {task.task_id for task in tasks}
    assert state["faults_planned"] == 0


@pytest.mark.fault("a callback of another kind of job")
@pytest.mark.asyncio
async def test_other_kinds_of_callbacks_are_let_through(
    start_mavi: "StartMavi", receiving: "Receiving"
) -> None:
    """Callbacks of other jobs, and contradictions, are answered 2xx and change no result."""
    mavi = start_mavi(requests_per_second=FAST, limiter="sliding")
    asset_ids = [f"re_{number}" for number in range(20)]
    mavi.inject(
        *({"kind": "foreign", "asset_id": each, "copies": 8} for each in asset_ids[:10]),
        *({"kind": "conflict", "asset_id": each} for each in asset_ids[5:15]),
    )
    store = MemoryStore()
    async with (
        MaviClient(
            mavi.api_key, base_url=mavi.base_url, requests_per_second=FAST, store=store
        ) as client,
        receiving(client.dispatcher) as url,
        asyncio.timeout(DEADLINE),
    ):
        mavi.call_back(url)
        results = await asyncio.gather(*map(client.diarize, asset_ids))
        await until(lambda: all(job["status"] == "delivered" for job in mavi.state()["jobs"]))
        aside = await store.list_aside()
    statuses = {each["status"] for job in mavi.state()["jobs"] for each in job["callbacks"]}

    assert [list(invent_conversation(each).segments) for each in asset_ids] == [
        list(result) for result in results
    ]
    assert statuses == {200}
    assert {result.task_id for result in results[5:15]} == {each.task_id for each in aside}


@pytest.mark.fault("a callback of another kind of job")
@pytest.mark.asyncio
async def test_every_foreign_callback_is_offered(
    start_mavi: "StartMavi", starlette_receiving: "Receiving"
) -> None:
    """Each callback that nobody submitted reaches `on_unmatched`, however fast they come."""
    mavi = start_mavi(requests_per_second=FAST, limiter="sliding")
    mavi.inject({"kind": "foreign", "copies": 4, "times": 10})
    unmatched: list[Unmatched] = []
    dispatcher = Dispatcher(on_unmatched=unmatched.append, unmatched_after=0.1)
    async with (
        MaviClient(
            mavi.api_key, base_url=mavi.base_url, requests_per_second=FAST, dispatcher=dispatcher
        ) as client,
        starlette_receiving(dispatcher) as url,
    ):
        mavi.call_back(url)
        await asyncio.gather(*(client.diarize(f"re_{number}") for number in range(10)))
        async with asyncio.timeout(DEADLINE):
            await until(lambda: len(unmatched) >= 40)
    await dispatcher.aclose()

    assert len({callback.task_id for callback in unmatched}) == len(unmatched) == 40


@pytest.mark.asyncio
async def test_a_receiver_that_starts_late_gets_its_callback(
    start_mavi: "StartMavi", starlette_receiving: "Receiving"
) -> None:
    """A callback that found nobody is sent again and found by a task attached by its id."""
    mavi = start_mavi(requests_per_second=FAST, callback_delay=0.0, callback_tries=1000)
    async with (
        MaviClient(mavi.api_key, base_url=mavi.base_url, requests_per_second=FAST) as client,
        asyncio.timeout(DEADLINE),
    ):
        mavi.call_back("http://127.0.0.1:9/nobody")
        submitted = await client.submit_speaker("re_1")
        task_id = submitted.task_id
        del submitted
        await until(lambda: mavi.state()["jobs"][0]["callbacks"])
        async with starlette_receiving(client.dispatcher) as url:
            mavi.call_back(url)
            result = await client.speaker_task(task_id)

    assert result.task_id == task_id
    assert invent_conversation("re_1").segments == result.segments


@pytest.mark.asyncio
async def test_an_application_that_owns_its_client(
    start_mavi: "StartMavi", serving: "Serving", token: str
) -> None:
    """The client in a FastAPI lifespan, its router beside an endpoint that awaits a result."""
    mavi = start_mavi(requests_per_second=FAST)
    client = MaviClient(mavi.api_key, base_url=mavi.base_url, requests_per_second=FAST)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)
    app.include_router(callback_router(client.dispatcher, token=token))
    results: list[Diarization] = []

    async with lifespan(app), serving(app) as origin, asyncio.timeout(DEADLINE):
        mavi.call_back(f"{origin}/mavi/callback/{token}")
        results += await asyncio.gather(*(client.diarize(f"re_{each}") for each in range(10)))
        again = await client.dispatcher.feed(results[0].raw)

    assert [f"re_{each}" for each in range(10)] == [result.uri for result in results]
    assert again is Delivery.DUPLICATE
