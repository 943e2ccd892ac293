"""Texts of a line for each segment, and what is wrong with them."""

import contextlib
import math
import re
from collections.abc import Iterator
from typing import Final

from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment
from mavi_async._structure import json_name

__all__ = ["bad_line", "finite", "length", "lines", "moment", "number", "segment_from"]

# Thirty years: what is more is no time of speech, and sums of such numbers may be infinite.
_LATEST: Final = 1e9
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_BREAK: Final = re.compile(r"\r\n|\r|\n")


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, with their numbers, whatever system wrote them."""
    for place, line in enumerate(_BREAK.split(text.removeprefix("\ufeff")), start=1):
        if line.strip():
            yield place, line


def moment(kind: str, line: int, name: str, text: str) -> float:
    """Read a number of seconds, from 0 on.

    Raises:
        ConfigurationError: It is none; the message names the line.
    """
    value = number(text)
    if not 0 <= value <= _LATEST:
        raise bad_line(
            kind, line, f"the {name} {_shown(text)} is not a number of seconds, 0 or more"
        )
    return value


def number(text: str) -> float:
    """Read a number as formats write it, or NaN: Python itself takes more for one."""
    return float(text) if _NUMBER.fullmatch(text) else math.nan


def length(kind: str, line: int, start: float, end: float) -> None:
    """Refuse an end before its start; equal ones are dropped, and counted, later.

    Raises:
        ConfigurationError: The message names the line.
    """
    if end < start:
        why = f"it ends at {end:g}, before its start at {start:g}: are the columns in order?"
        raise bad_line(kind, line, why)


def segment_from(row: object, where: str) -> SpeakerSegment:
    """Read a segment of a JSON document.

    Raises:
        ConfigurationError: It lacks a start, an end or a speaker; the message says where.
    """
    if not isinstance(row, dict):
        raise ConfigurationError(f"{where}: expected an object with start, end and speaker")
    speaker = row.get("speaker")
    if not isinstance(speaker, str):
        raise ConfigurationError(f"{where}: the speaker is {_shown(speaker)}, not a text")
    start, end = (finite(row.get(name), name, where) for name in ("start", "end"))
    return SpeakerSegment(start, end, speaker)


def finite(value: object, name: str, where: str) -> float:
    """Return a number of a JSON document, which may be of any size.

    Raises:
        ConfigurationError: It is none; the message says where.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            if math.isfinite(seconds := float(value)):
                return seconds
    raise ConfigurationError(
        f"{where}: the {name} is {_shown(value)}, not a finite number of seconds"
    )


def bad_line(kind: str, line: int, why: str) -> ConfigurationError:
    """Make the error for a line."""
    return ConfigurationError(f"line {line} of the {kind} text: {why}")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return ascii(value[:40])
    return json_name(value)
