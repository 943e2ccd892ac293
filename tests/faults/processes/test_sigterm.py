"""Being told to end, with a request under way and somebody waiting."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import MaviClient, SQLiteStore
from mavi_async._records import IntentState
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.faults.conftest import Until
    from tests.faults.processes.conftest import MakeBody, StartWorker

AFTER_ITS_TIME = 61.0


@pytest.mark.fault("an error report")
@pytest.mark.fault("closing with work under way")
@pytest.mark.asyncio
async def test_a_worker_that_is_told_to_end_leaves_nothing_in_the_dark(
    start_worker: "StartWorker", path: Path, key: str, until: "Until", body_of: "MakeBody"
) -> None:
    """It records the request under way, ends the waits, and the next process takes over."""
    with Emulator(1000, api_key=key, webhook_url="http://127.0.0.1:9", callback_tries=1) as mavi:
        mavi.inject(
            Fault("drip", asset_id="re_slow", seconds=0.002, creates_job=True),
            Fault("hang", asset_id="re_never", creates_job=True),
        )
        worker = await start_worker(mavi.base_url, close_timeout=2.0)
        [waited_for] = await worker.submit(["re_0"])
        waiting = worker.wait([waited_for])
        under_way = worker.submit(["re_slow", "re_never"])
        await until(lambda: mavi.jobs_created == 3)
        worker.process.terminate()
        await worker.closing.wait()
        [ended], [slow, never] = await asyncio.gather(waiting, under_way)
        status = await worker.process.wait()

        store = SQLiteStore(path)
        async with MaviClient(key, base_url=mavi.base_url, store=store) as client:
            tasks = await client.resume()
            for task in tasks:
                await client.dispatcher.feed(body_of(task.task_id))
            results = await asyncio.gather(*tasks)
        await store.aclose()
        later = SQLiteStore(path, clock=lambda: time.time() + AFTER_ITS_TIME)
        unknown = await later.list_intents(IntentState.UNKNOWN)
        await later.aclose()

    assert (0, "DispatcherClosed", "SubmitOutcomeUnknown") == (status, ended, never)
    assert ["re_never"] == [intent.asset_id for intent in unknown]
    assert {"re_0": waited_for, "re_slow": slow} == {task.asset_id: task.task_id for task in tasks}
    assert {waited_for, slow} == {result.task_id for result in results}
