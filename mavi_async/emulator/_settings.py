"""What an emulator is told once, checked before anything starts."""

import math
import os
import re
from collections.abc import Collection

import attrs
import httpx

from mavi_async._errors import ConfigurationError
from mavi_async.emulator._answers import DIALECTS, REJECTIONS, Dialect, Rejection
from mavi_async.emulator._limiter import LIMITER_KINDS, LimiterKind

__all__ = ["DEFAULT_API_KEY", "Settings", "check_webhook_url"]

DEFAULT_API_KEY = "sk-mavi-emulator-0000000000000000"


@attrs.frozen
class Settings:
    """The options of an emulator; `Emulator` says what they mean."""

    requests_per_second: float
    replay: str | os.PathLike[str] | None
    api_key: str
    limiter: LimiterKind
    rejection: Rejection
    envelope: Dialect
    callback_delay: float
    callback_tries: int
    upload_delay: float
    signed_url_seconds: float
    unknown_assets: frozenset[str]
    port: int

    def __attrs_post_init__(self) -> None:
        """Refuse what the server could not live by."""
        _check_range("requests_per_second", self.requests_per_second, 1e-6, 1e6)
        _check_range("callback_delay", self.callback_delay, 0, 86_400)
        _check_range("callback_tries", self.callback_tries, 1, 1000)
        _check_range("upload_delay", self.upload_delay, 0, 86_400)
        _check_range("signed_url_seconds", self.signed_url_seconds, 0, 604_800)
        _check_range("port", self.port, 0, 65_535)
        _check_choice("limiter", self.limiter, LIMITER_KINDS)
        _check_choice("rejection", self.rejection, REJECTIONS)
        _check_choice("envelope", self.envelope, DIALECTS)
        if not re.fullmatch(r"[\x21-\x7e]{8,512}", self.api_key):
            raise ConfigurationError("the emulator's api_key must be 8 to 512 visible characters")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ConfigurationError(f"{name} must be between {low:g} and {high:g}, not {value!r}")


def _check_choice(name: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def check_webhook_url(url: object) -> str | None:
    """Return a webhook URL that can be posted to, or ``None`` for none.

    Raises:
        ConfigurationError: It is no absolute HTTP URL. The message does not repeat it: its path
            is a secret.
    """
    if url is None:
        return None
    try:
        parsed = httpx.URL(url) if isinstance(url, str) else None
    except httpx.InvalidURL:
        parsed = None
    if parsed is None or parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError("the webhook URL must be an absolute http or https URL, or None")
    return str(url)
