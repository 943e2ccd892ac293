"""Checks on what users configure: each error says what to write, and echoes no secret."""

import math
import secrets
import traceback
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavi_async._configuration import (
    BaseUrl,
    checked_asset_id,
    checked_rate,
    checked_seconds,
    checked_task_id,
    checked_tokens,
)
from mavi_async._errors import ConfigurationError

TOKEN = secrets.token_urlsafe(32)

GOOD_URLS = {
    "https://mavi-backend.memories.ai/serve/api/v2": (
        "https://mavi-backend.memories.ai/serve/api/v2",
        ("https", "mavi-backend.memories.ai", 443),
        "mavi-backend.memories.ai",
    ),
    "https://h/v2/": ("https://h/v2", ("https", "h", 443), "h"),
    "https://h": ("https://h", ("https", "h", 443), "h"),
    "https://h///": ("https://h", ("https", "h", 443), "h"),
    "  https://h  ": ("https://h", ("https", "h", 443), "h"),
    "HTTPS://Host:8443/V2": ("https://Host:8443/V2", ("https", "host", 8443), "Host:8443"),
    "https://h:/v2": ("https://h:/v2", ("https", "h", 443), "h:"),
    "http://localhost:8000/v2": (
        "http://localhost:8000/v2",
        ("http", "localhost", 8000),
        "localhost:8000",
    ),
    "http://127.0.0.1": ("http://127.0.0.1", ("http", "127.0.0.1", 80), "127.0.0.1"),
    "http://127.9.9.9:1": ("http://127.9.9.9:1", ("http", "127.9.9.9", 1), "127.9.9.9:1"),
    "http://[::1]:8000/v2": ("http://[::1]:8000/v2", ("http", "::1", 8000), "[::1]:8000"),
    "https://[2001:db8::1]": ("https://[2001:db8::1]", ("https", "2001:db8::1", 443), None),
}
FORM = "base_url is a URL such as https://host/serve/api/v2"
USER = "base_url holds a user name or password: leave them out"
TAIL = "base_url ends with the path: leave out query and fragment"
CLEAR = (
    "base_url is http, which sends the key in the clear: use https, "
    "or pass allow_http=True if the network is trusted"
)
BROKEN = "base_url has a host or port that is none"
BAD_URLS: dict[object, str] = {
    **dict.fromkeys([None, b"https://h", 5, "", "h", "h/v2", "//h/v2", "/serve/api/v2"], FORM),
    **dict.fromkeys(["ftp://h", "file:///etc/passwd", "javascript:alert(1)", "unix://h"], FORM),
    **dict.fromkeys(["https://", "https:///v2", "https:h", "https://:443"], FORM),
    **dict.fromkeys(["https://h\n", "https://h/\r\nX: y", "https://h\0", "https://h/\tx"], FORM),
    **dict.fromkeys(["https://h h", "https://h/a b", "https://é", "https://h/\u202e"], FORM),
    **dict.fromkeys(["https://u@h", "https://u:p@h", "https://@h", "https://:p@h"], USER),
    **dict.fromkeys(["http://localhost@evil.example", "https://a\\@h"], USER),
    **dict.fromkeys(["https://h?", "https://h/v2?a=b", "https://h#", "https://h/v2#a"], TAIL),
    **dict.fromkeys(["http://h", "http://localhost.evil.example", "http://128.0.0.1"], CLEAR),
    **dict.fromkeys(["http://127.1", "http://[2001:db8::1]", "http://10.0.0.1"], CLEAR),
    **dict.fromkeys(["https://h:x", "https://h:65536", "https://h:-1", "https://[::1"], BROKEN),
    "https://h:0": "base_url has port 0, where nothing can listen",
}


@pytest.mark.parametrize("text", GOOD_URLS)
def test_a_base_url_is_taken_apart(text: str) -> None:
    """Without a trailing slash; the origin has the port that the scheme stands for."""
    url, origin, host = GOOD_URLS[text]

    base = BaseUrl.parse(text)

    assert (url, origin, host or base.host) == (base.url, base.origin, base.host)


@pytest.mark.parametrize("text", BAD_URLS, ids=ascii)
def test_a_base_url_that_would_not_do_is_refused(text: object) -> None:
    """With what is wrong about it."""
    with pytest.raises(ConfigurationError) as caught:
        BaseUrl.parse(text)

    assert BAD_URLS[text] == str(caught.value)
    assert caught.value.__cause__ is None


def test_http_is_for_those_who_ask_for_it() -> None:
    """On a network that is trusted; nothing else is allowed by that."""
    assert ("http", "h", 80) == BaseUrl.parse("http://h", allow_http=True).origin
    with pytest.raises(ConfigurationError, match="user name"):
        BaseUrl.parse("http://u@h", allow_http=True)


@given(st.text() | st.text("htps:/[]@?#%.0123456789abc \\").map("https://".__add__))
def test_any_text_is_a_base_url_or_an_error(text: str) -> None:
    """Nothing else is raised, and what is accepted has a host and no secret parts."""
    try:
        base = BaseUrl.parse(text)
    except ConfigurationError:
        return
    assert "https" == base.origin[0]
    assert base.origin[1]
    assert 1 <= base.origin[2] <= 65_535
    assert not set("?# ") & set(base.url)


@pytest.mark.parametrize("value", ["re_657929111888723968", "x", "a/b:c~", "x" * 256])
def test_an_asset_id_is_printable_text(value: str) -> None:
    """MAVI's ids are, and nobody knows how they will look."""
    assert value == checked_asset_id(value)


BAD_ASSETS = ["", "x" * 257, "x" * 1_000_000, "a\r\nb", "a\n", "a b", "é", "\0", b"re", None, 5, ""]


@pytest.mark.parametrize("value", BAD_ASSETS, ids=lambda value: ascii(value)[:12])
def test_an_asset_id_that_is_none_is_refused(value: object) -> None:
    """In one sentence, however long the value."""
    with pytest.raises(
        ConfigurationError, match=r"^asset_id is 1 to 256 printable ASCII"
    ) as caught:
        checked_asset_id(value)

    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("value", ["x", "A-z_9", "x" * 128])
def test_a_task_id_is_a_word(value: str) -> None:
    """As in the callbacks."""
    assert value == checked_task_id(value)


@pytest.mark.parametrize("value", ["", "x" * 129, "x\n", "a/b", "a b", "é", b"x", None, 5])
def test_a_task_id_that_is_none_is_refused(value: object) -> None:
    """Before anything looks for it."""
    with pytest.raises(ConfigurationError, match=r"^task_id is 1 to 128 letters"):
        checked_task_id(value)


@pytest.mark.parametrize(("value", "expected"), [(0, 0.0), (-0.0, 0.0), (5, 5.0), (1e308, 1e308)])
def test_seconds_are_a_finite_number(value: float, expected: float) -> None:
    """An integer becomes a float."""
    seconds = checked_seconds(value, "timeout")

    assert (expected, float) == (seconds, type(seconds))


NO_NUMBERS: list[object] = [math.nan, math.inf, -math.inf, True, False, "5", None, 1j, 10**400]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: str(value)[:8])
def test_seconds_that_are_no_number_are_refused(value: object) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=r"^timeout is a finite number$"):
        checked_seconds(value, "timeout")
    with pytest.raises(ConfigurationError, match=r"^requests_per_second is a finite number$"):
        checked_rate(value)


@pytest.mark.parametrize("value", [-1, -0.001, -5e-324])
def test_negative_seconds_are_refused(value: float) -> None:
    """A wait into the past is a bug."""
    with pytest.raises(ConfigurationError, match=r"^timeout is a non-negative number$"):
        checked_seconds(value, "timeout")
    with pytest.raises(ConfigurationError, match=r"^timeout is a positive number$"):
        checked_seconds(value, "timeout", positive=True)


def test_a_rate_is_positive() -> None:
    """Its interval is what counts, so that is finite, too."""
    assert (1.0, 0.05) == (checked_rate(1), checked_rate(20))
    with pytest.raises(ConfigurationError, match=r"^requests_per_second is a positive number$"):
        checked_rate(0)
    with pytest.raises(ConfigurationError, match=r"^requests_per_second is a finite number$"):
        checked_rate(5e-324)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False) | st.integers(1))
def test_every_rate_has_an_interval_or_is_refused(rate: float) -> None:
    """None waits for ever, none for less than no time."""
    try:
        interval = checked_rate(rate)
    except ConfigurationError:
        return
    assert 0 < interval < math.inf


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (TOKEN, (TOKEN.encode(),)),
        ("x" * 16, (b"x" * 16,)),
        ("x" * 256, (b"x" * 256,)),
        ([TOKEN, "new-token_of.16~"], (TOKEN.encode(), b"new-token_of.16~")),
        ((TOKEN,), (TOKEN.encode(),)),
        (deque([TOKEN]), (TOKEN.encode(),)),
    ],
    ids=range(6),
)
def test_tokens_are_taken_as_bytes(token: object, expected: tuple[bytes, ...]) -> None:
    """One, or several for a rotation."""
    assert expected == checked_tokens(token, allow_unauthenticated=False)


NO_TOKENS: list[object] = [None, [], (), TOKEN.encode(), {TOKEN}, 5, True, iter([TOKEN])]
BAD_TOKENS = [
    *("", "canary-fifteen!", "canary-" + "x" * 8, "canary-" + "x" * 250, "canary-with/a-slash"),
    *("canary-with-a-newline\n", "canary-with a space", "canary-%2e%2e%2f-escaped", "canary-ééééé"),
    *(
        ["canary-good-enough", ""],
        ["canary-good-enough", None],
        [b"canary-bytes-bytes"],
        bytearray(9),
    ),
]


@pytest.mark.parametrize("token", NO_TOKENS, ids=lambda value: type(value).__name__)
def test_a_receiver_needs_a_token(token: object) -> None:
    """The error says how to make one."""
    with pytest.raises(ConfigurationError, match="token_urlsafe") as caught:
        checked_tokens(token, allow_unauthenticated=False)

    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("allow_unauthenticated", [False, True])
@pytest.mark.parametrize("token", BAD_TOKENS, ids=lambda value: ascii(value)[:24])
def test_a_token_that_would_not_do_is_refused(token: object, allow_unauthenticated: bool) -> None:
    """An empty one, as from an unset variable, never opens the door; the error echoes none."""
    with pytest.raises(ConfigurationError, match=r"^a callback token is 16 to 256") as caught:
        checked_tokens(token, allow_unauthenticated=allow_unauthenticated)

    assert "canary" not in str(caught.value)


def test_a_receiver_without_a_token_is_for_those_who_ask_for_it() -> None:
    """And only where no token is given at all."""
    assert () == checked_tokens(None, allow_unauthenticated=True)
    with pytest.raises(ConfigurationError, match="needs a secret token"):
        checked_tokens([], allow_unauthenticated=True)


@pytest.mark.parametrize("text", ["https://user:canary@h", "https://h?key=canary", "canary"])
def test_a_base_url_is_not_echoed(text: str) -> None:
    """It may hold a key."""
    with pytest.raises(ConfigurationError) as caught:
        BaseUrl.parse(text)

    last_line = traceback.format_exception_only(caught.value)[-1]
    assert "canary" not in last_line + repr(caught.value)
