"""Everything on the network at once and in no order: in the end the books agree."""

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mavi_async import Diarization, MaviClient, SpeakerTask, SQLiteStore, SubmitOutcomeUnknown
from mavi_async._records import IntentState
from mavi_async.emulator import Emulator
from mavi_async.emulator._conversation import invent_conversation

if TYPE_CHECKING:
    from tests.faults.conftest import Receiving, Until
    from tests.faults.network.conftest import FaultProxy, ProxyTo, Way

FAST = 1000.0


def any_way(rng: random.Random, way: "type[Way]") -> "Way":
    """Some weather; most of it lets most things pass."""
    cut: Any = rng.choice(["hang", "half-close", "close", "reset"])
    return rng.choice(
        [
            way(),
            way(),
            way(latency=0.005 * rng.random(), jitter=0.01),
            way(piece=rng.randint(1, 200)),
            way(cut_after=rng.randint(0, 3000), cut=cut),
        ]
    )


async def storm(seed: int, proxies: list["FaultProxy"], way: "type[Way]") -> None:
    """Change the weather every few milliseconds."""
    rng = random.Random(seed)
    while True:
        for proxy in proxies:
            proxy.switch(any_way(rng, way), any_way(rng, way))
            if rng.random() < 0.1:
                proxy.reset_all()
        await asyncio.sleep(0.02 * rng.random())


async def submitted(client: MaviClient, name: str) -> SpeakerTask | None:
    """A job, or ``None`` where nobody can know."""
    try:
        return await client.submit_speaker(name)
    except SubmitOutcomeUnknown:
        return None


@pytest.mark.fault("the connection breaks off")
@pytest.mark.parametrize(
    ("seed", "many"),
    [(1, 100), *(pytest.param(n, 1000, marks=pytest.mark.torture) for n in (2, 3))],
)
@pytest.mark.asyncio
async def test_after_a_storm_the_books_agree(
    seed: int,
    many: int,
    tmp_path: Path,
    receiving: "Receiving",
    proxy_to: "ProxyTo",
    way: "type[Way]",
    key: str,
    until: "Until",
) -> None:
    """Each submit made one job at most, each job is known or unknown, each task has its result."""
    store = SQLiteStore(tmp_path / "store.sqlite")
    names = [f"re_{number}" for number in range(many)]
    with Emulator(FAST, api_key=key, callback_delay=0, callback_tries=1000) as mavi:
        to_mavi = proxy_to(mavi.base_url)
        async with (
            MaviClient(
                key,
                base_url=to_mavi.url,
                requests_per_second=300,
                store=store,
                submit_timeout=0.5,
            ) as client,
            receiving(client.dispatcher) as url,
        ):
            to_us = proxy_to(url)
            mavi.webhook_url = to_us.url
            weather = asyncio.create_task(storm(seed, [to_mavi, to_us], way))
            found = await asyncio.gather(*(submitted(client, name) for name in names))
            weather.cancel()
            await asyncio.wait([weather])
            for proxy in (to_mavi, to_us):
                proxy.reset_all()
                proxy.switch()
            tasks = [task for task in found if task is not None]
            results: list[Diarization] = await asyncio.gather(*tasks)
            await until(lambda: all(job["status"] == "delivered" for job in jobs_of(mavi)))
            unknown = {intent.asset_id for intent in await store.list_intents(IntentState.UNKNOWN)}
            done = {job.task_id for job in await store.list_done()}
            orphans = {arrival.task_id for arrival in await store.list_unmatched()}
    await store.aclose()

    made = {job["task_id"]: job["asset_id"] for job in jobs_of(mavi)}
    expected = {name for name, task in zip(names, found, strict=True) if task is None}
    assert len(made) == len(set(made.values()))
    assert expected == unknown
    assert {task.task_id for task in tasks} == done
    assert set(made) == done | orphans
    assert {made[task_id] for task_id in orphans} <= unknown
    assert {task.task_id: task.asset_id for task in tasks}.items() <= made.items()
    assert [invent_conversation(str(result.uri)).segments for result in results] == [
        result.segments for result in results
    ]
    assert 0 < len(unknown) < many


def jobs_of(mavi: Emulator) -> list[Mapping[str, Any]]:
    """What MAVI would bill."""
    jobs: Any = mavi.state()["jobs"]
    return list(jobs)
