"""Bytes to models and back: the shape of MAVI's JSON, apart from that of assets.

Two dialects are spoken: success is ``"0000"`` or ``200``, its text is ``msg`` or ``message``.
Unknown fields are ignored; a known field of the wrong type is an error that names its path.
"""

import re
from collections.abc import Mapping
from typing import Final

import attrs

from mavi_async._diarization import Diarization
from mavi_async._errors import MalformedResult, TaskFailed
from mavi_async._json import InvalidJSON, dump, load
from mavi_async._segments import SpeakerSegment, Usage
from mavi_async._structure import Malformed, json_name, structure

__all__ = [
    "Envelope",
    "body_bytes",
    "decode_callback",
    "decode_sync_result",
    "read_callback",
    "read_envelope",
    "read_task_id",
    "request_body",
    "submitted_task_id",
]

TASK_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")

_SUCCESS: Final = ("0000", "200")
_LONGEST_TEXT: Final = 500


@attrs.frozen
class Envelope:
    """What every answer and callback has in common.

    Attributes:
        code: The code as text.
        text: The description, safe to print.
        ok: Whether code and flags agree on success.
        document: The whole body.
    """

    code: str
    text: str
    ok: bool
    document: dict[str, object]


@attrs.frozen
class _Head:
    code: str | int
    msg: str | None = None
    message: str | None = None
    success: bool | None = None
    failed: bool | None = None
    task_id: str | None = None


@attrs.frozen
class _Segments:
    data: tuple[SpeakerSegment, ...]
    usage_metadata: Usage | None = None


@attrs.frozen
class _Report:
    data: _Segments
    msg: str | None = None
    success: bool | None = None


@attrs.frozen
class _Callback:
    data: _Report


@attrs.frozen
class _Flag:
    success: bool | None = None
    msg: str | None = None


@attrs.frozen
class _SyncItems:
    items: tuple[SpeakerSegment, ...]
    model: str | None = None


@attrs.frozen
class _SyncAnswer:
    data: _SyncItems


@attrs.frozen
class _Job:
    task_id: str


@attrs.frozen
class _SubmitAnswer:
    data: _Job


def request_body(asset_id: str) -> bytes:
    """Write the body of a speaker request."""
    return dump({"asset_id": asset_id})


def body_bytes(body: bytes | str | Mapping[str, object]) -> bytes:
    """Return a callback as bytes, whichever form a framework hands it over in.

    Raises:
        InvalidJSON: For a text or mapping that no JSON body can hold.
    """
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise InvalidJSON("not valid UTF-8") from None
    if isinstance(body, Mapping):
        return dump(dict(body))
    raise InvalidJSON(f"expected bytes, text or a mapping, got {type(body).__name__}")


def read_task_id(body: bytes) -> str:
    """Find the job that a callback answers, without looking at the rest.

    Raises:
        InvalidJSON: If the body is not one strict JSON document.
        Malformed: If it has no usable ``task_id``.
    """
    document = load(body)
    if not isinstance(document, dict):
        raise Malformed("$", f"expected an object, got {json_name(document)}")
    task_id = document.get("task_id")
    if not isinstance(task_id, str):
        raise Malformed("$.task_id", f"expected a string, got {json_name(task_id)}")
    if not TASK_ID.fullmatch(task_id):
        raise Malformed("$.task_id", "expected 1 to 128 letters, digits, '-' or '_'")
    return task_id


def read_envelope(body: bytes) -> Envelope:
    """Read what every answer and callback has in common.

    Raises:
        InvalidJSON: If the body is not one strict JSON document.
        Malformed: If it is not an object with a ``code``.
    """
    document = load(body)
    if not isinstance(document, dict):
        raise Malformed("$", f"expected an object, got {json_name(document)}")
    head = structure(document, _Head)
    code = str(head.code)
    ok = code in _SUCCESS and head.success is not False and head.failed is not True
    return Envelope(_printable(code), _printable(head.message or head.msg or ""), ok, document)


def submitted_task_id(envelope: Envelope) -> str:
    """Read the ``task_id`` of an accepted job.

    Raises:
        Malformed: If it is missing or not usable.
    """
    task_id = structure(envelope.document, _SubmitAnswer).data.task_id
    if not TASK_ID.fullmatch(task_id):
        raise Malformed("$.data.task_id", "expected 1 to 128 letters, digits, '-' or '_'")
    return task_id


def decode_callback(body: bytes, *, task_id: str, uri: str | None = None) -> Diarization:
    """Decode the callback of a finished job.

    Raises:
        TaskFailed: If it reports failure.
        MalformedResult: If it reports success and is not of the documented shape.
    """
    try:
        envelope = read_envelope(body)
        flag = _job_flag(envelope)
        if not envelope.ok or flag.success is False:
            text = _printable(flag.msg or "") or envelope.text or "no reason given"
            raise TaskFailed(f"MAVI could not do the job: {text}", task_id, envelope.code)
        result = structure(envelope.document, _Callback).data.data
    except InvalidJSON as error:
        raise _malformed_result(task_id, "$", str(error), body) from None
    except Malformed as error:
        raise _malformed_result(task_id, error.path, error.reason, body) from None
    return Diarization.from_segments(
        result.data,
        task_id=task_id,
        uri=uri or task_id,
        usage=result.usage_metadata or Usage(),
        raw=body,
    )


def read_callback(body: bytes | str | Mapping[str, object], *, uri: str | None) -> Diarization:
    """Decode what should be a callback, and may be anything.

    Raises:
        TaskFailed: If it reports failure.
        MalformedResult: If it is no callback of a speaker job.
    """
    raw = b""
    try:
        raw = body_bytes(body)
        task_id = read_task_id(raw)
    except InvalidJSON as error:
        raise MalformedResult(f"this is no callback: {error}", "", "$", raw) from None
    except Malformed as error:
        message = f"this is no callback: {error.reason}"
        raise MalformedResult(message, "", error.path, raw) from None
    return decode_callback(raw, task_id=task_id, uri=uri)


def decode_sync_result(envelope: Envelope, *, asset_id: str, raw: bytes) -> Diarization:
    """Decode the answer of the synchronous endpoint.

    Raises:
        Malformed: If it is not of the documented shape.
    """
    result = structure(envelope.document, _SyncAnswer).data
    return Diarization.from_segments(
        result.items, uri=asset_id, usage=Usage(model=result.model), raw=raw
    )


def _job_flag(envelope: Envelope) -> _Flag:
    """The job's own verdict; a failing job may have any `data`, or none."""
    data = envelope.document.get("data")
    try:
        return structure(data, _Flag, path="$.data") if isinstance(data, dict) else _Flag()
    except Malformed:
        if envelope.ok:
            raise
        return _Flag()


def _malformed_result(task_id: str, path: str, reason: str, body: bytes) -> MalformedResult:
    message = f"the job is done, but its result is not of the documented shape: {reason}"
    return MalformedResult(message, task_id, path, body)


def _printable(text: str) -> str:
    """Remote text as it may stand in an error: one line, no control characters, not too long."""
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "…"
    return "".join(character if character.isprintable() else " " for character in text).strip()
