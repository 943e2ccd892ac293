"""What an attempt comes to, and which error tells the caller."""

import email.utils
import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavi_async._answers import (
    Attempt,
    Endpoint,
    Failure,
    Outcome,
    Reply,
    classify,
    error_for,
    free_error_for,
)
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
from mavi_async._signed_url import (
    classify_storage,
    may_have_expired,
    read_signed_url,
    storage_error,
)

ENDPOINT = Endpoint("/transcriptions/async-generate-speaker", "mavi.example:443")
LIMIT = "Request has exceeded the limit."
NO_WEBHOOK = "An async request requires at least one webhook."
HTML = b"<html><h1>502 Bad Gateway</h1></html>"
SPRING = (
    b'{"timestamp": "2026-07-20T08:00:00.000+00:00", "status": 503,'
    b' "error": "Service Unavailable", "requestId": "3f1c7a52-101"}'
)


def envelope(code: object, msg: str = "no", **rest: object) -> bytes:
    """A body in the API's frame."""
    return json.dumps({"code": code, "msg": msg, "data": None, **rest}).encode()


ACCEPTED = envelope("0000", "success", data={"task_id": "x"}, success=True, failed=False)

TABLE: dict[str, tuple[Attempt, Outcome, type[ApiError]]] = {
    "not sent": (Failure("ConnectError", sent=False), Outcome.NOT_SENT, ServiceUnavailable),
    "sent": (Failure("ReadTimeout", sent=True), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "accepted": (Reply(200, ACCEPTED), Outcome.ACCEPTED, SubmitOutcomeUnknown),
    "created": (Reply(201, ACCEPTED), Outcome.ACCEPTED, SubmitOutcomeUnknown),
    "299": (Reply(299, ACCEPTED), Outcome.ACCEPTED, SubmitOutcomeUnknown),
    "200 as a number": (Reply(200, envelope(200)), Outcome.ACCEPTED, SubmitOutcomeUnknown),
    "integer task_id": (
        Reply(200, envelope(200, data={"task_id": 5})),
        Outcome.ACCEPTED,
        SubmitOutcomeUnknown,
    ),
    "429": (Reply(429, envelope(429)), Outcome.LIMITED, RateLimited),
    "429 of a proxy": (Reply(429, HTML), Outcome.LIMITED, RateLimited),
    "429 without body": (Reply(429), Outcome.LIMITED, RateLimited),
    "429 that says yes": (Reply(429, ACCEPTED), Outcome.LIMITED, RateLimited),
    "429 in a 200": (Reply(200, envelope(429)), Outcome.LIMITED, RateLimited),
    "0429 in a 200": (Reply(200, envelope("0429", LIMIT)), Outcome.LIMITED, RateLimited),
    "429 as text in a 202": (Reply(202, envelope("429")), Outcome.LIMITED, RateLimited),
    "ambiguous": (Reply(400, envelope(400, LIMIT)), Outcome.MAYBE_LIMITED, RateLimited),
    "ambiguous with text code": (
        Reply(400, envelope("0003", LIMIT)),
        Outcome.MAYBE_LIMITED,
        RateLimited,
    ),
    "ambiguous in a 200": (Reply(200, envelope(400, LIMIT)), Outcome.MAYBE_LIMITED, RateLimited),
    "0400 in a 200": (Reply(200, envelope("0400", LIMIT)), Outcome.MAYBE_LIMITED, RateLimited),
    "400 in a 200": (Reply(200, envelope(400)), Outcome.REJECTED, RequestRejected),
    "400": (Reply(400, envelope(400, LIMIT + " ...")), Outcome.REJECTED, RequestRejected),
    "400 of a proxy": (Reply(400, HTML), Outcome.REJECTED, RequestRejected),
    "limit text in another 200": (
        Reply(200, envelope("0003", LIMIT)),
        Outcome.REJECTED,
        RequestRejected,
    ),
    "limit text in another status": (
        Reply(403, envelope(403, LIMIT)),
        Outcome.REJECTED,
        AuthenticationError,
    ),
    "no webhook": (Reply(400, envelope(400, NO_WEBHOOK)), Outcome.REJECTED, WebhookNotConfigured),
    "no webhook in a 200": (
        Reply(200, envelope("0003", NO_WEBHOOK)),
        Outcome.REJECTED,
        WebhookNotConfigured,
    ),
    "401": (Reply(401, envelope(401)), Outcome.REJECTED, AuthenticationError),
    "401 without body": (Reply(401), Outcome.REJECTED, AuthenticationError),
    "401 of a success": (Reply(401, envelope("0000")), Outcome.REJECTED, AuthenticationError),
    "401 with 200": (Reply(401, envelope(200)), Outcome.REJECTED, AuthenticationError),
    "0401 in a 200": (Reply(200, envelope("0401")), Outcome.REJECTED, AuthenticationError),
    "403": (Reply(403, envelope(403)), Outcome.REJECTED, AuthenticationError),
    "0403 in a 200": (Reply(200, envelope("0403")), Outcome.REJECTED, AuthenticationError),
    "9009 in a 200": (Reply(200, envelope("9009")), Outcome.REJECTED, AuthenticationError),
    "9009 in a 400": (Reply(400, envelope("9009")), Outcome.REJECTED, AuthenticationError),
    "402": (Reply(402, HTML), Outcome.REJECTED, OutOfCredits),
    "402 in a 200": (Reply(200, envelope(402)), Outcome.REJECTED, OutOfCredits),
    "0402 in a 400": (Reply(400, envelope("0402")), Outcome.REJECTED, OutOfCredits),
    "404": (Reply(404, HTML), Outcome.REJECTED, RequestRejected),
    "405": (Reply(405, envelope(405)), Outcome.REJECTED, RequestRejected),
    "409": (Reply(409, envelope("0409")), Outcome.REJECTED, RequestRejected),
    "415": (Reply(415, envelope(415)), Outcome.REJECTED, RequestRejected),
    "499": (Reply(499), Outcome.REJECTED, RequestRejected),
    "0001 in a 200": (Reply(200, envelope("0001")), Outcome.REJECTED, RequestRejected),
    "0409 in a 200": (Reply(200, envelope("0409")), Outcome.REJECTED, RequestRejected),
    "words in a 200": (Reply(200, envelope("NOPE")), Outcome.REJECTED, RequestRejected),
    "superscript in a 200": (
        Reply(200, envelope("\N{SUPERSCRIPT TWO}")),
        Outcome.REJECTED,
        RequestRejected,
    ),
    "other digits in a 400": (
        Reply(400, envelope("\u0664\u0660\u0661")),
        Outcome.REJECTED,
        RequestRejected,
    ),
    "other digits in a 200": (Reply(200, envelope("٤٢٩")), Outcome.REJECTED, RequestRejected),
    "endless code in a 200": (Reply(200, envelope("1" * 5_000)), Outcome.REJECTED, RequestRejected),
    "negative in a 200": (Reply(200, envelope(-401)), Outcome.REJECTED, RequestRejected),
    "503 in a 200": (Reply(200, envelope(503)), Outcome.REJECTED, RequestRejected),
    "no success in a 200": (
        Reply(200, envelope("0000", success=False)),
        Outcome.REJECTED,
        RequestRejected,
    ),
    "failed in a 200": (Reply(200, envelope(200, failed=True)), Outcome.REJECTED, RequestRejected),
    "300": (Reply(300), Outcome.REJECTED, RequestRejected),
    "301": (Reply(301, HTML), Outcome.REJECTED, RequestRejected),
    "307": (Reply(307), Outcome.REJECTED, RequestRejected),
    "308 that says yes": (Reply(308, ACCEPTED), Outcome.REJECTED, RequestRejected),
    "408": (Reply(408), Outcome.TRANSIENT, RequestRejected),
    "421": (Reply(421, HTML), Outcome.TRANSIENT, RequestRejected),
    "425": (Reply(425, envelope(425)), Outcome.TRANSIENT, RequestRejected),
    "500": (Reply(500, envelope(500)), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "500 that says yes": (Reply(500, ACCEPTED), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "502": (Reply(502, HTML), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "503": (Reply(503, SPRING), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "504": (Reply(504), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "599": (Reply(599), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "999": (Reply(999, envelope(999)), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "101": (Reply(101), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "199": (Reply(199, ACCEPTED), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "0": (Reply(0), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "204": (Reply(204), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "200 without body": (Reply(200), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "200 of a proxy": (Reply(200, HTML), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "200 that is no envelope": (Reply(200, SPRING), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "200 cut short": (Reply(200, ACCEPTED[:-1]), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "200 with a list": (Reply(200, b"[]"), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "500 in a 200": (Reply(200, envelope(500)), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "0502 in a 200": (Reply(200, envelope("0502")), Outcome.UNKNOWN, SubmitOutcomeUnknown),
    "504 in a 200": (Reply(200, envelope("504")), Outcome.UNKNOWN, SubmitOutcomeUnknown),
}
ATTEMPTS = [(attempt, kind) for attempt, _, kind in TABLE.values()]


def error_of(attempt: Attempt) -> ApiError:
    """The error for an attempt at submitting."""
    return error_for(attempt, ENDPOINT, asset_id="re_1", intent_id="intent_1", now=0.0)


@pytest.mark.parametrize(("attempt", "outcome", "_kind"), TABLE.values(), ids=TABLE)
def test_each_attempt_has_one_outcome(attempt: Attempt, outcome: Outcome, _kind: object) -> None:
    """What an answer means for the job is read from its status, code and flags."""
    assert outcome is classify(attempt)


@pytest.mark.parametrize(("attempt", "kind"), ATTEMPTS, ids=TABLE)
def test_each_final_attempt_has_one_error(attempt: Attempt, kind: type[ApiError]) -> None:
    """The error tells what can be done next, and names the endpoint."""
    error = error_of(attempt)

    assert kind is type(error)
    assert ("POST /transcriptions/async-generate-speaker", "mavi.example:443") == (
        error.endpoint,
        error.host,
    )
    assert str(error).isprintable()


@given(st.integers(0, 999), st.binary(max_size=60) | st.sampled_from([ACCEPTED, SPRING, HTML]))
def test_only_a_success_is_ever_accepted(status: int, body: bytes) -> None:
    """Any status with any body has an outcome and an error; at an odd status a job may exist."""
    attempt = Reply(status, body)
    outcome = classify(attempt)

    assert (200 <= status < 300 and body == ACCEPTED) == (outcome is Outcome.ACCEPTED)
    if status >= 500 or status < 200:
        assert outcome is Outcome.UNKNOWN
    assert (outcome in (Outcome.UNKNOWN, Outcome.ACCEPTED)) == isinstance(
        error_of(attempt), SubmitOutcomeUnknown
    )


def test_an_unknown_outcome_names_the_submission() -> None:
    """The caller can look for the job by the intent and the asset."""
    after_answer, after_nothing = error_of(Reply(502, HTML)), error_of(Failure("ReadError", True))

    assert isinstance(after_answer, SubmitOutcomeUnknown)
    assert isinstance(after_nothing, SubmitOutcomeUnknown)
    assert ("re_1", "intent_1", 502) == (
        after_answer.asset_id,
        after_answer.intent_id,
        after_answer.status,
    )
    assert after_nothing.status is None
    assert "(HTTP 502, body '<html><h1>502 Bad Gateway</h1></html>')" in after_answer.message
    assert "(ReadError)" in after_nothing.message
    assert "(HTTP 204, empty body)" in error_of(Reply(204)).message


def test_a_failure_before_sending_says_so() -> None:
    """Submitting again is free, and the reason is told."""
    error = error_of(Failure("ConnectError: refused", sent=False))

    assert "(ConnectError: refused); nothing was sent" in error.message


def test_a_rejection_carries_its_facts() -> None:
    """Status, code, text, and the beginning of the body."""
    error = error_of(Reply(403, envelope("9009", "no permission")))

    assert isinstance(error, AuthenticationError)
    assert (403, "9009", envelope("9009", "no permission").decode()) == (
        error.status,
        error.code,
        error.body,
    )
    assert error.message.endswith(": no permission")


def test_a_rejection_without_an_envelope_shows_the_body() -> None:
    """As a literal, so that it stays one line; of an empty one there is nothing to show."""
    error = error_of(Reply(404, b"<html>\r\n\xff"))

    assert isinstance(error, RequestRejected)
    assert error.message.endswith(": body '<html>\\r\\n\N{REPLACEMENT CHARACTER}'")
    assert error.code is None
    assert error_of(Reply(404)).message.endswith(": empty body")
    assert error_of(Reply(404, envelope(404, ""))).message.endswith('"data": null}\'')


def test_only_the_beginning_of_a_body_is_kept() -> None:
    """Errors are logged and pickled: 500 bytes are enough."""
    error = error_of(Reply(404, b"x" * 1_000_000))

    assert isinstance(error, RequestRejected)
    assert "x" * 500 == error.body
    assert len(str(error)) < 1_000


@pytest.mark.parametrize(
    ("attempt", "retry_after", "ambiguous"),
    [
        (Reply(429, b"", "2.5"), 2.5, False),
        (Reply(429, b"", "soon"), None, False),
        (Reply(429), None, False),
        (Reply(200, envelope("0429"), "7"), 7.0, False),
        (Reply(400, envelope(400, LIMIT), "3"), 3.0, True),
        (Reply(400, envelope(400, LIMIT)), None, True),
    ],
)
def test_a_rate_limit_says_how_long_and_how_sure(
    attempt: Reply, retry_after: float | None, ambiguous: bool
) -> None:
    """The text that also stands for invalid parameters is marked."""
    error = error_of(attempt)

    assert isinstance(error, RateLimited)
    assert (retry_after, ambiguous) == (error.retry_after, error.ambiguous)
    assert ("check the asset_id" in error.message) == ambiguous


RETRY_AFTER = {
    "seconds": ("5", 5.0),
    "zero": ("0", 0.0),
    "fraction": ("0.5", 0.5),
    "spaces": (" 7 ", 7.0),
    "a billion": ("1e9", 1e9),
    "-1": ("-1", None),
    "-0": ("-0", 0.0),
    "inf": ("inf", None),
    "-inf": ("-inf", None),
    "beyond a double": ("1e999", None),
    "nan": ("nan", None),
    "garbage": ("soon", None),
    "empty": ("", None),
    "missing": (None, None),
    "NUL": ("\0", None),
    "date": ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
    "date in another zone": ("Thu, 01 Jan 1970 01:02:00 +0100", 20.0),
    "date without a zone": ("Thu, 01 Jan 1970 00:02:00", 20.0),
    "date of C": ("Thu Jan  1 00:02:00 1970", 20.0),
    "date in an unknown zone": ("Thu, 01 Jan 1970 00:02:00 -0000", 20.0),
    "date in the past": ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    "date that is none": ("Thu, 99 Jan 1970 00:02:00 GMT", None),
    "date beyond the calendar": ("Thu, 01 Jan 99999 00:02:00 GMT", None),
    "date in an endless zone": ("Thu, 01 Jan 1970 00:02:00 +99999999999999999999", None),
}


@pytest.mark.parametrize(("header", "expected"), RETRY_AFTER.values(), ids=RETRY_AFTER)
def test_retry_after_is_read_in_every_form(header: str | None, expected: float | None) -> None:
    """Seconds or a date, on whatever host; nonsense is as good as none."""
    assert expected == Reply(429, b"", header).seconds_to_wait(100.0)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process is fixed here")
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "JST-9", "EST5"])
def test_a_date_means_the_same_in_every_zone(zone: str) -> None:
    """Where it names none, it is GMT, and not the zone of the host."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        found = Reply(429, b"", "Thu Jan  1 00:02:00 1970").seconds_to_wait(100.0)
    time.tzset()

    assert 20.0 == found


@given(st.text() | st.text("0123456789 ,:+-JanMonGMT"), st.floats(0, 1e10))
def test_any_retry_after_is_seconds_or_nothing(header: str, now: float) -> None:
    """Nothing is raised for what a server writes into a header."""
    seconds = Reply(429, b"", header).seconds_to_wait(now)

    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@given(st.integers(0, 10**10), st.integers(0, 10**6))
def test_a_date_is_the_time_until_then(now: int, seconds: int) -> None:
    """Whatever the date."""
    date = email.utils.formatdate(now + seconds, usegmt=True)

    assert float(seconds) == Reply(429, b"", date).seconds_to_wait(now)


def test_an_endpoint_is_named_by_method_and_path() -> None:
    """As errors show it."""
    assert "GET /re_1/metadata" == str(Endpoint("/re_1/metadata", "h", "GET"))


@pytest.mark.parametrize("name", TABLE)
def test_errors_of_what_bills_nothing(name: str) -> None:
    """A refusal is one as ever; whatever else happens, trying again is free."""
    attempt, outcome, kind = TABLE[name]
    error = free_error_for(attempt, outcome, Endpoint("/upload", "mavi.example"), now=0.0)
    expected = ServiceUnavailable if kind is SubmitOutcomeUnknown else kind

    assert expected is type(error)
    assert ("POST /upload", "mavi.example") == (error.endpoint, error.host)


def test_an_answer_that_cannot_be_used_is_told() -> None:
    """With the place where it differs."""
    endpoint = Endpoint("/re_1/metadata", "mavi.example", "GET")
    reason = "$.data: missing"
    error = free_error_for(Reply(200, ACCEPTED), Outcome.UNKNOWN, endpoint, now=0.0, reason=reason)

    assert "GET /re_1/metadata" == error.endpoint
    assert reason in str(error)


SIGNED = read_signed_url("https://s.example/put?signature=abc", base_url="https://mavi.example")
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>signature=abc</Message></Error>"

STORAGE: list[tuple[Attempt, Outcome, bool, type[ApiError]]] = [
    (Reply(200), Outcome.ACCEPTED, False, ServiceUnavailable),
    (Reply(204), Outcome.ACCEPTED, False, ServiceUnavailable),
    (Reply(201, b"<Location/>"), Outcome.ACCEPTED, False, ServiceUnavailable),
    (Reply(200, ACCEPTED), Outcome.ACCEPTED, False, ServiceUnavailable),
    (Reply(200, envelope("0003")), Outcome.REJECTED, False, ServiceUnavailable),
    (Reply(307), Outcome.REJECTED, False, RequestRejected),
    (Reply(403, EXPIRED), Outcome.REJECTED, True, RequestRejected),
    (Reply(400, b"signature=abc"), Outcome.REJECTED, False, RequestRejected),
    (Reply(411), Outcome.REJECTED, False, RequestRejected),
    (Reply(429), Outcome.LIMITED, False, RateLimited),
    (Reply(200, envelope("0429")), Outcome.LIMITED, False, RateLimited),
    (Reply(500, b"signature=abc"), Outcome.UNKNOWN, False, ServiceUnavailable),
    (Failure("WriteError", sent=True), Outcome.UNKNOWN, False, ServiceUnavailable),
    (Failure("ConnectError", sent=False), Outcome.NOT_SENT, False, ServiceUnavailable),
]


@pytest.mark.parametrize(("attempt", "outcome", "expired", "kind"), STORAGE)
def test_what_a_storage_answers(
    attempt: Attempt, outcome: Outcome, expired: bool, kind: type[ApiError]
) -> None:
    """It has no envelope, and no error repeats what it says: that may be the signature."""
    error = storage_error(attempt, SIGNED, now=0.0)

    assert (outcome, expired) == (classify_storage(attempt), may_have_expired(attempt))
    assert kind is type(error)
    assert ("POST /put?[redacted]", "s.example") == (error.endpoint, error.host)
    assert "abc" not in repr(vars(error))


def test_a_storages_code_is_told() -> None:
    """A word of letters alone; and a redirect is said to be one."""
    error = storage_error(Reply(403, EXPIRED), SIGNED, now=0.0)

    assert isinstance(error, RequestRejected)
    assert (403, "AccessDenied") == (error.status, error.code)
    assert "not followed" in str(storage_error(Reply(308), SIGNED, now=0.0))


def test_a_storage_that_gets_too_much() -> None:
    """The error says for how long, and by what code, where the storage does."""
    slow_down = Reply(429, b"<Error><Code>SlowDown</Code></Error>", retry_after="7")
    error = storage_error(slow_down, SIGNED, now=0.0)

    assert isinstance(error, RateLimited)
    assert (429, "SlowDown", 7.0, False) == (
        error.status, error.code, error.retry_after, error.ambiguous
    )  # fmt: skip
