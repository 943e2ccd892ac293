"""MAVI's JSON to models and back: both dialects, drift in every field, and hostile text."""

import copy
import json
from collections import UserDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavi_async._diarization import Diarization
from mavi_async._errors import MalformedResult, TaskFailed
from mavi_async._json import InvalidJSON
from mavi_async._segments import SpeakerSegment, Usage
from mavi_async._structure import MAX_SEGMENTS, Malformed
from mavi_async._wire import (
    body_bytes,
    decode_callback,
    decode_sync_result,
    read_envelope,
    read_task_id,
    request_body,
    submitted_task_id,
)

CALLBACK = b"""{
  "code": "0000",
  "message": "SUCCESS",
  "data": {
    "data": {
      "data": [
        {"start": 0.43596875, "end": 1.68471875, "speaker": "SPEAKER_06"}
      ],
      "usage_metadata": {
        "duration": 20.75346875,
        "model": "pyannote",
        "output_tokens": 0,
        "prompt_tokens": 0
      }
    },
    "msg": "Speech diarization completed successfully",
    "success": true
  },
  "task_id": "0d2d50fbdd0c4597a6a45c0359a42d76"
}"""
SUBMIT_ANSWER = b"""{
  "code": "0000",
  "msg": "success",
  "data": {"task_id": "ec2449885ba84c4f943a80ff0633158e"},
  "failed": false,
  "success": true
}"""
SYNC_ANSWER = b"""{
  "code": 200,
  "msg": "success",
  "data": {
    "model": "pyannote",
    "items": [
      {"start": 0.03096875, "end": 0.13221875, "speaker": "SPEAKER_01"},
      {"start": 0.13221875, "end": 13.395968750000002, "speaker": "SPEAKER_00"}
    ]
  },
  "failed": false,
  "success": true
}"""
SPRING = (
    b'{"timestamp": "2026-07-20T08:00:00.000+00:00", "path": "/serve/api/v2/x", "status": 503,'
    b' "error": "Service Unavailable", "requestId": "3f1c7a52-101"}'
)
TASK = "0d2d50fbdd0c4597a6a45c0359a42d76"

REMOVED = object()


def path_to(*keys: str | int) -> str:
    """A place in a document, as errors name it."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)


def changed(body: bytes, keys: tuple[str | int, ...], value: object) -> bytes:
    """A body with another value, or none, in one place."""
    document = json.loads(body)
    place: Any = document
    for key in keys[:-1]:
        place = place[key]
    if value is REMOVED:
        del place[keys[-1]]
    else:
        place[keys[-1]] = copy.deepcopy(value)
    return json.dumps(document).encode()


def callback_of(rows: object, **usage: object) -> bytes:
    """A successful callback with these segments."""
    report = {"data": rows, "usage_metadata": usage} if usage else {"data": rows}
    document = {"code": "0000", "data": {"data": report, "success": True}, "task_id": TASK}
    return json.dumps(document).encode()


def decoded(body: bytes) -> Diarization:
    """The result that a callback holds."""
    return decode_callback(body, task_id=TASK, uri="re_1")


def test_the_documented_request_is_written() -> None:
    """A submit is the asset id and nothing else."""
    expected = {"asset_id": "re_657929111888723968"}

    assert expected == json.loads(request_body("re_657929111888723968"))


def test_the_documented_answer_to_a_submit_is_read() -> None:
    """The envelope says yes, and the task id is in it."""
    envelope = read_envelope(SUBMIT_ANSWER)

    assert (envelope.code, envelope.text, envelope.ok) == ("0000", "success", True)
    assert "ec2449885ba84c4f943a80ff0633158e" == submitted_task_id(envelope)


def test_the_documented_callback_is_decoded() -> None:
    """Every field of the example is in the result, as is the body itself."""
    expected = Diarization(
        (SpeakerSegment(0.43596875, 1.68471875, "SPEAKER_06"),),
        TASK,
        "re_1",
        Usage(20.75346875, "pyannote", 0, 0),
        0,
        CALLBACK,
    )

    assert expected == decoded(CALLBACK)
    assert read_task_id(CALLBACK) == TASK


def test_a_recording_without_an_asset_id_is_named_after_its_task() -> None:
    """The callback carries no asset id, so the task id stands in."""
    assert decode_callback(CALLBACK, task_id=TASK).uri == TASK


def test_the_documented_synchronous_answer_is_decoded() -> None:
    """The same result without a task, and with the model alone as usage."""
    expected = Diarization(
        (
            SpeakerSegment(0.03096875, 0.13221875, "SPEAKER_01"),
            SpeakerSegment(0.13221875, 13.395968750000002, "SPEAKER_00"),
        ),
        uri="re_1",
        usage=Usage(model="pyannote"),
        raw=SYNC_ANSWER,
    )

    envelope = read_envelope(SYNC_ANSWER)

    assert envelope.ok
    assert expected == decode_sync_result(envelope, asset_id="re_1", raw=SYNC_ANSWER)


ENVELOPES = {
    "upload": (
        (
            '{"code": "0000", "msg": "success", "data": {"asset_id": "re_660727003963174912"},'
            ' "success": true, "failed": false}'
        ),
        ("0000", "success", True),
    ),
    "signed URL": (
        (
            '{"code": 200, "msg": "success", "data": {"asset_id": "re_1", "signed_url": "https://x",'
            ' "expires_in": 93600}, "success": true, "failed": false}'
        ),
        ("200", "success", True),
    ),
    "metadata": (
        (
            '{"code": "0000", "msg": "success", "data": {"total": 1, "resource": [{'
            ' "file_size": "133652816", "upload_status": "SUCCESS"}]}, "success": true}'
        ),
        ("0000", "success", True),
    ),
    "429": (
        '{"code": 429, "msg": "Rate limit exceeded", "data": null}',
        ("429", "Rate limit exceeded", False),
    ),
    "401": ('{"code": 401, "msg": "Unauthorized", "data": null}', ("401", "Unauthorized", False)),
    "limit in a 200": (
        (
            '{"code": "0429", "msg": "Request has exceeded the limit.", "data": null,'
            ' "success": false, "failed": true}'
        ),
        ("0429", "Request has exceeded the limit.", False),
    ),
    "ambiguous": (
        '{"code": 400, "msg": "Request has exceeded the limit.", "data": null}',
        ("400", "Request has exceeded the limit.", False),
    ),
    "no webhook": (
        '{"code": 400, "msg": "An async request requires at least one webhook.", "data": null}',
        ("400", "An async request requires at least one webhook.", False),
    ),
    "200 as text": ('{"code": "200"}', ("200", "", True)),
    "message": ('{"code": 200, "message": "SUCCESS"}', ("200", "SUCCESS", True)),
    "both texts": ('{"code": 200, "message": "a", "msg": "b"}', ("200", "a", True)),
    "empty message": ('{"code": 200, "message": "", "msg": "b"}', ("200", "b", True)),
    "null flags": ('{"code": 200, "success": null, "failed": null}', ("200", "", True)),
    "success alone": ('{"code": 200, "success": true}', ("200", "", True)),
    "not successful": ('{"code": "0000", "success": false}', ("0000", "", False)),
    "failed": ('{"code": 200, "success": true, "failed": true}', ("200", "", False)),
    "failing code": ('{"code": 500, "success": true, "failed": false}', ("500", "", False)),
    "zero": ('{"code": 0}', ("0", "", False)),
    "000": ('{"code": "000"}', ("000", "", False)),
    "empty code": ('{"code": ""}', ("", "", False)),
}


@pytest.mark.parametrize(("body", "expected"), ENVELOPES.values(), ids=ENVELOPES)
def test_both_dialects_of_the_envelope_are_read(body: str, expected: tuple[str, str, bool]) -> None:
    """Success is one of three codes with no flag that disagrees."""
    envelope = read_envelope(body.encode())

    assert expected == (envelope.code, envelope.text, envelope.ok)
    assert json.loads(body) == envelope.document


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (SPRING, "$.code: missing"),
        (b"{}", "$.code: missing"),
        (b"[]", "$: expected an object, got a list"),
        (b"null", "$: expected an object, got nothing"),
        (b"1", "$: expected an object, got a number"),
        (b'"x"', "$: expected an object, got a string"),
        (b"true", "$: expected an object, got a boolean"),
        (b'{"code": null}', "$.code: expected a string or an integer, got nothing"),
        (b'{"code": true}', "$.code: expected a string or an integer, got a boolean"),
        (b'{"code": 200.0}', "$.code: expected a string or an integer, got a number"),
        (b'{"code": {}}', "$.code: expected a string or an integer, got an object"),
        (b'{"code": "\\ud800"}', "$.code: expected text, got half of a surrogate pair"),
        (b'{"code": 200, "msg": 1}', "$.msg: expected a string, got a number"),
        (b'{"code": 200, "message": []}', "$.message: expected a string, got a list"),
        (b'{"code": 200, "success": "true"}', "$.success: expected a boolean, got a string"),
        (b'{"code": 200, "failed": 0}', "$.failed: expected a boolean, got a number"),
        (b'{"code": 200, "task_id": 5}', "$.task_id: expected a string, got a number"),
    ],
)
def test_what_is_no_envelope_is_malformed(body: bytes, expected: str) -> None:
    """The error says where the document differs and how."""
    with pytest.raises(Malformed) as caught:
        read_envelope(body)

    assert expected == str(caught.value)


@pytest.mark.parametrize("read", [read_envelope, read_task_id])
def test_what_is_no_json_is_invalid(read: Any) -> None:
    """Readers pass on what the JSON layer refuses."""
    with pytest.raises(InvalidJSON):
        read(b"<html>")


@pytest.mark.parametrize(
    "task_id", ["x", "0d2d50fb-dd0c-4597-a6a4-5c0359a42d76", "A_z-9", "x" * 128]
)
def test_a_task_id_is_found(task_id: str) -> None:
    """Whatever else the callback holds: its kind may be another one."""
    body = json.dumps({"task_id": task_id, "data": {"anything": [1]}}).encode()

    assert task_id == read_task_id(body)


BAD_IDS = [
    *("", "x" * 129, "x" * 10_000, "../../etc", "a:b", "*", "{x}", "a\r\nb", "x\n", "a b", "é"),
    *("'; DROP TABLE task; --", "\ud800", "\0", "\u0661"),
]


@pytest.mark.parametrize("task_id", BAD_IDS, ids=ascii)
def test_a_task_id_that_is_none_is_malformed(task_id: str) -> None:
    """Text that could mean something to a path, a query or a log is not taken for an id."""
    expected = "expected 1 to 128 letters, digits, '-' or '_'"
    with pytest.raises(Malformed) as in_callback:
        read_task_id(json.dumps({"task_id": task_id}).encode())
    assert ("$.task_id", expected) == (in_callback.value.path, in_callback.value.reason)

    envelope = read_envelope(b'{"code": 200}')
    envelope.document["data"] = {"task_id": task_id}
    with pytest.raises(Malformed) as in_answer:
        submitted_task_id(envelope)
    assert "$.data.task_id" == in_answer.value.path


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("null", "$: expected an object, got nothing"),
        ("[]", "$: expected an object, got a list"),
        ('"task_id"', "$: expected an object, got a string"),
        ("1", "$: expected an object, got a number"),
        ("true", "$: expected an object, got a boolean"),
        ("{}", "$.task_id: expected a string, got nothing"),
        ('{"task_id": null}', "$.task_id: expected a string, got nothing"),
        ('{"task_id": 5}', "$.task_id: expected a string, got a number"),
        ('{"task_id": true}', "$.task_id: expected a string, got a boolean"),
        ('{"task_id": ["x"]}', "$.task_id: expected a string, got a list"),
        ('{"task_id": {"x": 1}}', "$.task_id: expected a string, got an object"),
        ('{"data": {"task_id": "x"}}', "$.task_id: expected a string, got nothing"),
    ],
)
def test_a_callback_without_a_task_id_is_malformed(body: str, expected: str) -> None:
    """Our own submit answer is none: its id is further down."""
    with pytest.raises(Malformed) as caught:
        read_task_id(body.encode())

    assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"task_id": 5}, "$.data.task_id: expected a string, got a number"),
        ({"task_id": None}, "$.data.task_id: expected a string, got nothing"),
        ({}, "$.data.task_id: missing"),
        (None, "$.data: expected an object, got nothing"),
        ([], "$.data: expected an object, got a list"),
        (REMOVED, "$.data: missing"),
    ],
)
def test_an_accepted_submit_without_a_task_id_is_malformed(data: object, expected: str) -> None:
    """A job may exist then, and nobody knows its name."""
    with pytest.raises(Malformed) as caught:
        submitted_task_id(read_envelope(changed(SUBMIT_ANSWER, ("data",), data)))

    assert expected == str(caught.value)


KINDS: dict[str, object] = {
    "nothing": None,
    "a boolean": True,
    "a number": 1.5,
    "a string": "1.5",
    "a list": [1.5],
    "an object": {"a": 1.5},
}
SEGMENT = ("data", "data", "data", 3)
USAGE = ("data", "data", "usage_metadata")
FIELDS: dict[tuple[str | int, ...], tuple[str, set[str], bool]] = {
    ("code",): ("a string or an integer", {"a string"}, True),
    ("message",): ("a string", {"a string", "nothing"}, False),
    ("msg",): ("a string", {"a string", "nothing"}, False),
    ("success",): ("a boolean", {"a boolean", "nothing"}, False),
    ("failed",): ("a boolean", {"a boolean", "nothing"}, False),
    ("task_id",): ("a string", {"a string", "nothing"}, False),
    ("data",): ("an object", set(), True),
    ("data", "msg"): ("a string", {"a string", "nothing"}, False),
    ("data", "success"): ("a boolean", {"a boolean", "nothing"}, False),
    ("data", "data"): ("an object", set(), True),
    ("data", "data", "data"): ("a list", set(), True),
    SEGMENT: ("an object", set(), False),
    (*SEGMENT, "start"): ("a number", {"a number"}, True),
    (*SEGMENT, "end"): ("a number", {"a number"}, True),
    (*SEGMENT, "speaker"): ("a string", {"a string"}, True),
    USAGE: ("an object", {"nothing", "an object"}, False),
    (*USAGE, "duration"): ("a number", {"a number", "nothing"}, False),
    (*USAGE, "model"): ("a string", {"a string", "nothing"}, False),
    (*USAGE, "output_tokens"): ("an integer", {"nothing"}, False),
    (*USAGE, "prompt_tokens"): ("an integer", {"nothing"}, False),
}
"""Of each known field: what it should be, which other kinds are taken, whether it must be there."""

FULL = callback_of(
    [{"start": float(at), "end": at + 0.5, "speaker": f"SPEAKER_0{at}"} for at in range(5)],
    duration=5,
    model="pyannote",
    output_tokens=0,
    prompt_tokens=0,
)
DRIFT = [
    pytest.param(keys, kind, id=f"{path_to(*keys)} is {kind}")
    for keys, (_, taken, _) in FIELDS.items()
    for kind in KINDS
    if kind not in taken
]


@pytest.mark.fault("a result of another shape")
@pytest.mark.parametrize(("keys", "kind"), DRIFT)
def test_a_field_of_another_type_is_named(keys: tuple[str | int, ...], kind: str) -> None:
    """The error has the field's path, what was expected, what was found, and the raw bytes."""
    body = changed(FULL, keys, KINDS[kind])
    wanted, where = FIELDS[keys][0], path_to(*keys)
    if where == "$.data" and kind == "an object":
        where, expected = "$.data.data", "missing"
    elif where == "$.data.data" and kind == "an object":
        where, expected = "$.data.data.data", "missing"
    elif where == "$.data.data.data" and kind == "a list":
        where, expected = "$.data.data.data[0]", "expected an object, got a number"
    elif where.endswith("[3]") and kind == "an object":
        where, expected = "$.data.data.data[3].start", "missing"
    else:
        expected = f"expected {wanted}, got {kind}"

    with pytest.raises(MalformedResult) as caught:
        decoded(body)

    assert (where, body, TASK) == (caught.value.path, caught.value.raw, caught.value.task_id)
    assert caught.value.message.endswith(f"not of the documented shape: {expected}")
    assert caught.value.__cause__ is None


@pytest.mark.fault("a result of another shape")
@pytest.mark.parametrize("keys", FIELDS, ids=lambda keys: path_to(*keys))
def test_a_missing_field_is_named_if_it_is_needed(keys: tuple[str | int, ...]) -> None:
    """What every result needs is an error, the rest is simply not known."""
    present = json.loads(FULL)
    for key in keys[:-1]:
        present = present[key]
    body = FULL
    if isinstance(present, list) or keys[-1] in present:
        body = changed(FULL, keys, REMOVED)

    if FIELDS[keys][2]:
        with pytest.raises(MalformedResult, match="shape: missing") as caught:
            decoded(body)
        assert path_to(*keys) == caught.value.path
    else:
        assert len(decoded(body)) == 5 - isinstance(keys[-1], int)


@pytest.mark.parametrize(
    "keys", [keys for keys, (_, taken, _) in FIELDS.items() if "nothing" in taken]
)
def test_an_optional_field_may_be_null(keys: tuple[str | int, ...]) -> None:
    """Null is the same as missing."""
    assert decoded(FULL).segments == decoded(changed(FULL, keys, None)).segments


@pytest.mark.fault("a result of another shape")
def test_fields_that_nobody_knows_are_ignored() -> None:
    """An API grows; nested or not, what is new does not disturb."""
    body = FULL
    for keys in ((), ("data",), ("data", "data"), SEGMENT, USAGE):
        body = changed(body, (*keys, "__proto__"), {"new": [None]})

    assert decoded(FULL).segments == decoded(body).segments
    assert decoded(FULL).usage == decoded(body).usage


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400])
@pytest.mark.parametrize("keys", [(*SEGMENT, "start"), (*SEGMENT, "end"), (*USAGE, "duration")])
def test_a_number_beyond_a_double_is_malformed(keys: tuple[str | int, ...], number: str) -> None:
    """An infinity by another name, and an integer too large for one."""
    body = changed(FULL, keys, "<number>").replace(b'"<number>"', number.encode())

    with pytest.raises(MalformedResult, match="expected a finite number") as caught:
        decoded(body)

    assert path_to(*keys) == caught.value.path


def test_opposite_infinities_are_malformed() -> None:
    """They cancel out in no check."""
    body = callback_of([{"start": "-", "end": "+", "speaker": "a"}])
    body = body.replace(b'"-"', b"-1e400").replace(b'"+"', b"1e400")

    with pytest.raises(MalformedResult) as caught:
        decoded(body)

    assert "$.data.data.data[0].start" == caught.value.path


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (0.0, 1), (-1, 2**64), (1e308, 1.7e308), (-1.7e308, 1.7e308), (-0.0, 5e-324)],
)
def test_every_finite_number_is_a_bound(start: float, end: float) -> None:
    """Integers become floats; huge numbers, and their sums, overflow nothing."""
    expected = SpeakerSegment(float(start), float(end), "a")

    (segment,) = decoded(callback_of([{"start": start, "end": end, "speaker": "a"}]))

    assert expected == segment
    assert (float, float) == (type(segment.start), type(segment.end))


@pytest.mark.parametrize("second", ["\ud800", "\udfff\ud800", "a\udc00"], ids=ascii)
def test_half_a_surrogate_pair_is_no_speaker(second: str) -> None:
    """Such a label could be written nowhere."""
    rows = [{"start": 0.0, "end": 1.0, "speaker": speaker} for speaker in ("a", second)]

    with pytest.raises(MalformedResult, match="half of a surrogate pair") as caught:
        decoded(callback_of(rows))

    assert "$.data.data.data[1].speaker" == caught.value.path


@pytest.mark.parametrize("row", [None, 5, "start", [], [0, 1, "a"], {"start": 0}])
def test_the_first_wrong_segment_is_named(row: object) -> None:
    """Its index is the one in MAVI's list, whatever comes after it."""
    good = {"start": 0, "end": 1, "speaker": "a"}

    with pytest.raises(MalformedResult) as caught:
        decoded(callback_of([good, good, row, None, good]))

    assert caught.value.path.startswith("$.data.data.data[2]")


def test_segments_that_are_all_wrong_are_one_error() -> None:
    """The first of them is reported without a report on each of the others."""
    rows = [{"start": None, "end": None, "speaker": None}] * 100_000

    with pytest.raises(MalformedResult) as caught:
        decoded(callback_of(rows))

    assert "$.data.data.data[0].start" == caught.value.path


def test_the_number_of_segments_is_bounded() -> None:
    """The last one within the bound is read, one more is not."""
    row = b'{"start":0.0,"end":1.0,"speaker":"a"},'
    body = callback_of(["<rows>"])
    most = body.replace(b'"<rows>"', (row * MAX_SEGMENTS)[:-1])
    more = body.replace(b'"<rows>"', row * MAX_SEGMENTS + b"0")

    assert 500_000 == len(decoded(most))
    with pytest.raises(MalformedResult, match="at most 500000 segments, got 500001") as caught:
        decoded(more)
    assert "$.data.data.data" == caught.value.path


def test_no_segments_are_a_result() -> None:
    """Silence is not malformed; a result that is missing is."""
    assert decoded(callback_of([])).segments == ()
    with pytest.raises(MalformedResult, match="missing"):
        decoded(changed(CALLBACK, ("data", "data"), {}))


def test_a_result_that_is_no_json_is_malformed() -> None:
    """Bytes from an older store are no reason to raise something else."""
    with pytest.raises(MalformedResult) as caught:
        decoded(b"{")

    assert (caught.value.path, caught.value.raw) == ("$", b"{")


FAILURES = {
    "failing code": ((("code",), 500), "500"),
    "failing code as text": ((("code",), "0003"), "0003"),
    "top flag": ((("success",), False), "0000"),
    "failed flag": ((("failed",), True), "0000"),
    "job's flag": ((("data", "success"), False), "0000"),
}


@pytest.mark.parametrize(("change", "code"), FAILURES.values(), ids=FAILURES)
def test_one_sign_of_failure_is_enough(
    change: tuple[tuple[str | int, ...], object], code: str
) -> None:
    """Where code and flags disagree the job has failed, segments or not."""
    with pytest.raises(TaskFailed) as caught:
        decoded(changed(CALLBACK, *change))

    assert (TASK, code) == (caught.value.task_id, caught.value.code)
    assert caught.value.message == (
        "MAVI could not do the job: Speech diarization completed successfully"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"msg": "too noisy"}, "too noisy"),
        ({"msg": ""}, "FAILED"),
        ({"msg": None, "success": True}, "FAILED"),
        ({"msg": 5}, "FAILED"),
        ({"success": "no"}, "FAILED"),
        ({}, "FAILED"),
        (None, "FAILED"),
        ("text", "FAILED"),
        ([], "FAILED"),
        (REMOVED, "FAILED"),
    ],
)
def test_a_failed_job_may_have_any_data(data: object, expected: str) -> None:
    """What went wrong is told by whichever text there is."""
    failed = {"code": 500, "message": "FAILED", "data": 0, "task_id": TASK}

    with pytest.raises(TaskFailed) as caught:
        decoded(changed(json.dumps(failed).encode(), ("data",), data))

    assert f"MAVI could not do the job: {expected}" == caught.value.message


def test_a_failure_without_any_text_says_so() -> None:
    """The message stays a sentence."""
    with pytest.raises(TaskFailed, match=r"^MAVI could not do the job: no reason given "):
        decoded(b'{"code": 500}')


HOSTILE = {
    "ANSI": ("\x1b[31mred\x1b[0m", "[31mred [0m"),
    "line breaks": ("a\r\nINFO b\u2028c\x85d", "a  INFO b c d"),
    "NUL": ("a\0b", "a b"),
    "bidi": ("a\u202eb\u2066c", "a b c"),
    "a megabyte": ("<b>" * 350_000, ("<b>" * 167)[:500] + "…"),
    "500 characters": ("x" * 500, "x" * 500),
    "501 characters": ("x" * 501, "x" * 500 + "…"),
    "tags": ("\U000e0001a", "a"),
    "letters": ("Gespräch 会話", "Gespräch 会話"),
    "spaces": ("  a  ", "a"),
}


@pytest.mark.parametrize(("text", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_remote_text_is_made_printable(text: str, expected: str) -> None:
    """One line without control characters, of bounded length, wherever MAVI's text is shown."""
    in_answer = json.dumps({"code": text, "msg": text}).encode()
    in_callback = json.dumps({"code": text, "data": {"msg": text}}).encode()

    envelope = read_envelope(in_answer)
    with pytest.raises(TaskFailed) as caught:
        decoded(in_callback)

    assert (expected, expected) == (envelope.code, envelope.text)
    assert f"MAVI could not do the job: {expected}" == caught.value.message
    assert expected == caught.value.code
    assert str(caught.value).isprintable()


@given(st.text())
def test_any_remote_text_is_printable(text: str) -> None:
    """No text gets past, whatever it is made of."""
    shown = read_envelope(json.dumps({"code": "x", "msg": text}).encode()).text

    assert shown.isprintable()
    assert len(shown) <= 501


SECONDS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
LABELS = st.text(max_size=8) | st.sampled_from(["SPEAKER_00", "SPEAKER_01"])
ROWS = st.lists(st.fixed_dictionaries({"start": SECONDS, "end": SECONDS, "speaker": LABELS}))


@given(ROWS)
def test_segments_come_back_as_they_were_sent(rows: list[dict[str, Any]]) -> None:
    """Each with a positive length, exactly, sorted; the others are counted; none is lost."""
    sent = [SpeakerSegment(float(r["start"]), float(r["end"]), r["speaker"]) for r in rows]
    expected = sorted(segment for segment in sent if segment.end > segment.start)

    result = decoded(callback_of(rows))

    assert tuple(expected) == result.segments
    assert len(rows) == len(result) + result.dropped


@given(ROWS)
def test_both_endpoints_read_segments_alike(rows: list[dict[str, Any]]) -> None:
    """The synchronous answer differs in its frame alone."""
    envelope = read_envelope(json.dumps({"code": 200, "data": {"items": rows}}).encode())

    result = decode_sync_result(envelope, asset_id="re_1", raw=b"raw")

    assert decoded(callback_of(rows)).segments == result.segments
    assert (None, "re_1", Usage(), b"raw") == (
        result.task_id,
        result.uri,
        result.usage,
        result.raw,
    )


@pytest.mark.parametrize(
    ("keys", "value", "expected"),
    [
        (("data",), None, "$.data: expected an object, got nothing"),
        (("data",), REMOVED, "$.data: missing"),
        (("data", "items"), REMOVED, "$.data.items: missing"),
        (("data", "items"), {}, "$.data.items: expected a list, got an object"),
        (("data", "items", 1), None, "$.data.items[1]: expected an object, got nothing"),
        (("data", "items", 1, "end"), "1", "$.data.items[1].end: expected a number, got a string"),
        (("data", "items", 0, "speaker"), REMOVED, "$.data.items[0].speaker: missing"),
        (("data", "model"), 5, "$.data.model: expected a string, got a number"),
    ],
)
def test_drift_in_the_synchronous_answer_is_named(
    keys: tuple[str | int, ...], value: object, expected: str
) -> None:
    """Its error has the path of its own frame."""
    envelope = read_envelope(changed(SYNC_ANSWER, keys, value))

    with pytest.raises(Malformed) as caught:
        decode_sync_result(envelope, asset_id="re_1", raw=b"")

    assert expected == str(caught.value)


@pytest.mark.parametrize("make", [dict, UserDict, MappingProxyType])
def test_a_mapping_is_taken_as_the_document_it_is(make: Any) -> None:
    """Frameworks hand over what they have parsed."""
    document: Mapping[str, object] = make(json.loads(CALLBACK))

    assert decoded(CALLBACK).segments == decoded(body_bytes(document)).segments


def test_bytes_and_text_are_taken_as_they_are() -> None:
    """Not a byte is changed: the bytes are what duplicates are compared by."""
    assert body_bytes(CALLBACK) is CALLBACK
    assert body_bytes(CALLBACK.decode()) == CALLBACK
    assert "é".encode() == body_bytes("é")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("\ud800", "not valid UTF-8"),
        ({"start": float("nan")}, "not JSON: "),
        ({"start": {1}}, "not JSON: "),
        ({"speaker": "\ud800"}, "not JSON: "),
        (None, "expected bytes, text or a mapping, got NoneType"),
        (5, "expected bytes, text or a mapping, got int"),
        ([], "expected bytes, text or a mapping, got list"),
        (bytearray(b"{}"), "expected bytes, text or a mapping, got bytearray"),
    ],
    ids=ascii,
)
def test_other_bodies_are_invalid(body: Any, expected: str) -> None:
    """What is neither bytes, text nor a mapping, or cannot become bytes, is refused."""
    with pytest.raises(InvalidJSON) as caught:
        body_bytes(body)

    assert str(caught.value).startswith(expected)
