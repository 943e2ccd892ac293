"""One request to try a way with, and what it means when there is no answer."""

import asyncio
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Final

import attrs
import httpx

from mavi_async._answers import Reply
from mavi_async.cli._finding import Finding, failed

__all__ = ["Exchange", "connection_trouble", "exchange"]

_STEP_SECONDS: Final = 15.0
_ALL_SECONDS: Final = 30.0
_MOST_BYTES: Final = 65_536


@attrs.frozen
class Exchange:
    """A request that was answered.

    Attributes:
        reply: The answer, with the beginning of its body.
        date: Its ``Date`` header.
        at: When the answer began, in seconds since the epoch.
        seconds: How long everything took.
    """

    reply: Reply
    date: str
    at: float
    seconds: float


async def exchange(
    method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
) -> Exchange:
    """Send a request, once, and follow it nowhere else.

    Raises:
        httpx.HTTPError: If there is no answer, or none in time.
        httpx.InvalidURL: If nothing can be sent to such an address.
    """
    started = time.monotonic()
    try:
        async with (
            asyncio.timeout(_ALL_SECONDS),
            httpx.AsyncClient(follow_redirects=False, timeout=_STEP_SECONDS) as client,
            client.stream(method, url, headers=dict(headers), content=content) as response,
        ):
            at = time.time()
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    break
    except TimeoutError:
        raise httpx.ReadTimeout(f"no end within {_ALL_SECONDS:g} s") from None
    reply = Reply(response.status_code, bytes(body))
    return Exchange(reply, response.headers.get("date", ""), at, time.monotonic() - started)


def connection_trouble(check: str, error: httpx.HTTPError, host: str, what: str) -> Finding:
    """Say why there was no answer; where a proxy is set, it may be what did not answer.

    Args:
        check: What was looked at.
        error: What the HTTP client raised.
        host: Host and port as people know them; no path, which may be a secret.
        what: What is there, such as ``the API``.
    """
    finding = _explain(check, error, host, what)
    if not urllib.request.getproxies():
        return finding
    fix = f"{finding.fix}; the environment sets a proxy: see HTTPS_PROXY and NO_PROXY"
    return attrs.evolve(finding, fix=fix)


def _explain(check: str, error: httpx.HTTPError, host: str, what: str) -> Finding:
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return failed(
                check,
                f"the name of {host} does not resolve: {cause.strerror}",
                "look for a typing mistake in the URL, and whether DNS works on this machine",
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return failed(
                check,
                f"the certificate of {host} is not valid here: {cause.verify_message}",
                "it must be for this name, with its whole chain; a company's proxy may put in its "
                "own: set SSL_CERT_FILE to its root certificate",
            )
        if isinstance(cause, ssl.SSLError):
            return failed(
                check,
                f"no TLS connection to {host}: {cause.reason}",
                "see whether the URL has the port that speaks TLS",
            )
        if isinstance(cause, ConnectionRefusedError):
            return failed(
                check,
                f"{host} refuses connections",
                f"start {what} there, or correct host and port of the URL",
            )
    if isinstance(error, httpx.TimeoutException):
        return failed(
            check,
            f"{host} does not answer in time",
            f"see whether {what} is up, and whether a firewall or proxy lies in between",
        )
    return failed(
        check,
        f"the connection to {host} broke: {type(error).__name__}",
        f"see whether {what} speaks HTTP there, with TLS if the URL says https",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and everything that it comes from."""
    waiting: list[BaseException] = [error]
    while waiting:
        each = waiting.pop(0)
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions)
        waiting.extend(cause for cause in (each.__cause__, each.__context__) if cause)
