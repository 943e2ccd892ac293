"""A result as one JSON document, with everything it holds; and what else is JSON, read back."""

import json
import re
from collections.abc import Mapping
from typing import Final, NoReturn, TypeVar

import attrs

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async._json import InvalidJSON
from mavi_async._segments import SpeakerSegment, Usage
from mavi_async._structure import Malformed
from mavi_async._wire import decode_callback, decode_sync_result, read_envelope, read_task_id
from mavi_async.formats._format import Format
from mavi_async.formats._lines import finite, segment_from

__all__ = ["FORMAT", "dump", "parse", "read_json", "write_json"]

T = TypeVar("T")

# Valid JSON all of them, but for UTF-8 (lone surrogates), for readers of lines, for terminals and
# for people who look at it: escaped, they are the same to every reader.
_ESCAPED: Final = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_WHAT_IT_IS: Final = "neither a result that was saved, nor a callback, nor a list of segments"


def write_json(diarization: Diarization, *, include_raw: bool = False) -> str:
    """Write everything that the result holds, a segment a line.

    Numbers have all their digits, and names all their characters, so that `read_json` makes an
    equal result of it. ``duration`` and ``model`` are there for other readers; they are the ones
    of ``usage`` where MAVI has told them.

    Args:
        diarization: The result.
        include_raw: Whether to add the body as received; it says most of this once more.

    Raises:
        ConfigurationError: A bound is not finite.
    """
    head: dict[str, object] = {
        "uri": diarization.uri,
        "task_id": diarization.task_id,
        "model": diarization.model,
        "duration": diarization.duration,
        "usage": attrs.asdict(diarization.usage),
        "dropped": diarization.dropped,
    }
    if include_raw:
        head["raw"] = diarization.raw.decode("utf-8", "surrogateescape")
    fields = [f'  "{name}": {dump(value)}' for name, value in head.items()]
    rows = [f"    {dump(attrs.asdict(segment))}" for segment in diarization.segments]
    segments = "[\n" + ",\n".join(rows) + "\n  ]" if rows else "[]"
    return "{\n" + ",\n".join([*fields, f'  "segments": {segments}']) + "\n}\n"


def read_json(text: str, uri: str | None = None) -> Diarization:
    """Read what `write_json` wrote, or a callback as MAVI sent it.

    It also reads the answer of the synchronous endpoint, a line that the command line has printed,
    and a list of objects with start, end and speaker.

    Args:
        text: One JSON document.
        uri: Name of the recording; by default the one in the text.

    Raises:
        ConfigurationError: It is none of these; the message says where.
        TaskFailed: It is a callback, and MAVI could not do the job.
        MalformedResult: It is a callback without a usable result.
    """
    document = parse(text.removeprefix("\ufeff"), "the JSON text")
    if isinstance(document, list):
        return Diarization.from_segments(_segments(document, "segment"), uri=uri)
    if isinstance(document, dict) and "segments" in document:
        return _read_result(document, uri)
    if isinstance(document, dict) and "code" in document:
        return _read_answer(text.removeprefix("\ufeff").encode(), uri)
    raise ConfigurationError(f"the JSON text is {_WHAT_IT_IS}")


def dump(document: object) -> str:
    """Write a document on one line.

    Raises:
        ConfigurationError: It holds a number that is not finite.
    """
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise ConfigurationError(
            "JSON has no infinite numbers: `clip(duration)` the result first"
        ) from None
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def parse(text: str, where: str) -> object:
    """Read a document, which has finite numbers only.

    Raises:
        ConfigurationError: It is not JSON; the message says where.
    """
    try:
        document: object = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} of " if error.lineno > 1 else ""
        raise ConfigurationError(
            f"{place}{where} is not JSON: {error.msg} at column {error.colno}"
        ) from None
    except RecursionError:
        raise ConfigurationError(f"{where} is nested too deeply to be {_WHAT_IT_IS[8:]}") from None
    except ValueError as error:
        raise ConfigurationError(f"{where} is not JSON: {error}") from None
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _read_result(document: Mapping[str, object], uri: str | None) -> Diarization:
    usage = {} if (found := document.get("usage", document)) is None else found
    if not isinstance(usage, dict):
        raise ConfigurationError("$.usage of the JSON text: expected an object")
    segments = document["segments"]
    if not isinstance(segments, list):
        raise ConfigurationError("$.segments of the JSON text: expected a list")
    named = _field(document, "uri" if "uri" in document else "asset_id", str)
    result = Diarization.from_segments(
        _segments(segments, "$.segments"),
        task_id=_field(document, "task_id", str),
        uri=named if uri is None else uri,
        usage=Usage(
            _number(usage, "duration"),
            _field(usage, "model", str),
            _count(usage, "output_tokens"),
            _count(usage, "prompt_tokens"),
        ),
        raw=_raw(_field(document, "raw", str) or ""),
    )
    return attrs.evolve(result, dropped=result.dropped + (_count(document, "dropped") or 0))


def _raw(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ConfigurationError("$.raw of the JSON text: half of a surrogate pair") from None


def _segments(rows: list[object], name: str) -> list[SpeakerSegment]:
    return [segment_from(row, f"{name}[{n}] of the JSON text") for n, row in enumerate(rows)]


def _read_answer(body: bytes, uri: str | None) -> Diarization:
    """Read what MAVI sent: a callback, which has a task, or else a synchronous answer."""
    try:
        envelope = read_envelope(body)
        if "task_id" in envelope.document:
            return decode_callback(body, task_id=read_task_id(body), uri=uri)
        result = decode_sync_result(envelope, asset_id="", raw=body)
    except InvalidJSON as error:
        raise ConfigurationError(f"the JSON text is {_WHAT_IT_IS}: {error}") from None
    except Malformed as error:
        raise ConfigurationError(
            f"the JSON text is {_WHAT_IT_IS}: {error.path}: {error.reason}"
        ) from None
    return attrs.evolve(result, uri=uri)


def _number(document: Mapping[str, object], name: str) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    seconds = finite(value, name, "the usage in the JSON text")
    if seconds < 0:
        raise ConfigurationError(f"$.{name} of the JSON text: expected 0 or more")
    return seconds


def _count(document: Mapping[str, object], name: str) -> int | None:
    value = _field(document, name, int)
    if value is not None and value < 0:
        raise ConfigurationError(f"$.{name} of the JSON text: expected 0 or more")
    return value


def _field(document: Mapping[str, object], name: str, kind: type[T]) -> T | None:
    value = document.get(name)
    if value is None or type(value) is kind:
        return value
    kinds = {str: "a text", int: "a whole number"}
    raise ConfigurationError(f"$.{name} of the JSON text: expected {kinds[kind]}")


FORMAT: Final = Format(
    "json", (".json",), write_json, read_json, "everything a result holds; also reads callbacks"
)
