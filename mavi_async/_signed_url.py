"""Signed URLs: where one may lead, what it may show, and what the storage behind it answers.

Whoever has such a URL can upload: its query is a secret. The storage is no part of the API, so it
has no envelope, and its error pages may repeat what was sent.
"""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import attrs

from mavi_async._answers import Attempt, Endpoint, Failure, Outcome, Reply, classify
from mavi_async._configuration import is_loopback
from mavi_async._errors import ApiError, RateLimited, RequestRejected, ServiceUnavailable
from mavi_async._structure import Malformed

__all__ = ["SignedUrl", "classify_storage", "may_have_expired", "read_signed_url", "storage_error"]

_CODE: Final = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")
# What storages answer to a URL that has expired or was used up, among others.
_EXPIRED: Final = (401, 403, 410)


@attrs.frozen
class SignedUrl:
    """A URL that shows itself only to whoever asks for it by name.

    Attributes:
        host: Host and port.
        path: The path.
        reveal: Returns the whole URL.
    """

    host: str
    path: str
    reveal: Callable[[], str] = attrs.field(repr=False)

    @property
    def endpoint(self) -> Endpoint:
        """Where it leads, as errors name it."""
        return Endpoint(f"{self.path}?[redacted]", self.host)

    def redact(self, text: str) -> str:
        """Return a text without the URL's query."""
        query = urlsplit(self.reveal()).query
        return text.replace(query, "[redacted]") if query else text


def read_signed_url(text: str, *, base_url: str) -> SignedUrl:
    """Read a URL to post a file to.

    Args:
        text: The URL.
        base_url: Where the API is. Unless that is http, the URL is https; where that is on
            loopback, an http one is so, too.

    Raises:
        Malformed: If it is another one. Its text is not in the error.
    """
    wrong = Malformed("$.data.signed_url", "expected an https URL, with a host and without a user")
    try:
        parts, base = urlsplit(text), urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if not host or port == 0 or "@" in parts.netloc or not (text.isascii() and text.isprintable()):
        raise wrong
    may_be_http = base.scheme == "http" and (
        is_loopback(host) or not is_loopback(base.hostname or "")
    )
    if " " in text or not (parts.scheme == "https" or (parts.scheme == "http" and may_be_http)):
        raise wrong
    return SignedUrl(parts.netloc, parts.path, lambda: text)


def classify_storage(attempt: Attempt) -> Outcome:
    """Sort what became of posting a file to a signed URL; a success may have any body, or none."""
    if isinstance(attempt, Reply) and 200 <= attempt.status < 300 and attempt.envelope is None:
        return Outcome.ACCEPTED
    return classify(attempt)


def may_have_expired(attempt: Attempt) -> bool:
    """Whether a fresh URL may be what is needed."""
    return isinstance(attempt, Reply) and attempt.status in _EXPIRED


def storage_error(attempt: Attempt, url: SignedUrl, *, now: float) -> ApiError:
    """Make the error for a file that was not taken; of an error page it shows the code alone.

    Args:
        attempt: How the last try ended.
        url: Where the file was sent.
        now: Seconds since the epoch.
    """
    where = (str(url.endpoint), url.endpoint.host)
    if isinstance(attempt, Reply) and classify_storage(attempt) is Outcome.LIMITED:
        return RateLimited(
            "the storage refused the file on every try, since it gets too many requests: upload it "
            "again later",
            *where,
            attempt.status,
            _code(attempt),
            retry_after=attempt.seconds_to_wait(now),
        )
    if isinstance(attempt, Failure) or attempt.status >= 500 or attempt.status < 300:
        happened = attempt.reason if isinstance(attempt, Failure) else f"HTTP {attempt.status}"
        return ServiceUnavailable(
            f"the storage did not take the file ({happened}); nothing is billed, uploading again "
            "is free",
            *where,
        )
    said = f"HTTP {attempt.status}"
    if attempt.status < 400:
        said += ", a redirect, which is not followed"
    return RequestRejected(
        f"the storage refused the file: {said}", *where, attempt.status, _code(attempt)
    )


def _code(reply: Reply) -> str | None:
    named = _CODE.search(reply.body)
    return named[1].decode() if named else None
