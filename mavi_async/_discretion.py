"""What nobody is told who has no business with it: a storage, and whoever reads logs.

A signed URL is a secret, and HTTP clients write down what they request. The storage that it leads
to is another company's, and an HTTP client of the user's may add to each request what is meant for
somebody else.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

__all__ = ["anonymous", "discreet", "without_extras"]

_CLIENTS: Final = ("httpx", "httpx2")
# These write down the headers of answers, where a redirect may repeat the URL, and of requests.
_CONNECTIONS: Final = tuple(
    f"{library}.{part}"
    for library in ("httpcore", "httpcore2")
    for part in ("connection", "http11", "http2", "proxy", "socks")
)
_HEADERS: Final = ("hpack.hpack", "hpack.table")

_is_discreet: Final = ContextVar("_is_discreet", default=False)


@contextmanager
def discreet() -> Iterator[None]:
    """Drop what is written in this context about requests that go as they should."""
    for name in (*_CLIENTS, *_CONNECTIONS, *_HEADERS):
        # A filter that is there already is not added again.
        logging.getLogger(name).addFilter(_is_harmless)
    token = _is_discreet.set(True)
    try:
        yield
    finally:
        _is_discreet.reset(token)


def without_extras(request: Any, url: str, headers: Mapping[str, str]) -> Any:
    """Leave in a request nothing that the client which made it has added of its own.

    Args:
        request: The request.
        url: Where it goes, without the parameters of the client.
        headers: What it says of its content.
    """
    request.url = type(request.url)(url)
    request.headers.clear()
    request.headers.update({"Host": request.url.netloc.decode("ascii"), "Accept": "*/*", **headers})
    if "Content-Length" not in headers:
        request.headers["Transfer-Encoding"] = "chunked"
    return request


def anonymous(request: Any) -> Any:
    """Have a request say nothing of who sends it, whatever the given client would say."""
    return request


def _is_harmless(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO or not _is_discreet.get()
