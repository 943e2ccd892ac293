"""A bad network between MAVI and the receiver."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mavi_async import MaviClient, MemoryStore, SQLiteStore
from mavi_async.emulator import Emulator
from mavi_async.emulator._conversation import invent_conversation

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.conftest import Receiving, Until
    from tests.faults.network.conftest import ProxyTo, Way

FAST = 1000.0
NAMES = [f"re_{number}" for number in range(8)]
SLOW: dict[str, dict[str, Any]] = {
    "late": {"latency": 0.01, "jitter": 0.02},
    "in single bytes": {"piece": 1},
}
CUT = ("half-close", "close", "reset")


def jobs_of(mavi: Emulator) -> list[Mapping[str, Any]]:
    """What the sender knows of its callbacks."""
    jobs: Any = mavi.state()["jobs"]
    return list(jobs)


@pytest.mark.fault("the network is slow")
@pytest.mark.parametrize("weather", SLOW)
@pytest.mark.asyncio
async def test_slow_callbacks_are_taken(
    weather: str, receiving: "Receiving", proxy_to: "ProxyTo", way: "type[Way]", key: str
) -> None:
    """Late or byte by byte: each callback is taken the first time it is sent."""
    with Emulator(FAST, api_key=key, callback_delay=0) as mavi:
        async with (
            MaviClient(key, base_url=mavi.base_url, requests_per_second=FAST) as client,
            receiving(client.dispatcher) as url,
        ):
            proxy = proxy_to(url)
            proxy.switch(way(**SLOW[weather]), way(**SLOW[weather]))
            mavi.webhook_url = proxy.url
            async with asyncio.timeout(60):
                results = await asyncio.gather(*map(client.diarize, NAMES))

    assert [invent_conversation(name).segments for name in NAMES] == [
        result.segments for result in results
    ]


@pytest.mark.fault("the sender goes away")
@pytest.mark.parametrize("cut", CUT)
@pytest.mark.asyncio
async def test_a_callback_whose_body_breaks_off_is_taken_when_it_comes_again(
    cut: Any,
    receiving: "Receiving",
    proxy_to: "ProxyTo",
    way: "type[Way]",
    key: str,
    until: "Until",
) -> None:
    """Of half a body nothing is kept and nobody is woken; the whole one resolves."""
    store = MemoryStore()
    with Emulator(FAST, api_key=key, callback_delay=0, callback_tries=1000) as mavi:
        async with (
            MaviClient(
                key, base_url=mavi.base_url, requests_per_second=FAST, store=store
            ) as client,
            receiving(client.dispatcher) as url,
        ):
            proxy = proxy_to(url)
            proxy.switch(to_target=way(cut_after=400, cut=cut))
            mavi.webhook_url = proxy.url
            tasks = await asyncio.gather(*map(client.submit_speaker, NAMES))
            await until(lambda: all(job["callbacks"] for job in jobs_of(mavi)))
            early = [task.done() for task in tasks]
            kept = await store.list_unmatched()
            proxy.switch()
            results = await asyncio.gather(*tasks)

    assert ([False] * len(NAMES), []) == (early, list(kept))
    assert NAMES == [result.uri for result in results]


@pytest.mark.fault("the sender goes away")
@pytest.mark.fault("the callback comes twice")
@pytest.mark.parametrize("cut", CUT)
@pytest.mark.asyncio
async def test_a_callback_whose_answer_is_lost_counts(
    cut: Any,
    tmp_path: "Path",
    receiving: "Receiving",
    proxy_to: "ProxyTo",
    way: "type[Way]",
    key: str,
    until: "Until",
) -> None:
    """It resolves although its sender cannot know; what comes again is told apart and harmless."""
    store = SQLiteStore(tmp_path / "store.sqlite")
    with Emulator(FAST, api_key=key, callback_delay=0, callback_tries=1000) as mavi:
        async with (
            MaviClient(
                key, base_url=mavi.base_url, requests_per_second=FAST, store=store
            ) as client,
            receiving(client.dispatcher) as url,
        ):
            proxy = proxy_to(url)
            proxy.switch(to_caller=way(cut_after=10, cut=cut))
            mavi.webhook_url = proxy.url
            results = await asyncio.gather(*map(client.diarize, NAMES))
            before = [job["status"] for job in jobs_of(mavi)]
            proxy.switch()
            await until(lambda: all(job["status"] == "delivered" for job in jobs_of(mavi)))
            again = await asyncio.gather(
                *(client.speaker_task(str(each.task_id)).wait(0) for each in results)
            )
            aside = await store.list_aside()
    await store.aclose()

    assert NAMES == [result.uri for result in results]
    assert "delivered" not in before
    assert [each.raw for each in results] == [each.raw for each in again]
    assert [] == list(aside)


@pytest.mark.fault("the network is slow")
@pytest.mark.asyncio
async def test_callbacks_in_a_black_hole_come_when_it_heals(
    receiving: "Receiving", proxy_to: "ProxyTo", way: "type[Way]", key: str, until: "Until"
) -> None:
    """Others are served while half of a callback is on its way, and it is taken in the end."""
    with Emulator(FAST, api_key=key, callback_delay=0) as mavi:
        async with (
            MaviClient(key, base_url=mavi.base_url, requests_per_second=FAST) as client,
            receiving(client.dispatcher) as url,
            httpx.AsyncClient() as other,
        ):
            proxy = proxy_to(url)
            proxy.switch(to_target=way(cut_after=400))
            mavi.webhook_url = proxy.url
            tasks = await asyncio.gather(*map(client.submit_speaker, NAMES))
            await until(lambda: proxy.connections == len(NAMES))
            served = await other.post(url, content=b'{"task_id": "other"}')
            early = [task.done() for task in tasks]
            proxy.switch()
            results = await asyncio.gather(*tasks)

    assert (200, [False] * len(NAMES)) == (served.status_code, early)
    assert NAMES == [result.uri for result in results]
