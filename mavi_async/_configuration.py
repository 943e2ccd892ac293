"""Checks on what users configure; each error says what to write instead."""

import ipaddress
import math
import os
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import attrs

from mavi_async._errors import ConfigurationError
from mavi_async._wire import TASK_ID

__all__ = [
    "BaseUrl",
    "checked_asset_id",
    "checked_idempotency_key",
    "checked_rate",
    "checked_seconds",
    "checked_task_id",
    "checked_tokens",
    "find_base_url",
    "is_loopback",
]

_DEFAULT_BASE_URL: Final = "https://mavi-backend.memories.ai/serve/api/v2"

_ASSET_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
_TOKEN: Final = re.compile(r"[0-9A-Za-z_~.-]{16,256}")


@attrs.frozen
class BaseUrl:
    """Where the API is.

    Attributes:
        url: Without a trailing slash.
        origin: Scheme, host and port.
        host: Host and port as the URL has them.
    """

    url: str
    origin: tuple[str, str, int]
    host: str

    @classmethod
    def parse(cls, text: object, *, allow_http: bool = False) -> "BaseUrl":
        """Read a base URL.

        Raises:
            ConfigurationError: Unless it is https (or http on loopback or where allowed),
                without user name, query and fragment.
        """
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise ConfigurationError("base_url is a URL such as https://host/serve/api/v2")
        try:
            parts = urlsplit(text.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigurationError("base_url has a host or port that is none") from None
        if parts.scheme not in ("https", "http") or not host or " " in text.strip():
            raise ConfigurationError("base_url is a URL such as https://host/serve/api/v2")
        if port == 0:
            raise ConfigurationError("base_url has port 0, where nothing can listen")
        if parts.username is not None or parts.password is not None:
            raise ConfigurationError("base_url holds a user name or password: leave them out")
        if parts.query or parts.fragment or "?" in text or "#" in text:
            raise ConfigurationError("base_url ends with the path: leave out query and fragment")
        if parts.scheme == "http" and not (allow_http or is_loopback(host)):
            raise ConfigurationError(
                "base_url is http, which sends the key in the clear: use https, "
                "or pass allow_http=True if the network is trusted"
            )
        default_port = 443 if parts.scheme == "https" else 80
        url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        return cls(url, (parts.scheme, host, port or default_port), parts.netloc)


def find_base_url(text: object, *, allow_http: bool = False) -> BaseUrl:
    """Read a base URL, or else the environment's ``MAVI_BASE_URL``, or else MAVI's own.

    Raises:
        ConfigurationError: As `BaseUrl.parse` does.
    """
    found = text or os.environ.get("MAVI_BASE_URL") or _DEFAULT_BASE_URL
    return BaseUrl.parse(found, allow_http=allow_http)


def checked_asset_id(value: object) -> str:
    """Return an asset id.

    Raises:
        ConfigurationError: Unless it is 1 to 256 printable ASCII characters without spaces.
    """
    if not isinstance(value, str) or not _ASSET_ID.fullmatch(value):
        raise ConfigurationError(
            "asset_id is 1 to 256 printable ASCII characters such as re_657929111888723968"
        )
    return value


def checked_idempotency_key(value: object) -> str:
    """Return an idempotency key.

    Raises:
        ConfigurationError: Unless it is 1 to 256 printable characters.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= 256 or not value.isprintable():
        raise ConfigurationError("idempotency_key is 1 to 256 printable characters")
    return value


def checked_task_id(value: object) -> str:
    """Return a task id.

    Raises:
        ConfigurationError: Unless it is 1 to 128 letters, digits, ``-`` or ``_``.
    """
    if not isinstance(value, str) or not TASK_ID.fullmatch(value):
        raise ConfigurationError("task_id is 1 to 128 letters, digits, '-' or '_'")
    return value


def checked_rate(requests_per_second: object) -> float:
    """Return the seconds between requests at a rate.

    Raises:
        ConfigurationError: Unless the rate is a positive, finite number.
    """
    name = "requests_per_second"
    return checked_seconds(1 / checked_seconds(requests_per_second, name, positive=True), name)


def checked_seconds(value: object, name: str, *, positive: bool = False) -> float:
    """Return a number of seconds.

    Raises:
        ConfigurationError: Unless it is a finite number that is not negative.
    """
    seconds = _float(value)
    if not math.isfinite(seconds):
        raise ConfigurationError(f"{name} is a finite number")
    if seconds < 0 or (positive and seconds == 0):
        raise ConfigurationError(f"{name} is a {'positive' if positive else 'non-negative'} number")
    return seconds


def checked_tokens(token: object, *, allow_unauthenticated: bool) -> tuple[bytes, ...]:
    """Return the secret path tokens that a receiver takes.

    Raises:
        ConfigurationError: If there is none, or one that is too short or not fit for a path.
    """
    if token is None and allow_unauthenticated:
        return ()
    tokens = (token,) if isinstance(token, str) else token
    if not isinstance(tokens, Sequence) or isinstance(tokens, bytes) or not tokens:
        raise ConfigurationError(
            "callbacks are unsigned, so a receiver needs a secret token: pass token=, "
            "made for example by python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    for each in tokens:
        if not isinstance(each, str) or not _TOKEN.fullmatch(each):
            raise ConfigurationError(
                "a callback token is 16 to 256 letters, digits, '-', '_', '.' or '~', made for "
                "example by python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
    return tuple(each.encode() for each in tokens)


def _float(value: object) -> float:
    """The value as a float; NaN where it is no number or too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
