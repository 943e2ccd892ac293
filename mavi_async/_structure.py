"""JSON documents into models, strictly, naming the path of whatever is wrong.

A number is a number and no text that looks like one; a boolean is not a number; unknown fields
are ignored. This is the only module that uses cattrs.
"""

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn
from cattrs.v import transform_error

from mavi_async._segments import SpeakerSegment

__all__ = ["MAX_SEGMENTS", "Malformed", "json_name", "structure"]

MAX_SEGMENTS: Final = 500_000

_Model = TypeVar("_Model")


@attrs.frozen
class Malformed(Exception):
    """Raised for a document that is not of the documented shape."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def structure(document: dict[str, object], model: type[_Model], path: str = "$") -> _Model:
    """Make a model of a document.

    Args:
        document: An object, as `json` reads it.
        model: An attrs class.
        path: Where the document stands in the body.

    Raises:
        Malformed: If a known field is missing or of the wrong type.
    """
    try:
        return _converter.structure(document, model)
    except cattrs.BaseValidationError as error:
        faults = transform_error(error, path=path, format_exception=_reason)
        reason, _, where = faults[0].rpartition(" @ ")
        raise Malformed(where, reason) from None


def json_name(value: object) -> str:
    """The JSON name of a value's type."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    if value is None:
        return "nothing"
    return names.get(type(value), "a number")


class _WrongType(ValueError):
    """Raised by the hooks below; the text says what was expected and what was found."""


def _reason(error: BaseException, _: type | None) -> str:
    if isinstance(error, KeyError):
        return "missing"
    return str(error)


def _expect(kind: type, name: str) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise _WrongType(f"expected {name}, got {json_name(value)}")
        return value

    return structure


def _text(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise _WrongType(f"expected a string, got {json_name(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _WrongType("expected text, got half of a surrogate pair") from None
    return value


def _number(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise _WrongType(f"expected a number, got {json_name(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _WrongType("expected a finite number")
    return number


def _code(value: Any, _: Any) -> str | int:
    if type(value) not in (int, str):
        raise _WrongType(f"expected a string or an integer, got {json_name(value)}")
    return value if isinstance(value, int) else _text(value, None)


def _segments(rows: Any, _: Any) -> tuple[SpeakerSegment, ...]:
    """All segments at once; a row at a time only where one of them is wrong."""
    if type(rows) is not list:
        raise _WrongType(f"expected a list, got {json_name(rows)}")
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
        # pyright takes the signature from ExceptionGroup, whose constructor has no class to name.
        fault = cattrs.IterableValidationError("segments", [error], _SEGMENTS)  # pyright: ignore[reportCallIssue]
        raise fault from None


def _are_sound(segments: tuple[SpeakerSegment, ...]) -> bool:
    bounds = [s.start for s in segments] + [s.end for s in segments]
    speakers = {s.speaker for s in segments}
    "".join(speakers).encode()
    return {float}.issuperset(map(type, bounds)) and all(map(math.isfinite, bounds))


def _object_hook(model: type[Any], converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    generated = make_dict_structure_fn(model, converter)

    def structure(value: Any, kind: Any) -> Any:
        if type(value) is not dict:
            raise _WrongType(f"expected an object, got {json_name(value)}")
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
