"""What the FastAPI example answers, asked in this process."""

import importlib.util
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Final

import httpx
import pytest
import pytest_asyncio

from mavi_async import (
    AuthenticationError,
    DispatcherClosed,
    MalformedResult,
    MaviError,
    PacingTimeout,
    RateLimited,
    ServiceUnavailable,
    StoreError,
    WebhookNotConfigured,
)
from mavi_async.emulator import Emulator, Fault
from mavi_async.emulator._faults import FaultKind

TOKEN: Final = "token-0123456789abcdef"
SERVICE: Final = Path(__file__).parents[2] / "examples" / "fastapi_workers" / "service.py"


@pytest.fixture
def where(tmp_path: Path) -> str:
    """What MAVI_STORE says: which store it is makes no difference here."""
    return str(tmp_path / "mavi.sqlite3")


@pytest.fixture
def service() -> ModuleType:
    """The module of the example, imported anew."""
    spec = importlib.util.spec_from_file_location("service", SERVICE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest_asyncio.fixture
async def browser(
    service: ModuleType, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the example."""
    monkeypatch.setattr(logging.getLogger("uvicorn.access"), "disabled", False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = service.make_app()
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as browser,
    ):
        yield browser


async def submit(browser: httpx.AsyncClient, asset_id: str, key: str = "") -> httpx.Response:
    """Submit a recording."""
    headers = {"Idempotency-Key": key} if key else {}
    return await browser.post("/jobs", json={"asset_id": asset_id}, headers=headers)


@pytest.mark.asyncio
async def test_job_that_fails(browser: httpx.AsyncClient) -> None:
    """A job is 202 while it runs, and 502 once MAVI reports that it could not do it."""
    answers = [await submit(browser, "re_1")]
    task_id = answers[0].json()["task_id"]
    place = answers[0].headers["Location"]
    answers.append(await browser.get(place))
    failure = {"code": "0003", "message": "no speech", "task_id": task_id, "data": None}
    answers.append(await browser.post(f"/mavi/callback/{TOKEN}", content=json.dumps(failure)))
    answers.append(await browser.get(place))
    health = await browser.get("/health")

    assert [each.status_code for each in answers] == [202, 202, 200, 502]
    assert place == f"/jobs/{task_id}"
    assert answers[-1].json()["error"] == "TaskFailed"
    assert health.json()["callbacks_here"] == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("402", 402, "OutOfCredits"),
        ("500", 409, "SubmitOutcomeUnknown"),
        ("reset", 409, "SubmitOutcomeUnknown"),
    ],
)
async def test_submit_that_fails(
    kind: FaultKind, status: int, error: str, browser: httpx.AsyncClient, emulator: Emulator
) -> None:
    """What MAVI answers decides what the service answers."""
    emulator.inject(Fault(kind))
    answer = await submit(browser, "re_1")

    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.asyncio
async def test_wrong_requests(browser: httpx.AsyncClient) -> None:
    """What is wrong with the request itself is 404 or 422, and costs no job."""
    await submit(browser, "re_1", key="meeting")
    answers = [
        await browser.get("/jobs/nobody"),
        await submit(browser, "re_2", key="meeting"),
        await submit(browser, ""),
        await browser.post("/jobs", json={}),
        await browser.get("/jobs/nobody?wait=3600"),
        await browser.post("/mavi/callback/token-of-somebody-else", content=b"{}"),
    ]

    assert [each.status_code for each in answers] == [404, 422, 422, 422, 422, 404]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AuthenticationError("wrong key", "POST /x", "h", 401), (500, None)),
        (WebhookNotConfigured("none", "POST /x", "h", 400), (500, None)),
        (RateLimited("slow", "POST /x", "h", 429, retry_after=2.5), (503, "3")),
        (RateLimited("which?", "POST /x", "h", 400, ambiguous=True), (422, None)),
        (ServiceUnavailable("down", "POST /x", "h"), (503, "5")),
        (PacingTimeout("long", "re_1", 100, 99.2), (503, "100")),
        (StoreError("down"), (503, "5")),
        (DispatcherClosed("closing", "job1"), (503, "5")),
        (MalformedResult("odd", "job1", "$.data", b"{}"), (502, None)),
    ],
)
async def test_status(
    error: MaviError, expected: tuple[int, str | None], service: ModuleType
) -> None:
    """Only what is worth asking again is 503, with the time to wait."""
    answer = await service.answer_error(None, error)

    assert (answer.status_code, answer.headers.get("Retry-After")) == expected
    assert json.loads(answer.body)["error"] == type(error).__name__
