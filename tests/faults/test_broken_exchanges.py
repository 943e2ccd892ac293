"""Breaking off at each point of an exchange, in each way, with either HTTP library."""

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Literal, get_args

import attrs
import pytest

from mavi_async import MaviError, MemoryStore, ServiceUnavailable, SubmitOutcomeUnknown
from mavi_async._records import IntentState

if TYPE_CHECKING:
    from tests.faults.conftest import Behaviour, ClientAt, Peer, Report, ServeFaults

Read = Literal["nothing", "some", "the head", "everything"]
Stop = Literal["close", "reset", "hang", "drip"]

PATIENCE = 0.5
EVERY = 0.15  # four bytes at this pace are later than that
STATUS = b"HTTP/1.1 200 OK\r\n"
BODY = json.dumps(
    {"code": "0000", "msg": "success", "data": {"task_id": "t1"}, "success": True, "failed": False}
).encode()
FIELDS = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
WHOLE = STATUS + FIELDS % len(BODY) + BODY
SHORT = STATUS + FIELDS % (len(BODY) + 10) + BODY
CHUNKS = b"%sTransfer-Encoding: chunked\r\n\r\n20\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (
    STATUS,
    BODY[:0x20],
    len(BODY) - 0x20,
    BODY[0x20:],
)


@attrs.frozen
class Point:
    """How far an exchange comes: what the server has read, and what it has written of what."""

    read: Read
    written: int = 0
    answer: bytes = WHOLE

    @property
    def jobs(self) -> int:
        """How many jobs there are then: MAVI makes one of a whole request."""
        return int(self.read == "everything")

    @property
    def is_answered(self) -> bool:
        """Whether the client has all that it needs."""
        return self.written == len(WHOLE) and self.answer is WHOLE

    async def reach(self, peer: "Peer") -> None:
        """Play the server up to here."""
        if self.read == "some":
            await peer.reader.readexactly(10)
        elif self.read == "the head":
            await peer.read_head()
        elif self.read == "everything":
            await peer.accept()
        await peer.send(self.answer[: self.written])


POINTS = {
    "after accepting": Point("nothing"),
    "within the request's head": Point("some"),
    "before the request's body": Point("the head"),
    "before the answer": Point("everything"),
    "within the status": Point("everything", 7),
    "after the status": Point("everything", len(STATUS)),
    "within a header": Point("everything", len(STATUS) + 20),
    "before the body": Point("everything", len(WHOLE) - len(BODY)),
    "within the body": Point("everything", len(WHOLE) - len(BODY) // 2),
    "before the last byte but nine": Point("everything", len(WHOLE) - 10),
    "after a body that is too short": Point("everything", len(SHORT), SHORT),
    "within a chunk": Point("everything", len(CHUNKS) - len(BODY) // 2, CHUNKS),
    "between two chunks": Point("everything", CHUNKS.index(BODY[0x20:]) - 4, CHUNKS),
    "before the last chunk": Point("everything", len(CHUNKS) - 5, CHUNKS),
    "after everything": Point("everything", len(WHOLE)),
}


def stopping(point: Point, stop: Stop) -> "Behaviour":
    """Play the server up to a point, and stop there in some way."""

    async def behave(peer: "Peer") -> None:
        await point.reach(peer)
        if stop == "hang":
            await peer.silence()
        elif stop == "drip":
            rest = point.answer[point.written :] if point.jobs else b""
            await peer.drip(rest or b" " * 10, EVERY)
        elif stop == "reset":
            peer.reset()

    return behave


Told = tuple[str, int, int, IntentState]


async def told_by(
    client_at: "ClientAt", serve_faults: "ServeFaults", behaviour: "Behaviour", report_of: "Report"
) -> tuple[Told, str]:
    """What a submit ends in, how often it was sent, the jobs, and what the store says of it."""
    store = MemoryStore()
    async with (
        serve_faults(behaviour) as server,
        client_at(server.base_url, store=store, submit_timeout=PATIENCE) as client,
    ):
        outcome = "a task"
        report = ""
        try:
            await client.submit_speaker("re_1")
        except MaviError as error:
            outcome, report = type(error).__name__, report_of(error)
        [state] = [state for state in IntentState if await store.list_intents(state)]
        return (outcome, server.connections, server.jobs, state), report


@pytest.mark.fault("an error report")
@pytest.mark.fault("the connection breaks off")
@pytest.mark.parametrize("stop", get_args(Stop))
@pytest.mark.asyncio
async def test_an_exchange_that_breaks_off_is_not_repeated(
    stop: Stop,
    client_at: "ClientAt",
    serve_faults: "ServeFaults",
    report_of: "Report",
    key: str,
) -> None:
    """Wherever it breaks off, one request made one job at most, and the caller is told so."""
    unknown = (SubmitOutcomeUnknown.__name__, 1)
    expected = {
        name: ("a task", 1, 1, IntentState.ACCEPTED)
        if point.is_answered
        else (*unknown, point.jobs, IntentState.UNKNOWN)
        for name, point in POINTS.items()
    }
    found = await asyncio.gather(
        *(
            told_by(client_at, serve_faults, stopping(point, stop), report_of)
            for point in POINTS.values()
        )
    )

    assert expected == {name: told for name, (told, _) in zip(POINTS, found, strict=True)}
    assert key not in "".join(report for _, report in found)


@pytest.mark.fault("the connection breaks off")
@pytest.mark.asyncio
async def test_a_server_that_never_accepts(client_at: "ClientAt") -> None:
    """The system accepts in its place: the request has left, and is not sent again."""
    store = MemoryStore()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with client_at(
            f"http://127.0.0.1:{port}", store=store, submit_timeout=PATIENCE
        ) as client:
            with pytest.raises(SubmitOutcomeUnknown):
                await client.submit_speaker("re_1")
        listener.setblocking(False)
        listener.accept()[0].close()

        assert 1 == len(await store.list_intents(IntentState.UNKNOWN))
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.fault("nobody listens")
@pytest.mark.asyncio
async def test_a_server_that_ends_before_it_accepts(
    client_at: "ClientAt", delays: list[float]
) -> None:
    """Whoever was in its queue is told that nothing was sent, or that it cannot be known."""
    store = MemoryStore()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with client_at(f"http://127.0.0.1:{port}", store=store) as client:
        submit = asyncio.ensure_future(client.submit_speaker("re_1"))
        connected = asyncio.Event()
        asyncio.get_running_loop().add_reader(listener, connected.set)
        await connected.wait()
        asyncio.get_running_loop().remove_reader(listener)
        listener.close()
        with pytest.raises((SubmitOutcomeUnknown, ServiceUnavailable)) as caught:
            await submit
    unknown = caught.type is SubmitOutcomeUnknown

    # Connecting again, which nobody answers any more, is allowed only after a failed connection.
    assert (0 if unknown else 5) == len(delays)
    state = IntentState.UNKNOWN if unknown else IntentState.NOT_SENT
    assert 1 == len(await store.list_intents(state))
