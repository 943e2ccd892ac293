"""The API key, kept out of everything that can be looked at."""

import hashlib
import os
import re
from collections.abc import Callable
from typing import Final, NoReturn

from mavi_async._errors import ConfigurationError

__all__ = ["ApiKey", "find_api_key"]

_KEY: Final = re.compile(r"[\x21-\x7e]{8,512}")


class ApiKey:
    """An API key that shows itself only to whoever asks for it by name."""

    __slots__ = ("_reveal",)

    def __init__(self, key: object) -> None:
        """Take a key; one trailing newline, as files end with, is dropped.

        Raises:
            ConfigurationError: Unless it is 8 to 512 printable ASCII characters without spaces.
        """
        text = key[:-1] if isinstance(key, str) and key.endswith("\n") else key
        if not isinstance(text, str) or not _KEY.fullmatch(text):
            raise ConfigurationError(
                "the API key is 8 to 512 printable ASCII characters without spaces: "
                "copy it again from MAVI's console"
            )
        # A closure, since debuggers and error reporters walk attributes but do not call.
        self._reveal: Callable[[], str] = lambda: text

    def reveal(self) -> str:
        """Return the key."""
        return self._reveal()

    def account(self) -> str:
        """Return a digest that tells keys apart and does not give them away."""
        return hashlib.sha256(b"mavi_async account\0" + self.reveal().encode()).hexdigest()[:16]

    def redact(self, text: str) -> str:
        """Return a text without the key."""
        return text.replace(self.reveal(), "[redacted]")

    def __repr__(self) -> str:
        return "<ApiKey [redacted]>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not pickled or copied: make a client where it is needed")


def find_api_key(key: str | None) -> ApiKey:
    """Take a key, or else the environment's ``MAVI_API_KEY``.

    Raises:
        ConfigurationError: If there is none, or it cannot be one.
    """
    if key is None:
        key = os.environ.get("MAVI_API_KEY")
    if key is None:
        raise ConfigurationError("no API key: pass api_key= or set MAVI_API_KEY")
    try:
        return ApiKey(key)
    except ConfigurationError as error:
        # Without the frames that hold the key: error reporters show them.
        raise error.with_traceback(None) from None
    finally:
        del key
