"""What a sender can do to a receiver with HTTP alone."""

import asyncio
import gzip
import logging
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from mavi_async import CallbackLimits, Dispatcher, MemoryStore
from mavi_async._records import Put

if TYPE_CHECKING:
    from tests.receivers.conftest import Connection, Serve, Service

Callback = Callable[..., bytes]

MEGABYTE: Final = 1024 * 1024


class GatedStore(MemoryStore):
    """A store that takes a body only once its gate is open."""

    local = False

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.waiting = 0
        self.came = asyncio.Condition()

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a body once the gate is open."""
        async with self.came:
            self.waiting += 1
            self.came.notify_all()
        await self.gate.wait()
        return await super().put_callback(task_id, body, seen=seen)

    async def wait_for(self, count: int) -> None:
        """Wait until so many bodies have come."""
        async with self.came, asyncio.timeout(30):
            await self.came.wait_for(lambda: self.waiting >= count)


@contextmanager
def said(text: str) -> Iterator[asyncio.Event]:
    """An event that is set once the package logs a text."""
    event = asyncio.Event()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if text in record.getMessage():
                event.set()

    handler = Handler()
    logging.getLogger("mavi_async").addHandler(handler)
    try:
        yield event
    finally:
        logging.getLogger("mavi_async").removeHandler(handler)


def padded(body: bytes, size: int) -> bytes:
    """The same document, as long as wanted."""
    return body + b" " * (size - len(body))


def chunk(data: bytes) -> bytes:
    """A chunk of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def small(**limits: Any) -> CallbackLimits:
    """Limits that a test reaches soon."""
    return CallbackLimits(**{"max_body_bytes": 200_000, "max_buffered_bytes": 1_000_000, **limits})


async def is_served(service: "Service", callback: Callback, task_id: str = "afterwards") -> bool:
    """Whether a good callback still resolves its task."""
    answer = await service.post(callback(task_id))
    return answer.status_code == 200 and bool(await service.task(task_id).wait(0))


@pytest.mark.asyncio
async def test_any_content_type_is_taken(serve: "Serve", callback: Callback) -> None:
    """Nobody promised a content type, so any is taken, and none as well."""
    service = await serve()
    types = [
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=utf-16",
        "text/plain",
        "text/html",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "",
        "nonsense",
        ";;;",
        "\xff",
    ]
    target = service.url.partition(str(service.port))[2]
    headers = [(f"Content-Type: {each}",) for each in types] + [()]
    answers = [
        await service.raw(*each, method="POST", target=target, body=callback(f"job{number}"))
        for number, each in enumerate(headers)
    ]

    assert [200] * len(headers) == [answer.status for answer in answers]


@pytest.mark.fault("a large callback")
@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1_500_000, 16 * MEGABYTE])
async def test_large_callback_is_taken(serve: "Serve", callback: Callback, size: int) -> None:
    """A long recording's callback passes, up to the limit to the byte, however it is sent."""
    service = await serve()
    body = padded(callback("plain"), size)
    packed = gzip.compress(padded(callback("packed"), size), 1)

    async def in_chunks() -> AsyncIterator[bytes]:
        chunked = padded(callback("chunked"), size)
        for begin in range(0, size, 250_000):
            yield chunked[begin : begin + 250_000]

    answers = [
        await service.post(body),
        await service.post(packed, content_encoding="gzip"),
        await service.http.post(service.url, content=in_chunks()),
    ]

    assert [200] * 3 == [answer.status_code for answer in answers]
    for task_id in ("plain", "packed", "chunked"):
        assert size == len((await service.task(task_id).wait(0)).raw)


@pytest.mark.fault("a body that is too large")
@pytest.mark.asyncio
async def test_body_over_the_limit_is_refused(serve: "Serve", callback: Callback) -> None:
    """One byte over the limit is 413: announced, in chunks, and compressed."""
    service = await serve(limits=small(max_body_bytes=100_000))
    body = padded(callback("job"), 100_001)
    announced = await service.begin("Content-Length: 100001")
    chunked = await service.begin("Transfer-Encoding: chunked")
    chunked.send(chunk(body))
    packed = gzip.compress(body)
    compressed = await service.begin(f"Content-Length: {len(packed)}", "Content-Encoding: gzip")
    compressed.send(packed)
    statuses = [(await each.answer()).status for each in (announced, chunked, compressed)]

    assert [413] * 3 == statuses
    assert await service.dispatcher.store.get_callback("job") is None
    assert await is_served(service, callback)


@pytest.mark.fault("a body that is too large")
@pytest.mark.asyncio
async def test_seventeen_megabytes_are_too_large(serve: "Serve", callback: Callback) -> None:
    """The default limit is 16 MiB."""
    service = await serve()
    announced = await service.begin(f"Content-Length: {17 * MEGABYTE}")
    chunked = await service.begin("Transfer-Encoding: chunked")
    await chunked.pour(chunk(b" " * (17 * MEGABYTE)))

    assert 413 == (await announced.answer()).status
    assert 413 == (await chunked.answer()).status
    assert await is_served(service, callback)


@pytest.mark.asyncio
async def test_announced_size_is_refused_at_once(serve: "Serve", callback: Callback) -> None:
    """Who announces 100 MB is refused after one byte."""
    service = await serve()
    connection = await service.begin("Content-Length: 100000000")
    connection.send(b"{")

    assert 413 == (await connection.answer()).status
    assert await is_served(service, callback)


@pytest.mark.asyncio
@pytest.mark.parametrize("length", ["-1", "1e3", "abc", "0x10", "1" * 30, "5, 5", "5, 6", ""])
async def test_odd_lengths_are_refused(serve: "Serve", callback: Callback, length: str) -> None:
    """A length that is none, or beyond all bounds, is refused."""
    service = await serve()
    connection = await service.begin(f"Content-Length: {length}", "Connection: close")
    connection.send(b"12345")

    assert (await connection.answer()).status in (400, 413)
    assert await is_served(service, callback)


@pytest.mark.asyncio
async def test_body_longer_than_announced(serve: "Serve", callback: Callback) -> None:
    """Only as much as was announced is the body: half a document is refused."""
    service = await serve()
    body = callback("job")
    connection = await service.begin(f"Content-Length: {len(body) // 2}")
    connection.send(body)

    assert 400 == (await connection.answer()).status
    assert await service.dispatcher.store.get_callback("job") is None
    assert await is_served(service, callback)


@pytest.mark.asyncio
async def test_body_shorter_than_announced(serve: "Serve", callback: Callback) -> None:
    """A sender that stops early is not waited for, and a complete document is not guessed at."""
    service = await serve()
    body = callback("job")
    connection = await service.begin(f"Content-Length: {len(body) + 1}")
    with said("could not be read") as unreadable:
        connection.send(body)
        connection.end()
        await connection.closed()
        await asyncio.wait_for(unreadable.wait(), 30)

    assert await service.dispatcher.store.get_callback("job") is None
    assert await is_served(service, callback)


@pytest.mark.asyncio
async def test_length_and_chunks_do_not_disagree(serve: "Serve", callback: Callback) -> None:
    """A body with both a length and chunks is refused, or read by its chunks: never by both."""
    service = await serve()
    body = callback("job")
    connection = await service.begin(
        "Content-Length: 4", "Transfer-Encoding: chunked", "Connection: close"
    )
    connection.send(chunk(body) + chunk(b""))
    answer = await connection.answer()
    kept = await service.dispatcher.store.get_callback("job")

    assert (answer.status, kept) in ((400, None), (200, body))
    assert await is_served(service, callback)


@pytest.mark.asyncio
@pytest.mark.parametrize("bad", ["zz\r\n{}\r\n", "-1\r\n{}\r\n", "\r\n\r\n", "2;x=\r\n{}}}\r\n"])
async def test_broken_chunks_are_refused(serve: "Serve", callback: Callback, bad: str) -> None:
    """Chunks that are none end the request."""
    service = await serve()
    connection = await service.begin("Transfer-Encoding: chunked", "Connection: close")
    connection.send(bad.encode() + chunk(b""))

    assert b" 200 " not in (await connection.closed())[:20]
    assert await is_served(service, callback)


@pytest.mark.asyncio
async def test_endless_chunks_end(serve: "Serve", callback: Callback) -> None:
    """Chunks without end are refused at the limit, not collected."""
    service = await serve(limits=small())
    connection = await service.begin("Transfer-Encoding: chunked")
    await connection.pour(chunk(b" " * 1_000) * 10_000)

    assert 413 == (await connection.answer()).status
    assert await is_served(service, callback)


@pytest.mark.asyncio
async def test_two_callbacks_in_one_packet(serve: "Serve", callback: Callback) -> None:
    """A sender that does not wait for the first answer gets both."""
    service = await serve()
    target = service.url.partition(str(service.port))[2]
    connection = await service.connect()
    for task_id in ("first", "second"):
        body = callback(task_id)
        head = f"POST {target} HTTP/1.1\r\nHost: service.test\r\nContent-Length: {len(body)}"
        connection.send(head.encode() + b"\r\n\r\n" + body)
    answers = [await connection.answer(), await connection.answer()]

    assert [200, 200] == [answer.status for answer in answers]
    assert await service.task("first").wait(0)
    assert await service.task("second").wait(0)


@pytest.mark.asyncio
async def test_sender_that_asks_first(serve: "Serve", callback: Callback) -> None:
    """Who expects 100 Continue is told to, and then gets the answer."""
    service = await serve()
    body = callback("job")
    connection = await service.begin(f"Content-Length: {len(body)}", "Expect: 100-continue")
    await connection.continued()
    connection.send(body)

    assert 200 == (await connection.answer()).status


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip", "deflate", "identity"])
async def test_compressed_body_is_taken(serve: "Serve", callback: Callback, name: str) -> None:
    """Bodies may be compressed the way HTTP servers and proxies do it."""
    service = await serve()
    body = callback("job")
    pack: dict[str, Callable[[bytes], bytes]] = {"deflate": zlib.compress, "identity": bytes}
    packed = pack.get(name, gzip.compress)(body)

    assert 200 == (await service.post(packed, content_encoding=name)).status_code
    assert body == (await service.task("job").wait(0)).raw


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "name", ["br", "zstd", "compress", "gzip, gzip", "gzip, identity", "gzip;q=1", "x", "*"]
)
async def test_unknown_encoding_is_refused(serve: "Serve", callback: Callback, name: str) -> None:
    """What cannot be decompressed is not taken as it is."""
    service = await serve()
    answer = await service.post(callback("job"), content_encoding=name)

    assert 400 == answer.status_code
    assert await service.dispatcher.store.get_callback("job") is None
    assert await is_served(service, callback)


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", ["plain", "cut", "flipped", "garbage"])
async def test_broken_compression_is_refused(
    serve: "Serve", callback: Callback, fault: str
) -> None:
    """A body that says gzip and is not, or not whole, is refused."""
    service = await serve()
    packed = gzip.compress(callback("job"))
    broken = {
        "plain": callback("job"),
        "cut": packed[: len(packed) // 2],
        "flipped": packed[:30] + bytes(byte ^ 0xFF for byte in packed[30:60]) + packed[60:],
        "garbage": b"\x1f\x8b" + b"\xff" * 100,
    }
    answer = await service.post(broken[fault], content_encoding="gzip")

    assert 400 == answer.status_code
    assert await service.dispatcher.store.get_callback("job") is None
    assert await is_served(service, callback)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["asgi", "starlette", "fastapi"])
async def test_nothing_follows_a_compressed_body(serve: "Serve", callback: Callback) -> None:
    """What comes after the end of the compressed data is refused at once, not collected."""
    service = await serve()
    connection = await service.begin("Transfer-Encoding: chunked", "Content-Encoding: gzip")
    connection.send(chunk(gzip.compress(callback("job")) + b"more"))

    assert 400 == (await connection.answer()).status
    assert await service.dispatcher.store.get_callback("job") is None


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["asgi", "starlette", "fastapi"])
async def test_compressed_body_has_its_checksum(serve: "Serve", callback: Callback) -> None:
    """Compressed data without its end is refused, although all of the document is there."""
    service = await serve()
    answer = await service.post(gzip.compress(callback("job"))[:-8], content_encoding="gzip")

    assert 400 == answer.status_code
    assert await service.dispatcher.store.get_callback("job") is None


def bomb() -> bytes:
    """A gigabyte of zeros, and the beginning of more, in a megabyte of gzip."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = pack.compress(bytes(MEGABYTE)) + pack.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * 1024


@pytest.mark.fault("a body that is too large")
@pytest.mark.asyncio
async def test_gzip_bomb_takes_little_memory(serve: "Serve", callback: Callback) -> None:
    """A gigabyte in disguise is refused before it is unpacked."""
    service = await serve()
    packed = bomb()
    connection = await service.begin(f"Content-Length: {len(packed)}", "Content-Encoding: gzip")
    tracemalloc.start()
    try:
        await connection.pour(packed)
        answer = await connection.answer()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # Some releases of aiohttp refuse it on their own, as a body that cannot be decoded.
    assert answer.status in ((400, 413) if service.kind == "aiohttp" else (413,))
    assert peak < 100 * MEGABYTE
    assert await is_served(service, callback)


@pytest.mark.asyncio
async def test_many_bombs_share_the_room(serve: "Serve", callback: Callback) -> None:
    """Compressed bodies count as what they become, all of them together."""
    service = await serve(limits=small())
    packed = gzip.compress(padded(callback("job"), 190_000))
    connections = [
        await service.begin("Transfer-Encoding: chunked", "Content-Encoding: gzip")
        for _ in range(6)
    ]
    for connection in connections:
        connection.send(chunk(packed))
    done, _ = await asyncio.wait(
        [asyncio.ensure_future(connection.answer()) for connection in connections],
        return_when=asyncio.FIRST_COMPLETED,
    )

    assert [503] == [each.result().status for each in done]


@pytest.mark.fault("a slow sender")
@pytest.mark.asyncio
async def test_slow_body_is_given_up(serve: "Serve", callback: Callback) -> None:
    """A body that does not come in time is 408, also one that comes a little at a time."""
    service = await serve(limits=small(read_timeout=0.1))
    silent = await service.begin("Content-Length: 1000")
    half = await service.begin("Content-Length: 1000")
    half.send(callback("job"))
    dripping = await service.begin("Transfer-Encoding: chunked")
    async with asyncio.timeout(30):
        while not dripping.is_answered:
            dripping.send(chunk(b" "))
            await asyncio.sleep(0.01)  # the drip itself
    statuses = [(await each.answer()).status for each in (silent, half, dripping)]

    assert [408] * 3 == statuses
    assert await service.dispatcher.store.get_callback("job") is None
    assert await is_served(service, callback)


@pytest.mark.fault("a slow sender")
@pytest.mark.asyncio
async def test_slow_senders_hold_up_nobody(serve: "Serve", callback: Callback) -> None:
    """While a hundred bodies come slowly, others are served; the slow ones are taken too."""
    service = await serve()
    slow = []
    for number in range(100):
        body = callback(f"slow{number}")
        slow.append((await service.begin(f"Content-Length: {len(body)}"), body[-1:]))
        slow[-1][0].send(body[:-1])

    assert await is_served(service, callback)
    assert not any(connection.is_answered for connection, _ in slow)
    for connection, rest in slow:
        connection.send(rest)
    assert {200} == {(await connection.answer()).status for connection, _ in slow}


@pytest.mark.asyncio
async def test_sender_leaves_during_the_headers(serve: "Serve", callback: Callback) -> None:
    """A connection that ends within the headers is forgotten."""
    service = await serve()
    for part in ("", "PO", "POST / HTTP/1.1", "POST / HTTP/1.1\r\nContent-Le"):
        connection = await service.connect()
        connection.send(part.encode())
        connection.cut()

    assert await is_served(service, callback)


@pytest.mark.fault("the sender goes away")
@pytest.mark.asyncio
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
async def test_sender_leaves_during_the_body(
    serve: "Serve", callback: Callback, share: float
) -> None:
    """Of a body whose sender leaves before its end nothing is kept."""
    service = await serve()
    body = callback("job")
    for headers in (f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"):
        with said("could not be read") as unreadable:
            connection = await service.begin(headers, "Expect: 100-continue")
            await connection.continued()
            part = body[: int(len(body) * share)]
            connection.send(part if "Length" in headers or not part else chunk(part))
            connection.cut()
            await asyncio.wait_for(unreadable.wait(), 30)

    assert await service.dispatcher.store.get_callback("job") is None
    assert await is_served(service, callback)


@pytest.mark.fault("the sender goes away")
@pytest.mark.asyncio
async def test_sender_leaves_after_the_body(serve: "Serve", callback: Callback) -> None:
    """A callback whose sender does not wait for the answer is kept all the same."""
    store = GatedStore()
    service = await serve(dispatcher=Dispatcher(store=store))
    waiting = asyncio.ensure_future(service.task("job").wait())
    body = callback("job")
    connection = await service.begin(f"Content-Length: {len(body)}")
    connection.send(body)
    await store.wait_for(1)
    connection.cut()
    store.gate.set()

    assert body == (await waiting).raw
    assert body == await store.get_callback("job")


async def refused_and_open(
    connections: "list[Connection]", least: int
) -> "tuple[list[int], list[Connection]]":
    """Wait until so many are answered; return their statuses, and the others."""
    answers = {asyncio.ensure_future(each.answer()): each for each in connections}
    pending = set(answers)
    while len(answers) - len(pending) < least:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    for each in pending:
        each.cancel()
    statuses = [each.result().status for each in answers if each not in pending]
    return statuses, [answers[each] for each in pending]


@pytest.mark.asyncio
async def test_bodies_share_a_bounded_room(serve: "Serve", callback: Callback) -> None:
    """Of many large bodies at the same time those past the bound get 503, and none lingers."""
    service = await serve(limits=small())
    size = 199_000
    for round_number in range(3):
        connections = []
        for number in range(30):
            body = padded(callback(f"job{round_number}-{number}"), size)
            connections.append(await service.begin(f"Content-Length: {size}"))
            await connections[-1].pour(body[:-1])
        statuses, left = await refused_and_open(connections, 25)
        for connection in left:
            connection.send(b" ")
        late = {(await connection.answer()).status for connection in left}

        assert {503} == set(statuses)
        assert late <= {200, 503}

    assert await is_served(service, callback)


@pytest.mark.asyncio
async def test_bodies_being_stored_count_as_well(serve: "Serve", callback: Callback) -> None:
    """While the store is slow, bodies that wait for it take their share of the room."""
    store = GatedStore()
    service = await serve(dispatcher=Dispatcher(store=store), limits=small())
    bodies = [padded(callback(f"job{number}"), 199_000) for number in range(7)]
    stored = []
    for count, body in enumerate(bodies[:5], start=1):
        stored.append(asyncio.ensure_future(service.post(body)))
        await store.wait_for(count)
    refused = await service.post(bodies[5])
    store.gate.set()
    statuses = [(await each).status_code for each in stored]
    later = await service.post(bodies[6])

    assert (503, "5") == (refused.status_code, refused.headers["retry-after"])
    assert [200] * 5 == statuses
    assert 200 == later.status_code


@pytest.mark.torture
@pytest.mark.asyncio
async def test_two_hundred_large_bodies_at_once(serve: "Serve", callback: Callback) -> None:
    """200 bodies of 16 MB at the same time take bounded memory, and service goes on."""
    service = await serve()
    body = padded(callback("job"), 16 * MEGABYTE)
    tracemalloc.start()

    async def send() -> int:
        connection = await service.begin(f"Content-Length: {len(body)}")
        await connection.pour(body)
        try:
            return (await connection.answer()).status
        except ConnectionError:  # closed while it was still sending: its answer is lost with it
            return 503
        finally:
            connection.cut()

    try:
        statuses = await asyncio.gather(*(send() for _ in range(200)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert {200, 503} >= set(statuses)
    assert peak < 400 * MEGABYTE
    assert await is_served(service, callback)


@pytest.mark.asyncio
async def test_announced_end_of_connection_is_kept(serve: "Serve", callback: Callback) -> None:
    """An answer that says it closes the connection does so, and a good one leaves it open."""
    service = await serve(limits=small())
    method = await service.begin(method="GET")
    large = await service.begin("Content-Length: 300000")
    for connection in (method, large):
        assert "close" == (await connection.answer()).header("connection")
        await connection.closed()
    answers = await service.burst([callback("job")] * 30)

    assert {200} == {answer.status for answer in answers}
    assert "close" not in {answer.header("connection") for answer in answers}
