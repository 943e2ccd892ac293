"""The API key: which are taken, and that none is seen."""

import copy
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavi_async._errors import ConfigurationError
from mavi_async._secret import ApiKey

CANARY = "sk-mavi-canary-0123456789"
REDACTED = "<ApiKey [redacted]>"


@pytest.mark.parametrize("key", [CANARY, "x" * 8, "x" * 512, "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"])
def test_a_key_is_printable_ascii(key: str) -> None:
    """Of any sort; it is revealed to whoever asks by name."""
    assert key == ApiKey(key).reveal()


def test_one_trailing_newline_is_dropped() -> None:
    """Files end with one; a second is none of the key either, but no accident."""
    assert CANARY == ApiKey(CANARY + "\n").reveal()
    assert ApiKey("x" * 512 + "\n").reveal() == "x" * 512
    with pytest.raises(ConfigurationError):
        ApiKey(CANARY + "\n\n")


BAD_KEYS = {
    "newline inside": "sk-canary\nsk-canary",
    "newline before": "\nsk-canary",
    "two newlines": "sk-canary\n\n",
    "CRLF": "sk-canary\r\n",
    "header": "sk-canary\r\nX-Other: y",
    "NUL": "sk-canary\0",
    "space inside": "sk canary",
    "space after": "sk-canary ",
    "tab": "sk-\tcanary",
    "DEL": "sk-canary\x7f",
    "not ASCII": "sk-canary-é",
    "surrogate": "sk-canary\ud800",
    "digits of another script": "sk-canary-١٢٣",
    "bytes": b"sk-canary",
    "None": None,
    "number": 123456789,
    "list": ["sk-canary"],
    "empty": "",
    "newline alone": "\n",
    "too short": "canary!",
    "too short but for the newline": "canary!\n",
    "too long": "canary" * 85 + "abc",
}


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_key_that_would_not_do_is_refused(key: object) -> None:
    """The error says what to do, and echoes nothing."""
    with pytest.raises(ConfigurationError, match=r"^the API key is 8 to 512 printable") as caught:
        ApiKey(key)

    assert "canary" not in str(caught.value) + repr(caught.value) + repr(caught.value.args)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        format,
        ascii,
        "{}".format,
        "{!r:>30}".format,
        "%s".__mod__,
        lambda key: f"{key!s}",
    ],
)
def test_a_key_shows_nothing_of_itself(show: Callable[[ApiKey], str]) -> None:
    """In whichever way it gets into a text."""
    assert show(ApiKey(CANARY)).strip() == REDACTED
    assert REDACTED in repr([ApiKey(CANARY)])


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_is_not_pickled_or_copied(duplicate: Callable[[ApiKey], object]) -> None:
    """It would get out of the process, or out of sight."""
    with pytest.raises(TypeError, match=r"^an API key is not pickled or copied") as caught:
        duplicate(ApiKey(CANARY))

    assert "canary" not in str(caught.value)


def test_who_walks_attributes_does_not_find_the_key() -> None:
    """As debuggers and error reporters do."""
    key = ApiKey(CANARY)
    with pytest.raises(TypeError):
        vars(key)

    seen = {name: getattr(key, name) for name in dir(key)}
    assert "canary" not in repr(seen)


def test_the_account_tells_keys_apart() -> None:
    """By a digest that is the same in every process, and does not give the key away."""
    account = ApiKey(CANARY).account()

    assert account == ApiKey(CANARY + "\n").account()
    assert account != ApiKey(CANARY + "x").account()
    assert "90682e854c3a9bfb" == account
    assert "canary" not in account


@given(st.text(), st.text())
def test_a_key_is_taken_out_of_texts(before: str, after: str) -> None:
    """Each time it is there; the rest stays."""
    key = ApiKey(CANARY)

    assert f"{before}[redacted]{after}[redacted]" == key.redact(f"{before}{CANARY}{after}{CANARY}")
