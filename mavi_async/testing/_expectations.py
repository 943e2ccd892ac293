"""How checks say what they expected: not by `assert`, which ``python -O`` leaves out."""

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager

from mavi_async._errors import StoreError

__all__ = ["Unmet", "expect", "expect_refusal", "shown"]

_REPR = reprlib.Repr()
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = 12
_REPR.maxstring = _REPR.maxother = 400


class Unmet(Exception):
    """Raised where a store did something else than a check expected."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        super().__init__(f"{what}: expected {expected}, found {found}")
        self.what = what
        self.expected = expected
        self.found = found


def shown(value: object) -> str:
    """Return a value for a reader; a megabyte by its beginning and end."""
    return _REPR.repr(value)


def expect(what: str, expected: object, found: object) -> None:
    """Compare what a store answered with what it must answer.

    Raises:
        Unmet: If they differ.
    """
    if expected != found:
        raise Unmet(what, shown(expected), shown(found))


@contextmanager
def expect_refusal(what: str) -> Iterator[None]:
    """Expect a `StoreError`.

    Raises:
        Unmet: If there is none.
    """
    try:
        yield
    except StoreError:
        return
    raise Unmet(what, "StoreError", "no error")
