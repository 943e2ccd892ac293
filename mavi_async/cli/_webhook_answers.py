"""What an answer to a callback that did not arrive says about the way to the receiver."""

from typing import Final, TypeAlias

from mavi_async._answers import Reply
from mavi_async._json import InvalidJSON, load

__all__ = ["Explained", "explain"]

Explained: TypeAlias = tuple[str, str]
"""What was seen, and what to do about it."""

_LOGIN: Final = (
    "a login, firewall or filter in front refuses it",
    "let POSTs to this path through without a login: the token in the path is what admits them",
)
_UPSTREAM: Final = (
    "the proxy does not reach the receiver",
    "start the service, or doctor with --listen, where the proxy or tunnel leads to",
)
_MEANINGS: Final[dict[int, Explained]] = {
    400: (
        "something takes it for malformed",
        "see whether a proxy changes or drops bodies on the way",
    ),
    401: _LOGIN,
    403: _LOGIN,
    404: (
        "the token or the path is wrong",
        (
            "compare the URL with the service's MAVI_CALLBACK_TOKEN, and see that the proxy passes "
            "the path /mavi/callback/TOKEN on as it is"
        ),
    ),
    405: (
        "the path leads to something that takes no POST",
        "see where the proxy leads this path to: the receiver takes POST alone",
    ),
    407: _LOGIN,
    408: (
        "the body did not come through in time",
        "see whether a proxy on the way holds bodies back",
    ),
    413: (
        "a proxy's limit is smaller than the callback",
        "allow 16 MiB there; for nginx: client_max_body_size 16m;",
    ),
    429: ("a rate limit in front refuses it", "except this path from the limit"),
    502: _UPSTREAM,
    503: _UPSTREAM,
    504: _UPSTREAM,
}


def explain(reply: Reply) -> Explained | None:
    """Explain an answer; ``None`` where it is a receiver's, saying that the callback is kept."""
    said = f"HTTP {reply.status}: "
    word = _receivers_word(reply.body)
    if 200 <= reply.status < 300:
        if word == "delivery":
            return None
        return (
            f"{said}something else answers, and not a receiver of callbacks",
            (
                "MAVI would take its results for delivered, and they would be lost: see where the "
                "proxy or tunnel leads this path to"
            ),
        )
    if 300 <= reply.status < 400:
        return (
            f"{said}a redirect",
            "set the address that it leads to in MAVI's console: a POST may not survive it",
        )
    if reply.status == 503 and word == "error":
        return (
            f"{said}the receiver cannot keep callbacks now",
            "its store is down, full or locked: see the service's log",
        )
    text, fix = _MEANINGS.get(
        reply.status,
        ("the service fails", "see the service's log")
        if reply.status >= 500
        else ("it is refused", "see the log of the proxy and of the service"),
    )
    return said + text, fix


def _receivers_word(body: bytes) -> str | None:
    """The name of the one field of a receiver's answer."""
    try:
        document = load(body)
    except InvalidJSON:
        return None
    names = list(document) if isinstance(document, dict) else []
    return names[0] if len(names) == 1 else None
