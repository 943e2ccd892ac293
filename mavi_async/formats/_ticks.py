"""Seconds as whole numbers of the smallest unit that a format can write."""

from collections.abc import Iterable, Iterator
from typing import Final

from mavi_async._arguments import require_whole
from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment

__all__ = ["clock", "decimal", "placed", "require_decimals", "ticks"]

_MOST_DECIMALS: Final = 9
_MILLISECONDS: Final = 3


def require_decimals(decimals: int) -> None:
    """Refuse more than nanoseconds, and what is no number of decimals.

    Raises:
        ConfigurationError: They are not 0 to 9.
    """
    require_whole("decimals", decimals, 0, _MOST_DECIMALS)


def ticks(seconds: float, decimals: int) -> int:
    """Round a number of seconds to units of so many decimals.

    Raises:
        ConfigurationError: The seconds are not finite.
    """
    try:
        return round(seconds * 10.0**decimals)
    except (OverflowError, ValueError):
        raise ConfigurationError(
            f"no format can hold {seconds!r} seconds: `clip(duration)` the result first"
        ) from None


def placed(
    segments: Iterable[SpeakerSegment], decimals: int, *, apart: bool = False
) -> Iterator[tuple[int, int, str]]:
    """Yield segments with both bounds rounded to units of so many decimals.

    Each is at least a unit long, for readers refuse or forget what is shorter. What lies before
    0, where no format reaches, is cut off.

    Args:
        segments: In order of time.
        decimals: Of the format.
        apart: Whether to leave out what is shorter than half a unit instead, so that segments
            that do not overlap still do not.

    Raises:
        ConfigurationError: A bound is not finite, or the decimals are not 0 to 9.
    """
    require_decimals(decimals)
    for segment in segments:
        start = max(0, ticks(segment.start, decimals))
        end = ticks(segment.end, decimals)
        if not apart and segment.end > 0:
            end = max(end, start + 1)
        if end > start:
            yield start, end, segment.speaker


def decimal(units: int, decimals: int) -> str:
    """Write units, 0 or more, as seconds with all their decimals."""
    digits = str(units).zfill(decimals + 1)
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def clock(milliseconds: int, point: str) -> str:
    """Write ``HH:MM:SS`` and milliseconds after the point that subtitles want."""
    seconds, rest = divmod(milliseconds, 10**_MILLISECONDS)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{rest:03}"
