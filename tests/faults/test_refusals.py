"""Servers that refuse, redirect, or are not there, with either HTTP library."""

import asyncio
import json
import socket
from typing import TYPE_CHECKING

import pytest

from mavi_async import MemoryStore, RateLimited, RequestRejected, ServiceUnavailable
from mavi_async._records import IntentState

if TYPE_CHECKING:
    from tests.faults.conftest import Behaviour, ClientAt, Peer, ServeFaults

BODY = json.dumps(
    {"code": "0000", "msg": "success", "data": {"task_id": "t1"}, "success": True, "failed": False}
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


async def answer(peer: "Peer") -> None:
    """Accept one job and say so."""
    await peer.accept()
    await peer.send(ANSWER)


def refusing(status: int, *headers: str) -> "Behaviour":
    """Refuse every request of a connection."""
    lines = [f"HTTP/1.1 {status} No", "content-length: 0", *headers, "", ""]

    async def behave(peer: "Peer") -> None:
        while True:
            await peer.read_request()
            await peer.send("\r\n".join(lines).encode())

    return behave


@pytest.mark.fault("nobody listens")
@pytest.mark.asyncio
async def test_a_refused_connection_costs_nothing(
    client_at: "ClientAt", delays: list[float]
) -> None:
    """Where nobody listens, six tries are made and nothing was sent."""
    store = MemoryStore()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # nobody else can have it, and nobody listens
        port = holder.getsockname()[1]
        async with client_at(f"http://127.0.0.1:{port}", store=store) as client:
            with pytest.raises(ServiceUnavailable, match="nothing was sent"):
                await client.submit_speaker("re_1")
            left = await store.list_intents(IntentState.NOT_SENT, client.account)

    assert len(delays) == 5
    assert [intent.asset_id for intent in left] == ["re_1"]


@pytest.mark.fault("nobody listens")
@pytest.mark.asyncio
async def test_a_server_without_tls_was_sent_nothing(
    client_at: "ClientAt", serve_faults: "ServeFaults", delays: list[float], key: str
) -> None:
    """A failed handshake is a failed connection: the key and the request never left."""
    seen = bytearray()

    async def answer_in_the_clear(peer: "Peer") -> None:
        seen.extend(await peer.reader.read(65536))
        await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with (
        serve_faults(answer_in_the_clear) as server,
        client_at(
            f"https://127.0.0.1:{server.port}",
        ) as client,
    ):
        with pytest.raises(ServiceUnavailable, match="nothing was sent"):
            await client.submit_speaker("re_1")

        assert server.connections == 6
        assert key.encode() not in seen


@pytest.mark.fault("a redirect")
@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.asyncio
async def test_a_redirect_loop_makes_one_request(
    status: int, client_at: "ClientAt", serve_faults: "ServeFaults"
) -> None:
    """A redirect to the same place is refused, although the given client would follow it."""
    location = "location: /api/transcriptions/async-generate-speaker"
    async with (
        serve_faults(refusing(status, location)) as server,
        client_at(server.base_url) as client,
    ):
        with pytest.raises(RequestRejected) as caught:
            await client.submit_speaker("re_1")

        assert caught.value.status == status
        assert (server.connections, server.requests, server.jobs) == (1, 1, 0)


@pytest.mark.fault("a redirect")
@pytest.mark.asyncio
async def test_a_redirect_elsewhere_takes_nothing_along(
    client_at: "ClientAt", serve_faults: "ServeFaults"
) -> None:
    """Another origin is neither asked nor told the key."""
    async with (
        serve_faults(answer) as elsewhere,
        serve_faults(refusing(307, f"location: {elsewhere.base_url}")) as server,
        client_at(server.base_url) as client,
    ):
        with pytest.raises(RequestRejected):
            await client.submit_speaker("re_1")

        assert (server.requests, elsewhere.connections) == (1, 0)


@pytest.mark.fault("a rejection for the rate")
@pytest.mark.asyncio
async def test_over_the_limit_is_sent_again_until_it_passes(
    client_at: "ClientAt", serve_faults: "ServeFaults", delays: list[float]
) -> None:
    """Refusals that create no job, whatever they ask for, are followed by the one that does."""
    asked = ["1", "-1", "1e9", "Fri, 31 Dec 2100 00:00:00 GMT", "when it suits you"]
    refusal = "HTTP/1.1 429 No\r\nretry-after: {}\r\ncontent-length: 0\r\n\r\n"

    async def refuse_at_first(peer: "Peer") -> None:
        for after in asked:
            await peer.read_request()
            await peer.send(refusal.format(after).encode())
        await answer(peer)

    async with serve_faults(refuse_at_first) as server, client_at(server.base_url) as client:
        task = await client.submit_speaker("re_1")

        assert task.task_id == "t1"
        assert (server.requests, server.jobs) == (6, 1)
        assert delays == [1, 0, 60, 60, 0]


@pytest.mark.fault("a rejection for the rate")
@pytest.mark.asyncio
async def test_an_endless_limit_is_raised(
    client_at: "ClientAt", serve_faults: "ServeFaults", delays: list[float]
) -> None:
    """Ten refusals in a row end in the error, with what the server asked for."""
    async with (
        serve_faults(refusing(429, "retry-after: 7")) as server,
        client_at(server.base_url) as client,
    ):
        with pytest.raises(RateLimited) as caught:
            await client.submit_speaker("re_1")

        assert caught.value.retry_after == 7
        assert (server.requests, server.jobs) == (10, 0)


@pytest.mark.asyncio
async def test_a_connection_gone_stale_is_replaced(
    client_at: "ClientAt", serve_faults: "ServeFaults"
) -> None:
    """A kept connection that the server has closed meanwhile does not cost the next submit."""
    gone = asyncio.Event()

    async def answer_once(peer: "Peer") -> None:
        await peer.accept()
        await peer.send(ANSWER)
        peer.writer.close()
        await peer.writer.wait_closed()
        gone.set()

    async with (
        serve_faults(answer_once) as server,
        client_at(server.base_url) as client,
    ):
        first = await client.submit_speaker("re_1")
        await gone.wait()
        second = await client.submit_speaker("re_1")

        assert first is second
        assert (server.connections, server.jobs) == (2, 2)
