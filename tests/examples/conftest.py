"""The examples as their readers start them: programs around a store, and an emulated MAVI."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import attrs
import pytest

from mavi_async.emulator import Emulator

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
TOKEN: Final = "token-0123456789abcdef"
STORES: Final = ("sqlite", "redis")

_PLACE: Final = re.compile(r"(?:[Rr]unning on|Listening at:) (http://127\.0\.0\.1:\d+)")


@attrs.define
class Program:
    """A program of the examples, in a process of its own.

    Attributes:
        process: Its first process; it may have more.
        path: The file with all that it says.
    """

    process: "subprocess.Popen[bytes]"
    path: Path

    @property
    def said(self) -> str:
        """All that it said so far."""
        return self.path.read_text()

    @property
    def url(self) -> str:
        """Where it serves."""
        found = _PLACE.search(self.said)
        assert found, self.said
        return found[1]

    async def says(self, text: str, *, times: int = 1) -> None:
        """Wait until it has said something so many times."""
        while self.said.count(text) < times:
            assert self.process.poll() is None, self.said
            await asyncio.sleep(0.01)

    async def ends(self) -> int:
        """Wait for its end and return its exit code."""
        return await asyncio.to_thread(self.process.wait)

    async def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ends()

    async def kill(self) -> None:
        """Kill its first process."""
        self.process.kill()
        await self.ends()


Start: TypeAlias = Callable[..., Program]


@pytest.fixture(params=STORES)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What MAVI_STORE says; a server is of the test alone."""
    if request.param == "redis":
        return str(request.getfixturevalue("start_redis")().url)
    return str(tmp_path / "mavi.sqlite3")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """MAVI; a callback that nobody takes is posted again for as long as it may need."""
    with Emulator(
        1000, limiter="sliding", webhook_url="http://127.0.0.1:9/", callback_tries=1000
    ) as emulator:
        yield emulator


@pytest.fixture
def environment(where: str, emulator: Emulator) -> dict[str, str]:
    """What the examples are told."""
    return {
        "MAVI_API_KEY": emulator.api_key,
        "MAVI_BASE_URL": emulator.base_url,
        "MAVI_CALLBACK_TOKEN": TOKEN,
        "MAVI_REQUESTS_PER_SECOND": "1000",
        "MAVI_STORE": where,
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def start(environment: dict[str, str], emulator: Emulator, tmp_path: Path) -> Iterator[Start]:
    """Starts programs, with the words after ``python`` and from the folder of an example.

    They end with the test, all their processes, and must not have shown a secret.
    """
    programs: list[Program] = []

    def start(example: str, *words: str) -> Program:
        path = tmp_path / f"said-{len(programs)}"
        with path.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=EXAMPLES / example,
                env={**os.environ, **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        programs.append(Program(process, path))
        return programs[-1]

    yield start
    for program in programs:
        if program.process.poll() is None:
            os.killpg(program.process.pid, signal.SIGKILL)
            program.process.wait()
        assert TOKEN not in program.said
        assert emulator.api_key not in program.said
        assert "Traceback" not in program.said
