"""The proxy itself: what it lets pass, and what not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from tests.faults.network.conftest import Cut, ProxyTo, Way

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[str]:
    """A server that sends back what it gets."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    yield "http://{}:{}".format(*server.sockets[0].getsockname())
    server.close()


async def connected(url: str) -> Ends:
    """A connection to a URL."""
    host, _, port = url.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


@pytest.mark.asyncio
async def test_what_is_late_or_in_pieces_is_whole(
    echo: str, proxy_to: "ProxyTo", way: "type[Way]"
) -> None:
    """Latency, jitter, a drip and a narrow band change the pace and not a byte."""
    proxy = proxy_to(echo)
    proxy.switch(
        way(latency=0.001, jitter=0.001, piece=1), way(piece=7, bytes_per_second=1_000_000)
    )
    reader, writer = await connected(proxy.url)
    sent = bytes(range(50))
    writer.write(sent)
    writer.write_eof()

    assert sent == await reader.read(-1)
    writer.close()


@pytest.mark.parametrize(
    ("cut", "rest"), [("half-close", b"12345"), ("close", b"12345"), ("reset", None)]
)
@pytest.mark.asyncio
async def test_a_cut_ends_a_connection_where_it_says(
    cut: "Cut", rest: bytes | None, echo: str, proxy_to: "ProxyTo", way: "type[Way]"
) -> None:
    """Five bytes come back, then the end; a reset is an error."""
    proxy = proxy_to(echo)
    proxy.switch(to_caller=way(cut_after=5, cut=cut))
    reader, writer = await connected(proxy.url)
    writer.write(b"1234567890")
    try:
        found: bytes | None = await reader.read(-1)
    except ConnectionResetError:
        found = None

    assert rest == found
    writer.close()


@pytest.mark.asyncio
async def test_what_a_black_hole_holds_comes_when_it_heals(
    echo: str, proxy_to: "ProxyTo", way: "type[Way]"
) -> None:
    """Nothing passes after the moment, in one direction; nothing is lost either."""
    proxy = proxy_to(echo)
    proxy.switch(to_caller=way(cut_after=5))
    reader, writer = await connected(proxy.url)
    writer.write(b"1234567890")
    first = await reader.readexactly(5)
    more = asyncio.ensure_future(reader.read(5))
    await asyncio.wait([more], timeout=0.05)
    was_silent = not more.done()
    proxy.switch()

    assert (b"12345", True, b"67890") == (first, was_silent, await more)
    proxy.reset_all()
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    writer.close()
