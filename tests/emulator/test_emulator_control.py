"""Steering the emulator from another process."""

from collections.abc import Iterator

import httpx
import pytest

from mavi_async.emulator import Emulator

SUBMIT = "/transcriptions/async-generate-speaker"
NOWHERE = "http://127.0.0.1:9/callback"
ONCE = 0.001


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(ONCE, callback_delay=3600) as emulator:
        yield emulator


def submit(emulator: Emulator) -> httpx.Response:
    """Post as a client would."""
    return httpx.post(
        emulator.base_url + SUBMIT,
        json={"asset_id": "re_1"},
        headers={"Authorization": emulator.api_key},
    )


def test_everything_from_outside(emulator: Emulator) -> None:
    """Set the webhook, plan a fault, look at what happened, start anew."""
    control = emulator.control_url
    webhook = httpx.put(f"{control}/webhook", json={"url": NOWHERE})
    faults = httpx.post(f"{control}/faults", json=[{"kind": "early"}, {"kind": "500"}])

    assert (webhook.status_code, webhook.json()["webhook_url"]) == (200, NOWHERE)
    assert (faults.status_code, faults.json()["faults_planned"]) == (200, 2)
    assert emulator.webhook_url == NOWHERE

    httpx.post(f"{control}/faults", json={"kind": "drop"})

    assert [submit(emulator).status_code for _ in range(2)] == [500, 429]

    state = httpx.get(f"{control}/state").json()

    assert emulator.state() == state
    assert (state["jobs_created"], state["rejections"]) == (0, 1)
    assert emulator.submit_times == state["submit_times"]
    assert emulator.rejection_times == state["rejection_times"]

    reset = httpx.post(f"{control}/reset").json()

    assert reset == {
        "jobs_created": 0,
        "rejections": 0,
        "submit_times": [],
        "rejection_times": [],
        "webhook_url": NOWHERE,
        "jobs": [],
        "assets": [],
        "faults_planned": 0,
    }
    assert submit(emulator).status_code == 200


def test_jobs_are_shown(emulator: Emulator) -> None:
    """With what was submitted and answered; resetting gives up their callbacks."""
    emulator.webhook_url = NOWHERE
    task_id = submit(emulator).json()["data"]["task_id"]

    assert [
        {"task_id": task_id, "asset_id": "re_1", "status": "running", "callbacks": []}
    ] == emulator.state()["jobs"]
    assert httpx.post(f"{emulator.control_url}/reset").json()["jobs"] == []


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "why"),
    [
        ("POST", "/faults", '{"kind": "explode"}', 400, "'kind' must be one of"),
        ("POST", "/faults", '[{"kind": "429"}, {}]', 400, "a fault needs a 'kind'"),
        ("POST", "/faults", "{", 400, "not valid JSON"),
        ("PUT", "/webhook", "{}", 400, 'the body must be {"url": …}'),
        ("PUT", "/webhook", "[]", 400, 'the body must be {"url": …}'),
        ("PUT", "/webhook", '{"url": "ftp://x/secret"}', 400, "absolute http or https URL"),
        ("GET", "/faults", "", 405, "Method Not Allowed"),
        ("GET", "/nothing", "", 404, "Not Found"),
    ],
)
def test_says_what_is_wrong(
    emulator: Emulator, method: str, path: str, content: str, status: int, why: str
) -> None:
    """And changes nothing."""
    response = httpx.request(
        method,
        emulator.control_url + path,
        content=content,
        headers={"Content-Type": "application/json"},
    )

    assert status == response.status_code
    assert why in str(list(response.json().values()))
    assert "secret" not in response.text
    assert (emulator.state()["faults_planned"], emulator.webhook_url) == (0, None)


def test_a_web_page_cannot_steer(emulator: Emulator) -> None:
    """A browser would send this type to another origin without asking."""
    response = httpx.post(
        f"{emulator.control_url}/faults",
        content='{"kind": "429"}',
        headers={"Content-Type": "text/plain"},
    )

    assert response.status_code == 415
    assert emulator.state()["faults_planned"] == 0
