"""A recording on its way to MAVI, over real sockets."""

import asyncio
import contextlib
import hashlib
import io
import json
import logging
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import attrs
import httpx
import httpx2
import pytest

from mavi_async import (
    ApiError,
    AuthenticationError,
    ClientClosed,
    ConfigurationError,
    MaviClient,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    TaskStateError,
)
from mavi_async.emulator import Emulator, Fault
from mavi_async.stores import Slot
from mavi_async.stores._pacer import MemoryPacer, Schedule

if TYPE_CHECKING:
    from tests.uploads.conftest import MakeClient

CONTENT = bytes(range(256)) * 4000  # four pieces
DIGEST = hashlib.sha256(CONTENT).hexdigest()
VIAS = ("direct", "signed-url")
# A storage's success may have any page, which is the last one.
KINDS = ("reset", "close", "500", "503", "429", "html")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording in a file."""
    path = tmp_path / "talk.flac"
    path.write_bytes(CONTENT)
    return path


def arrived(emulator: Emulator) -> list[tuple[str, str]]:
    """What was uploaded, whole: name and digest."""
    assets = cast("list[dict[str, str]]", emulator.state()["assets"])
    return [(each["original_filename"], each["sha256"]) for each in assets if int(each["size"])]


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.asyncio
async def test_what_is_uploaded_arrives(
    via: Any, library: Any, path: Path, emulator: Emulator, client_for: "MakeClient"
) -> None:
    """A path, bytes, a file and a pipe, under the name that each has or is given."""
    async with (
        library.AsyncClient() as http_client,
        client_for(emulator, http_client=http_client) as client,
    ):
        await client.upload(path, via=via)
        await client.upload(CONTENT, filename="bytes.mp3", via=via)
        await client.upload(memoryview(CONTENT), filename="view.WAV", via=via)
        with path.open("rb") as file:
            file.seek(1)
            task = await client.upload(file, via=via)

            assert not file.closed
            assert task.asset_id.startswith("re_")

    assert [
        ("talk.flac", DIGEST), ("bytes.mp3", DIGEST), ("view.WAV", DIGEST),
        ("talk.flac", hashlib.sha256(CONTENT[1:]).hexdigest()),
    ] == arrived(emulator)  # fmt: skip


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.asyncio
async def test_a_pipe_of_unknown_length_arrives(
    via: Any, pipe: type[io.BytesIO], emulator: Emulator, client_for: "MakeClient"
) -> None:
    """It is sent as it comes; progress has no total."""
    seen: list[tuple[int, int | None]] = []
    async with client_for(emulator) as client:
        await client.upload(
            pipe(CONTENT), filename="a.ogg", via=via, on_progress=lambda *each: seen.append(each)
        )

    assert [("a.ogg", DIGEST)] == arrived(emulator)
    assert [(0, None), (len(CONTENT), None)] == [seen[0], seen[-1]]


@pytest.mark.asyncio
async def test_progress(path: Path, emulator: Emulator, client_for: "MakeClient") -> None:
    """It grows from nothing to all; a function that raises disturbs nothing."""
    seen: list[tuple[int, int | None]] = []

    def note(sent_bytes: int, total_bytes: int | None) -> None:
        seen.append((sent_bytes, total_bytes))
        raise RuntimeError("a bug in the program")

    async with client_for(emulator) as client:
        await client.upload(path, on_progress=note)

    assert sorted(set(seen)) == seen
    assert [(0, len(CONTENT)), (len(CONTENT), len(CONTENT))] == [seen[0], seen[-1]]
    assert len(seen) > 3


@pytest.mark.asyncio
async def test_no_file_is_read_on_the_event_loop(
    emulator: Emulator, client_for: "MakeClient"
) -> None:
    """A slow disk must not hold up everything else."""
    threads: set[threading.Thread] = set()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            threads.add(threading.current_thread())
            return super().read(size)

    async with client_for(emulator) as client:
        await client.upload(Slow(CONTENT), filename="a.ogg")

    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.asyncio
async def test_a_large_file_goes_to_a_signed_url(
    via: Any, emulator: Emulator, client_for: "MakeClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is large decides the way, unless one is asked for."""
    monkeypatch.setattr("mavi_async._upload._LARGE_BYTES", 3)
    async with client_for(emulator) as client:
        for content, asked in ((b"abc", None), (b"abcd", None), (b"abcd", via)):
            await client.upload(content, filename="a.ogg", via=asked)
    ways = [asset["via"] for asset in cast("list[dict[str, str]]", emulator.state()["assets"])]

    assert ["direct", "signed-url", via] == ways


class Broken(io.BytesIO):
    """A file whose disk fails."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Fail."""
        raise OSError(5, "Input/output error")


class Shrinking(io.BytesIO):
    """A file that somebody cuts off meanwhile."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Find nothing."""
        return b""


class Async:
    """The file of a web framework."""

    name = "a.ogg"

    async def read(self) -> bytes:
        """Read it."""
        return b""


@pytest.mark.parametrize(
    ("make", "filename", "says"),
    [
        (lambda folder: "talk.flac", None, "pathlib"),
        (lambda folder: folder / "none.flac", None, "No such file"),
        (lambda folder: folder / "folder.flac", None, "is no file"),
        (lambda folder: folder / "text.txt", None, "does not take"),
        (lambda folder: folder / "empty.flac", None, "is empty"),
        (lambda folder: CONTENT, None, "filename"),
        (lambda folder: io.BytesIO(CONTENT), None, "filename"),
        (lambda folder: Async(), None, "pass its .file"),
        (lambda folder: 7, "a.ogg", "a recording is"),
        (lambda folder: io.StringIO("text"), "a.ogg", "binary mode"),
        (lambda folder: Broken(CONTENT), "a.ogg", "Input/output error"),
        (lambda folder: Shrinking(CONTENT), "a.ogg", "became shorter"),
    ],
)
@pytest.mark.asyncio
async def test_what_cannot_be_uploaded(
    make: Callable[[Path], Any],
    filename: str | None,
    says: str,
    tmp_path: Path,
    emulator: Emulator,
    client_for: "MakeClient",
) -> None:
    """It is a matter of the argument, said as such, and makes no asset that could be used."""
    (tmp_path / "folder.flac").mkdir()
    for name in ("text.txt", "empty.flac"):
        (tmp_path / name).write_bytes(b"x" if name == "text.txt" else b"")
    async with client_for(emulator) as client:
        with pytest.raises(ConfigurationError, match=says):
            await client.upload(make(tmp_path), filename=filename)

    assert [] == arrived(emulator)


@pytest.mark.asyncio
async def test_a_way_that_is_none(emulator: Emulator, client_for: "MakeClient") -> None:
    """It is refused with the ways that there are."""
    async with client_for(emulator) as client:
        with pytest.raises(ConfigurationError, match='"direct", "signed-url"'):
            await client.upload(b"x", filename="a.ogg", via=cast("Any", "post"))


BREAKS = [
    *(("direct", "upload", kind, after) for kind in KINDS[:2] for after in (0, 300_000)),
    *(("signed-url", "storage", kind, after) for kind in KINDS[:2] for after in (0, 300_000)),
    *(("direct", "upload", kind, None) for kind in KINDS),
    *(("signed-url", "storage", kind, None) for kind in KINDS[:-1]),
    *(("signed-url", "signed-url", kind, None) for kind in KINDS),
]


@pytest.mark.fault("an upload breaks off")
@pytest.mark.parametrize(("via", "endpoint", "kind", "after_received"), BREAKS)
@pytest.mark.asyncio
async def test_an_upload_that_breaks_off_is_sent_again(
    via: Any,
    endpoint: Any,
    kind: Any,
    after_received: int | None,
    path: Path,
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
) -> None:
    """Wherever that happens, and from the beginning: what arrives is whole."""
    emulator.inject(Fault(kind, endpoint=endpoint, after_received=after_received))
    async with client_for(emulator) as client:
        task = await client.upload(path, via=via)
        asset = await task

    assert [("talk.flac", DIGEST)] == arrived(emulator)
    assert (task.asset_id, len(CONTENT)) == (asset.asset_id, asset.file_size)
    assert pauses


@pytest.mark.parametrize(("via", "endpoint"), [("direct", "upload"), ("signed-url", "storage")])
@pytest.mark.asyncio
async def test_what_cannot_be_read_again_is_not_sent_again(
    via: Any,
    endpoint: Any,
    pipe: type[io.BytesIO],
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
) -> None:
    """Half of a pipe is no recording; one of which nothing was read may try again."""
    emulator.inject(Fault("reset", endpoint=endpoint, after_received=300_000))
    async with client_for(emulator) as client:
        with pytest.raises(ServiceUnavailable, match="nothing is billed"):
            await client.upload(pipe(CONTENT), filename="a.ogg", via=via)

    assert [] == arrived(emulator)


@pytest.mark.parametrize(("via", "endpoint"), [("direct", "upload"), ("signed-url", "storage")])
@pytest.mark.asyncio
async def test_it_ends_after_some_tries(
    via: Any,
    endpoint: Any,
    path: Path,
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
) -> None:
    """Four in all, or one where nothing shall be sent again."""
    emulator.inject(Fault("500", endpoint=endpoint, times=None))
    for retry, again in (("safe", 3), ("never", 0)):
        pauses.clear()
        async with client_for(emulator, retry=retry) as client:
            with pytest.raises(ServiceUnavailable, match="HTTP 500"):
                await client.upload(path, via=via)

        assert again == len(pauses)


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize(
    ("kind", "error"),
    [("401", AuthenticationError), ("403", AuthenticationError), ("400", RateLimited)],
)
@pytest.mark.asyncio
async def test_a_refusal_is_one(
    via: Any,
    kind: Any,
    error: type[RequestRejected],
    path: Path,
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
) -> None:
    """It is not argued with, apart from what may mean the rate."""
    endpoint: Any = "upload" if via == "direct" else "signed-url"
    emulator.inject(Fault(kind, endpoint=endpoint, times=None))
    async with client_for(emulator) as client:
        with pytest.raises(error):
            await client.upload(path, via=via)

    assert (2 if kind == "400" else 0) == len(pauses)
    assert 0 == emulator.assets_created


def open_files(path: Path) -> int:
    """How many times this process has a file open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            found += descriptor.readlink() == path
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc here")


@needs_proc
@pytest.mark.parametrize(("via", "endpoint"), [("direct", "upload"), ("signed-url", "storage")])
@pytest.mark.asyncio
async def test_cancelling_closes_what_was_opened(
    via: Any, endpoint: Any, path: Path, emulator: Emulator, client_for: "MakeClient"
) -> None:
    """Once the cancelled call has ended nothing is open, and the next upload goes through."""
    emulator.inject(Fault("hang", endpoint=endpoint))
    sent = asyncio.Event()

    def note(sent_bytes: int, total_bytes: int | None) -> None:
        if sent_bytes == total_bytes:
            sent.set()

    async with client_for(emulator) as client:
        upload = asyncio.create_task(client.upload(path, via=via, on_progress=note))
        await sent.wait()

        assert 1 == open_files(path)

        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload

        assert 0 == open_files(path)

        await client.upload(path, via=via)


@needs_proc
@pytest.mark.asyncio
async def test_closing_the_client_ends_an_upload(
    path: Path, emulator: Emulator, client_for: "MakeClient"
) -> None:
    """At once, since nothing is lost by it, with an error that says so."""
    emulator.inject(Fault("hang", endpoint="upload"))
    sent = asyncio.Event()

    def note(sent_bytes: int, total_bytes: int | None) -> None:
        if sent_bytes == total_bytes:
            sent.set()

    async with client_for(emulator) as client:
        upload = asyncio.create_task(client.upload(path, on_progress=note))
        await sent.wait()
        await client.aclose()
        with pytest.raises(ClientClosed, match="upload the file again"):
            await upload

    assert 0 == open_files(path)


@pytest.mark.asyncio
async def test_only_an_open_client_uploads(
    path: Path, emulator: Emulator, client_for: "MakeClient"
) -> None:
    """Before and after, each of its calls says what is wrong."""
    client = client_for(emulator)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: client.upload(path),
        lambda: client.diarize(path),
        lambda: client.asset("re_1"),
        lambda: client.asset_task("re_1").wait(),
    ]
    for call in calls:
        with pytest.raises(TaskStateError):
            await call()
    async with client:
        pass
    for call in calls:
        with pytest.raises(ClientClosed):
            await call()


@needs_proc
@pytest.mark.asyncio
async def test_uploads_take_turns(path: Path, emulator: Emulator, client_for: "MakeClient") -> None:
    """Many at once all arrive, although only some are open, and under way, at a time."""
    opened: set[int] = set()

    def note(sent_bytes: int, total_bytes: int | None) -> None:
        opened.add(open_files(path))

    async with client_for(emulator) as client:
        await asyncio.gather(
            *(
                client.upload(path, via=cast("Any", via), on_progress=note)
                for via in VIAS
                for _ in range(20)
            )
        )

    assert max(opened) <= 8

    assert 40 * [("talk.flac", DIGEST)] == arrived(emulator)


@pytest.mark.asyncio
async def test_a_long_upload_holds_up_no_other(
    emulator: Emulator, client_for: "MakeClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """That its body takes an hour is no jitter on the way, for which others would keep away."""
    noted: list[float] = []
    passed = 0.0

    class Pacer(MemoryPacer):
        async def left(self, slot: Slot, *, late: float) -> None:
            noted.append(late)
            await super().left(slot, late=late)

    def an_hour_passes(sent_bytes: int, total_bytes: int | None) -> None:
        nonlocal passed
        passed = 3600.0 if sent_bytes else 0.0

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed)
    async with client_for(emulator) as client:
        departures = client._endpoints.questions("/upload").gate._departures
        departures.pacer = Pacer(Schedule(), 0.001)
        await client.upload(b"x", filename="short.ogg", via="direct")
        monkeypatch.setattr("mavi_async._turn.time", clock)
        await client.upload(b"x", filename="long.ogg", via="direct", on_progress=an_hour_passes)

        assert noted
        assert max(noted) < 60
        assert float("inf") == departures.round_trips.usual  # whose answer nobody waits for


@pytest.mark.asyncio
async def test_who_was_over_the_limit_goes_first(
    path: Path, emulator: Emulator, client_for: "MakeClient", pauses: list[float], monkeypatch: Any
) -> None:
    """It had its turn already; whoever was not answered queues up again."""
    emulator.inject(Fault("429", endpoint="upload"), Fault("500", endpoint="upload"))
    went_first: list[bool] = []
    async with client_for(emulator) as client:
        gate = client._endpoints.questions("/upload").gate
        enter = gate.enter

        async def note(*, at_head: bool) -> Any:
            went_first.append(at_head)
            return await enter(at_head=at_head)

        monkeypatch.setattr(gate, "enter", note)
        await client.upload(path)

    assert [False, True, False] == went_first


class Stuck:
    """A server that takes the beginning of an upload, and then reads nothing more."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection."""
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport of both
        await self.gone.wait()
        writer.close()


@pytest.mark.asyncio
async def test_an_upload_that_does_not_get_on_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stops reading holds up nobody for ever."""
    monkeypatch.setattr("mavi_async._content.STALL_SECONDS", 0.3)
    stuck = Stuck()
    server = await asyncio.start_server(stuck.meet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with MaviClient(
        "sk-mavi-0123456789", base_url=f"http://127.0.0.1:{port}/api", retry="never"
    ) as client:
        with pytest.raises(ServiceUnavailable, match="no answer within"):
            await client.upload(bytes(30_000_000), filename="a.ogg", via="direct")
    stuck.gone.set()
    server.close()
    await server.wait_closed()


@pytest.mark.fault("an error report")
@pytest.mark.parametrize(
    "fault",
    [Fault("answer", status=500), Fault("answer", status=401), Fault("reset"), Fault("close")],
    ids=repr,
)
@pytest.mark.asyncio
async def test_nothing_shows_the_key(
    fault: Fault, client_for: "MakeClient", caplog: pytest.LogCaptureFixture
) -> None:
    """Although an answer repeats it, and at every level of every log."""
    key = "sk-mavi-CANARY-0123456789"
    body = json.dumps({"code": "0003", "msg": key})
    endpoints: list[Any] = ["upload", "signed-url", "storage", "metadata"]
    shown = []
    with caplog.at_level(logging.DEBUG), Emulator(1e6, api_key=key) as emulator:
        emulator.inject(*(attrs.evolve(fault, endpoint=each, body=body) for each in endpoints))
        async with client_for(emulator, retry="never") as client:
            calls: list[Awaitable[object]] = [
                client.upload(CONTENT, filename="a.ogg"),
                client.upload(CONTENT, filename="a.ogg", via="signed-url"),
                client.upload(CONTENT, filename="a.ogg", via="signed-url"),
                client.asset("re_1"),
            ]
            for call in calls:
                with pytest.raises(ApiError) as caught:
                    await call
                shown += traceback.format_exception(caught.value)
                shown += [repr(vars(caught.value)), repr(client.asset_task("re_1"))]

    assert shown
    assert "CANARY" not in "\n".join([*shown, caplog.text])
