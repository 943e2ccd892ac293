"""The way past the API: URLs that expire, redirect, lead elsewhere, and stay secret."""

import asyncio
import json
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from mavi_async import MaviError, RateLimited, RequestRejected, ServiceUnavailable
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.uploads.conftest import MakeClient

CONTENT = bytes(range(256)) * 1200
SECRET = "signature=S3CRET-of-the-url"


class Storage:
    """Another company's server: it takes a request, keeps it, and answers as it is told."""

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[bytes] = []
        self._answers = list(answers)
        self.port = 0

    @property
    def url(self) -> str:
        """A signed URL that leads here."""
        return f"http://127.0.0.1:{self.port}/put?{SECRET}"

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a request and answer it."""
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = [
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        body = await reader.readexactly(int(length.partition(b":")[2]))
        self.requests.append(head + body)
        writer.write(self._answers.pop(0) + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()


@asynccontextmanager
async def serving(storage: Storage) -> AsyncIterator[Storage]:
    """Serve a storage for a while."""
    server = await asyncio.start_server(storage.meet, "127.0.0.1", 0, limit=2**22)
    storage.port = server.sockets[0].getsockname()[1]
    try:
        yield storage
    finally:
        server.close()
        await server.wait_closed()


def answer(url: str, expires_in: object = 3600) -> Fault:
    """Have the API sign a URL of the test's."""
    data = {"asset_id": "re_9", "signed_url": url, "expires_in": expires_in}
    body = json.dumps({"code": "0000", "msg": "success", "data": data})
    return Fault("answer", endpoint="signed-url", body=body)


def observable(error: BaseException) -> str:
    """All that an error report may show."""
    shown = [str(error), repr(vars(error)), pickle.dumps(error).decode("latin-1")]
    return "\n".join([*shown, *traceback.format_exception(error)])


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that is logged, by anybody, at any level."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.mark.fault("a signed URL is not what it should be")
@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.asyncio
async def test_the_storage_is_told_nothing_but_the_file(
    library: Any, emulator: Emulator, client_for: "MakeClient", logged: pytest.LogCaptureFixture
) -> None:
    """Neither the key nor what the given client adds of its own; and no log shows its URL."""
    async with (
        library.AsyncClient(
            headers={
                "Authorization": "Bearer own",
                "X-Own": "own",
                "Host": "own",
                "User-Agent": "own",
            },
            params={"tenant": "own"},
            cookies={"session": "own"},
            auth=("own", "own"),
        ) as http_client,
        serving(Storage(b"HTTP/1.1 201 Created\r\n")) as storage,
        client_for(emulator, http_client=http_client) as client,
    ):
        emulator.inject(answer(storage.url))
        task = await client.upload(CONTENT, filename="a.ogg", via="signed-url")
    [request] = storage.requests
    first, *headers = request.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")

    assert "re_9" == task.asset_id
    assert f"POST /put?{SECRET} HTTP/1.1".encode().lower() == first
    assert [b"accept", b"accept-encoding", b"content-length", b"content-type", b"host"] == sorted(
        header.partition(b":")[0] for header in headers
    )
    assert f"host: 127.0.0.1:{storage.port}".encode() in headers
    assert emulator.api_key.encode() not in request
    assert CONTENT in request
    assert SECRET.partition("=")[2] not in logged.text
    assert "POST" in logged.text  # other requests are logged as ever


@pytest.mark.fault("a signed URL is not what it should be")
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (f"307 Elsewhere\r\nLocation: http://127.0.0.1:9/?{SECRET}".encode(), RequestRejected),
        (f"302 Found\r\nLocation: /elsewhere?{SECRET}".encode(), RequestRejected),
        (b"400 Bad Request", RequestRejected),
        (b"500 Internal Server Error", ServiceUnavailable),
    ],
)
@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.asyncio
async def test_a_storage_that_refuses(
    library: Any,
    status: bytes,
    error: type[MaviError],
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
    logged: pytest.LogCaptureFixture,
) -> None:
    """A redirect is not followed, and nothing shows the URL's secret, which it may repeat."""
    async with (
        library.AsyncClient() as http_client,
        serving(Storage(*[b"HTTP/1.1 " + status + b"\r\n"] * 4)) as storage,
        client_for(emulator, http_client=http_client) as client,
    ):
        emulator.inject(answer(storage.url))
        with pytest.raises(error) as caught:
            await client.upload(CONTENT, filename="a.ogg", via="signed-url")

    assert (4 if error is ServiceUnavailable else 1) == len(storage.requests)
    assert "POST /put?[redacted]" in str(caught.value)
    assert "S3CRET" not in observable(caught.value)
    assert "S3CRET" not in logged.text


@pytest.mark.fault("a signed URL is not what it should be")
@pytest.mark.parametrize(
    "url",
    [
        f"http://storage.example/put?{SECRET}",
        f"ftp://127.0.0.1/put?{SECRET}",
        f"https://user:pw@storage.example/put?{SECRET}",
        f"/put?{SECRET}",
        f"https://xn--a/put?{SECRET}",
    ],
)
@pytest.mark.asyncio
async def test_a_url_that_leads_where_it_must_not(
    url: str,
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
    logged: pytest.LogCaptureFixture,
) -> None:
    """Nothing is sent there, and the error says that the answer cannot be used."""
    async with client_for(emulator, retry="never") as client:
        emulator.inject(answer(url))
        with pytest.raises(ServiceUnavailable) as caught:
            await client.upload(CONTENT, filename="a.ogg", via="signed-url")

    assert "S3CRET" not in observable(caught.value)
    assert "S3CRET" not in logged.text


@pytest.mark.fault("a signed URL is not what it should be")
@pytest.mark.asyncio
async def test_a_storage_that_gets_too_much(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """It is left in peace for longer and longer, as no queue does that; the error says why."""
    emulator.inject(Fault("429", endpoint="storage", retry_after="40"))
    emulator.inject(Fault("429", endpoint="storage", times=None))
    async with client_for(emulator) as client:
        with pytest.raises(RateLimited):
            await client.upload(CONTENT, filename="a.ogg", via="signed-url")

    assert 9 == len(pauses)
    assert 40.0 == pauses[0]
    assert [True] * 8 == [
        least <= each for least, each in zip((1, 2, 4, 8, 16, 16, 16, 16), pauses[1:], strict=True)
    ]


@pytest.mark.asyncio
async def test_a_storage_that_nobody_reaches(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """It is tried six times, as whatever was not sent."""
    async with client_for(emulator) as client:
        emulator.inject(answer(f"http://127.0.0.1:9/put?{SECRET}"))
        with pytest.raises(ServiceUnavailable, match="did not take the file") as caught:
            await client.upload(CONTENT, filename="a.ogg", via="signed-url")

    assert 5 == len(pauses)
    assert "S3CRET" not in observable(caught.value)


@pytest.mark.fault("a signed URL is not what it should be")
@pytest.mark.parametrize(("retry", "urls"), [("safe", 2), ("never", 1)])
@pytest.mark.asyncio
async def test_a_url_that_has_expired_is_replaced_once(
    retry: Any, urls: int, client_for: "MakeClient", pauses: list[float]
) -> None:
    """A second one that is of no use either is refused."""
    with Emulator(1e6, signed_url_seconds=0) as emulator:
        async with client_for(emulator, retry=retry) as client:
            with pytest.raises(RequestRejected) as caught:
                await client.upload(CONTENT, filename="a.ogg", via="signed-url")

    assert (403, "AccessDenied") == (caught.value.status, caught.value.code)
    assert urls == emulator.assets_created


@pytest.mark.fault("a signed URL is not what it should be")
@pytest.mark.parametrize(
    ("status", "expires_in"), [(b"403 Forbidden", "60"), (b"410 Gone", 60), (b"400 Bad Request", 0)]
)
@pytest.mark.asyncio
async def test_a_fresh_url_serves(
    status: bytes,
    expires_in: object,
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
) -> None:
    """The file is sent again, whole, where the second URL leads: a late refusal may be time's."""
    async with (
        serving(Storage(b"HTTP/1.1 " + status + b"\r\n")) as storage,
        client_for(emulator) as client,
    ):
        emulator.inject(answer(storage.url, expires_in))
        task = await client.upload(CONTENT, filename="a.ogg", via="signed-url")
        asset = await task

    assert 1 == len(storage.requests)
    assert "re_9" != task.asset_id
    assert len(CONTENT) == asset.file_size


@pytest.mark.asyncio
async def test_what_cannot_be_read_twice_needs_a_good_url(
    pipe: Any, client_for: "MakeClient", pauses: list[float]
) -> None:
    """No second URL is asked for in vain."""
    with Emulator(1e6, signed_url_seconds=0) as emulator:
        async with client_for(emulator) as client:
            with pytest.raises(RequestRejected):
                await client.upload(pipe(CONTENT), filename="a.ogg", via="signed-url")

    assert 1 == emulator.assets_created
