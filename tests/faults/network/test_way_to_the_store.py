"""A bad network between this process and a Redis server."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from mavi_async import StoreError
from mavi_async._records import Verdict
from mavi_async.redis import RedisStore, _listener
from mavi_async.stores import Lane

if TYPE_CHECKING:
    from tests.conftest import StartRedis
    from tests.faults.network.conftest import FaultProxy, ProxyTo, Way

LANE = Lane("https://lane.example", "account", "/path")


@pytest.fixture
def target(start_redis: "StartRedis", unused_port: int) -> str:
    """A server behind a port."""
    start_redis("--port", str(unused_port), "--bind", "127.0.0.1")
    return f"redis://127.0.0.1:{unused_port}"


@pytest.fixture
def proxy(target: str, proxy_to: "ProxyTo") -> "FaultProxy":
    """The way there."""
    return proxy_to(target)


@pytest.mark.fault("hints get lost")
@pytest.mark.asyncio
async def test_a_connection_that_died_without_a_word_is_noticed(
    target: str, proxy: "FaultProxy", way: "type[Way]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made anew, and whoever watches looks for what was not heard of."""
    monkeypatch.setattr(_listener, "_SILENCE", 0.1)
    store, there = RedisStore(proxy.url), RedisStore(target)
    told: asyncio.Queue[str | None] = asyncio.Queue()
    stop = await store.watch(told.put_nowait)
    assert stop is not None
    proxy.switch(way(cut_after=0), way(cut_after=0))
    await there.put_callback("t1", b"body", seen=True)
    before = proxy.connections
    async with asyncio.timeout(30):
        while proxy.connections == before:  # noqa: ASYNC110 - the proxy is in another thread
            await asyncio.sleep(0.01)
        proxy.reset_all()
        proxy.switch()
        assert None is await told.get()
        await there.put_callback("t2", b"body", seen=True)
        while await told.get() != "t2":
            pass

    stop()
    for each in (store, there):
        await each.aclose()


@pytest.mark.fault("the store is down or hangs")
@pytest.mark.parametrize("cut", ["close", "reset", "half-close"])
@pytest.mark.asyncio
async def test_a_call_whose_answer_breaks_off_is_done_once(
    cut: Any, proxy: "FaultProxy", way: "type[Way]"
) -> None:
    """It is sent again, and whatever became of the first try, the outcome is the same."""
    store = RedisStore(proxy.url)
    first = await store.pacer(LANE, 1.0).reserve()
    for number in range(5):
        proxy.close_all()
        put = await store.put_callback(f"t{number}", b"body", seen=False)
        assert Verdict.FIRST is put.verdict
    proxy.switch(to_caller=way(cut_after=3, cut=cut))
    with pytest.raises(StoreError, match="calling again is safe"):
        await store.put_callback("cut", b"body", seen=False)
    proxy.switch()

    assert Verdict.SAME is (await store.put_callback("cut", b"body", seen=False)).verdict
    assert 6 == len(await store.list_unmatched())
    assert pytest.approx(1.02) == (await store.pacer(LANE, 1.0).reserve()).at - first.at
    await store.aclose()


@pytest.mark.fault("the network is slow")
@pytest.mark.asyncio
async def test_a_slow_way_to_the_server_only_takes_longer(
    proxy: "FaultProxy", way: "type[Way]"
) -> None:
    """Late and in small pieces, also what is large."""
    proxy.switch(way(latency=0.002, piece=4096), way(latency=0.002, piece=4096))
    store = RedisStore(proxy.url)
    body = bytes(range(256)) * 256
    await store.put_callback("t", body, seen=True)

    assert body == await store.get_callback("t")
    await store.aclose()
