"""Several workers of one FastAPI application, on one store."""

import asyncio
import os
import re
import signal
from typing import TYPE_CHECKING, Final

import attrs
import httpx
import pytest

from mavi_async.emulator import Emulator, Fault
from mavi_async.emulator._conversation import invent_conversation

if TYPE_CHECKING:
    from tests.examples.conftest import Program, Start

# Keeping no connection alive spreads the requests of few senders over the workers.
UVICORN: Final = (
    *("-m", "uvicorn", "--factory", "service:make_app", "--workers", "2", "--port", "0"),
    *("--no-access-log", "--timeout-graceful-shutdown", "25", "--timeout-keep-alive", "0"),
)
GUNICORN: Final = (
    *("-m", "gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:0"),
    *("--worker-class", "uvicorn_worker.UvicornWorker", "--graceful-timeout", "25"),
    *("--no-control-socket", "--keep-alive", "0", "service:make_app()"),
)
ASSETS: Final = [f"re_{number:02}" for number in range(20)]
EARLIER, LATER = ASSETS[:10], ASSETS[10:]


class Browser:
    """Asks the service, and asks again where the worker that was asked died."""

    def __init__(self, url: str) -> None:
        self.client = httpx.AsyncClient(
            base_url=url,
            timeout=60,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def ask(self, method: str, path: str, **options: object) -> httpx.Response:
        """Return the first answer."""
        while True:
            try:
                return await self.client.request(method, path, **options)  # type: ignore[arg-type] # whatever httpx takes
            except httpx.TransportError:
                await asyncio.sleep(0.01)

    async def submit(self, asset_id: str, wait: float = 0) -> httpx.Response:
        """Submit a recording under a key that is made from its asset id."""
        return await self.ask(
            "POST",
            f"/jobs?wait={wait}",
            json={"asset_id": asset_id},
            headers={"Idempotency-Key": f"meeting {asset_id}"},
        )

    async def collect(self, task_id: str) -> object:
        """Ask until the result is there, and return its segments."""
        while (answer := await self.ask("GET", f"/jobs/{task_id}?wait=20")).status_code == 202:
            continue
        return answer.json().get("segments", answer.text)


def expected(asset_id: str) -> object:
    """The segments of a recording."""
    return [attrs.asdict(segment) for segment in invent_conversation(asset_id).segments]


def workers_that_received(program: "Program") -> set[str]:
    """The processes that took callbacks."""
    return set(re.findall(r"^(\d+) INFO service: a callback came", program.said, re.MULTILINE))


async def until_both_received(program: "Program", browser: Browser) -> int:
    """Submit and wait, until callbacks have come to two workers; return how often."""
    count = 0
    while len(workers_that_received(program)) < 2:
        answer = await browser.submit(f"re_more_{count}", wait=20)
        assert answer.json()["segments"] == expected(f"re_more_{count}")
        count += 1
    return count


async def kill_a_worker(program: "Program", emulator: Emulator) -> None:
    """Submit, kill a worker while results are awaited, and see that all of them come."""
    await program.says("Application startup complete", times=2)
    emulator.webhook_url = f"{program.url}/mavi/callback/token-0123456789abcdef"
    browser = Browser(program.url)
    emulator.inject(*(Fault("delay", asset_id=each, seconds=0.3) for each in LATER))

    answers = await asyncio.gather(*map(browser.submit, ASSETS))
    task_ids = [answer.json()["task_id"] for answer in answers]
    collecting = asyncio.gather(*map(browser.collect, task_ids))
    await asyncio.gather(*map(browser.collect, task_ids[: len(EARLIER)]))
    victim = int(re.findall(r"Started server process \[(\d+)\]", program.said)[0])
    os.kill(victim, signal.SIGKILL)
    found = await collecting
    again = await asyncio.gather(*map(browser.submit, ASSETS))
    more = await until_both_received(program, browser)
    await program.says("Application startup complete", times=3)
    code = await program.stop()
    await browser.client.aclose()

    assert {answer.status_code for answer in answers} <= {200, 202}
    assert found == [expected(each) for each in ASSETS]
    assert [(each.status_code, each.json()["task_id"]) for each in again] == [
        (200, task_id) for task_id in task_ids
    ]
    assert emulator.jobs_created == len(ASSETS) + more
    assert code == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("where", ["sqlite"], indirect=True)  # either store: the other server
async def test_worker_of_uvicorn_is_killed(start: "Start", emulator: Emulator) -> None:
    """A worker that is killed loses nothing, and nothing is submitted twice."""
    await kill_a_worker(start("fastapi_workers", *UVICORN), emulator)


@pytest.mark.asyncio
async def test_worker_of_gunicorn_is_killed(start: "Start", emulator: Emulator) -> None:
    """The application may be built before its workers are forked."""
    await kill_a_worker(start("fastapi_workers", *GUNICORN), emulator)
