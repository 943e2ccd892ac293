"""Reading the one file of a multipart form while it arrives, however large it is."""

import hashlib
import re

from starlette.datastructures import Headers

from mavi_async.emulator._answers import bad_parameters, plain_error
from mavi_async.emulator._assets import Received
from mavi_async.emulator._requests import Refused

__all__ = ["FileReader"]

_MAX_HEAD_BYTES = 16_384


class FileReader:
    """Takes the body of an upload in pieces; keeps its length and digest.

    Args:
        headers: Those of the request.

    Raises:
        Refused: It is no multipart form.
    """

    def __init__(self, headers: Headers) -> None:
        kind, _, options = headers.get("content-type", "").partition(";")
        boundary = re.search(r'boundary="?([^\s";]{1,70})', options)
        if kind.strip().lower() != "multipart/form-data" or boundary is None:
            raise Refused(plain_error(415, "Content-Type must be multipart/form-data"))
        self._start = b"--" + boundary[1].encode("latin-1") + b"\r\n"
        self._end = b"\r\n--" + boundary[1].encode("latin-1") + b"--"
        self._filename: str | None = None
        self._pending = b""
        self._digest = hashlib.sha256()
        self._size = 0
        self._ended = False

    def feed(self, chunk: bytes) -> None:
        """Take the next piece.

        Raises:
            Refused: The form does not begin with the field ``file``.
        """
        if self._ended:
            return
        self._pending += chunk
        if self._filename is None and not self._read_head():
            return
        before, end, _ = self._pending.partition(self._end)
        # The end may be cut in two by the pieces' border.
        keep = 0 if end else len(self._end) - 1
        content = before[: max(0, len(before) - keep)]
        self._pending = before[len(content) :]
        self._ended = bool(end)
        self._size += len(content)
        self._digest.update(content)

    def finish(self) -> Received:
        """Return what has arrived.

        Raises:
            Refused: It did not end.
        """
        if self._filename is None or not self._ended:
            raise Refused(bad_parameters("The multipart body is incomplete."))
        return Received(self._filename, self._size, self._digest.hexdigest())

    def _read_head(self) -> bool:
        """Take the form up to the file's first byte; return whether it is all there."""
        head, blank, rest = self._pending.partition(b"\r\n\r\n")
        if not blank and len(head) <= _MAX_HEAD_BYTES:
            return False
        named = re.search(rb'form-data; name="file"; filename="([^"\r\n]+)"', head)
        if named is None or not head.startswith(self._start):
            raise Refused(bad_parameters("The form must have one field, file, with a file."))
        self._filename = named[1].decode("utf-8", "replace").replace("%22", '"')
        self._pending = rest
        return True
