"""The command line as its users start it: a process of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mavi_async.emulator import Emulator

COMMAND = (sys.executable, "-m", "mavi_async.cli")
KEY = "sk-mavi-canary-5f0e7c1d9b2a4e68"
TOKEN = "callback-token-0123456789"
SECONDS = 60
HIDDEN = ("MAVI_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_", "PYTHONIOENCODING")

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


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
def port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
        return number


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
