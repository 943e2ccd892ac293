"""Callbacks in files: as they were saved, or as anybody else keeps them.

A saved callback is a JSON object on a line of its own, from which the exact bytes come back. Like
the callback in it, it has a ``task_id``: the two must never be taken for each other, or what was
saved would itself become the result of its job.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

import attrs

from mavi_async._json import InvalidJSON, load
from mavi_async._structure import Malformed, json_name
from mavi_async._wire import read_task_id

__all__ = ["Letter", "read_lines", "unpack"]

_FORMAT: Final = "mavi-async callback 1"
_FORMATS: Final = "mavi-async "


@attrs.frozen
class Letter:
    """A callback that is kept.

    Attributes:
        kind: ``unmatched`` where nobody submitted the job, ``conflict`` where another callback
            of the same job came before.
        task_id: The job that it answers.
        received_at: Seconds since the epoch.
        body: The body as received.
    """

    kind: Literal["unmatched", "conflict"]
    task_id: str
    received_at: float
    body: bytes = attrs.field(repr=False)

    def to_line(self) -> str:
        """Write it as a line, without its end."""
        document: dict[str, object] = {
            "format": _FORMAT,
            "kind": self.kind,
            "task_id": self.task_id,
            "received_at": self.received_at,
        }
        try:
            document["body"] = self.body.decode()
        except UnicodeDecodeError:
            document["body_base64"] = base64.b64encode(self.body).decode()
        return json.dumps(document, ensure_ascii=True)


def read_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Read what may be callbacks, each with the number of its line.

    A file holds either one, on as many lines as it likes, or one on each line, saved or bare. The
    newline at the end of a line or file belongs to neither.
    """
    first = file.readline()
    if not _is_json(first):
        rest = file.read()
        whole = (first + rest).rstrip(b"\r\n")
        if _is_json(whole):
            yield 1, whole
            return
        lines: Iterator[bytes] = iter([first, *rest.splitlines(keepends=True)])
    else:
        lines = _chained(first, file)
    for number, line in enumerate(lines, 1):
        stripped = line.rstrip(b"\r\n")
        if stripped.strip():
            yield number, stripped


def unpack(text: bytes) -> bytes:
    """Return the body of a callback, whether it was saved or is bare.

    Fields that somebody added to a saved one are ignored.

    Raises:
        InvalidJSON: If it is not one strict JSON document.
        Malformed: If it is a saved callback whose body does not come back, or no callback.
    """
    document = load(text)
    if isinstance(document, dict):
        if _is_letter(document):
            return _body_of(document)
        read_task_id(text)
        if "code" not in document:
            raise Malformed("$.code", "every callback of MAVI has one, and this has none")
    return text


def _chained(first: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield first
    yield from file


def _is_letter(document: dict[str, object]) -> bool:
    """Whether it was saved, in whatever format; the format may be what somebody left out."""
    named = document.get("format")
    is_named = isinstance(named, str) and named.startswith(_FORMATS)
    return is_named or {"kind", "received_at"} <= document.keys()


def _body_of(letter: dict[str, object]) -> bytes:
    if letter.get("format", _FORMAT) != _FORMAT:
        raise Malformed("$.format", f"only {_FORMAT!r} is known to this version of mavi-async")
    name = "body_base64" if "body_base64" in letter else "body"
    text = letter.get(name)
    if not isinstance(text, str):
        raise Malformed(f"$.{name}", f"expected a string, got {json_name(text)}")
    try:
        return base64.b64decode(text, validate=True) if name == "body_base64" else text.encode()
    except (binascii.Error, ValueError):
        raise Malformed(f"$.{name}", "the bytes of the callback do not come back") from None


def _is_json(text: bytes) -> bool:
    try:
        load(text)
    except InvalidJSON:
        return False
    return True
