"""Callbacks in files: as they were saved, or as anybody else keeps them.

A saved callback is a JSON object on a line of its own, from which the exact bytes come back.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

import attrs

from mavi_async._json import InvalidJSON, load

__all__ = ["Letter", "read_bodies"]

_KEYS: Final = {"kind", "task_id", "received_at"}


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
            "kind": self.kind,
            "task_id": self.task_id,
            "received_at": self.received_at,
        }
        try:
            document["body"] = self.body.decode()
        except UnicodeDecodeError:
            document["body_base64"] = base64.b64encode(self.body).decode()
        return json.dumps(document, ensure_ascii=True)


def read_bodies(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Read the bodies of callbacks, each with the number of its line.

    A file holds either one body, on as many lines as it likes, or on each line a saved callback
    or a body. The newline at the end of a line or file belongs to neither.
    """
    first = file.readline()
    if not _is_json(first):
        rest = file.read()
        whole = (first + rest).rstrip(b"\r\n")
        if _is_json(whole):
            yield 1, _body_of(whole)
            return
        lines: Iterator[bytes] = iter([first, *rest.splitlines(keepends=True)])
    else:
        lines = _chained(first, file)
    for number, line in enumerate(lines, 1):
        stripped = line.rstrip(b"\r\n")
        if stripped.strip():
            yield number, _body_of(stripped)


def _chained(first: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield first
    yield from file


def _body_of(text: bytes) -> bytes:
    """Return the body that a saved callback holds; anything else is a body itself."""
    try:
        document = load(text)
    except InvalidJSON:
        return text
    if not isinstance(document, dict):
        return text
    names = document.keys()
    if names == _KEYS | {"body"} and isinstance(body := document["body"], str):
        return body.encode(errors="surrogatepass")
    if names == _KEYS | {"body_base64"} and isinstance(encoded := document["body_base64"], str):
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return text
    return text


def _is_json(text: bytes) -> bool:
    try:
        load(text)
    except InvalidJSON:
        return False
    return True
