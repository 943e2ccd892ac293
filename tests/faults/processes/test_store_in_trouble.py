"""A file that another process holds on to, and a disk that is full."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mavi_async import MaviClient, SQLiteStore, StoreError
from mavi_async.emulator import Emulator

if TYPE_CHECKING:
    from tests.faults.conftest import Receiving
    from tests.faults.processes.conftest import MakeBody, StartWorker

HOLD = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1])
file.execute("BEGIN " + sys.argv[2])
print(flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def locked(path: Path, lock: str) -> AsyncIterator[None]:
    """Let another process hold a lock on the file."""
    holder = await create_subprocess_exec(
        *(sys.executable, "-c", HOLD, str(path), lock), stdin=PIPE, stdout=PIPE
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    yield
    await holder.communicate(b"")


async def trouble(
    path: Path, lock: str, mavi: Emulator, receiving: "Receiving", body_of: "MakeBody"
) -> None:
    """Try everything on a file that cannot be written, and again when it can be."""

    def jobs_of(asset_id: str) -> int:
        jobs: Any = mavi.state()["jobs"]
        return sum(job["asset_id"] == asset_id for job in jobs)

    store = SQLiteStore(path)
    body = body_of("job")
    asset_id = f"re_{lock}"
    async with (
        MaviClient(
            mavi.api_key,
            account=lock,
            base_url=mavi.base_url,
            requests_per_second=1000,
            store=store,
        ) as client,
        receiving(client.dispatcher) as url,
        httpx.AsyncClient(timeout=30) as sender,
    ):
        task = client.speaker_task("job")
        waiting = asyncio.ensure_future(task.wait())
        first = await sender.post(url, content=body_of("first"))
        async with locked(path, lock):
            answers, submit = await asyncio.gather(
                asyncio.gather(*(sender.post(url, content=body) for _ in range(5))),
                asyncio.gather(client.submit_speaker(asset_id), return_exceptions=True),
            )
            was_done = task.done()
            jobs_meanwhile = jobs_of(asset_id)
        again = await sender.post(url, content=body)
        result = await waiting
        later = await client.submit_speaker(asset_id)
        kept = await store.get_callback("first")
    await store.aclose()

    assert 200 == first.status_code
    assert [(503, "5")] * 5 == [(each.status_code, each.headers["retry-after"]) for each in answers]
    assert not was_done
    assert ([StoreError], 0) == (list(map(type, submit)), jobs_meanwhile)
    # What was put off may have been kept all the same, once the lock was gone.
    assert 200 == again.status_code
    assert again.json()["delivery"] in ("resolved", "duplicate")
    assert body == result.raw
    assert (asset_id, 1) == (later.asset_id, jobs_of(asset_id))
    assert body_of("first") == kept


@pytest.mark.fault("the store is down or hangs")
@pytest.mark.asyncio
async def test_a_file_that_another_process_holds(
    tmp_path: Path, key: str, receiving: "Receiving", body_of: "MakeBody"
) -> None:
    """Callbacks are put off and submits refused, unsent; the ones that come again are taken."""
    with Emulator(1000, api_key=key, webhook_url="http://127.0.0.1:9", callback_tries=1) as mavi:
        async with asyncio.TaskGroup() as group:
            for lock in ("IMMEDIATE", "EXCLUSIVE"):
                path = tmp_path / f"{lock}.sqlite"
                group.create_task(trouble(path, lock, mavi, receiving, body_of))


@pytest.mark.fault("the disk or the store is full")
@pytest.mark.asyncio
async def test_a_disk_that_is_full(
    path: Path, start_worker: "StartWorker", body_of: "MakeBody"
) -> None:
    """What cannot be written is put off, what is there can be read, and all goes on with room."""
    worker = await start_worker()
    large = body_of("large") + b" " * 1_000_000
    async with httpx.AsyncClient(timeout=30) as sender:
        first = await sender.post(worker.url, content=body_of("first"))
        await worker.limit(os.stat(path).st_size + 50_000)  # noqa: PTH116

        full = [await sender.post(worker.url, content=large) for _ in range(2)]
        found = await worker.wait(["first"])
        await worker.limit(None)
        room = await sender.post(worker.url, content=large)
        again = await sender.post(worker.url, content=large)
        rest = await worker.wait(["large"])

    assert [200, 503, 503, 200] == [each.status_code for each in (first, *full, room)]
    assert "duplicate" == again.json()["delivery"]
    assert [body_of("first").decode()] == found
    assert [large.decode()] == rest
