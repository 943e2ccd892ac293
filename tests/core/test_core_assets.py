"""Assets on the wire: what is read of answers, and the form that carries a file."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mavi_async import ConfigurationError
from mavi_async._asset import Asset
from mavi_async._asset_wire import read_asset, read_signed_upload, sign_body, uploaded_asset_id
from mavi_async._multipart import FORMATS, Form, checked_filename, checked_no_path
from mavi_async._structure import Malformed
from mavi_async._wire import Envelope, read_envelope

BASE = "https://mavi.example/serve/api/v2"
MISSING = object()


def envelope(data: object) -> Envelope:
    """An answer of success."""
    return read_envelope(json.dumps({"code": "0000", "msg": "success", "data": data}).encode())


def metadata(**changes: object) -> Envelope:
    """The metadata of an asset as documented, apart from some fields."""
    resource: dict[str, object] = {
        "extension": "mp4",
        "asset_id": "re_660729180626595840",
        "original_filename": "3",
        "file_size": "133652816",
        "upload_status": "SUCCESS",
        "create_time": "1766989317192",
        "modify_time": "1766989317193",
    }
    resource.update(changes)
    fields = {name: value for name, value in resource.items() if value is not MISSING}
    return envelope({"total": 1, "resource": [fields]})


def test_numbers_are_numbers_and_times_are_aware() -> None:
    """The text of the documented answer becomes what a program can reckon with."""
    asset = read_asset(metadata(), asset_id="re_660729180626595840")

    assert (
        Asset(
            asset_id="re_660729180626595840",
            upload_status="SUCCESS",
            original_filename="3",
            extension="mp4",
            file_size=133_652_816,
            create_time=datetime(2025, 12, 29, 6, 21, 57, 192_000, UTC),
            modify_time=datetime(2025, 12, 29, 6, 21, 57, 193_000, UTC),
        )
        == asset
    )
    assert asset.is_usable


@pytest.mark.parametrize("status", ["WAITING", "UPLOADING", "FAILED", "", "success", "NEW"])
def test_only_one_status_is_usable(status: str) -> None:
    """Whatever MAVI may add is not."""
    asset = read_asset(metadata(upload_status=status), asset_id="re_660729180626595840")

    assert (status, False) == (asset.upload_status, asset.is_usable)


@pytest.mark.parametrize("value", [MISSING, None, ""])
def test_what_is_left_out_is_none(value: object) -> None:
    """Only the status must be there; numbers may also be numbers."""
    answer = metadata(asset_id=MISSING, create_time=0, modify_time=value, file_size=value)
    asset = read_asset(answer, asset_id="re_1")

    assert (None, None) == (asset.file_size, asset.modify_time)
    assert ("re_1", datetime(1970, 1, 1, tzinfo=UTC)) == (asset.asset_id, asset.create_time)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"upload_status": MISSING}, "upload_status"),
        ({"upload_status": 7}, "upload_status"),
        ({"asset_id": "re_2"}, "asset_id"),
    ],
)
def test_metadata_that_cannot_be_used_names_the_place(changes: dict[str, Any], path: str) -> None:
    """Without a status there is nothing to go by; another asset's answer tells nothing."""
    with pytest.raises(Malformed) as caught:
        read_asset(metadata(**changes), asset_id="re_660729180626595840")

    assert f"$.data.resource[0].{path}" == caught.value.path


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("asset_id", 660729180626595840),
        ("original_filename", ["3"]),
        ("extension", 4),
        *(("file_size", value) for value in ("1e3", "-1", "1" * 19, "big", "")),
        *(("file_size", value) for value in (True, 1.5, -1)),
        *(("create_time", value) for value in ("9" * 18, "1" * 19, "2026-01-01")),
        ("modify_time", "\u0661"),
    ],
)
def test_a_surprise_in_what_only_describes_an_asset_is_left_out(field: str, value: object) -> None:
    """It must not keep anybody from using what was uploaded."""
    expected = read_asset(metadata(**{field: None}), asset_id="re_660729180626595840")

    asset = read_asset(metadata(**{field: value}), asset_id="re_660729180626595840")

    assert asset.is_usable
    assert expected == asset


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"resource": []},
        {"resource": None},
        {"resource": "x"},
        {"resource": [1]},
        {"resource": 5},
    ],
)
def test_metadata_without_a_resource(data: object) -> None:
    """It is malformed, wherever it ends."""
    with pytest.raises(Malformed):
        read_asset(envelope(data), asset_id="re_1")


def test_an_uploaded_file_has_an_asset_id() -> None:
    """One that can stand in a path; any other is malformed."""
    assert "re_660727003963174912" == uploaded_asset_id(
        envelope({"asset_id": "re_660727003963174912"})
    )
    for asset_id in ("", "re 1", "x" * 257, None, 7):
        with pytest.raises(Malformed, match=r"\$\.data\.asset_id"):
            uploaded_asset_id(envelope({"asset_id": asset_id}))


def test_the_request_for_a_signed_url() -> None:
    """It has the file's name alone, also where bytes of that are no text."""
    assert {"original_filename": "a?.flac"} == json.loads(sign_body("a\udcff.flac"))
    assert {"original_filename": "Gespräch.flac"} == json.loads(sign_body("Gespräch.flac"))


def signed(url: object = "https://storage.example/put?signature=abc", **more: object) -> Envelope:
    """The answer with a signed URL."""
    return envelope({"asset_id": "re_1", "signed_url": url, **more})


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        *((93_600, 93_600.0), ("60", 60.0)),
        *((each, float("inf")) for each in ("", "1 h")),
        *((each, float("inf")) for each in (None, MISSING, -5, [60], True)),
    ],
)
def test_a_signed_upload(expires_in: object, seconds: float) -> None:
    """Its time may be text, missing, or nonsense; its secret is in no repr."""
    more = {} if expires_in is MISSING else {"expires_in": expires_in}
    upload = read_signed_upload(signed(**more), base_url=BASE)

    assert ("re_1", seconds) == (upload.asset_id, upload.expires_in)
    assert "https://storage.example/put?signature=abc" == upload.url.reveal()
    assert "POST /put?[redacted]" == str(upload.url.endpoint)
    assert "abc" not in repr(upload)
    assert "no [redacted] here" == upload.url.redact("no signature=abc here")


def test_a_signed_url_without_a_query_redacts_nothing() -> None:
    """There is nothing to hide in it."""
    upload = read_signed_upload(signed("https://storage.example/put"), base_url=BASE)

    assert "text" == upload.url.redact("text")


@pytest.mark.parametrize(
    ("base_url", "url", "allowed"),
    [
        (BASE, "https://storage.example:8443/put", True),
        (BASE, "http://storage.example/put", False),
        (BASE, "http://127.0.0.1/put", False),
        ("http://127.0.0.1:8600/api", "http://127.0.0.1:8600/put", True),
        ("http://127.0.0.1:8600/api", "http://storage.example/put", False),
        ("http://mavi.internal/api", "http://storage.internal/put", True),
        ("http://mavi.internal/api", "https://storage.internal/put", True),
        (BASE, "ftp://storage.example/put", False),
        (BASE, "file:///etc/passwd", False),
        (BASE, "https://user:pw@storage.example/put", False),
        (BASE, "https://storage.example:0/put", False),
        (BASE, "https://storage.example:x/put", False),
        (BASE, "https://storage.example/a b", False),
        (BASE, "https://storage.example/\n", False),
        (BASE, "https://störage.example/", False),
        (BASE, "https:///put", False),
        (BASE, "//storage.example/put", False),
        (BASE, "", False),
    ],
)
def test_where_a_signed_url_may_lead(base_url: str, url: str, allowed: bool) -> None:
    """To https; to http only where the API is so, and from loopback not elsewhere."""
    if allowed:
        assert url == read_signed_upload(signed(url), base_url=base_url).url.reveal()
        return
    with pytest.raises(Malformed) as caught:
        read_signed_upload(signed(url), base_url=base_url)

    assert "$.data.signed_url" == caught.value.path
    assert not url or url not in str(caught.value)


@pytest.mark.parametrize("extension", FORMATS)
def test_formats_are_known_by_extension(extension: str) -> None:
    """In either case; the form says the media type."""
    filename = checked_filename(f"talk.{extension.upper()}")

    assert f"Content-Type: {FORMATS[extension]}\r\n".encode() in Form(filename, "b").head


@pytest.mark.parametrize(
    "filename", ["", None, 7, "talk", "talk.pdf", ".flac", "flac", "a.flac.gz", "a" * 251 + ".flac"]
)
def test_other_formats_are_refused(filename: object) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError):
        checked_filename(filename)


def test_the_longest_name() -> None:
    """As long as a file system takes."""
    assert checked_filename("a" * 250 + ".flac")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("re_657929111888723968", False), ("re_1.2", False), ("a:b?c#d%2e", False), ("..", False),
        ("talk.flac", True), ("TALK.WAV", True), ("talks/1", True), ("talks\\1", True),
    ],
)  # fmt: skip
def test_what_looks_like_a_path(text: str, expected: bool) -> None:
    """What has a separator, or ends as a recording does; asset ids do neither."""
    if not expected:
        assert text == checked_no_path(text)
        return
    with pytest.raises(ConfigurationError, match=r"pass pathlib\.Path\("):
        checked_no_path(text)


def test_the_form_around_a_file() -> None:
    """Its length is known before the file is read, and no name can break out of it."""
    form = Form('a "b"\r\nX: y\x00é\udcff.ogg', "bound")
    head = form.head

    assert "multipart/form-data; boundary=bound" == form.content_type
    assert b'filename="a %22b%22%0D%0AX: y_\xc3\xa9_.ogg"\r\n' in head
    assert head.startswith(b"--bound\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert len(head) + 10 + len(b"\r\n--bound--\r\n") == form.length(10)
    assert b"\r\n--bound--\r\n" == form.tail
