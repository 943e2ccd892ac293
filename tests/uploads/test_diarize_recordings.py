"""From a recording to who speaks in it, in one call: upload, wait, submit, be called back."""

import asyncio
import contextlib
import socket
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import uvicorn

from mavi_async import (
    AssetFailed,
    AuthenticationError,
    ConfigurationError,
    Diarization,
    MaviClient,
    MaviError,
    OutOfCredits,
    SubmitOutcomeUnknown,
)
from mavi_async.asgi import CallbackApp
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.uploads.conftest import MakeClient

TOKEN = "token-0123456789abcdef"

Receiving = Callable[[MaviClient, Emulator], AbstractAsyncContextManager[None]]


@pytest.fixture
def receiving() -> Receiving:
    """Receive an emulator's callbacks for a client, over a real socket, for a while."""

    @asynccontextmanager
    async def receive(client: MaviClient, emulator: Emulator) -> AsyncIterator[None]:
        listener = socket.create_server(("127.0.0.1", 0))
        app = CallbackApp(client.dispatcher, token=TOKEN)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None))
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        serving = asyncio.create_task(server.serve([listener]))
        port = listener.getsockname()[1]
        emulator.webhook_url = f"http://127.0.0.1:{port}/mavi/callback/{TOKEN}"
        try:
            yield
        finally:
            server.should_exit = True
            await serving
            listener.close()

    return receive


@pytest.mark.parametrize("via", ["direct", "signed-url"])
@pytest.mark.asyncio
async def test_a_real_recording(
    via: Any,
    shared_data: Path,
    client_for: "MakeClient",
    receiving: Receiving,
    pauses: list[float],
) -> None:
    """The annotation that MAVI replays for it comes back equal, under the file's name."""
    folder = shared_data / "audio"
    expected = Diarization.load(folder / "libri2spk.rttm")
    with Emulator(1e6, replay=folder, upload_delay=0, callback_delay=0) as emulator:
        emulator.inject(Fault("status", upload_status="UPLOADING", times=2))
        async with client_for(emulator) as client, receiving(client, emulator):
            result = await client.diarize(folder / "libri2spk.flac", via=via)

    assert expected.segments == result.segments
    assert ("libri2spk", 1) == (result.uri, emulator.jobs_created)
    assert 2 == len(pauses)


@pytest.mark.asyncio
async def test_text_is_an_asset_id_and_all_else_a_recording(
    client_for: "MakeClient", receiving: Receiving, pauses: list[float], tmp_path: Path
) -> None:
    """Each result is named after what was asked for."""
    path = tmp_path / "talk.part1.flac"
    path.write_bytes(b"fLaC")
    with Emulator(1e6, upload_delay=0, callback_delay=0) as emulator:
        async with client_for(emulator) as client, receiving(client, emulator):
            with path.open("rb") as file:
                results = [
                    await client.diarize("re_1"),
                    await client.diarize(path),
                    await client.diarize(file),
                    await client.diarize(b"OggS", filename="a.ogg"),
                ]
            for text in (str(path), "talk.FLAC", "talks/1", "talks\\1", "a b.flac"):
                with pytest.raises(ConfigurationError, match=r"pass pathlib\.Path\("):
                    await client.diarize(text)

    assert ["re_1", "talk.part1", "talk.part1", "a"] == [result.uri for result in results]
    assert 3 == emulator.assets_created


@pytest.mark.asyncio
async def test_an_idempotency_key_uploads_once(
    client_for: "MakeClient", receiving: Receiving, pauses: list[float]
) -> None:
    """What was uploaded or submitted under it is neither uploaded nor paid for again."""
    with Emulator(1e6, upload_delay=0, callback_delay=0) as emulator:
        async with client_for(emulator) as client, receiving(client, emulator):
            emulator.inject(Fault("402"))  # no job came of the first one
            with pytest.raises(OutOfCredits):
                await client.diarize(b"x", filename="a.ogg", idempotency_key="k")
            results = [
                await client.diarize(b"x", filename="a.ogg", idempotency_key="k") for _ in range(3)
            ]

    assert 1 == len({result.task_id for result in results})
    assert (1, 1) == (emulator.assets_created, emulator.jobs_created)


@pytest.mark.asyncio
async def test_calls_at_once_with_one_key_upload_once(
    client_for: "MakeClient", receiving: Receiving, pauses: list[float]
) -> None:
    """The others wait for the first one's submission, and get its result."""
    with Emulator(1e6, upload_delay=0, callback_delay=0) as emulator:
        async with client_for(emulator) as client, receiving(client, emulator):
            results = await asyncio.gather(
                *(client.diarize(b"x", filename="a.ogg", idempotency_key="k") for _ in range(3))
            )

    assert 1 == len({result.task_id for result in results})
    assert (1, 1) == (emulator.assets_created, emulator.jobs_created)


@pytest.mark.asyncio
async def test_clients_at_once_with_one_key_pay_once(
    client_for: "MakeClient", receiving: Receiving, pauses: list[float]
) -> None:
    """Uploads of two clients may meet; the later one takes the job of the other's asset."""
    with Emulator(1e6, upload_delay=0, callback_delay=0) as emulator:
        async with (
            client_for(emulator) as client,
            client_for(emulator, dispatcher=client.dispatcher) as other,
            receiving(client, emulator),
        ):
            results = await asyncio.gather(
                *(
                    each.diarize(b"x", filename="a.ogg", idempotency_key="k")
                    for each in (client, other)
                )
            )

    assert 1 == len({result.task_id for result in results})
    assert (2, 1) == (emulator.assets_created, emulator.jobs_created)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("402"), OutOfCredits),
        (Fault("401", endpoint="metadata"), AuthenticationError),
        (Fault("500"), SubmitOutcomeUnknown),
    ],
    ids=repr,
)
@pytest.mark.asyncio
async def test_an_error_after_the_upload_names_the_asset(
    fault: Fault,
    error: type[MaviError],
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
) -> None:
    """So that nobody has to upload the recording again, once the cause is mended."""
    emulator.inject(fault)
    async with client_for(emulator) as client:
        with pytest.raises(error) as caught:
            await client.diarize(b"x", filename="a.ogg")
    [asset] = cast("list[dict[str, str]]", emulator.state()["assets"])
    shown = "".join(traceback.format_exception_only(caught.value))

    assert f"uploaded as {asset['asset_id']}: give this asset id" in shown


@pytest.mark.asyncio
async def test_what_cannot_be_used_is_not_submitted(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """Nothing is billed for an upload that failed, nor for a call that cannot end well."""
    emulator.inject(Fault("status", upload_status="FAILED"))
    async with client_for(emulator) as client:
        with pytest.raises(AssetFailed):
            await client.diarize(b"x", filename="a.ogg")
        for wrong in ({"timeout": -1}, {"max_wait": -1}, {"idempotency_key": ""}, {"via": "post"}):
            with pytest.raises(ConfigurationError):
                await client.diarize(b"x", filename="a.ogg", **cast("Any", wrong))
        with pytest.raises(ConfigurationError):
            await client.diarize(b"x")

    assert (1, 0) == (emulator.assets_created, emulator.jobs_created)
