"""The command line as its users start it: a process of its own."""

import asyncio
import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from mavi_async import SQLiteStore, TaskStore
from mavi_async.cli import _app as cli
from mavi_async.emulator import Emulator
from mavi_async.stores import Intent, IntentState, Submission

COMMAND = (sys.executable, "-m", "mavi_async.cli")
KEY = "sk-mavi-canary-5f0e7c1d9b2a4e68"
TOKEN = "callback-token-0123456789"
SECONDS = 60
HIDDEN = ("MAVI_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_", "PYTHONIOENCODING")

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
FullDisk = Callable[[], contextlib.AbstractContextManager[None]]
T = TypeVar("T")


class WithStore(Protocol):
    """Does something with the store of a test and returns what comes of it."""

    def __call__(self, do: Callable[[TaskStore], Coroutine[object, object, T]]) -> T: ...


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """The file that all commands of a test share."""
    return tmp_path / "store" / "tasks.sqlite3"


@pytest.fixture
def environment(tmp_path: Path, store_path: Path) -> dict[str, str]:
    """The process's environment, without what would change the output, and far from the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)}
    return {
        **kept,
        "PYTHONUTF8": "1",
        "TERM": "xterm-256color",
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "MAVI_STORE": str(store_path),
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Run a command to its end; whatever it does, it shows no key, traceback or escape."""

    def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        process = subprocess.run(
            [*COMMAND, *arguments],
            env={**environment, **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        for output in (process.stdout, process.stderr):
            assert "Traceback" not in output
            assert "\x1b" not in output
            assert KEY not in output
            assert TOKEN not in output
        return process

    return run


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    """Start a command that runs until it is told to stop; it ends with the test at the latest."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **extra: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env={**environment, **extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def in_terminal(environment: dict[str, str]) -> Run:
    """Run a command in a terminal of its own and return what it wrote there, escapes and all."""
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    termios = pytest.importorskip("termios")

    def run(*arguments: str, columns: int = 110, **extra: str) -> subprocess.CompletedProcess[str]:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (45, columns))
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env={**environment, **extra},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            close_fds=True,
        )
        os.close(theirs)
        written = bytearray()
        try:
            # Reading fails on Linux, and ends elsewhere, when the other side is closed.
            while chunk := os.read(ours, 65_536):
                written += chunk
        except OSError:
            pass
        finally:
            os.close(ours)
        code = process.wait(SECONDS)
        return subprocess.CompletedProcess(arguments, code, written.decode(), "")

    return run


@pytest.fixture
def port(worker_id: str) -> int:
    """A port that is free, and that neither the system gives out nor another test process."""
    first = 20_000 + 1_000 * int(worker_id.strip("gwmaster") or 0)
    # Other runs of these tests on this machine have workers of the same names.
    first += 20 * (os.getpid() % 50)
    for number in range(first, 30_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", number)):
            return number
    raise AssertionError("no free port")


@pytest.fixture
def token() -> str:
    """What stands at the end of the webhook URL that `emulator` has."""
    return TOKEN


@pytest.fixture
def emulator(port: int) -> Iterator[Emulator]:
    """A fast emulator whose callbacks go to `port`."""
    webhook = f"http://127.0.0.1:{port}/mavi/callback/{TOKEN}"
    with Emulator(100, api_key=KEY, webhook_url=webhook, callback_delay=0) as emulator:
        yield emulator


@pytest.fixture
def settings(emulator: Emulator, token: str) -> dict[str, str]:
    """The environment of a user whose account is emulated."""
    return {
        "MAVI_API_KEY": emulator.api_key,
        "MAVI_BASE_URL": emulator.base_url,
        "MAVI_CALLBACK_TOKEN": token,
    }


@pytest.fixture
def call(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command in this process, which takes a tenth of the time; the same holds of it."""
    for name in os.environ:
        if name.startswith("MAVI_"):
            monkeypatch.delenv(name)
    for name in ("HOME", "XDG_DATA_HOME", "MAVI_STORE"):
        monkeypatch.setenv(name, environment[name])

    def call(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch:
            for name, value in extra.items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = cli.run(arguments)
        output, errors = capsys.readouterr()
        for text in (output, errors):
            assert "Traceback" not in text
            assert "\x1b" not in text
            assert KEY not in text
            assert TOKEN not in text
        return subprocess.CompletedProcess(arguments, code, output, errors)

    return call


@pytest.fixture
def with_store(store_path: Path) -> WithStore:
    """Do something with the store of a test, as another process would."""

    def with_store(do: Callable[[TaskStore], Coroutine[object, object, T]]) -> T:
        async def opened() -> T:
            store = SQLiteStore(store_path)
            try:
                return await do(store)
            finally:
                await store.aclose()

        return asyncio.run(opened())

    return with_store


@pytest.fixture
def full_disk() -> FullDisk:
    """Let files be written by half, for the length of a ``with`` block; but not the store's."""

    def fail(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    @contextlib.contextmanager
    def full_disk() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "write_bytes", fail)
            yield

    return full_disk


class Shelf:
    """A store with jobs in every state, and the ids to find them by."""

    def __init__(self) -> None:
        now = time.time()
        self.pending = Submission("a" * 32, "studio", "re_pending", now - 330)
        self.arrived = Submission("b" * 32, "studio", "re_arrived", now - 200)
        self.done = Submission("c" * 32, "other", "re_done", now - 9000)
        sending = IntentState.SENDING
        self.unknown = Intent("d" * 32, "studio", "re_unknown", sending, now - 150, now - 1, "key")
        self.sending = Intent("e" * 32, "studio", "re_sending", sending, now, now + 1e6)
        self.orphaned = "f" * 32

    @staticmethod
    def body(task_id: str) -> bytes:
        """The callback of a job, with a speaker who speaks for a minute."""
        segments = [{"start": 0, "end": 60, "speaker": "SPEAKER_07"}]
        data = {"data": {"data": segments}, "msg": "done", "success": True}
        document = {"code": "0000", "message": "SUCCESS", "data": data, "task_id": task_id}
        return json.dumps(document).encode()

    async def fill(self, store: TaskStore) -> None:
        """Put everything into a store."""
        for job in (self.pending, self.arrived, self.done):
            await store.put_submission(job)
        for intent in (self.unknown, self.sending):
            await store.begin_intent(intent)
        for task_id in (self.arrived.task_id, self.done.task_id, self.orphaned):
            await store.put_callback(task_id, self.body(task_id), seen=False)
        await store.mark_collected([self.done.task_id])


@pytest.fixture
def shelf(with_store: WithStore) -> Shelf:
    """The store of the test, filled."""
    shelf = Shelf()
    with_store(shelf.fill)
    return shelf
