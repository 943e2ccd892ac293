"""Breaking off at each point of an exchange, on real sockets and with either HTTP library."""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
import httpx2
import pytest

from mavi_async import (
    ApiError,
    MaviClient,
    MemoryStore,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    SubmitOutcomeUnknown,
)
from mavi_async._records import IntentState

KEY = "sk-mavi-0123456789abcdef"
FAST = 100_000.0
BODY = json.dumps(
    {"code": "0000", "msg": "success", "data": {"task_id": "t1"}, "success": True, "failed": False}
).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
    BODY
)
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

MakeHttpClient = Callable[[], Any]


@pytest.fixture(params=[httpx.AsyncClient, httpx2.AsyncClient], ids=["httpx", "httpx2"])
def make_http_client(request: pytest.FixtureRequest) -> MakeHttpClient:
    """Either library's client, told to follow redirects, which must not matter."""
    return lambda: request.param(follow_redirects=True)


@attrs.define
class Peer:
    """The server's end of one connection."""

    server: "FaultServer"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read_request(self, *, creates_job: bool = False) -> None:
        """Read all of a request, which may create a job."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        [length] = [line for line in lines if line.startswith(b"content-length:")]
        await self.reader.readexactly(int(length.partition(b":")[2]))
        self.server.requests += 1
        self.server.jobs += creates_job

    async def accept(self) -> None:
        """Read all of a request and create its job."""
        await self.read_request(creates_job=True)

    async def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def silence(self) -> None:
        """Do nothing until the client goes away."""
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """Close the connection with a reset."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Peer], Awaitable[None]]


@attrs.define
class FaultServer:
    """A server that behaves as it is told."""

    behaviour: Behaviour
    port: int = 0
    connections: int = 0
    requests: int = 0
    jobs: int = 0
    _peers: set[asyncio.Task[None]] = attrs.field(factory=set)

    @property
    def base_url(self) -> str:
        """What to give a client."""
        return f"http://127.0.0.1:{self.port}/api"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FaultServer"]:
        """Serve for a while."""
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for peer in self._peers:
                peer.cancel()
            await asyncio.gather(*self._peers, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._peers.add(task)
        try:
            await self.behaviour(Peer(self, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client gave up first
        finally:
            writer.close()


def answering(*parts: bytes, then: str = "close") -> Behaviour:
    """Accept the job, answer with some bytes, and then ``close``, ``reset`` or ``hang``."""

    async def behave(peer: Peer) -> None:
        await peer.accept()
        for part in parts:
            await peer.send(part)
        if then == "hang":
            await peer.silence()
        elif then == "reset":
            peer.reset()

    return behave


def refusing(status: int, *headers: str) -> Behaviour:
    """Refuse every request of a connection."""
    lines = [f"HTTP/1.1 {status} No", "content-length: 0", *headers, "", ""]

    async def behave(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await peer.send("\r\n".join(lines).encode())

    return behave


async def close_at_once(peer: Peer) -> None:
    """Accept the connection and close it."""


async def reset_at_once(peer: Peer) -> None:
    """Accept the connection and reset it."""
    peer.reset()


async def reset_in_the_head(peer: Peer) -> None:
    """Reset while the request is coming."""
    await peer.reader.readexactly(10)
    peer.reset()


async def hang_at_once(peer: Peer) -> None:
    """Accept the connection and read, but never answer; no job is made."""
    await peer.silence()


async def drip(peer: Peer) -> None:
    """Answer without end, a header at a time, each of them well in time."""
    await peer.accept()
    await peer.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(10_000):
        await peer.send(b"x-drip-%d: 1\r\n" % number)
        await asyncio.sleep(0.02)


async def drip_the_body(peer: Peer) -> None:
    """Answer without end, a byte of the body at a time, each of them well in time."""
    await peer.accept()
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        await peer.send(b" ")
        await asyncio.sleep(0.02)


async def pour(peer: Peer) -> None:
    """Answer with a body that has no end, as fast as it is read."""
    await peer.accept()
    await peer.send(CHUNKED)
    while True:
        await peer.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


async def endless_head(peer: Peer) -> None:
    """Answer with headers that have no end, as fast as they are read."""
    await peer.accept()
    await peer.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await peer.send(b"x: " + b"y" * 1000 + b"\r\n")


def declaring(length: int, body: bytes = BODY) -> bytes:
    """A whole answer that declares some length of its body."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (length, body)


def compressed(body: bytes) -> bytes:
    """A whole answer that says that its body is compressed."""
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


UNKNOWN: dict[str, tuple[Behaviour, int]] = {
    "close at once": (close_at_once, 0),
    "reset at once": (reset_at_once, 0),
    "reset in the request's head": (reset_in_the_head, 0),
    "hang before the request": (hang_at_once, 0),
    "close before the answer": (answering(), 1),
    "reset before the answer": (answering(then="reset"), 1),
    "hang before the answer": (answering(then="hang"), 1),
    "close in the status": (answering(HEAD[:7]), 1),
    "hang in the status": (answering(HEAD[:7], then="hang"), 1),
    "close in the head": (answering(HEAD[:40]), 1),
    "reset in the head": (answering(HEAD[:40], then="reset"), 1),
    "hang in the head": (answering(HEAD[:40], then="hang"), 1),
    "close before the body": (answering(HEAD), 1),
    "close in the body": (answering(HEAD, BODY[:30]), 1),
    "reset in the body": (answering(HEAD, BODY[:30], then="reset"), 1),
    "hang in the body": (answering(HEAD, BODY[:30], then="hang"), 1),
    "drip the head": (drip, 1),
    "drip the body": (drip_the_body, 1),
    "pour": (pour, 1),
    "endless head": (endless_head, 1),
    "too long a length, close": (answering(declaring(len(BODY) + 1)), 1),
    "too long a length, hang": (answering(declaring(len(BODY) + 1), then="hang"), 1),
    "too short a length": (answering(declaring(len(BODY) - 1)), 1),
    "no length, cut": (answering(b"HTTP/1.1 200 OK\r\n\r\n", BODY[:-1]), 1),
    "no such length": (answering(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", BODY), 1),
    "bad chunk": (answering(CHUNKED, b"zz\r\n", BODY), 1),
    "no last chunk": (answering(CHUNKED, b"%x\r\n%b\r\n" % (len(BODY), BODY)), 1),
    "not HTTP": (answering(b"\x16\x03\x01\x02\x00" * 50), 1),
    "hang in another protocol": (answering(b"SSH-2.0-OpenSSH_9.7\r\n", then="hang"), 1),
    "not gzip": (answering(compressed(BODY)), 1),
    "cut gzip": (answering(compressed(gzip.compress(BODY)[:-20])), 1),
    "a bomb": (answering(compressed(gzip.compress(b" " * 30_000_000 + BODY))), 1),
    "no content": (answering(b"HTTP/1.1 204 No Content\r\n\r\n"), 1),
    "partial content": (answering(b"HTTP/1.1 206 Part\r\ncontent-length: 2\r\n\r\n{}"), 1),
    "status 500": (answering(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"), 1),
    "status 999": (answering(b"HTTP/1.1 999 Oh\r\ncontent-length: 0\r\n\r\n"), 1),
}


@pytest.mark.parametrize("point", UNKNOWN)
@pytest.mark.asyncio
async def test_an_exchange_that_breaks_is_not_repeated(
    point: str, make_http_client: MakeHttpClient
) -> None:
    """Wherever it breaks off once something was sent, the outcome is unknown, and final."""
    behaviour, jobs = UNKNOWN[point]
    store = MemoryStore()
    async with (
        FaultServer(behaviour).serving() as server,
        make_http_client() as http_client,
        MaviClient(
            KEY,
            base_url=server.base_url,
            requests_per_second=FAST,
            http_client=http_client,
            store=store,
            submit_timeout=0.25,
        ) as client,
    ):
        with pytest.raises(ApiError) as caught:
            await client.submit_speaker("re_1")
        unknown = await store.list_intents(client.account, IntentState.UNKNOWN)

        assert type(caught.value) is SubmitOutcomeUnknown
        assert (server.connections, server.jobs) == (1, jobs)
        assert [intent.intent_id for intent in unknown] == [caught.value.intent_id]


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + BODY],
        [HEAD, BODY],
        [bytes([each]) for each in HEAD + BODY],
        [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n", HEAD, BODY],
        [CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)],
        [b"HTTP/1.0 200 OK\r\n\r\n", BODY],
        [compressed(gzip.compress(BODY))],
        [declaring(len(BODY), BODY) + HEAD + BODY],
        [declaring(len(BODY) + 2, b"\r\n" + BODY)],
        [b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n" % len(BODY), BODY],
    ],
    ids=[
        "at once",
        "head, then body",
        "byte by byte",
        "after interim answers",
        "chunked",
        "up to the end of the connection",
        "compressed",
        "twice",
        "after a blank line",
        "202",
    ],
)
@pytest.mark.asyncio
async def test_every_whole_answer_is_understood(
    parts: list[bytes], make_http_client: MakeHttpClient
) -> None:
    """However an answer is cut up on its way, a whole one hands out the task."""
    async with (
        FaultServer(answering(*parts)).serving() as server,
        make_http_client() as http_client,
        MaviClient(
            KEY, base_url=server.base_url, requests_per_second=FAST, http_client=http_client
        ) as client,
    ):
        task = await client.submit_speaker("re_1")

        assert task.task_id == "t1"
        assert server.jobs == 1


@pytest.mark.asyncio
async def test_a_refused_connection_costs_nothing(
    make_http_client: MakeHttpClient, delays: list[float]
) -> None:
    """Where nobody listens, six tries are made and nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    store = MemoryStore()
    async with (
        make_http_client() as http_client,
        MaviClient(
            KEY,
            base_url=f"http://127.0.0.1:{port}",
            requests_per_second=FAST,
            http_client=http_client,
            store=store,
        ) as client,
    ):
        with pytest.raises(ServiceUnavailable, match="nothing was sent"):
            await client.submit_speaker("re_1")
        left = await store.list_intents(client.account, IntentState.NOT_SENT)

    assert len(delays) == 5
    assert [intent.asset_id for intent in left] == ["re_1"]


@pytest.mark.asyncio
async def test_a_server_without_tls_was_sent_nothing(
    make_http_client: MakeHttpClient, delays: list[float]
) -> None:
    """A failed handshake is a failed connection: the key and the request never left."""
    seen = bytearray()

    async def answer_in_the_clear(peer: Peer) -> None:
        seen.extend(await peer.reader.read(65536))
        await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with (
        FaultServer(answer_in_the_clear).serving() as server,
        make_http_client() as http_client,
        MaviClient(
            KEY,
            base_url=f"https://127.0.0.1:{server.port}",
            requests_per_second=FAST,
            http_client=http_client,
        ) as client,
    ):
        with pytest.raises(ServiceUnavailable, match="nothing was sent"):
            await client.submit_speaker("re_1")

        assert server.connections == 6
        assert KEY.encode() not in seen


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.asyncio
async def test_a_redirect_loop_makes_one_request(
    status: int, make_http_client: MakeHttpClient
) -> None:
    """A redirect to the same place is refused, although the given client would follow it."""
    location = "location: /api/transcriptions/async-generate-speaker"
    async with (
        FaultServer(refusing(status, location)).serving() as server,
        make_http_client() as http_client,
        MaviClient(
            KEY, base_url=server.base_url, requests_per_second=FAST, http_client=http_client
        ) as client,
    ):
        with pytest.raises(RequestRejected) as caught:
            await client.submit_speaker("re_1")

        assert caught.value.status == status
        assert (server.connections, server.requests, server.jobs) == (1, 1, 0)


@pytest.mark.asyncio
async def test_a_redirect_elsewhere_takes_nothing_along(make_http_client: MakeHttpClient) -> None:
    """Another origin is neither asked nor told the key."""
    async with (
        FaultServer(answering(HEAD, BODY)).serving() as elsewhere,
        FaultServer(refusing(307, f"location: {elsewhere.base_url}")).serving() as server,
        make_http_client() as http_client,
        MaviClient(
            KEY, base_url=server.base_url, requests_per_second=FAST, http_client=http_client
        ) as client,
    ):
        with pytest.raises(RequestRejected):
            await client.submit_speaker("re_1")

        assert (server.requests, elsewhere.connections) == (1, 0)


@pytest.mark.asyncio
async def test_over_the_limit_is_sent_again_until_it_passes(
    make_http_client: MakeHttpClient, delays: list[float]
) -> None:
    """Refusals that create no job are followed by the one request that does."""

    async def refuse_three_times(peer: Peer) -> None:
        for _ in range(3):
            await peer.read_request()
            await peer.send(b"HTTP/1.1 429 No\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n")
        await peer.accept()
        await peer.send(HEAD + BODY)

    async with (
        FaultServer(refuse_three_times).serving() as server,
        make_http_client() as http_client,
        MaviClient(
            KEY, base_url=server.base_url, requests_per_second=FAST, http_client=http_client
        ) as client,
    ):
        task = await client.submit_speaker("re_1")

        assert task.task_id == "t1"
        assert (server.requests, server.jobs) == (4, 1)
        assert delays == [1.0, 1.0, 1.0]


@pytest.mark.asyncio
async def test_an_endless_limit_is_raised(
    make_http_client: MakeHttpClient, delays: list[float]
) -> None:
    """Ten refusals in a row end in the error, with what the server asked for."""
    async with (
        FaultServer(refusing(429, "retry-after: 7")).serving() as server,
        make_http_client() as http_client,
        MaviClient(
            KEY, base_url=server.base_url, requests_per_second=FAST, http_client=http_client
        ) as client,
    ):
        with pytest.raises(RateLimited) as caught:
            await client.submit_speaker("re_1")

        assert caught.value.retry_after == 7
        assert (server.requests, server.jobs) == (10, 0)


@pytest.mark.asyncio
async def test_a_connection_gone_stale_is_replaced(make_http_client: MakeHttpClient) -> None:
    """A kept connection that the server has closed meanwhile does not cost the next submit."""
    gone = asyncio.Event()

    async def answer_once(peer: Peer) -> None:
        await peer.accept()
        await peer.send(HEAD + BODY)
        peer.writer.close()
        await peer.writer.wait_closed()
        gone.set()

    async with (
        FaultServer(answer_once).serving() as server,
        make_http_client() as http_client,
        MaviClient(
            KEY, base_url=server.base_url, requests_per_second=FAST, http_client=http_client
        ) as client,
    ):
        first = await client.submit_speaker("re_1")
        await gone.wait()
        second = await client.submit_speaker("re_1")

        assert first is second
        assert (server.connections, server.jobs) == (2, 2)


@pytest.mark.asyncio
async def test_the_client_is_usable_after_every_fault(
    make_http_client: MakeHttpClient, delays: list[float]
) -> None:
    """After one of each fault in turn on one client, no turn is lost: submits still work."""
    points = [point for point in UNKNOWN if "hang" not in point and "drip" not in point]
    turns = iter([UNKNOWN[point][0] for point in points])

    async def misbehave(peer: Peer) -> None:
        await next(turns, answering(HEAD + BODY))(peer)

    async with (
        FaultServer(misbehave).serving() as server,
        make_http_client() as http_client,
        MaviClient(
            KEY, base_url=server.base_url, requests_per_second=FAST, http_client=http_client
        ) as client,
    ):
        outcomes = [
            await asyncio.gather(client.submit_speaker("re_1"), return_exceptions=True)
            for _ in points
        ]
        tasks = await asyncio.gather(*(client.submit_speaker("re_1") for _ in range(20)))

        assert {type(error) for [error] in outcomes} == {SubmitOutcomeUnknown}
        assert {task.task_id for task in tasks} == {"t1"}
