"""What an attempt to reach the API came to, and the error that tells the caller.

An attempt ends as a `Reply`, with a status and a body, or as a `Failure`, without.
`classify` sorts both into the few outcomes that matter for a billed request.
"""

import enum
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Final

import attrs

from mavi_async._errors import (
    ApiError,
    AuthenticationError,
    OutOfCredits,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    SubmitOutcomeUnknown,
    WebhookNotConfigured,
)
from mavi_async._json import InvalidJSON
from mavi_async._structure import Malformed
from mavi_async._wire import Envelope, read_envelope

__all__ = [
    "Attempt",
    "Endpoint",
    "Failure",
    "Outcome",
    "Reply",
    "classify",
    "error_for",
    "free_error_for",
]

_AMBIGUOUS_TEXT: Final = "Request has exceeded the limit."
_WEBHOOK_TEXT: Final = "requires at least one webhook"
_BODY_SHOWN: Final = 500


class Outcome(enum.Enum):
    """What an attempt means for the job that it asked for."""

    ACCEPTED = "accepted"
    NOT_SENT = "nothing was sent"
    LIMITED = "over the limit"
    MAYBE_LIMITED = "over the limit, or invalid"
    TRANSIENT = "the server asks to try again"
    REJECTED = "refused"
    UNKNOWN = "a job may exist"


@attrs.frozen
class Endpoint:
    """Where a request goes, as errors name it."""

    path: str
    host: str
    method: str = "POST"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@attrs.frozen
class Reply:
    """An answer with a status.

    Attributes:
        status: The HTTP status.
        body: The body; empty where reading it failed.
        retry_after: The header of that name, as received.
    """

    status: int
    body: bytes = b""
    retry_after: str | None = None

    @cached_property
    def envelope(self) -> Envelope | None:
        """The body's envelope, if it has one."""
        try:
            return read_envelope(self.body)
        except (InvalidJSON, Malformed):
            return None

    def seconds_to_wait(self, now: float) -> float | None:
        """Read ``Retry-After``: seconds or a date; ``None`` where it is missing or nonsense."""
        try:
            seconds = float(self.retry_after or "")
        except ValueError:
            seconds = _seconds_until(self.retry_after or "", now)
        return seconds if 0 <= seconds < float("inf") else None


@attrs.frozen
class Failure:
    """An attempt without an answer.

    Attributes:
        reason: What happened, such as ``ConnectError: connection refused``.
        sent: Whether any part of the request may have left.
    """

    reason: str
    sent: bool


Attempt = Reply | Failure


def classify(attempt: Attempt) -> Outcome:
    """Sort an attempt by what it means for the job that it asked for."""
    if isinstance(attempt, Failure):
        return Outcome.UNKNOWN if attempt.sent else Outcome.NOT_SENT
    envelope = attempt.envelope
    if 200 <= attempt.status < 300:
        return _classify_success(envelope)
    if attempt.status == 429:
        return Outcome.LIMITED
    if attempt.status == 400 and envelope is not None and envelope.text == _AMBIGUOUS_TEXT:
        return Outcome.MAYBE_LIMITED
    if attempt.status in (408, 421, 425):
        return Outcome.TRANSIENT
    return Outcome.REJECTED if 300 <= attempt.status < 500 else Outcome.UNKNOWN


def _classify_success(envelope: Envelope | None) -> Outcome:
    """Sort an answer whose status is a success: the envelope may still say no."""
    if envelope is None:
        return Outcome.UNKNOWN
    if envelope.ok:
        return Outcome.ACCEPTED
    code = envelope.code.lstrip("0")
    if code == "429":
        return Outcome.LIMITED
    if code in ("500", "502", "504"):
        return Outcome.UNKNOWN
    if code == "400" and envelope.text == _AMBIGUOUS_TEXT:
        return Outcome.MAYBE_LIMITED
    return Outcome.REJECTED


def error_for(
    attempt: Attempt, endpoint: Endpoint, *, asset_id: str, intent_id: str | None, now: float
) -> ApiError:
    """Make the error for an attempt that is not tried again."""
    where = (str(endpoint), endpoint.host)
    if isinstance(attempt, Failure) and not attempt.sent:
        return ServiceUnavailable(
            f"the API could not be reached ({attempt.reason}); nothing was sent, "
            "submitting again is free",
            *where,
        )
    outcome = classify(attempt)
    if isinstance(attempt, Failure) or outcome in (Outcome.UNKNOWN, Outcome.ACCEPTED):
        return _unknown_outcome(attempt, where, asset_id, intent_id)
    return _rejection(attempt, outcome, where, now)


def free_error_for(
    attempt: Attempt, outcome: Outcome, endpoint: Endpoint, *, now: float, reason: str = ""
) -> ApiError:
    """Make the error for a request that bills nothing, whatever became of it.

    Args:
        attempt: How the last try ended.
        outcome: What that means.
        endpoint: What was asked.
        now: Seconds since the epoch.
        reason: Why an answer of success cannot be used.
    """
    where = (str(endpoint), endpoint.host)
    if isinstance(attempt, Reply) and outcome not in (Outcome.UNKNOWN, Outcome.ACCEPTED):
        return _rejection(attempt, outcome, where, now)
    if isinstance(attempt, Failure):
        happened = attempt.reason
    else:
        happened = reason or f"HTTP {attempt.status}, {_shown(attempt)}"
    return ServiceUnavailable(
        f"there is no usable answer ({happened}); nothing is billed, trying again is free", *where
    )


def _unknown_outcome(
    attempt: Attempt, where: tuple[str, str], asset_id: str, intent_id: str | None
) -> SubmitOutcomeUnknown:
    if isinstance(attempt, Failure):
        happened, status = attempt.reason, None
    else:
        happened, status = f"HTTP {attempt.status}, {_shown(attempt)}", attempt.status
    return SubmitOutcomeUnknown(
        f"the request was sent, but its outcome cannot be known ({happened}); a job may exist "
        "and be billed: look for its callback before submitting the asset again",
        *where,
        asset_id,
        intent_id,
        status,
    )


def _rejection(
    reply: Reply, outcome: Outcome, where: tuple[str, str], now: float
) -> RequestRejected:
    envelope = reply.envelope
    code = envelope.code if envelope else None
    text = envelope.text if envelope and envelope.text else _shown(reply)
    facts = (*where, reply.status, code, _beginning(reply.body))
    if outcome is Outcome.LIMITED:
        advice = "the account's rate limit refused the request on every try; lower the rate"
        return RateLimited(f"{advice}: {text}", *facts, reply.seconds_to_wait(now))
    if outcome is Outcome.MAYBE_LIMITED:
        advice = (
            "MAVI answers so over the rate limit and for an invalid request; "
            "check the asset_id before submitting it again"
        )
        return RateLimited(f"{advice}: {text}", *facts, reply.seconds_to_wait(now), ambiguous=True)
    if _WEBHOOK_TEXT in text:
        return WebhookNotConfigured(f"set a webhook URL in MAVI's console: {text}", *facts)
    meaning = _meaning(reply.status, code)
    if meaning == 402:
        return OutOfCredits(f"add credits to the account: {text}", *facts)
    if meaning in (401, 403, 9009):
        return AuthenticationError(f"check the API key and its permissions: {text}", *facts)
    return RequestRejected(f"MAVI refused the request: {text}", *facts)


def _meaning(status: int, code: str | None) -> int:
    """The more telling of status and code: an error can arrive with HTTP 200."""
    number = int(code) if code and code.isascii() and code.isdigit() else 0
    return number if number not in (0, 200) else status


def _seconds_until(date: str, now: float) -> float:
    try:
        moment = parsedate_to_datetime(date)
        # HTTP's dates are in GMT also where they do not say so.
        in_zone = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, in_zone.timestamp() - now)
    except (ValueError, OverflowError):
        return float("nan")


def _shown(reply: Reply) -> str:
    body = _beginning(reply.body)
    return f"body {body!r}" if body else "empty body"


def _beginning(body: bytes) -> str:
    return body[:_BODY_SHOWN].decode(errors="replace")
