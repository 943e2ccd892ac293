"""One HTTP request and what came of it: the only core module that knows an HTTP client.

Any client with the interface of `httpx.AsyncClient` will do, such as `httpx2.AsyncClient`:
requests are built by the client itself, and the one exception that matters is known by the name
of its class, since the two libraries share no class.
"""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
import httpx

from mavi_async._answers import Attempt, Endpoint, Failure, Reply
from mavi_async._configuration import BaseUrl
from mavi_async._errors import ConfigurationError, MaviError
from mavi_async._secret import ApiKey
from mavi_async._trace import Deadline, Trace

if TYPE_CHECKING:
    from mavi_async._content import Content
    from mavi_async._signed_url import SignedUrl

__all__ = ["HttpClient", "Transport"]

_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_CONNECT_SECONDS: Final = 10.0
# Raised before there is any progress to tell of. Of other errors the names prove nothing: a
# transport may call by the name of a failed connection what broke an established one.
_NEVER_TRACED: Final = frozenset({"PoolTimeout"})
_ACCEPT: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
_JSON: Final = {"Content-Type": "application/json", **_ACCEPT}


class HttpClient(Protocol):
    """What is used of `httpx.AsyncClient` and its kin."""

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        ...

    def build_request(self, method: str, url: str, /) -> Any:
        """Make a request."""
        ...

    async def send(self, request: Any, /) -> Any:
        """Send a request."""
        ...


class Transport:
    """Asks the API with the key, and never raises for what the network does.

    Args:
        base_url: Where the API is.
        key: Sent to the origin of `base_url` and nowhere else.
        http_client: A client to use and not to close; by default one of its own.
        max_connections: How many connections a client of its own keeps.
    """

    def __init__(
        self,
        base_url: BaseUrl,
        key: ApiKey,
        *,
        http_client: HttpClient | None,
        max_connections: int,
    ) -> None:
        self._base_url = base_url
        self._key = key
        self._is_own = http_client is None
        self._client: Any = http_client
        self._max_connections = max_connections

    def open(self) -> None:
        """Make the HTTP client, unless one was given.

        Raises:
            ConfigurationError: If it cannot make requests to the base URL.
        """
        if self._client is None:
            limits = httpx.Limits(
                max_connections=self._max_connections,
                max_keepalive_connections=self._max_connections,
            )
            self._client = httpx.AsyncClient(limits=limits, follow_redirects=False)
        try:
            self._client.build_request("POST", self._base_url.url)
        except Exception as error:  # noqa: BLE001 - foreign exceptions end here
            reason = f"base_url cannot be requested: {error}"
            raise ConfigurationError(reason) from None

    async def aclose(self) -> None:
        """Close the HTTP client, unless it was given."""
        if self._is_own and self._client is not None:
            await self._client.aclose()

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return self._base_url.url

    def endpoint(self, path: str, method: str = "POST") -> Endpoint:
        """Name an endpoint as errors show it."""
        return Endpoint(path, self._base_url.host, method)

    def check_usable(self) -> None:
        """Make sure that requests can be sent.

        Raises:
            ConfigurationError: If the HTTP client that was given is closed.
        """
        if self._client.is_closed:
            raise ConfigurationError("the http_client that was given is closed: pass an open one")

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        deadline: float,
        before_leaving: Callable[[], Awaitable[None]],
        on_leaving: Callable[[], None],
    ) -> Attempt:
        """Post a JSON body once.

        Args:
            path: Below the base URL.
            body: The JSON document.
            deadline: Seconds for everything, from connecting to the last byte of the answer.
            before_leaving: Awaited once the connection is there and nothing has left; how long it
                takes counts for nothing.
            on_leaving: Called when the request's head has left. Neither is called where the
                HTTP client's transport does not tell of its progress.
        """
        bound = Deadline(deadline)
        trace = Trace(partial(bound.pause, before_leaving), on_leaving)
        request = self._build("POST", path, trace, deadline, content=body, headers=_JSON)
        return await self._attempt(request, trace, bound)

    async def get(
        self,
        path: str,
        *,
        deadline: float,
        before_leaving: Callable[[], Awaitable[None]],
        on_leaving: Callable[[], None],
    ) -> Attempt:
        """Ask for something once; the arguments are those of `post`."""
        bound = Deadline(deadline)
        trace = Trace(partial(bound.pause, before_leaving), on_leaving)
        request = self._build("GET", path, trace, deadline, headers=_ACCEPT)
        return await self._attempt(request, trace, bound)

    async def upload(
        self,
        path: str,
        content: "Content",
        *,
        before_leaving: Callable[[], Awaitable[None]],
        on_leaving: Callable[[], None],
    ) -> Attempt:
        """Post a body in pieces, for as long as it gets on; see `post` for the arguments.

        Raises:
            Exception: What reading the body raises, as it is.
        """
        # Whoever uploads nothing need not load what that takes.
        from mavi_async._content import STORING_SECONDS, Watched

        watched = Watched(content)
        trace = Trace(partial(watched.deadline.pause, before_leaving), on_leaving)
        headers = {**content.headers, **_ACCEPT}
        request = self._build(
            "POST", path, trace, STORING_SECONDS, content=watched, headers=headers
        )
        attempt = await self._attempt(request, trace, watched.deadline)
        if watched.fault is not None:
            raise watched.fault
        return attempt

    async def upload_to(self, url: "SignedUrl", content: "Content") -> Attempt:
        """Post a body in pieces to a signed URL, without the key; it raises what `upload` does."""
        from mavi_async._content import STORING_SECONDS, Watched
        from mavi_async._discretion import anonymous, discreet, without_extras

        trace, watched = Trace(_nothing, lambda: None), Watched(content)
        headers = {**content.headers, "Accept-Encoding": "identity"}
        try:
            request = self._client.build_request(
                "POST",
                url.reveal(),
                content=watched,
                headers=headers,
                timeout=_timeouts(STORING_SECONDS),
                extensions={"trace": trace},
            )
            without_extras(request, url.reveal(), headers)
        except Exception as error:  # noqa: BLE001 - foreign exceptions end here
            return Failure(url.redact(f"{type(error).__name__}: {error}"), sent=False)
        with discreet():
            attempt = await self._attempt(request, trace, watched.deadline, anonymous)
        if watched.fault is not None:
            raise watched.fault
        if isinstance(attempt, Failure):
            return Failure(url.redact(attempt.reason), attempt.sent)
        return attempt

    def _build(
        self, method: str, path: str, trace: Trace, seconds: float, **options: object
    ) -> Any:
        return self._client.build_request(
            method,
            self._base_url.url + path,
            timeout=_timeouts(seconds),
            extensions={"trace": trace},
            **options,
        )

    async def _attempt(
        self,
        request: Any,
        trace: Trace,
        deadline: Deadline,
        authorize: Callable[[Any], Any] | None = None,
    ) -> Attempt:
        try:
            with deadline.scope:
                return await self._send(request, authorize or self._authorize)
        except MaviError:
            raise  # the source of what is sent has failed, not the network
        except Exception as error:  # noqa: BLE001 - foreign exceptions end here
            if (response := getattr(error, "response", None)) is not None:
                # An event hook of the given client raises for statuses: the answer is there.
                return Reply(response.status_code, retry_after=response.headers.get("retry-after"))
            sent = trace.may_have_left and not _is_named(error, _NEVER_TRACED)
            return Failure(self._key.redact(trace.describe(error)), sent=sent)
        reason = trace.at(f"no answer within {deadline.seconds:g} s")
        return Failure(reason, sent=trace.may_have_left)

    async def _send(self, request: Any, authorize: Callable[[Any], Any]) -> Reply:
        response = await self._client.send(
            request, stream=True, auth=authorize, follow_redirects=False
        )
        try:
            body = await _read(response)
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()
        retry_after = response.headers.get("retry-after")
        if retry_after is not None:
            retry_after = self._key.redact(retry_after)
        return Reply(response.status_code, self._clean(body), retry_after)

    def _authorize(self, request: Any) -> Any:
        url = request.url
        default_port = 443 if url.scheme == "https" else 80
        if (url.scheme, url.host, url.port or default_port) == self._base_url.origin:
            request.headers["Authorization"] = self._key.reveal()
        return request

    def _clean(self, body: bytes) -> bytes:
        """An answer may echo the key, as it is or as JSON escapes it, and errors show answers."""
        key = self._key.reveal().encode()
        if b"\\" in body:
            return _escaped(key).sub(b"[redacted]", body)
        return body.replace(key, b"[redacted]")


async def _read(response: Any) -> bytes:
    """Read an answer's body; one that breaks off or has no end counts as empty."""
    chunks = []
    size = 0
    try:
        async for chunk in response.aiter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > _MAX_ANSWER_BYTES:
                return b""
    except Exception:  # noqa: BLE001 - foreign exceptions end here
        return b""
    return b"".join(chunks)


def _escaped(text: bytes) -> re.Pattern[bytes]:
    """Match ASCII text however a JSON document spells it."""
    spellings = (rb"(?:\\?%b|\\u00(?i:%02x))" % (re.escape(bytes([each])), each) for each in text)
    return re.compile(b"".join(spellings))


def _is_named(error: BaseException, names: frozenset[str]) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)


def _timeouts(seconds: float) -> tuple[float, float, float, float]:
    # The pool does not tell of its progress, so it gives up before the deadline does.
    return _CONNECT_SECONDS, seconds, seconds, min(_CONNECT_SECONDS, seconds / 2)


async def _nothing() -> None:
    pass
