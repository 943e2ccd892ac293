"""Workers in processes of their own, all on one SQLite file."""

import asyncio
import itertools
import json
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
import pytest_asyncio

LINE: Final = 2**24


class Worker:
    """The test's end of a worker."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.url = ""
        self.closing = asyncio.Event()
        self.errors = bytearray()
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._started = asyncio.Event()

    async def run(self) -> None:
        """Hear what it says, until its end."""
        await asyncio.gather(self._hear(), self._hear_errors())

    async def started(self) -> "Worker":
        """Wait until it serves."""
        await self._started.wait()
        assert self.url, self.errors.decode()
        return self

    def submit(self, asset_ids: list[str]) -> Awaitable[list[str]]:
        """Let it submit recordings; gives the ids of the jobs, or what the errors are called."""
        return self._ask("submit", asset_ids)

    def wait(self, task_ids: list[str]) -> Awaitable[list[str]]:
        """Let it await jobs; gives the bodies, or what the errors are called."""
        return self._ask("wait", task_ids)

    def limit(self, size: int | None) -> Awaitable[None]:
        """Fill its disk, or make room."""
        return self._ask("limit", size)

    async def stop(self) -> None:
        """Let it close in good order."""
        if self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    def _ask(self, do: str, what: object) -> asyncio.Future[Any]:
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        assert self.process.stdin is not None
        line = json.dumps({"do": do, "what": what, "number": number})
        self.process.stdin.write(f"{line}\n".encode())
        return self._answers[number]

    async def _hear(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            said = json.loads(line)
            if "url" in said:
                self.url = said["url"]
                self._started.set()
            elif "closing" in said:
                self.closing.set()
            elif "number" in said:
                self._answers.pop(said["number"]).set_result(said["outcome"])
        self._started.set()
        for answer in self._answers.values():
            answer.set_exception(ConnectionError(f"the worker died: {self.errors[-4000:]!r}"))

    async def _hear_errors(self) -> None:
        assert self.process.stderr is not None
        while part := await self.process.stderr.read(LINE):
            self.errors += part


class StartWorker(Protocol):
    """Starts workers."""

    def __call__(
        self,
        base_url: str = "http://127.0.0.1:9",
        *,
        requests_per_second: float = 1000.0,
        close_timeout: float = 10.0,
    ) -> Awaitable[Worker]:
        """Return a worker on the file once it serves."""
        ...


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file that all share."""
    return tmp_path / "mavi.sqlite"


@pytest_asyncio.fixture
async def start_worker(path: Path, key: str) -> AsyncIterator[StartWorker]:
    """Starts workers that end with the test, and that must not have shown the API key."""
    workers: list[Worker] = []
    async with AsyncExitStack() as stack:

        async def start(
            base_url: str = "http://127.0.0.1:9",
            *,
            requests_per_second: float = 1000.0,
            close_timeout: float = 10.0,
        ) -> Worker:
            options = {
                "path": str(path),
                "key": key,
                "token": "token-0123456789abcdef",
                "base_url": base_url,
                "requests_per_second": requests_per_second,
                "close_timeout": close_timeout,
            }
            script = Path(__file__).with_name("run_worker.py")
            process = await create_subprocess_exec(
                *(sys.executable, str(script), json.dumps(options)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                limit=LINE,
            )
            worker = Worker(process)
            workers.append(worker)
            hearing = asyncio.create_task(worker.run())
            stack.push_async_callback(asyncio.wait, [hearing])
            stack.push_async_callback(worker.stop)
            return await worker.started()

        yield start
    for worker in workers:
        assert b"DEBUG:" in worker.errors
        assert key.encode() not in worker.errors


class MakeBody(Protocol):
    """Writes the callback of a job."""

    def __call__(self, task_id: str, variant: int = 0) -> bytes:
        """Return a body that differs from that of any other variant."""
        ...


@pytest.fixture
def body_of() -> MakeBody:
    """Writes the callback of a job."""

    def make(task_id: str, variant: int = 0) -> bytes:
        segment = {"start": variant + 0.5, "end": variant + 1.5, "speaker": "SPEAKER_00"}
        data = {"data": {"data": [segment]}, "msg": "done", "success": True}
        return json.dumps(
            {"code": "0000", "message": "SUCCESS", "data": data, "task_id": task_id}
        ).encode()

    return make
