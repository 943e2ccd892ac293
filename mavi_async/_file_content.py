"""A form with a file as the body of a request, in pieces, and how far it has come."""

import inspect
import logging
from collections.abc import Mapping
from typing import cast

from mavi_async._errors import ConfigurationError
from mavi_async._multipart import Form
from mavi_async._source import OnProgress, Source

__all__ = ["FileContent", "checked_progress"]

log = logging.getLogger("mavi_async")


def checked_progress(value: object) -> OnProgress | None:
    """Return a function to tell of progress.

    Raises:
        ConfigurationError: If it cannot be called, or would have to be awaited.
    """
    call = getattr(value, "__call__", None)  # noqa: B004 - of an object it may be a coroutine
    if value is None or (
        callable(value)
        and not inspect.iscoroutinefunction(value)
        and not inspect.iscoroutinefunction(call)
    ):
        return cast("OnProgress | None", value)
    raise ConfigurationError(
        "on_progress is an ordinary function of the bytes sent and of those in all: start from it "
        "what must be awaited"
    )


class FileContent:
    """A form with a file, in pieces; see `mavi_async._content.Content`."""

    def __init__(self, source: Source, form: Form, on_progress: OnProgress | None) -> None:
        self._source = source
        self._form = form
        self._on_progress = on_progress
        self._sent_bytes = 0
        self._reported_bytes = -1
        self._stage = "head"

    @property
    def headers(self) -> Mapping[str, str]:
        """The form's type, and its length if the file's is known."""
        headers = {"Content-Type": self._form.content_type}
        if self._source.size is not None:
            headers["Content-Length"] = str(self._form.length(self._source.size))
        return headers

    # An iterator rather than a generator: one that is left half-way needs no clean-up.
    def __aiter__(self) -> "FileContent":
        return self

    async def __anext__(self) -> bytes:
        if self._stage == "head":
            self._stage = "file"
            return self._form.head
        # Whoever asks for the next piece has sent the one before.
        self._report()
        if self._stage == "end":
            raise StopAsyncIteration
        piece = await self._source.read()
        if not piece:
            self._stage = "end"
            return self._form.tail
        self._sent_bytes += len(piece)
        return piece

    def _report(self) -> None:
        if self._on_progress is None or self._sent_bytes == self._reported_bytes:
            return
        self._reported_bytes = self._sent_bytes
        try:
            self._on_progress(self._sent_bytes, self._source.size)
        except Exception:
            log.exception("on_progress failed")
