"""Faults of the submit itself, over a real socket."""

import json
import socket
import struct
import time
from collections.abc import Iterator

import httpx
import pytest

from mavi_async.emulator import Emulator, Fault

SUBMIT = "/transcriptions/async-generate-speaker"
TRANSCRIBE = "/transcriptions/sync-generate-speaker"
NOWHERE = "http://127.0.0.1:9/callback"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(1e6, webhook_url=NOWHERE) as emulator:
        yield emulator


def post(emulator: Emulator, path: str = SUBMIT) -> httpx.Response:
    """Post as a client would."""
    return httpx.post(
        emulator.base_url + path,
        json={"asset_id": "re_1"},
        headers={"Authorization": emulator.api_key},
    )


def send_raw(emulator: Emulator) -> socket.socket:
    """Send a submit and leave its answer to be read."""
    url = httpx.URL(emulator.base_url)
    connection = socket.create_connection((url.host, url.port or 0), timeout=10)
    body = b'{"asset_id": "re_1"}'
    connection.sendall(
        f"POST {url.path}{SUBMIT} HTTP/1.1\r\nHost: x\r\nAuthorization: {emulator.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    """Read until the peer closes."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize(
    ("kind", "status", "msg"),
    [
        ("400", 400, "Request has exceeded the limit."),
        ("401", 401, "Unauthorized"),
        ("402", 402, "Insufficient credits"),
        ("403", 403, "Account disabled"),
        ("429", 429, "Rate limit exceeded"),
        ("500", 500, "Internal Server Error"),
    ],
)
@pytest.mark.parametrize("path", [SUBMIT, TRANSCRIBE])
@pytest.mark.parametrize("creates_job", [False, True])
def test_errors_in_the_envelope(
    emulator: Emulator, path: str, kind: str, status: int, msg: str, creates_job: bool
) -> None:
    """The answer is an error; whether a job was created is another matter."""
    emulator.inject(Fault(kind, creates_job=creates_job))  # type: ignore[arg-type]  # parametrized
    response = post(emulator, path)

    assert status == response.status_code
    assert {"code": status, "msg": msg, "data": None} == response.json()
    assert emulator.jobs_created == (creates_job and path == SUBMIT)
    assert emulator.rejections == (kind == "429")
    assert post(emulator, path).status_code == 200


@pytest.mark.parametrize("value", ["2", "-1", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT", "soon", ""])
@pytest.mark.parametrize("kind", ["429", "503"])
def test_retry_after_is_any_text(emulator: Emulator, kind: str, value: str) -> None:
    """Clients have to cope with all of it."""
    emulator.inject(Fault(kind, retry_after=value))  # type: ignore[arg-type]  # parametrized
    response = post(emulator)

    assert int(kind) == response.status_code
    assert value == response.headers["retry-after"]


def test_503_has_the_shape_of_the_infrastructure(emulator: Emulator) -> None:
    """No envelope, no code."""
    emulator.inject(Fault("503"))
    response = post(emulator)
    document = response.json()

    assert response.status_code == 503
    assert "retry-after" not in response.headers
    assert list(document) == ["timestamp", "path", "status", "error", "requestId"]
    assert (document["status"], document["error"]) == (503, "Service Unavailable")
    assert document["path"].endswith("/serve/api/v2" + SUBMIT)


def test_html(emulator: Emulator) -> None:
    """A page with status 200, as from a proxy."""
    emulator.inject(Fault("html"))
    response = post(emulator)

    assert response.status_code == 200
    assert response.text.startswith("<!DOCTYPE html>")
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("status", [200, 204, 307, 418, 999])
def test_any_answer(emulator: Emulator, status: int) -> None:
    """Also ones that no proper server would send."""
    emulator.inject(Fault("answer", status=status, headers={"Location": "/x"}, body="{}"))
    with send_raw(emulator) as connection:
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Location: /x" in head
    assert body == b"{}"
    assert emulator.jobs_created == 0


@pytest.mark.parametrize("creates_job", [False, True])
@pytest.mark.parametrize("after_bytes", [0, 10])
def test_reset(emulator: Emulator, creates_job: bool, after_bytes: int) -> None:
    """The peer sees a TCP reset, not an orderly end, before or within the answer."""
    emulator.inject(Fault("reset", creates_job=creates_job, after_bytes=after_bytes))
    with send_raw(emulator) as connection, pytest.raises(ConnectionResetError):
        read_to_end(connection)

    assert emulator.jobs_created == creates_job


@pytest.mark.parametrize("creates_job", [False, True])
@pytest.mark.parametrize("after_bytes", [0, 10])
def test_close(emulator: Emulator, creates_job: bool, after_bytes: int) -> None:
    """The connection ends, before or within the answer."""
    emulator.inject(Fault("close", creates_job=creates_job, after_bytes=after_bytes))
    with send_raw(emulator) as connection:
        assert b"HTTP/1.1 2HTTP/1.1 5"[10 * (not creates_job) :][:after_bytes] == read_to_end(
            connection
        )

    assert emulator.jobs_created == creates_job


@pytest.mark.parametrize("creates_job", [False, True])
def test_hang(emulator: Emulator, creates_job: bool) -> None:
    """Nothing comes until the emulator stops; others are served meanwhile."""
    emulator.inject(Fault("hang", creates_job=creates_job, after_bytes=8))
    with send_raw(emulator) as connection:
        assert connection.recv(4096) == b"HTTP/1.1"
        assert post(emulator).status_code == 200
        assert emulator.jobs_created == 1 + creates_job
        emulator.stop()
        assert connection.recv(4096) == b""


def test_a_hanging_request_may_be_given_up(emulator: Emulator) -> None:
    """The client leaves first, in whatever way."""
    emulator.inject(Fault("hang", after_bytes=1))
    with send_raw(emulator) as connection:
        connection.recv(1)
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    assert post(emulator).status_code == 200


def test_drip(emulator: Emulator) -> None:
    """The answer is whole in the end."""
    emulator.inject(Fault("drip", seconds=0))
    with send_raw(emulator) as connection:
        answer = read_to_end(connection)

    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "0000"
    assert emulator.jobs_created == 1


def test_a_drip_stops_with_its_reader(emulator: Emulator) -> None:
    """Neither a client that leaves nor a server that stops waits for the next byte."""
    emulator.inject(Fault("drip", times=2), Fault("drip", seconds=3600))
    with send_raw(emulator) as connection:
        connection.recv(1)
    with send_raw(emulator) as connection:
        connection.recv(1)
    with send_raw(emulator) as connection:
        deadline = time.monotonic() + 10
        while emulator.jobs_created < 3 and time.monotonic() < deadline:
            pass
        emulator.stop()
        assert connection.recv(1) == b""


def test_a_sender_that_leaves_within_the_body(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no error of the server's."""
    with send_raw(emulator) as connection:
        connection.recv(4096)
        connection.sendall(
            f"POST /serve/api/v2{SUBMIT} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {emulator.api_key}\r\nContent-Type: application/json\r\n"
            "Content-Length: 100\r\n\r\n{".encode()
        )
        deadline = time.monotonic() + 10
        while len(emulator.submit_times) < 2 and time.monotonic() < deadline:
            pass
        connection.shutdown(socket.SHUT_RDWR)

    emulator.stop()

    assert [record.getMessage() for record in caplog.records if record.levelno > 20] == []
    assert emulator.jobs_created == 1
