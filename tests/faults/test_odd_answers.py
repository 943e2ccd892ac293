"""Answers that are odd or cut up, with either HTTP library."""

import asyncio
import gzip
import json
from typing import TYPE_CHECKING

import pytest

from mavi_async import (
    ApiError,
    MemoryStore,
    SubmitOutcomeUnknown,
)
from mavi_async._records import IntentState

if TYPE_CHECKING:
    from tests.faults.conftest import Behaviour, ClientAt, Peer, ServeFaults

BODY = json.dumps(
    {"code": "0000", "msg": "success", "data": {"task_id": "t1"}, "success": True, "failed": False}
).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
    BODY
)
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def answering(*parts: bytes) -> "Behaviour":
    """Accept the job, answer with some bytes, and close."""

    async def behave(peer: "Peer") -> None:
        await peer.accept()
        for part in parts:
            await peer.send(part)

    return behave


async def pour(peer: "Peer") -> None:
    """Answer with a body that has no end, as fast as it is read."""
    await peer.accept()
    await peer.send(CHUNKED)
    while True:
        await peer.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


async def endless_head(peer: "Peer") -> None:
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


UNKNOWN: dict[str, "Behaviour"] = {
    "pour": pour,
    "endless head": endless_head,
    "too short a length": answering(declaring(len(BODY) - 1)),
    "no length, cut": answering(b"HTTP/1.1 200 OK\r\n\r\n", BODY[:-1]),
    "no such length": answering(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", BODY),
    "bad chunk": answering(CHUNKED, b"zz\r\n", BODY),
    "not HTTP": answering(b"\x16\x03\x01\x02\x00" * 50),
    "another protocol": answering(b"SSH-2.0-OpenSSH_9.7\r\n"),
    "not gzip": answering(compressed(BODY)),
    "cut gzip": answering(compressed(gzip.compress(BODY)[:-20])),
    "a bomb": answering(compressed(gzip.compress(b" " * 30_000_000 + BODY))),
    "no content": answering(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "partial content": answering(b"HTTP/1.1 206 Part\r\ncontent-length: 2\r\n\r\n{}"),
    "status 500": answering(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"),
    "status 999": answering(b"HTTP/1.1 999 Oh\r\ncontent-length: 0\r\n\r\n"),
}


@pytest.mark.fault("the answer cannot be read")
@pytest.mark.parametrize("point", UNKNOWN)
@pytest.mark.asyncio
async def test_an_answer_that_cannot_be_read_is_final(
    point: str, client_at: "ClientAt", serve_faults: "ServeFaults"
) -> None:
    """A job may exist, so the outcome is unknown, and the request is not sent again."""
    store = MemoryStore()
    async with (
        serve_faults(UNKNOWN[point]) as server,
        client_at(
            server.base_url,
            store=store,
            submit_timeout=0.25,
        ) as client,
    ):
        with pytest.raises(ApiError) as caught:
            await client.submit_speaker("re_1")
        unknown = await store.list_intents(IntentState.UNKNOWN, client.account)

        assert type(caught.value) is SubmitOutcomeUnknown
        assert (server.connections, server.jobs) == (1, 1)
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
    parts: list[bytes], client_at: "ClientAt", serve_faults: "ServeFaults"
) -> None:
    """However an answer is cut up on its way, a whole one hands out the task."""
    async with (
        serve_faults(answering(*parts)) as server,
        client_at(server.base_url) as client,
    ):
        task = await client.submit_speaker("re_1")

        assert task.task_id == "t1"
        assert server.jobs == 1


@pytest.mark.asyncio
async def test_the_client_is_usable_after_every_fault(
    client_at: "ClientAt", serve_faults: "ServeFaults", delays: list[float]
) -> None:
    """After one of each fault in turn on one client, no turn is lost: submits still work."""
    turns = iter(UNKNOWN.values())

    async def misbehave(peer: "Peer") -> None:
        await next(turns, answering(HEAD + BODY))(peer)

    async with (
        serve_faults(misbehave) as server,
        client_at(server.base_url) as client,
    ):
        outcomes = [
            await asyncio.gather(client.submit_speaker("re_1"), return_exceptions=True)
            for _ in UNKNOWN
        ]
        tasks = await asyncio.gather(*(client.submit_speaker("re_1") for _ in range(20)))

        assert {type(error) for [error] in outcomes} == {SubmitOutcomeUnknown}
        assert {task.task_id for task in tasks} == {"t1"}
