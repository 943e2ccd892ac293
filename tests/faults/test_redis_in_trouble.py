"""A Redis server that hangs, behind a receiver that is asked by MAVI."""

import asyncio
import signal
from typing import TYPE_CHECKING

import httpx
import pytest

from mavi_async import Dispatcher, MaviClient, StoreError
from mavi_async.redis import RedisStore

if TYPE_CHECKING:
    from tests.conftest import StartRedis
    from tests.faults.conftest import Receiving, ServeFaults

BODY = b'{"code": "0000", "task_id": "t1"}'


@pytest.mark.fault("the store is down or hangs")
@pytest.mark.asyncio
async def test_a_server_that_hangs_costs_seconds_and_nothing_else(
    start_redis: "StartRedis",
    receiving: "Receiving",
    serve_faults: "ServeFaults",
    key: str,
) -> None:
    """A callback gets 503 and is taken when it comes again; a submit fails before it is sent."""
    server = start_redis()
    store = RedisStore(server.url)
    async with (
        serve_faults(lambda peer: peer.accept()) as mavi,
        receiving(Dispatcher(store=store)) as url,
        httpx.AsyncClient(timeout=5.0) as sender,
        MaviClient(key, base_url=mavi.base_url, store=store) as client,
    ):
        assert 200 == (await sender.post(url, content=b'{"task_id": "t0"}')).status_code
        server.signal(signal.SIGSTOP)
        answer, outcome = await asyncio.gather(
            sender.post(url, content=BODY),
            client.submit_speaker("re_1"),
            return_exceptions=True,
        )
        server.signal(signal.SIGCONT)
        again = await sender.post(url, content=BODY)

    assert isinstance(answer, httpx.Response), answer
    assert (503, "5") == (answer.status_code, answer.headers["retry-after"])
    assert isinstance(outcome, StoreError)
    assert 0 == mavi.requests
    assert (200, BODY) == (again.status_code, await store.get_callback("t1"))
    await store.aclose()
