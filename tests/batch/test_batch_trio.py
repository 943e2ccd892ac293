"""Batches under trio."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sniffio
import trio
import trio.testing

from mavi_async import Batch, BatchState, ClientClosed, MaviClient
from mavi_async.emulator import Emulator, Fault


@pytest.fixture
def anyio_backend() -> str:
    """Trio alone."""
    return "trio"


def client_of(emulator: Emulator) -> MaviClient:
    """A client whose jobs are answered by `answer`."""
    return MaviClient(
        emulator.api_key, base_url=emulator.base_url, requests_per_second=1e5, result_timeout=20.0
    )


async def answer(client: MaviClient) -> None:
    """Call back whatever is awaited."""
    while True:
        for task in client.dispatcher.pending:
            body = {"code": "0000", "message": "SUCCESS", "task_id": task.task_id}
            segments = [{"start": 0.0, "end": 1.0, "speaker": "SPEAKER_00"}]
            data = {"success": True, "data": {"data": segments}}
            await client.dispatcher.feed({**body, "data": data})
        await trio.sleep(0.001)


async def endless() -> AsyncIterator[str]:
    """Recordings without end."""
    number = 0
    while True:
        number += 1
        yield f"re_{number}"


async def until_closed(batch: Batch[str]) -> set[BatchState]:
    """How those ended that were begun when the client was closed."""
    found: set[BatchState] = set()
    while True:
        try:
            outcome = await anext(batch)
        except ClientClosed:
            return found
        found.add(outcome.state)


@pytest.mark.anyio
async def test_a_batch(emulator: Emulator, tmp_path: Path) -> None:
    """Each has its outcome, whatever it is."""
    assert sniffio.current_async_library() == "trio"
    path = tmp_path / "talk.flac"
    path.write_bytes(b"fLaC")
    emulator.inject(Fault("402", asset_id="re_bad"))
    sources: list[Any] = ["re_1", path, "re_bad", tmp_path / "missing.flac"]

    with trio.fail_after(30):
        async with client_of(emulator) as client, trio.open_nursery() as nursery:
            nursery.start_soon(answer, client)
            async with client.diarize_many(sources, name="night") as batch:
                found = {each.source: each.state async for each in batch}
            nursery.cancel_scope.cancel()

    states = [BatchState.DONE, BatchState.DONE, BatchState.FAILED, BatchState.FAILED]
    assert dict(zip(sources, states, strict=True)) == found


@pytest.mark.anyio
async def test_leaving_and_closing(emulator: Emulator) -> None:
    """Both end a batch that has no end, and nothing hangs."""
    with trio.fail_after(30):
        async with client_of(emulator) as client:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(answer, client)
                async with client.diarize_many(endless(), ahead=5) as batch:
                    assert BatchState.DONE is (await anext(batch)).state
                nursery.cancel_scope.cancel()
            batch = client.diarize_many(endless(), ahead=5)
            async with batch:
                await trio.testing.wait_all_tasks_blocked()
                await client.aclose()
                found = await until_closed(batch)

    assert found <= {BatchState.STOPPED, BatchState.PENDING}
