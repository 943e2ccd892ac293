"""Recordings that are odd, in somebody's hands, or never there: what is read of them, and told."""

import asyncio
import contextlib
import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import pytest

from mavi_async import ClientClosed, ConfigurationError, RequestRejected, ServiceUnavailable
from mavi_async._reader import Reader
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.uploads.conftest import MakeClient, Until

CONTENT = bytes(range(256)) * 4000  # four pieces
VIAS = ("direct", "signed-url")


def digests(emulator: Emulator) -> list[str]:
    """What was uploaded, whole."""
    assets = cast("list[dict[str, str]]", emulator.state()["assets"])
    return [each["sha256"] for each in assets if int(each["size"])]


def digest(content: bytes) -> str:
    """What would be listed for a content."""
    return hashlib.sha256(content).hexdigest()


def readers() -> list[threading.Thread]:
    """The threads that read files."""
    return [each for each in threading.enumerate() if each.name == "mavi_async reader"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording in a file."""
    path = tmp_path / "talk.flac"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("ending", ["refused", "broken off", "cancelled", "closed"])
@pytest.mark.asyncio
async def test_a_file_stands_where_it_stood_after_a_failure(
    ending: str, via: Any, path: Path, emulator: Emulator, client_for: "MakeClient"
) -> None:
    """However it ended, to upload the file again sends all of it and not its rest."""
    endpoint: Any = "upload" if via == "direct" else "storage"
    kinds = {"refused": "401", "broken off": "reset"}
    emulator.inject(Fault(cast("Any", kinds.get(ending, "hang")), endpoint=endpoint))
    sent = asyncio.Event()

    def note(sent_bytes: int, total_bytes: int | None) -> None:
        if sent_bytes == total_bytes:
            sent.set()

    with path.open("rb") as file:
        file.seek(3)
        async with client_for(emulator, retry="never") as client:
            upload = asyncio.create_task(client.upload(file, via=via, on_progress=note))
            await sent.wait()
            if ending == "cancelled":
                upload.cancel()
            elif ending == "closed":
                await client.aclose()
            [outcome] = await asyncio.gather(upload, return_exceptions=True)

        assert isinstance(
            outcome,
            RequestRejected | ServiceUnavailable | asyncio.CancelledError | ClientClosed,
        )
        assert 3 == file.tell()

        async with client_for(emulator) as client:
            await client.upload(file, via=via)

    assert digest(CONTENT[3:]) == digests(emulator)[-1]


class Pipe:
    """A pipe that nobody writes to, until it is told."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self.file: IO[bytes] = os.fdopen(reading, "rb", buffering=0)

    def write(self, content: bytes) -> None:
        """Write everything, and end."""
        with os.fdopen(self._writing, "wb") as file:
            file.write(content)


@pytest.fixture
def silent() -> Iterator[Pipe]:
    """A pipe that nobody writes to."""
    pipe = Pipe()
    yield pipe
    with contextlib.suppress(OSError):  # it was written to
        pipe.write(b"")
    for thread in readers():
        thread.join()
    pipe.file.close()


@pytest.mark.fault("a recording cannot be read")
@pytest.mark.parametrize("ending", ["cancelled", "closed", "too long"])
@pytest.mark.asyncio
async def test_a_source_that_never_answers_holds_up_nobody(
    ending: str,
    silent: Pipe,
    emulator: Emulator,
    client_for: "MakeClient",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call can be cancelled, a client closed, and without both it ends; the process can, too."""
    monkeypatch.setattr("mavi_async._reader._GRACE", 0.05)
    if ending == "too long":
        monkeypatch.setattr("mavi_async._reader.READ_SECONDS", 0.2)
    reading = asyncio.Event()
    async with client_for(emulator) as client:
        upload = asyncio.create_task(
            client.upload(silent.file, filename="a.ogg", on_progress=lambda *_: reading.set())
        )
        await reading.wait()
        if ending == "cancelled":
            upload.cancel()
        elif ending == "closed":
            await client.aclose()
        [outcome] = await asyncio.gather(upload, return_exceptions=True)

    assert isinstance(outcome, asyncio.CancelledError | ClientClosed | ConfigurationError)
    assert ("too long" == ending) == ("nothing came of it for 0.2 s" in str(outcome))
    assert [True] == [thread.daemon for thread in readers()]


@pytest.mark.asyncio
async def test_a_thread_that_is_stuck_is_asked_for_nothing_more(until: "Until") -> None:
    """Whoever asks is told at once, and what was asked first is done when it can be."""
    inside, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def read() -> None:
        inside.set()
        go_on.wait()

    reader = Reader()
    call = asyncio.create_task(reader.call(read))
    await until(inside.is_set)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    async with asyncio.timeout(10):
        with pytest.raises(ConfigurationError, match="nothing came of it"):
            await reader.call(read)
    go_on.set()
    await reader.end(ended.set)
    await until(ended.is_set)


@pytest.mark.asyncio
async def test_a_slow_disk_is_no_stall_of_the_network(
    emulator: Emulator, client_for: "MakeClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece has its own time to be read, and then as much as ever to be sent."""
    monkeypatch.setattr("mavi_async._content.STALL_SECONDS", 0.3)

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            time.sleep(0.4)
            return super().read(size)

    async with client_for(emulator, retry="never") as client:
        await client.upload(Slow(b"x"), filename="a.ogg", via="direct")

    assert [digest(b"x")] == digests(emulator)


@pytest.mark.asyncio
async def test_a_late_read_gets_into_no_other_upload(
    emulator: Emulator, client_for: "MakeClient", until: "Until", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that an upload was cancelled over is refused until it is back where it stood."""
    monkeypatch.setattr("mavi_async._reader._GRACE", 0.05)
    inside, go_on = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            inside.set()
            go_on.wait()
            return super().read(size)

    file = Slow(CONTENT)
    async with client_for(emulator) as client:
        upload = asyncio.create_task(client.upload(file, filename="a.ogg"))
        await until(inside.is_set)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        with pytest.raises(ConfigurationError, match="being read by another upload"):
            await client.upload(file, filename="a.ogg")
        go_on.set()
        await until(lambda: not readers())
        await client.upload(file, filename="a.ogg")

    assert [digest(CONTENT)] == digests(emulator)


@pytest.mark.asyncio
async def test_a_file_object_is_in_one_upload_at_a_time(
    path: Path, emulator: Emulator, client_for: "MakeClient"
) -> None:
    """Two would each send half of it; one after the other is allowed."""
    with path.open("rb") as file:
        async with client_for(emulator) as client:
            outcomes = await asyncio.gather(
                *(client.upload(file) for _ in range(3)), return_exceptions=True
            )
            file.seek(0)
            await client.upload(file)

    assert 2 == sum(isinstance(each, ConfigurationError) for each in outcomes)
    assert [digest(CONTENT)] * 2 == digests(emulator)


class Raising(io.BytesIO):
    """A file of a library with errors of its own."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(CONTENT)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some of it, then fail."""
        if self.tell():
            raise self._error
        return super().read(size)


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("size_known", [True, False])
@pytest.mark.asyncio
async def test_an_error_of_the_source_reaches_the_caller(
    size_known: bool,
    via: Any,
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it is, and at once: it is no trouble of the network."""
    monkeypatch.setattr(Raising, "seekable", lambda _: size_known)
    error = RuntimeError("the decoder has no licence")
    async with client_for(emulator) as client:
        with pytest.raises(RuntimeError) as caught:
            await client.upload(Raising(error), filename="a.ogg", via=via)
        for ending in (StopIteration(), StopAsyncIteration()):
            with pytest.raises(RuntimeError, match="ended an iteration"):
                await client.upload(Raising(ending), filename="a.ogg", via=via)

    assert error is caught.value
    assert [] == pauses
    assert [] == digests(emulator)


class Odd(io.BytesIO):
    """A file whose read() does as it likes."""

    def __init__(self, read: Callable[[bytes], Any]) -> None:
        super().__init__(CONTENT)
        self._change = read

    def read(self, size: int | None = -1, /) -> Any:
        """Read something else."""
        return self._change(super().read(size))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda piece: piece + b"x", "no more than it is asked for"),
        (lambda _: None, "gives NoneType: .* so that reading waits"),
        (lambda piece: piece.decode("latin-1"), "gives str: open it in binary mode"),
    ],
)
@pytest.mark.asyncio
async def test_a_read_that_does_as_it_likes(
    change: Callable[[bytes], Any],
    says: str,
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
) -> None:
    """It is told, and not sent."""
    async with client_for(emulator) as client:
        with pytest.raises(ConfigurationError, match=says):
            await client.upload(Odd(change), filename="a.ogg")

    assert [] == digests(emulator)


@pytest.mark.asyncio
async def test_bytes_of_other_kinds(emulator: Emulator, client_for: "MakeClient") -> None:
    """They arrive, without a copy of them all being made first; afterwards they are free."""
    content = bytearray(CONTENT)

    def grow(sent_bytes: int, total_bytes: int | None) -> None:
        with pytest.raises(BufferError):
            content.append(0)
        refused.append(sent_bytes)

    refused: list[int] = []
    async with client_for(emulator) as client:
        await client.upload(content, filename="a.ogg", on_progress=grow)
        content.append(0)
        await client.upload(memoryview(CONTENT).cast("H"), filename="a.ogg")
        await client.upload(Odd(bytearray), filename="a.ogg")
        await client.upload(Odd(memoryview), filename="a.ogg")

    assert refused
    assert [digest(CONTENT)] * 4 == digests(emulator)


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.asyncio
async def test_a_file_that_grows_meanwhile(
    via: Any, path: Path, emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """What was announced is sent, neither more nor less, and again after a failure."""
    endpoint: Any = "upload" if via == "direct" else "storage"
    emulator.inject(Fault("reset", endpoint=endpoint, after_received=300_000))

    def grow(sent_bytes: int, total_bytes: int | None) -> None:
        with path.open("ab") as file:
            file.write(bytes(100_000))

    async with client_for(emulator) as client:
        await client.upload(path, via=via, on_progress=grow)

    assert [digest(CONTENT)] == digests(emulator)


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.asyncio
async def test_a_file_that_shrinks_meanwhile(
    via: Any, path: Path, emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """Nothing of it becomes an asset that could be used, and nothing is tried again."""
    async with client_for(emulator) as client:
        with pytest.raises(ConfigurationError, match="became shorter"):
            await client.upload(path, via=via, on_progress=lambda *_: os.truncate(path, 300_000))

    assert [] == pauses
    assert [] == digests(emulator)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.open(), "text mode"),
        (lambda _: io.StringIO("text"), "text mode"),
        (lambda path: path.open("ab"), "cannot be read"),
    ],
)
@pytest.mark.asyncio
async def test_files_that_are_opened_wrongly(
    make: Callable[[Path], IO[Any]],
    says: str,
    path: Path,
    emulator: Emulator,
    client_for: "MakeClient",
) -> None:
    """It is told what to do instead."""
    with make(path) as file:
        async with client_for(emulator) as client:
            file.seek(0)
            with pytest.raises(ConfigurationError, match=says):
                await client.upload(file, filename="a.ogg")

    assert 0 == emulator.assets_created


@pytest.mark.asyncio
async def test_a_file_that_stands_past_its_end(
    path: Path, emulator: Emulator, client_for: "MakeClient"
) -> None:
    """There is nothing to send, and it stays there."""
    with path.open("rb") as file:
        file.seek(len(CONTENT) + 5)
        async with client_for(emulator) as client:
            with pytest.raises(ConfigurationError, match="read to its end before"):
                await client.upload(file)

        assert len(CONTENT) + 5 == file.tell()
    assert 0 == emulator.assets_created


@pytest.mark.asyncio
async def test_a_mistake_is_told_although_others_wait(
    path: Path, emulator: Emulator, client_for: "MakeClient", until: "Until"
) -> None:
    """What is wrong here needs no place among the uploads under way."""

    async def note(sent_bytes: int, total_bytes: int | None) -> None:
        """Nobody would await this."""

    class Noting:
        async def __call__(self, sent_bytes: int, total_bytes: int | None) -> None:
            """Nor this."""

    emulator.inject(Fault("hang", endpoint="upload", times=8))
    async with client_for(emulator) as client:
        stuck = [asyncio.create_task(client.upload(path)) for _ in range(8)]
        await until(lambda: client._endpoints.uploading.value == 0)
        for file, options in (
            (path.with_name("none.flac"), {}),
            (path.parent, {"filename": "a.ogg"}),
            (path, {"filename": "a.txt"}),
            (path, {"via": "post"}),
            (path, {"on_progress": "loud"}),
            (path, {"on_progress": note}),
            (path, {"on_progress": Noting()}),
        ):
            with pytest.raises(ConfigurationError):
                async with asyncio.timeout(10):
                    await client.upload(file, **cast("Any", options))
        for upload in stuck:
            upload.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
