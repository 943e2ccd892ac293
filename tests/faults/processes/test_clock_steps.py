"""The system's clock is set, forward or back, while a process waits, submits and receives."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import MaviClient, SQLiteStore
from mavi_async._records import IntentState
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.faults.conftest import Receiving, Until

DAY = 86_400.0
FAST = 1000.0


class Clock:
    """The system's clock, as an administrator sets it."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._time = time.time

    def __call__(self) -> float:
        """Seconds since the epoch, as far as anybody can tell."""
        return self._time() + self.offset


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this process."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.mark.fault("the system's clock is set")
@pytest.mark.parametrize("step", [1000 * DAY, -1000 * DAY])
@pytest.mark.asyncio
async def test_a_step_of_the_clock_loses_nothing(
    step: float, clock: Clock, path: Path, key: str, receiving: "Receiving", until: "Until"
) -> None:
    """Who waits gets its result, a request under way is recorded, and submits go on."""
    store = SQLiteStore(path, clock=clock)
    with Emulator(FAST, api_key=key, callback_tries=1000) as mavi:
        mavi.inject(Fault("drip", asset_id="re_slow", seconds=0.001))
        async with (
            MaviClient(
                key, base_url=mavi.base_url, requests_per_second=FAST, store=store
            ) as client,
            receiving(client.dispatcher) as url,
            asyncio.timeout(60),
        ):
            mavi.webhook_url = "http://127.0.0.1:9/nobody"
            before = await client.submit_speaker("re_before")
            waiting = asyncio.ensure_future(before.wait())
            under_way = asyncio.ensure_future(client.submit_speaker("re_slow"))
            await until(lambda: mavi.jobs_created == 2)
            clock.offset = step
            slow = await under_way
            mavi.webhook_url = url
            after = await client.diarize("re_after")
            results = [await waiting, await slow, after]
            clock.offset = 0.0
            again = await client.diarize("re_again")
            accepted = await store.list_intents(IntentState.ACCEPTED)
            unknown = await store.list_intents(IntentState.UNKNOWN)
            seen = await client.speaker_task(str(again.task_id)).wait(0)
    await store.aclose()

    assert ["re_before", "re_slow", "re_after"] == [result.uri for result in results]
    assert 4 == mavi.jobs_created
    assert again.raw == seen.raw
    assert [] == list(unknown)
    assert "re_again" in {intent.asset_id for intent in accepted}


@pytest.mark.fault("the system's clock is set")
@pytest.mark.parametrize("step", [DAY, -DAY])
@pytest.mark.asyncio
async def test_a_step_between_two_processes_frees_no_key(
    step: float, clock: Clock, path: Path, key: str
) -> None:
    """After a restart with another date, an idempotency key still gives the one job."""
    with Emulator(FAST, api_key=key, webhook_url="http://127.0.0.1:9", callback_tries=1) as mavi:
        tasks = []
        for offset in (0.0, step):
            clock.offset = offset
            store = SQLiteStore(path, clock=clock)
            async with MaviClient(
                key, base_url=mavi.base_url, requests_per_second=FAST, store=store
            ) as client:
                tasks.append(await client.submit_speaker("re_1", idempotency_key="episode-1"))
                pending = await store.list_pending(client.account)
            await store.aclose()

    assert 1 == mavi.jobs_created
    assert tasks[0].task_id == tasks[1].task_id
    assert [tasks[0].task_id] == [job.task_id for job in pending]
