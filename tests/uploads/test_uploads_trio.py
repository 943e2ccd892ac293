"""Uploads and assets under trio."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sniffio
import trio

from mavi_async import Asset, AssetTimeout, ClientClosed
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.uploads.conftest import MakeClient

DEADLINE = 30

# Where a body is not sent whole, httpx leaves its own generator around it, which trio remarks on.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")
CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def anyio_backend() -> str:
    """Trio alone."""
    return "trio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording in a file."""
    path = tmp_path / "talk.flac"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("via", ["direct", "signed-url"])
@pytest.mark.anyio
async def test_upload_and_await(
    via: Any, path: Path, emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """Broken off, sent again, asked about, and awaited by several."""
    assert sniffio.current_async_library() == "trio"
    endpoint: Any = "upload" if via == "direct" else "storage"
    emulator.inject(
        Fault("reset", endpoint=endpoint, after_received=300_000),
        Fault("status", upload_status="UPLOADING"),
    )
    assets: list[Asset] = []

    with trio.fail_after(DEADLINE):
        async with client_for(emulator) as client:
            task = await client.upload(path, via=via)

            async def wait() -> None:
                assets.append(await task)

            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(wait)

    assert [len(CONTENT)] * 3 == [asset.file_size for asset in assets]


@pytest.mark.parametrize(("via", "endpoint"), [("direct", "upload"), ("signed-url", "storage")])
@pytest.mark.anyio
async def test_cancelling(
    via: Any, endpoint: Any, path: Path, emulator: Emulator, client_for: "MakeClient"
) -> None:
    """A cancelled upload leaves the client usable."""
    emulator.inject(Fault("hang", endpoint=endpoint))
    with trio.fail_after(DEADLINE):
        async with client_for(emulator) as client:
            with trio.CancelScope() as scope:
                await client.upload(
                    path, via=via, on_progress=lambda sent, size: _cancel_at(sent, size, scope)
                )

            assert scope.cancelled_caught

            await client.upload(path, via=via)


def _cancel_at(sent_bytes: int, size: int | None, scope: trio.CancelScope) -> None:
    if sent_bytes == size:
        scope.cancel()


@pytest.mark.anyio
async def test_timeouts_and_closing(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """A timeout leaves the other waiter alone; closing ends its wait."""
    emulator.inject(Fault("status", upload_status="UPLOADING", times=None))
    ended: list[str] = []
    with trio.fail_after(DEADLINE):
        client = client_for(emulator)
        async with trio.open_nursery() as nursery, client:
            task = client.asset_task("re_1")

            async def wait() -> None:
                with pytest.raises(ClientClosed):
                    await task.wait(None)
                ended.append("closed")

            nursery.start_soon(wait)
            with pytest.raises(AssetTimeout):
                await task.wait(0.05)

            assert "1 waiting" in repr(task)

    assert ["closed"] == ended
