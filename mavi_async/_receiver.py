"""What becomes of a callback request, whatever framework it comes through.

Callbacks are unsigned, so the token in the path is looked at before anything else, the method
included: without it every request gets what an unknown path gets.
"""

import hmac
import logging
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import anyio
import attrs

from mavi_async._configuration import checked_seconds, checked_tokens
from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import ConfigurationError, StoreError
from mavi_async._records import Delivery

__all__ = ["DEFAULT_PATH", "Answer", "CallbackLimits", "Receiver", "checked_path"]

DEFAULT_PATH: Final = "/mavi/callback"

log = logging.getLogger("mavi_async")

_JSON: Final = (("content-type", "application/json"),)
_LAST: Final = (*_JSON, ("connection", "close"))
_LATER: Final = (*_LAST, ("retry-after", "5"))
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}


@attrs.frozen(kw_only=True)
class CallbackLimits:
    """How much a callback request may ask of this process.

    Attributes:
        max_body_bytes: Larger bodies, once decompressed, get 413.
        max_buffered_bytes: Bound on all bodies that are being read at the same time; past it,
            503.
        read_timeout: Seconds in which a body must have come, else 408.
    """

    max_body_bytes: int = 16 * 1024 * 1024
    max_buffered_bytes: int = 64 * 1024 * 1024
    read_timeout: float = 10.0


DEFAULT_LIMITS: Final = CallbackLimits()


@attrs.frozen
class Answer:
    """What to answer a callback request with."""

    status: int
    body: bytes
    headers: Sequence[tuple[str, str]] = _LAST


_TAKEN: Final = {
    delivery: Answer(200, b'{"delivery":"%s"}' % delivery.value.encode(), _JSON)
    for delivery in Delivery
}
_MALFORMED: Final = Answer(400, b'{"error":"expected a JSON object with a task_id"}', _JSON)
_UNREADABLE: Final = Answer(400, b'{"error":"the body cannot be read"}')
_NOT_POST: Final = Answer(
    405, b'{"error":"callbacks are sent with POST"}', (*_LAST, ("allow", "POST"))
)
_TOO_SLOW: Final = Answer(408, b'{"error":"the body did not come in time"}')
_TOO_LARGE: Final = Answer(413, b'{"error":"the body is too large"}')
_TRY_LATER: Final = Answer(503, b'{"error":"cannot be kept now, send it again"}', _LATER)


class _TooLarge(Exception):
    """Raised for a body over the bound."""


class _Busy(Exception):
    """Raised when the bodies being read take too much memory together."""


class Receiver:
    """Decides about callback requests.

    Args:
        dispatcher: Where callbacks are fed to.
        token: The secret path token, or several while one replaces another.
        allow_unauthenticated: Whether `token` may be left out.
        limits: How much a request may ask for.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        token: str | Sequence[str] | None,
        allow_unauthenticated: bool,
        limits: CallbackLimits,
    ) -> None:
        self._dispatcher = dispatcher
        self._tokens = checked_tokens(token, allow_unauthenticated=allow_unauthenticated)
        checked_seconds(limits.read_timeout, "read_timeout", positive=True)
        self._limits = limits
        self._buffered = 0

    def admits(self, token: str) -> bool:
        """Tell whether the rest of the path after its prefix is a valid token."""
        offered = token.encode(errors="replace")
        if not self._tokens:
            return offered == b""
        matches = [hmac.compare_digest(offered, each) for each in self._tokens]
        return any(matches)

    async def receive(
        self, method: str, declared_bytes: str | None, encoding: str, chunks: AsyncIterator[bytes]
    ) -> Answer:
        """Read a request with a valid token and feed its body.

        Args:
            method: The request's method.
            declared_bytes: Its ``Content-Length``.
            encoding: The ``Content-Encoding`` that the chunks still have.
            chunks: The body; an exception from it means that it cannot be read.
        """
        if method != "POST":
            return _NOT_POST
        if declared_bytes is not None and _is_more(declared_bytes, self._limits.max_body_bytes):
            return _TOO_LARGE
        body: bytes | None = None
        try:
            with anyio.move_on_after(self._limits.read_timeout):
                body = await self._read(encoding.strip().lower(), chunks)
        except _TooLarge:
            return _TOO_LARGE
        except _Busy:
            return _TRY_LATER
        except Exception as error:  # noqa: BLE001 - whatever breaks a body, nothing was taken
            log.info("a callback's body could not be read: %s", type(error).__name__)
            return _UNREADABLE
        return _TOO_SLOW if body is None else await self._feed(body)

    async def _feed(self, body: bytes) -> Answer:
        try:
            delivery = await self._dispatcher.feed(body)
        except StoreError as error:
            log.error("a callback could not be kept: %s", error)
            return _TRY_LATER
        except Exception:
            log.exception("a callback could not be taken")
            return _TRY_LATER
        return _MALFORMED if delivery is Delivery.MALFORMED else _TAKEN[delivery]

    async def _read(self, encoding: str, chunks: AsyncIterator[bytes]) -> bytes:
        inflate = _inflater(encoding, self._limits.max_body_bytes)
        parts = []
        size = 0
        try:
            async for chunk in chunks:
                part = chunk if inflate is None else inflate.feed(chunk)
                parts.append(part)
                size += len(part)
                self._buffered += len(part)
                if size > self._limits.max_body_bytes:
                    raise _TooLarge
                if self._buffered > self._limits.max_buffered_bytes:
                    raise _Busy
        finally:
            self._buffered -= size
        if inflate is not None:
            inflate.finish()
        return b"".join(parts)


class _Inflate:
    """Decompresses at most a bounded number of bytes."""

    def __init__(self, window_bits: int, max_bytes: int) -> None:
        self._stream: Any = zlib.decompressobj(window_bits)
        self._left = max_bytes + 1

    def feed(self, chunk: bytes) -> bytes:
        part: bytes = self._stream.decompress(chunk, self._left)
        self._left -= len(part)
        if self._left <= 0:
            raise _TooLarge
        return part

    def finish(self) -> None:
        if not self._stream.eof or self._stream.unused_data:
            raise ValueError("the compressed body is not complete")


def _inflater(encoding: str, max_bytes: int) -> _Inflate | None:
    if encoding in ("", "identity"):
        return None
    return _Inflate(_WINDOW_BITS[encoding], max_bytes)


def _is_more(declared: str, most: int) -> bool:
    return (
        declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > most)
    )


def checked_path(path: object) -> str:
    """Return the path in front of the token, without a trailing slash.

    Raises:
        ConfigurationError: Unless it is empty or begins with a slash and is plain.
    """
    if not isinstance(path, str) or (path and not path.startswith("/")) or set(path) & set("?#{}"):
        raise ConfigurationError("path is empty, or begins with '/', such as '/mavi/callback'")
    return path.rstrip("/")
