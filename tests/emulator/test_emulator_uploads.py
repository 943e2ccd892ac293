"""The endpoints about assets, over a real socket."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from mavi_async.emulator import Emulator, Fault
from mavi_async.emulator._multipart import FileReader
from mavi_async.emulator._requests import Refused

NOWHERE = "http://127.0.0.1:9/callback"
FAST = 1e6
CONTENT = bytes(range(256)) * 300


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(FAST, webhook_url=NOWHERE, upload_delay=0) as emulator:
        yield emulator


def upload(
    emulator: Emulator, name: str = "talk.flac", content: bytes = CONTENT, field: str = "file"
) -> httpx.Response:
    """Upload as a client would."""
    return httpx.post(
        f"{emulator.base_url}/upload",
        files={field: (name, content)},
        headers={"Authorization": emulator.api_key},
    )


def sign(emulator: Emulator, **document: object) -> httpx.Response:
    """Ask for a signed URL."""
    return httpx.post(
        f"{emulator.base_url}/upload/signed-url",
        json=document or {"original_filename": "talk.flac"},
        headers={"Authorization": emulator.api_key},
    )


def describe(emulator: Emulator, asset_id: str) -> dict[str, Any]:
    """What the API says of an asset."""
    answer = httpx.get(
        f"{emulator.base_url}/{asset_id}/metadata", headers={"Authorization": emulator.api_key}
    )
    resource: dict[str, Any] = answer.json()["data"]["resource"][0]
    return resource


def test_upload(emulator: Emulator) -> None:
    """A file becomes an asset with a name, a size, and what arrived is what was sent."""
    document = upload(emulator).json()
    asset_id = document["data"]["asset_id"]
    [asset] = httpx.get(f"{emulator.control_url}/state").json()["assets"]
    resource = describe(emulator, asset_id)

    assert ("0000", True, False) == (document["code"], document["success"], document["failed"])
    assert hashlib.sha256(CONTENT).hexdigest() == asset["sha256"]
    assert ("direct", len(CONTENT)) == (asset["via"], asset["size"])
    assert (asset_id, "talk", "flac", str(len(CONTENT)), "SUCCESS") == (
        resource["asset_id"], resource["original_filename"], resource["extension"],
        resource["file_size"], resource["upload_status"],
    )  # fmt: skip
    assert resource["create_time"].isdigit()
    assert 1 == emulator.assets_created


@pytest.mark.parametrize("size", [1, 2, 3, 7, 40])
def test_the_reader_takes_any_pieces(size: int) -> None:
    """Wherever the body is cut, the file that comes out is the same."""
    content = b"a\r\n--bound\r\n--boun--bound--\r\n"
    body = (
        b'--bound1\r\nContent-Disposition: form-data; name="file"; filename="a %22b%22.ogg"\r\n'
        b"\r\n" + content + b"\r\n--bound1--\r\n"
    )
    reader = FileReader(Headers({"content-type": "multipart/form-data; boundary=bound1"}))
    for start in range(0, len(body), size):
        reader.feed(body[start : start + size])
    received = reader.finish()

    assert ('a "b".ogg', len(content)) == (received.filename, received.size)
    assert hashlib.sha256(content).hexdigest() == received.sha256


@pytest.mark.parametrize(
    "body",
    [b"", b"--x\r\n", b"--x\r\n\r\nno name\r\n--x--", b"y" * 20_000,
     b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.ogg"\r\n\r\nand so on'],
    ids=lambda body: repr(body[:9]),
)  # fmt: skip
def test_a_form_that_is_none_is_refused(body: bytes) -> None:
    """A body without a file, or without its end, is bad parameters."""
    reader = FileReader(Headers({"content-type": "multipart/form-data; boundary=x"}))

    def read() -> None:
        reader.feed(body)
        reader.finish()

    with pytest.raises(Refused) as caught:
        read()

    assert "0003" == json.loads(caught.value.answer.body)["code"]


def test_what_is_refused(emulator: Emulator) -> None:
    """Another format, field or content type makes no asset."""
    text = httpx.post(
        f"{emulator.base_url}/upload",
        content=b"x",
        headers={"Authorization": emulator.api_key, "Content-Type": "text/plain"},
    )
    answers = [upload(emulator, "a.pdf"), upload(emulator, field="other"), text]
    answers += [sign(emulator, original_filename=name) for name in (7, "", "a.exe")]

    assert [400, 400, 415, 400, 400, 400] == [answer.status_code for answer in answers]
    assert 0 == emulator.assets_created


def test_a_signed_url(emulator: Emulator) -> None:
    """It takes the file without the key, and the asset waits until then."""
    data = sign(emulator).json()["data"]
    before = describe(emulator, data["asset_id"])["upload_status"]
    files = {"file": ("talk.flac", CONTENT)}
    with_key = httpx.post(
        data["signed_url"], files=files, headers={"Authorization": emulator.api_key}
    )
    forged = httpx.post(f"{data['signed_url']}x", files=files)
    answer = httpx.post(data["signed_url"], files=files)

    assert (93_600, "WAITING") == (data["expires_in"], before)
    assert [400, 403, 204] == [each.status_code for each in (with_key, forged, answer)]
    assert "<Code>SignatureDoesNotMatch</Code>" in forged.text
    assert "SUCCESS" == describe(emulator, data["asset_id"])["upload_status"]
    assert data["signed_url"].partition("=")[2] not in json.dumps(emulator.state())


def test_a_signed_url_expires() -> None:
    """Afterwards the storage refuses in its own words."""
    with Emulator(FAST, signed_url_seconds=0) as emulator:
        url = sign(emulator).json()["data"]["signed_url"]
        answer = httpx.post(url, files={"file": ("talk.flac", CONTENT)})

    assert (403, "application/xml") == (answer.status_code, answer.headers["content-type"])


def test_states_over_time() -> None:
    """An upload is processed for a while, and no job can be made of it before."""
    with Emulator(FAST, webhook_url=NOWHERE, upload_delay=3600) as emulator:
        asset_id = upload(emulator).json()["data"]["asset_id"]
        submit = httpx.post(
            f"{emulator.base_url}/transcriptions/async-generate-speaker",
            json={"asset_id": asset_id},
            headers={"Authorization": emulator.api_key},
        )

        assert "UPLOADING" == describe(emulator, asset_id)["upload_status"]
        assert (400, 0) == (submit.status_code, emulator.jobs_created)


def test_states_on_demand(emulator: Emulator) -> None:
    """A fault says what the next answers say, of one asset or of any."""
    for status in ("SUCCESS", "WAITING"):
        emulator.inject(Fault("status", upload_status=status, asset_id="re_1"))
    emulator.inject(Fault("status"))

    assert ["SUCCESS", "WAITING", "FAILED", "SUCCESS"] == [
        describe(emulator, "re_1")["upload_status"] for _ in range(4)
    ]


def test_replayed_by_the_name_of_the_file(tmp_path: Path) -> None:
    """What an RTTM file says is who speaks in an upload of the same name."""
    (tmp_path / "talk.rttm").write_text("SPEAKER talk 1 0.5 2.0 <NA> <NA> ann <NA> <NA>\n")
    with Emulator(FAST, replay=tmp_path, upload_delay=0) as emulator:
        answer = httpx.post(
            f"{emulator.base_url}/transcriptions/sync-generate-speaker",
            json=upload(emulator).json()["data"],
            headers={"Authorization": emulator.api_key},
        )

    assert [{"start": 0.5, "end": 2.5, "speaker": "ann"}] == answer.json()["data"]["items"]


@pytest.mark.parametrize("endpoint", ["upload", "signed-url", "metadata"])
def test_each_endpoint_has_its_limit_and_its_faults(endpoint: str) -> None:
    """A fault of one endpoint leaves the others alone; over the limit, none is used up."""
    with Emulator(0.001, upload_delay=0) as emulator:
        emulator.inject(Fault("500", endpoint=endpoint, times=2))  # type: ignore[arg-type]
        ask: dict[str, Callable[[], int]] = {
            "upload": lambda: upload(emulator).status_code,
            "signed-url": lambda: sign(emulator).status_code,
            "metadata": lambda: (
                httpx.get(
                    f"{emulator.base_url}/re_1/metadata",
                    headers={"Authorization": emulator.api_key},
                ).status_code
            ),
        }

        assert {name: 500 if name == endpoint else 200 for name in ask} == {
            name: each() for name, each in ask.items()
        }
        assert [429] * 3 == [each() for each in ask.values()]
        assert 1 == emulator.state()["faults_planned"]


@pytest.mark.parametrize("after_received", [0, 10_000, None])
@pytest.mark.parametrize("creates_job", [False, True])
def test_an_upload_is_cut_off(
    emulator: Emulator, after_received: int | None, creates_job: bool
) -> None:
    """Wherever that happens; only a file that came whole can leave an asset behind."""
    emulator.inject(
        Fault("reset", endpoint="upload", after_received=after_received, creates_job=creates_job)
    )
    with pytest.raises(httpx.TransportError):
        upload(emulator)

    assert (creates_job and after_received is None) == emulator.assets_created
    assert 200 == upload(emulator).status_code
