"""What becomes of a callback request, whatever framework it comes through.

Callbacks are unsigned, so the token in the path is looked at before anything else, the method
included: without it every request gets what an unknown path gets.
"""

import contextlib
import hmac
import logging
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
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
        max_buffered_bytes: Bound on all bodies that are being read and stored at the same time;
            past it, 503. At least ``max_body_bytes``.
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
        self._limits = _checked_limits(limits)
        self._room = _Room(limits.max_buffered_bytes)

    def admits(self, token: str | None) -> bool:
        """Tell whether what follows the path and a slash is a valid token.

        Args:
            token: ``None`` where nothing follows, not even a slash.
        """
        if not self._tokens or token is None:
            return not self._tokens and token is None
        offered = token.encode(errors="replace")
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
            return _refused(_TOO_LARGE)
        body: bytes | None = None
        with self._room.share() as take:
            try:
                with anyio.move_on_after(self._limits.read_timeout):
                    body = await self._read(encoding.strip().lower(), chunks, take)
            except _TooLarge:
                return _refused(_TOO_LARGE)
            except _Busy:
                return _refused(_TRY_LATER)
            except Exception as error:  # noqa: BLE001 - whatever breaks a body, nothing was taken
                log.info("a callback's body could not be read: %s", type(error).__name__)
                return _UNREADABLE
            return _refused(_TOO_SLOW) if body is None else await self._feed(body)

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

    async def _read(
        self, encoding: str, chunks: AsyncIterator[bytes], take: Callable[[int], None]
    ) -> bytes:
        inflate = _inflater(encoding, self._limits.max_body_bytes)
        body = bytearray()
        async for chunk in chunks:
            part = chunk if inflate is None else inflate.feed(chunk)
            if len(body) + len(part) > self._limits.max_body_bytes:
                raise _TooLarge
            take(len(part))
            body += part
        if inflate is not None:
            inflate.finish()
        return bytes(body)


class _Room:
    """The memory that the bodies of all requests may take together."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._taken = 0

    @contextlib.contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Give a request the function with which it takes bytes; leaving gives them back."""
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            mine += count
            self._taken += count
            if self._taken > self._max_bytes:
                raise _Busy

        try:
            yield take
        finally:
            self._taken -= mine


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
        if self._stream.unused_data:  # else it would be collected for as long as it comes
            raise ValueError("something follows the compressed body")
        return part

    def finish(self) -> None:
        if not self._stream.eof:
            raise ValueError("the compressed body is not complete")


def _inflater(encoding: str, max_bytes: int) -> _Inflate | None:
    if encoding in ("", "identity"):
        return None
    return _Inflate(_WINDOW_BITS[encoding], max_bytes)


def _refused(answer: Answer) -> Answer:
    log.warning("a callback was answered %d: %s", answer.status, answer.body.decode())
    return answer


def _is_more(declared: str, most: int) -> bool:
    return (
        declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > most)
    )


def _checked_limits(limits: CallbackLimits) -> CallbackLimits:
    checked_seconds(limits.read_timeout, "read_timeout", positive=True)
    for count in (limits.max_body_bytes, limits.max_buffered_bytes):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ConfigurationError("max_body_bytes and max_buffered_bytes are positive integers")
    if limits.max_buffered_bytes < limits.max_body_bytes:
        raise ConfigurationError(
            "max_buffered_bytes is at least max_body_bytes: a body between the two could never "
            "be taken, however often it is sent"
        )
    return limits


def checked_path(path: object) -> str:
    """Return the path in front of the token, without a trailing slash.

    Raises:
        ConfigurationError: Unless it is empty or begins with a slash and is plain.
    """
    if (
        not isinstance(path, str)
        or (path and not path.startswith("/"))
        or not path.isprintable()
        or set(path) & set("?#{}% \\")
    ):
        raise ConfigurationError("path is empty, or begins with '/', such as '/mavi/callback'")
    return path.rstrip("/")
