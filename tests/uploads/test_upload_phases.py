"""An upload that ends at each point of its way: cancelled there, or out of time there."""

import asyncio
import contextlib
import io
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from mavi_async import MaviClient, ServiceUnavailable
from mavi_async._endpoints import SIGN, UPLOAD
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.uploads.conftest import MakeClient, Until

CONTENT = bytes(range(256)) * 4000
KEY = "sk-mavi-0123456789"


class Silent:
    """A server that takes connections, reads as much as it is told, and says nothing."""

    def __init__(self, until: bytes) -> None:
        self._until = until
        self.gone = asyncio.Event()
        self.port = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection."""
        if self._until:
            await reader.readuntil(self._until)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport of both
        await self.gone.wait()
        writer.transport.abort()


@asynccontextmanager
async def silent(until: bytes = b"") -> AsyncIterator[Silent]:
    """Serve for a while."""
    server = Silent(until)
    listening = await asyncio.start_server(server.meet, "127.0.0.1", 0, limit=2**24)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.gone.set()
        listening.close()
        await listening.wait_closed()


def is_clean(client: MaviClient) -> bool:
    """Whether nothing of an upload is left: no place, no turn, no thread."""
    gates = (client._endpoints._gates.get(path) for path in (UPLOAD, SIGN))
    return (
        8 == client._endpoints.uploading.value
        and [] == [gate for gate in gates if gate is not None and gate._free != 8]
        and "mavi_async reader" not in {each.name for each in threading.enumerate()}
    )


async def cancelled(upload: "asyncio.Task[Any]") -> None:
    """Cancel it, and see it end so."""
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload


@pytest.mark.fault("an upload is cancelled")
@pytest.mark.parametrize(
    ("phase", "via", "fault"),
    [
        ("resting", "direct", Fault("500", endpoint="upload")),
        ("resting", "signed-url", Fault("500", endpoint="signed-url")),
        ("signing", "signed-url", Fault("hang", endpoint="signed-url")),
        ("storing", "signed-url", Fault("hang", endpoint="storage")),
        ("answer", "direct", Fault("hang", endpoint="upload")),
        ("reading", "direct", None),
        ("reading", "signed-url", None),
    ],
    ids=lambda each: "" if isinstance(each, Fault) else each,
)
@pytest.mark.asyncio
async def test_cancelling_an_upload_in_each_phase(
    phase: str,
    via: Any,
    fault: Fault | None,
    emulator: Emulator,
    client_for: "MakeClient",
    until: "Until",
) -> None:
    """Nothing of it is left, and the next one goes through."""
    emulator.inject(*([fault] if fault else []))
    inside, go_on, sent = threading.Event(), threading.Event(), asyncio.Event()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if phase == "reading":
                inside.set()
                go_on.wait()
            return super().read(size)

    def note(sent_bytes: int, total_bytes: int | None) -> None:
        if sent_bytes == total_bytes:
            sent.set()

    async with client_for(emulator) as client:
        questions = client._endpoints.questions(UPLOAD if via == "direct" else SIGN)
        reached: dict[str, Callable[[], object]] = {
            "resting": lambda: questions.gate._resting,
            "signing": lambda: True,
            "reading": inside.is_set,
        }
        upload = asyncio.create_task(
            client.upload(Slow(CONTENT), filename="a.ogg", via=via, on_progress=note)
        )
        await until(lambda: not emulator.state()["faults_planned"])
        await until(reached.get(phase, sent.is_set))
        if phase == "reading":
            asyncio.get_running_loop().call_later(0.01, go_on.set)
        await cancelled(upload)
        await until(lambda: is_clean(client))
        await client.upload(CONTENT, filename="a.ogg", via=via)
        await until(lambda: is_clean(client))


@pytest.mark.fault("an upload is cancelled")
@pytest.mark.asyncio
async def test_cancelling_an_upload_that_waits(
    emulator: Emulator, client_for: "MakeClient", until: "Until", tmp_path: Path
) -> None:
    """For a place, or for its turn: the places of the others are not touched."""
    path = tmp_path / "talk.flac"
    path.write_bytes(CONTENT)
    emulator.inject(Fault("hang", endpoint="upload", times=8))
    async with client_for(emulator) as client:
        others = [asyncio.create_task(client.upload(path)) for _ in range(8)]
        await until(lambda: not emulator.state()["faults_planned"])
        waiting = asyncio.create_task(client.upload(path))
        await until(lambda: client._endpoints.uploading.statistics().tasks_waiting)
        await cancelled(waiting)

        assert 0 == client._endpoints.uploading.value

        for other in others:
            await cancelled(other)
        await until(lambda: is_clean(client))

    slow = MaviClient(
        emulator.api_key, base_url=emulator.base_url, account="slow", requests_per_second=0.01
    )
    async with slow as client:
        await client.upload(path)
        gate = client._endpoints.questions(UPLOAD).gate
        queued = asyncio.create_task(client.upload(path))
        await until(lambda: gate._resting)
        await cancelled(queued)
        await until(lambda: is_clean(client))


@pytest.mark.fault("an upload is cancelled")
@pytest.mark.asyncio
async def test_an_upload_that_is_cancelled_at_any_step(
    emulator: Emulator, client_for: "MakeClient", tmp_path: Path, until: "Until"
) -> None:
    """After whichever number of the loop's steps: nothing of it is left."""
    path = tmp_path / "talk.flac"
    path.write_bytes(CONTENT)
    async with client_for(emulator) as client:
        for steps in range(60):
            for via in ("direct", "signed-url"):
                upload = asyncio.create_task(client.upload(path, via=cast("Any", via)))
                for _ in range(steps):
                    await asyncio.sleep(0)
                upload.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await upload
                await until(lambda: is_clean(client))


@pytest.mark.parametrize(
    ("scheme", "until_read", "size", "says"),
    [
        ("https", b"", 10, "ConnectTimeout while connecting"),
        ("http", b"\r\n\r\n", 30_000_000, "no answer within 0.2 s while sending"),
        ("http", b"--\r\n", 10, "no answer within 0.3 s while waiting for the answer"),
    ],
)
@pytest.mark.asyncio
async def test_a_timeout_says_what_the_upload_was_at(
    scheme: str, until_read: bytes, size: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes a difference to whoever has to find out why."""
    monkeypatch.setattr("mavi_async._transport._CONNECT_SECONDS", 0.1)
    monkeypatch.setattr("mavi_async._content.STALL_SECONDS", 0.2)
    monkeypatch.setattr("mavi_async._content.STORING_SECONDS", 0.3)
    async with silent(until_read) as server:
        base_url = f"{scheme}://127.0.0.1:{server.port}/api"
        async with MaviClient(KEY, base_url=base_url, retry="never") as client:
            with pytest.raises(ServiceUnavailable) as caught:
                await client.upload(bytes(size), filename="a.ogg", via="direct")

    assert says in str(caught.value)
