"""What the methods of a result refuse, in words that say what to give instead."""

import contextlib
import math
import operator
from collections.abc import Collection, Iterable
from typing import Final, SupportsFloat

from mavi_async._errors import ConfigurationError

__all__ = [
    "as_number",
    "refused",
    "require_kind",
    "require_seconds",
    "require_span",
    "require_speakers",
    "require_text",
    "require_whole",
]

_MOST_NAMES: Final = 10
_LONGEST: Final = 60


def as_number(value: object) -> float | None:
    """Return a number of any library as a float, which may be NaN; nothing where it is none.

    Those of numpy and `decimal` are numbers, too; a text, ``True`` and an integer beyond all
    floats are none.
    """
    if type(value) is float:  # nearly all are, and the way below is ten times as long
        return value
    if isinstance(value, SupportsFloat) and not isinstance(value, bool):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            return float(value)
    return None


def refused(name: str, value: object, wanted: str) -> ConfigurationError:
    """Make the error for an argument, which names what to give instead."""
    return ConfigurationError(f"{name} is {_short(value)}: give {wanted}")


def require_kind(name: str, value: object, kind: type, wanted: str) -> None:
    """Refuse what is of another kind.

    Raises:
        ConfigurationError: The message names the argument.
    """
    if not isinstance(value, kind):
        raise refused(name, value, wanted)


def require_text(name: str, value: object, wanted: str = "a text") -> str:
    """Return a text; refuse anything else.

    Raises:
        ConfigurationError: The message names the argument.
    """
    if not isinstance(value, str):
        raise refused(name, value, wanted)
    return value


def require_seconds(name: str, value: object, *, at_least: float = -math.inf) -> float:
    """Return a finite number of seconds as a float; refuse anything else, and what is too small.

    Raises:
        ConfigurationError: The message names the argument.
    """
    number = as_number(value)
    if number is None or not math.isfinite(number) or number < at_least:
        bound = f", at least {at_least:g}" if math.isfinite(at_least) else ""
        raise refused(name, value, f"a number of seconds{bound}")
    return number


def require_span(start: float, end: float) -> tuple[float, float]:
    """Return bounds as floats, either of which may be infinite; refuse those that hold no time.

    Raises:
        ConfigurationError: One is not a number, or the end is not after the start.
    """
    first, last = _bound("start", start), _bound("end", end)
    if not first < last:
        raise ConfigurationError(
            f"end is {last!r} and start is {first!r}: give an end that is after the start"
        )
    return first, last


def require_whole(name: str, value: int, least: int, most: int) -> int:
    """Return a whole number within bounds; refuse anything else.

    Raises:
        ConfigurationError: The message names the argument and the bounds.
    """
    with contextlib.suppress(TypeError):
        if least <= (number := operator.index(value)) <= most:
            return number
    raise refused(name, value, f"a whole number from {least} to {most}")


def require_speakers(wanted: Iterable[str], known: Collection[str]) -> None:
    """Refuse speakers who are not in the recording.

    Raises:
        ConfigurationError: The message names those who are.
    """
    speaking = frozenset(known)
    unknown = [each for each in wanted if require_text("a speaker", each) not in speaking]
    if unknown:
        names = ", ".join(map(_short, list(known)[:_MOST_NAMES])) or "nobody"
        more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
        raise ConfigurationError(f"there is no {_short(unknown[0])}: {names}{more} speak here")


def _bound(name: str, value: object) -> float:
    number = as_number(value)
    if number is None or math.isnan(number):
        raise refused(name, value, "a number of seconds")
    return number


def _short(value: object) -> str:
    """A value as it may stand in an error: one line of bounded length."""
    if not isinstance(value, str | int | float | None):
        return f"of type {type(value).__name__}"
    try:
        text = ascii(value)
    except ValueError:  # of more digits than Python writes
        return "a huge number"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
