"""The speaker endpoints over a real socket."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mavi_async.emulator import Emulator, Fault
from mavi_async.emulator._answers import Rejection

SUBMIT = "/transcriptions/async-generate-speaker"
TRANSCRIBE = "/transcriptions/sync-generate-speaker"
NOWHERE = "http://127.0.0.1:9/callback"
UNLIMITED = 1e6
ONCE = 0.001  # a request, and the next one a quarter of an hour later


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(UNLIMITED, webhook_url=NOWHERE, unknown_assets=["re_unknown"]) as emulator:
        yield emulator


def post(emulator: Emulator, path: str = SUBMIT, asset_id: str = "re_1") -> httpx.Response:
    """Post as a client would."""
    return httpx.post(
        emulator.base_url + path,
        json={"asset_id": asset_id},
        headers={"Authorization": emulator.api_key},
    )


def test_submit(emulator: Emulator) -> None:
    """An accepted job is answered with a task id of 32 hex digits, in the documented shape."""
    before = time.monotonic()
    response = post(emulator)
    document = response.json()
    task_id = document["data"]["task_id"]

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert re.fullmatch("[0-9a-f]{32}", task_id)
    assert {
        "code": "0000",
        "msg": "success",
        "data": {"task_id": task_id},
        "failed": False,
        "success": True,
    } == document
    assert (emulator.jobs_created, emulator.rejections) == (1, 0)
    assert all(before < arrived < time.monotonic() for arrived in emulator.submit_times)


def test_the_other_dialect() -> None:
    """The code of success may be the integer 200."""
    with Emulator(webhook_url=NOWHERE, envelope="200") as emulator:
        documents = [post(emulator).json(), post(emulator, TRANSCRIBE).json()]

    assert [document["code"] for document in documents] == [200, 200]


def test_transcribe(emulator: Emulator) -> None:
    """The synchronous endpoint answers with the result itself, always the same."""
    document = post(emulator, TRANSCRIBE).json()
    data = document.pop("data")

    assert document == {"code": "0000", "msg": "success", "failed": False, "success": True}
    assert list(data) == ["model", "items"]
    assert data["model"] == "emulator"
    assert list(data["items"][0]) == ["start", "end", "speaker"]
    assert data == post(emulator, TRANSCRIBE).json()["data"]
    assert emulator.jobs_created == 0


def get_metadata(emulator: Emulator, asset_id: str = "re_1", **headers: str) -> httpx.Response:
    """Ask for what is known of an asset."""
    headers = {"Authorization": emulator.api_key, **headers}
    return httpx.get(f"{emulator.base_url}/{asset_id}/metadata", headers=headers)


def test_metadata(emulator: Emulator) -> None:
    """An asset is described in the documented shape: numbers are text, the upload a success."""
    response = get_metadata(emulator, "re_657929111888723968")
    document = response.json()
    data = document.pop("data")
    [resource] = data.pop("resource")

    assert 200 == response.status_code
    assert {"code": "0000", "msg": "success", "failed": False, "success": True} == document
    assert {"total": 1} == data
    assert ("re_657929111888723968", "SUCCESS") == (
        resource["asset_id"], resource["upload_status"]
    )  # fmt: skip
    assert {"extension", "asset_id", "original_filename", "file_size", "upload_status",
            "create_time", "modify_time"} == set(resource)  # fmt: skip
    assert all(resource[name].isdigit() for name in ("file_size", "create_time", "modify_time"))
    assert ([], 0) == (emulator.submit_times, emulator.jobs_created)


def test_metadata_needs_the_key_and_an_asset(emulator: Emulator) -> None:
    """A wrong key is 401 before anything else, an unknown asset the ambiguous 400."""
    assert 401 == get_metadata(emulator, "re_unknown", Authorization="sk-mavi-another").status_code

    response = get_metadata(emulator, "re_unknown")

    assert 400 == response.status_code
    assert "Request has exceeded the limit." == response.json()["msg"]


def test_replay(tmp_path: Path) -> None:
    """An asset that a file stands for gets that file's segments; others are invented."""
    (tmp_path / "re_1.rttm").write_text("SPEAKER talk 1 0.5 2.0 <NA> <NA> ann <NA> <NA>\n")
    with Emulator(UNLIMITED, replay=tmp_path) as emulator:
        real, invented = post(emulator, TRANSCRIBE), post(emulator, TRANSCRIBE, "re_2")

    assert real.json()["data"]["items"] == [{"start": 0.5, "end": 2.5, "speaker": "ann"}]
    assert len(invented.json()["data"]["items"]) > 1


@pytest.mark.parametrize("path", [SUBMIT, TRANSCRIBE])
@pytest.mark.parametrize("form", ["{}x", "x{}", "Bearer {}", ""])
def test_only_the_bare_key_opens(emulator: Emulator, path: str, form: str) -> None:
    """Anything else is 401 and costs nothing of the limit."""
    response = httpx.post(
        emulator.base_url + path,
        json={"asset_id": "re_1"},
        headers={"Authorization": form.format(emulator.api_key)},
    )

    assert response.status_code == 401
    assert response.json() == {"code": 401, "msg": "Unauthorized", "data": None}
    assert emulator.submit_times == []


@pytest.mark.parametrize(
    ("method", "path", "status", "msg"),
    [
        ("GET", SUBMIT, 405, "Method Not Allowed"),
        ("DELETE", TRANSCRIBE, 405, "Method Not Allowed"),
        ("POST", "/transcriptions", 404, "Not Found"),
        ("POST", SUBMIT + "/", 404, "Not Found"),
    ],
)
def test_unknown_routes(emulator: Emulator, method: str, path: str, status: int, msg: str) -> None:
    """They are refused in the API's envelope."""
    response = httpx.request(method, emulator.base_url + path)

    assert status == response.status_code
    assert {"code": status, "msg": msg, "data": None} == response.json()
    assert (status == 405) == ("allow" in response.headers)


def test_an_async_job_needs_a_webhook(emulator: Emulator) -> None:
    """Without one, submits are refused; the synchronous endpoint does without."""
    emulator.webhook_url = None
    response = post(emulator)

    assert response.status_code == 400
    assert response.json() == {
        "code": 400,
        "msg": "An async request requires at least one webhook.",
        "data": None,
    }
    assert emulator.jobs_created == 0
    assert post(emulator, TRANSCRIBE).status_code == 200


@pytest.mark.parametrize("path", [SUBMIT, TRANSCRIBE])
def test_an_unknown_asset_is_refused_ambiguously(emulator: Emulator, path: str) -> None:
    """With the text of the rate limit, as the real API does."""
    response = post(emulator, path, "re_unknown")

    assert response.status_code == 400
    assert response.json() == {
        "code": 400,
        "msg": "Request has exceeded the limit.",
        "data": None,
    }
    assert (emulator.jobs_created, emulator.rejections) == (0, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"asset_id": null}',
        b'{"asset_id": 7}',
        b'{"asset_id": ""}',
        b'{"asset_id": "' + b"x" * 1_100_000 + b'"}',
    ],
    ids=lambda content: repr(content[:20]),
)
def test_bad_bodies(emulator: Emulator, content: bytes) -> None:
    """They are bad parameters, code 0003."""
    response = httpx.post(
        emulator.base_url + SUBMIT,
        content=content,
        headers={"Authorization": emulator.api_key, "Content-Type": "application/json"},
    )

    assert response.status_code == 400
    assert (response.json()["code"], response.json()["success"]) == ("0003", False)


def test_bodies_of_another_type(emulator: Emulator) -> None:
    """They are 415."""
    response = httpx.post(
        emulator.base_url + SUBMIT,
        data={"asset_id": "re_1"},
        headers={"Authorization": emulator.api_key},
    )

    assert (response.status_code, response.json()["code"]) == (415, 415)


@pytest.mark.parametrize(
    ("rejection", "status", "document"),
    [
        ("429", 429, {"code": 429, "msg": "Rate limit exceeded", "data": None}),
        ("400", 400, {"code": 400, "msg": "Request has exceeded the limit.", "data": None}),
        (
            "200",
            200,
            {
                "code": "0429",
                "msg": "Request has exceeded the limit.",
                "data": None,
                "success": False,
                "failed": True,
            },
        ),
    ],
)
def test_the_limit_in_its_three_shapes(
    rejection: Rejection, status: int, document: dict[str, object]
) -> None:
    """What is over the limit creates no job, is counted, and uses up no fault."""
    with Emulator(ONCE, webhook_url=NOWHERE, rejection=rejection) as emulator:
        assert post(emulator).status_code == 200
        emulator.inject(Fault("500"))
        response = post(emulator)

    assert (status, document) == (response.status_code, response.json())
    assert (emulator.jobs_created, emulator.rejections) == (1, 1)
    assert (len(emulator.submit_times), len(emulator.rejection_times)) == (1, 1)
    assert emulator.state()["faults_planned"] == 1


def test_each_endpoint_has_a_limit_of_its_own() -> None:
    """A submit leaves room for a synchronous request, and both for a question."""
    with Emulator(ONCE, webhook_url=NOWHERE) as emulator:
        paths = [SUBMIT, TRANSCRIBE, SUBMIT, TRANSCRIBE]

        assert [post(emulator, path).status_code for path in paths] == [200, 200, 429, 429]
        assert [get_metadata(emulator).status_code for _ in range(2)] == [200, 429]
