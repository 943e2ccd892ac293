"""Starting and stopping, in every kind of program."""

import asyncio
import logging
import signal
import socket
import subprocess
import sys
import threading

import anyio
import anyio.abc
import httpx
import pytest
import sniffio
from starlette.types import Receive, Scope, Send

from mavi_async._errors import ConfigurationError, TaskStateError
from mavi_async.emulator import Emulator, Fault
from mavi_async.emulator._serving import LoopbackServer

SUBMIT = "/transcriptions/async-generate-speaker"


async def answer(stream: anyio.abc.SocketStream, received: list[bytes]) -> None:
    """Read one callback and accept it."""
    async with stream:
        request = await stream.receive()
        while b'"task_id"' not in request:
            request += await stream.receive()
        received.append(request)
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


async def go_round() -> None:
    """Submit to an emulator that calls back into the same event loop."""
    received: list[bytes] = []
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with Emulator(webhook_url=f"http://127.0.0.1:{port}/", callback_delay=0) as emulator:
            emulator.inject(Fault("early"))

            async def serve() -> None:
                await listener.serve(lambda stream: answer(stream, received))

            group.start_soon(serve)
            response = await client.post(
                emulator.base_url + SUBMIT,
                json={"asset_id": "re_1"},
                headers={"Authorization": emulator.api_key},
            )
        group.cancel_scope.cancel()
        task_id = response.json()["data"]["task_id"]

        assert [task_id.encode() in request for request in received] == [True]


@pytest.mark.asyncio
async def test_under_asyncio() -> None:
    """The emulator's thread and the program's loop do not wait for each other."""
    assert sniffio.current_async_library() == "asyncio"

    await go_round()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_under_trio() -> None:
    """The same under trio."""
    assert sniffio.current_async_library() == "trio"

    await go_round()


def test_leaves_the_process_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    """No thread, no signal handler, no log record, no logging set-up stays behind."""
    caplog.set_level(logging.INFO)
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    threads = threading.enumerate()
    level = logging.getLogger("uvicorn.error").level

    with Emulator() as emulator:
        assert len(threading.enumerate()) == len(threads) + 1
        assert handlers == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        port = httpx.URL(emulator.base_url).port

    assert threads == threading.enumerate()
    assert level == logging.getLogger("uvicorn.error").level
    assert [each for each in caplog.records if each.name != "asyncio"] == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port or 0))


def test_stops_in_the_middle_of_everything() -> None:
    """Requests that hang, callbacks that are held, delayed, retried or early do not delay it."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        threads = threading.enumerate()
        emulator = Emulator(1e6, webhook_url=url, callback_delay=0)
        with emulator, httpx.Client(trust_env=False) as client:
            for fault in (
                Fault("reorder", seconds=3600),
                Fault("delay", seconds=3600),
                Fault("duplicate"),
            ):
                emulator.inject(fault)
                client.post(
                    emulator.base_url + SUBMIT,
                    json={"asset_id": "re_1"},
                    headers={"Authorization": emulator.api_key},
                )
            emulator.inject(Fault("early"))
            with socket.create_connection(
                ("127.0.0.1", httpx.URL(emulator.base_url).port or 0)
            ) as s:
                s.sendall(
                    f"POST /serve/api/v2{SUBMIT} HTTP/1.1\r\nHost: x\r\n"
                    f"Authorization: {emulator.api_key}\r\nContent-Type: application/json\r\n"
                    'Content-Length: 20\r\n\r\n{"asset_id": "re_1"}'.encode()
                )
                deaf.accept()[0].close()
                emulator.stop()
                s.settimeout(10)
                assert s.recv(1) == b""

    assert threads == threading.enumerate()
    assert emulator.jobs_created in (3, 4)


def test_starts_again_where_it_left_off() -> None:
    """What was counted stays readable and goes on."""
    emulator = Emulator(1e6, webhook_url="http://127.0.0.1:9/", port=0)
    for expected in (1, 2):
        with emulator:
            httpx.post(
                emulator.base_url + SUBMIT,
                json={"asset_id": "re_1"},
                headers={"Authorization": emulator.api_key},
            )
        emulator.stop()

        assert emulator.jobs_created == expected


def test_cannot_be_started_twice() -> None:
    """Two servers would count into one ledger."""
    with Emulator() as emulator, pytest.raises(TaskStateError, match="running already"):
        emulator.start()


def test_has_no_address_before_it_starts() -> None:
    """The port is not known yet."""
    emulator = Emulator()

    assert repr(emulator) == "<Emulator stopped, 0 jobs, 0 rejections>"
    with pytest.raises(TaskStateError, match="no address yet"):
        _ = emulator.base_url


def test_a_taken_port_is_named() -> None:
    """The error says which, and nothing stays behind."""
    threads = threading.enumerate()
    with Emulator() as first:
        port = httpx.URL(first.base_url).port
        assert port is not None
        with pytest.raises(ConfigurationError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            Emulator(port=port).start()
        assert repr(first) == f"<Emulator serving on port {port}, 0 jobs, 0 rejections>"

    assert threads == threading.enumerate()


def test_only_loopback() -> None:
    """Other machines cannot reach it."""
    with Emulator() as emulator:
        assert httpx.URL(emulator.base_url).host == "127.0.0.1"
        assert emulator.control_url.endswith("/_emulator")


@pytest.mark.parametrize(
    "options",
    [
        {"requests_per_second": 0},
        {"requests_per_second": float("nan")},
        {"requests_per_second": float("inf")},
        {"limiter": "leaky"},
        {"rejection": "503"},
        {"envelope": "ok"},
        {"callback_delay": -1},
        {"callback_tries": 0},
        {"port": 70_000},
        {"api_key": "with space"},
        {"api_key": "line-end\n"},
        {"webhook_url": "127.0.0.1:80/x"},
        {"webhook_url": "http://"},
        {"webhook_url": "http://[::1"},
        {"webhook_url": 7},
    ],
)
def test_refuses_options_out_of_range(options: dict[str, object]) -> None:
    """Where it is built, before anything starts."""
    with pytest.raises(ConfigurationError):
        Emulator(**options)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("serves", [False, True])
def test_an_end_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch, serves: bool) -> None:
    """What breaks the server reaches whoever starts or stops it."""

    async def broken(server: LoopbackServer, *_: object) -> None:
        if serves:
            server._on_serving()
        raise OSError("out of luck")

    monkeypatch.setattr(LoopbackServer, "serve", broken)

    with pytest.raises(OSError, match="out of luck"), Emulator():
        pass


@pytest.mark.parametrize("extra", ["starlette", "uvicorn"])
def test_a_missing_extra_is_named(extra: str) -> None:
    """The error says what to install."""
    code = f"import sys; sys.modules[{extra!r}] = None; import mavi_async.emulator"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)

    assert (
        'ConfigurationError: the emulator needs an extra: pip install "mavi-async[emulator]"'
        in (run.stderr)
    )


def test_another_missing_module_is_not_hidden() -> None:
    """A broken installation is something else."""
    code = "import sys; sys.modules['httpx'] = None; import mavi_async.emulator"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)

    assert "ModuleNotFoundError" in run.stderr.strip().splitlines()[-1]


class SlowApp:
    """Answers when it is allowed to, and does not care who still listens."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.allowed = asyncio.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.entered.set()
        await self.allowed.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.mark.asyncio
@pytest.mark.parametrize("patient", [False, True])
async def test_a_server_as_a_task_of_its_host(patient: bool) -> None:
    """A request in flight may finish within the grace, and is cut off after it."""
    app = SlowApp()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    serving = asyncio.Event()
    server = LoopbackServer(app, grace=20 if patient else 0, on_serving=serving.set)
    task = asyncio.create_task(server.serve([listener]))
    await serving.wait()

    async with httpx.AsyncClient(trust_env=False) as client:
        request = asyncio.create_task(client.get(url))
        await app.entered.wait()
        server.request_stop()
        if patient:
            asyncio.get_running_loop().call_later(0.05, app.allowed.set)
        [outcome] = await asyncio.gather(request, return_exceptions=True)
    await task

    assert isinstance(outcome, httpx.Response if patient else httpx.RemoteProtocolError)
    assert listener.fileno() == -1
