"""Strict JSON: one complete UTF-8 document, of bounded depth, without NaN or infinities.

The standard library reads more than JSON: byte order marks, UTF-16, ``NaN``, nesting up to the
recursion limit. A body that two readers could understand differently is refused here instead.
"""

import json
from collections.abc import Iterable
from typing import NoReturn

__all__ = ["MAX_DEPTH", "InvalidJSON", "dump", "load"]

MAX_DEPTH = 32

_BRACKETS_AND_QUOTES = b'[]{}"'
_ALL_OTHER_BYTES = bytes(set(range(256)) - set(_BRACKETS_AND_QUOTES))
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")


class InvalidJSON(ValueError):
    """Raised for bytes that are not one strict JSON document; the text says what is wrong."""


def load(body: bytes) -> object:
    """Read one JSON document.

    Raises:
        InvalidJSON: For anything else, including too deep nesting, numbers of thousands of
            digits, and an object that names ``task_id`` twice.
    """
    try:
        text = body.decode()
        document = _decode(text, body)
    except UnicodeDecodeError:
        raise InvalidJSON("not valid UTF-8") from None
    except json.JSONDecodeError as error:
        raise InvalidJSON(f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise InvalidJSON(f"nested deeper than {MAX_DEPTH} levels") from None
    except InvalidJSON:
        raise
    except ValueError:
        raise InvalidJSON("holds a number of too many digits") from None
    if _is_too_deep(body, document):
        raise InvalidJSON(f"nested deeper than {MAX_DEPTH} levels")
    return document


def dump(document: object) -> bytes:
    """Write a document in its compact form.

    Raises:
        InvalidJSON: If it holds something that JSON cannot express.
    """
    try:
        return json.dumps(
            document, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidJSON(f"not JSON: {error}") from None


def _decode(text: str, body: bytes) -> object:
    # Readers differ on which of two equal keys counts. Only `task_id` matters here, so the slow
    # pass over all pairs is run only where that key may be hidden behind another of its kind.
    if b"\\" not in body and body.count(b'"task_id"') == 1:
        return json.loads(text, parse_constant=_refuse_constant)
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unambiguous_object)


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJSON(f"not JSON: {name} is not a number")


def _unambiguous_object(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    pairs = list(pairs)
    if sum(key == "task_id" for key, _ in pairs) > 1:
        raise InvalidJSON("names task_id twice")
    return dict(pairs)


def _is_too_deep(body: bytes, document: object) -> bool:
    # Pairs of adjacent quotes and brackets are removed a level at a time, all in C. A string
    # that holds a bracket leaves an odd quote behind; such rare bodies are walked instead.
    # One kind of bracket, so that a pass takes one level: of two kinds it could take two.
    skeleton = body.translate(_BRACES_TO_BRACKETS, _ALL_OTHER_BYTES).replace(b'""', b"")
    if b'"' in skeleton or b"\\" in body:
        return _depth_exceeds(document, MAX_DEPTH)
    for _ in range(MAX_DEPTH):
        if not skeleton:
            return False
        skeleton = skeleton.replace(b"[]", b"")
    return bool(skeleton)


def _depth_exceeds(document: object, limit: int) -> bool:
    level = [document]
    for _ in range(limit + 1):
        level = [value for value in level if isinstance(value, dict | list)]
        if not level:
            return False
        level = [child for parent in level for child in _children(parent)]
    return True


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
