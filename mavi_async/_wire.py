"""Bytes to models and back: the only module that knows the shape of MAVI's JSON.

Two dialects are spoken: success is ``"0000"`` or ``200``, its text is ``msg`` or ``message``.
Unknown fields are ignored; a known field of the wrong type is an error that names its path.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn
from cattrs.v import transform_error

from mavi_async._diarization import Diarization
from mavi_async._errors import MalformedResult, TaskFailed
from mavi_async._json import InvalidJSON, dump, load
from mavi_async._segments import SpeakerSegment, Usage

__all__ = [
    "Envelope",
    "Malformed",
    "body_bytes",
    "decode_callback",
    "decode_sync_result",
    "read_envelope",
    "read_task_id",
    "request_body",
    "submitted_task_id",
]

MAX_SEGMENTS: Final = 500_000
TASK_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")

_SUCCESS: Final = ("0000", "200")
_LONGEST_TEXT: Final = 500

_Model = TypeVar("_Model")


@attrs.frozen
class Malformed(Exception):
    """Raised for a document that is not of the documented shape."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


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
        raise Malformed("$", f"expected an object, got {_name_of(document)}")
    task_id = document.get("task_id")
    if not isinstance(task_id, str):
        raise Malformed("$.task_id", f"expected a string, got {_name_of(task_id)}")
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
        raise Malformed("$", f"expected an object, got {_name_of(document)}")
    head = _structure(document, _Head)
    code = _printable(str(head.code))
    ok = code in _SUCCESS and head.success is not False and head.failed is not True
    return Envelope(code, _printable(head.message or head.msg or ""), ok, document)


def submitted_task_id(envelope: Envelope) -> str:
    """Read the ``task_id`` of an accepted job.

    Raises:
        Malformed: If it is missing or not usable.
    """
    task_id = _structure(envelope.document, _SubmitAnswer).data.task_id
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
        result = _structure(envelope.document, _Callback).data.data
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


def decode_sync_result(envelope: Envelope, *, asset_id: str, raw: bytes) -> Diarization:
    """Decode the answer of the synchronous endpoint.

    Raises:
        Malformed: If it is not of the documented shape.
    """
    result = _structure(envelope.document, _SyncAnswer).data
    return Diarization.from_segments(
        result.items, uri=asset_id, usage=Usage(model=result.model), raw=raw
    )


def _job_flag(envelope: Envelope) -> _Flag:
    """The job's own verdict; a failing job may have any `data`, or none."""
    data = envelope.document.get("data")
    try:
        return _structure(data, _Flag, path="$.data") if isinstance(data, dict) else _Flag()
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


def _name_of(value: object) -> str:
    """The JSON name of a value's type."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    if value is None:
        return "nothing"
    return names.get(type(value), "a number")


def _structure(document: object, model: type[_Model], path: str = "$") -> _Model:
    try:
        return _converter.structure(document, model)
    except cattrs.BaseValidationError as error:
        faults = transform_error(error, path=path, format_exception=_reason)
        reason, _, where = faults[0].rpartition(" @ ")
        raise Malformed(where, reason) from None
    except _WrongType as error:
        raise Malformed(path, str(error)) from None


class _WrongType(ValueError):
    """Raised by the hooks below; the text says what was expected and what was found."""


def _reason(error: BaseException, _: type | None) -> str:
    if isinstance(error, KeyError):
        return "missing"
    return str(error)


def _expect(kind: type, name: str) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise _WrongType(f"expected {name}, got {_name_of(value)}")
        return value

    return structure


def _text(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise _WrongType(f"expected a string, got {_name_of(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _WrongType("expected text, got half of a surrogate pair") from None
    return value


def _number(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise _WrongType(f"expected a number, got {_name_of(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _WrongType("expected a finite number")
    return number


def _code(value: Any, _: Any) -> str | int:
    if type(value) not in (int, str):
        raise _WrongType(f"expected a string or an integer, got {_name_of(value)}")
    return value if isinstance(value, int) else _text(value, None)


def _segments(rows: Any, _: Any) -> tuple[SpeakerSegment, ...]:
    """All segments at once; a row at a time only where one of them is wrong."""
    if type(rows) is not list:
        raise _WrongType(f"expected a list, got {_name_of(rows)}")
    if len(rows) > MAX_SEGMENTS:
        raise _WrongType(f"expected at most {MAX_SEGMENTS} segments, got {len(rows)}")
    try:
        segments = tuple([SpeakerSegment(row["start"], row["end"], row["speaker"]) for row in rows])
        if _are_sound(segments):
            return segments
    except (KeyError, TypeError, ValueError):
        pass
    return tuple([_segment(index, row) for index, row in enumerate(rows)])


def _segment(index: int, row: Any) -> SpeakerSegment:
    # As cattrs does for a list, but it would collect an error for each of 500,000 wrong rows.
    try:
        return _converter.structure(row, SpeakerSegment)
    except (cattrs.BaseValidationError, _WrongType) as error:
        where = f"Structuring a segment @ index {index}"
        error.add_note(cattrs.IterableValidationNote(where, index, SpeakerSegment))
        raise cattrs.IterableValidationError("segments", [error], _SEGMENTS) from None


def _are_sound(segments: tuple[SpeakerSegment, ...]) -> bool:
    bounds = [s.start for s in segments] + [s.end for s in segments]
    speakers = {s.speaker for s in segments}
    "".join(speakers).encode()
    return {float}.issuperset(map(type, bounds)) and all(map(math.isfinite, bounds))


def _object_hook(model: type[Any], converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    generated = make_dict_structure_fn(model, converter)

    def structure(value: Any, kind: Any) -> Any:
        if type(value) is not dict:
            raise _WrongType(f"expected an object, got {_name_of(value)}")
        return generated(value, kind)

    return structure


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(int, _expect(int, "an integer"))
    converter.register_structure_hook(bool, _expect(bool, "a boolean"))
    converter.register_structure_hook(str | int, _code)
    converter.register_structure_hook_func(lambda kind: kind == _SEGMENTS, _segments)
    converter.register_structure_hook_factory(attrs.has, _object_hook)
    return converter


_SEGMENTS: Final = tuple[SpeakerSegment, ...]
_converter: Final = _make_converter()
