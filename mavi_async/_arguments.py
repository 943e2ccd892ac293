"""What the methods of a result refuse, in words that say what to give instead."""

import math
from collections.abc import Collection, Iterable

from mavi_async._errors import ConfigurationError

__all__ = ["require_seconds", "require_span", "require_speakers"]

_MOST_NAMES = 10


def require_seconds(name: str, value: float, *, at_least: float = -math.inf) -> None:
    """Refuse what is no finite number of seconds, or too small.

    Raises:
        ConfigurationError: The message names the argument.
    """
    bound = f", at least {at_least:g}" if math.isfinite(at_least) else ""
    if not (_is_number(name, value) and math.isfinite(value) and value >= at_least):
        raise ConfigurationError(f"{name} is {value!r}: give a number of seconds{bound}")


def require_span(start: float, end: float) -> None:
    """Refuse bounds that hold no time between them; either may be infinite.

    Raises:
        ConfigurationError: One is not a number, or the end is not after the start.
    """
    for name, value in (("start", start), ("end", end)):
        if not _is_number(name, value):
            raise ConfigurationError(f"{name} is {value!r}: give a number of seconds")
    if not start < end:
        raise ConfigurationError(
            f"end is {end!r} and start is {start!r}: give an end that is after the start"
        )


def require_speakers(wanted: Iterable[str], known: Collection[str]) -> None:
    """Refuse speakers who are not in the recording.

    Raises:
        ConfigurationError: The message names those who are.
    """
    unknown = [speaker for speaker in wanted if speaker not in known]
    if unknown:
        names = ", ".join(map(_short, list(known)[:_MOST_NAMES])) or "nobody"
        more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
        raise ConfigurationError(f"there is no {_short(unknown[0])}: {names}{more} speak here")


def _is_number(name: str, value: float) -> bool:
    try:
        return not math.isnan(value)
    except TypeError:
        kind = type(value).__name__
        raise ConfigurationError(f"{name} is a {kind}: give a number of seconds") from None


def _short(speaker: object) -> str:
    text = ascii(speaker)
    return text if len(text) <= 60 else f"{text[:60]}…"
