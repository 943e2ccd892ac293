"""What others wrote, made fit to be shown in a picture; and lengths of time for people."""

import unicodedata
from typing import Final

__all__ = ["clock", "length", "percent", "shown"]

_LONGEST: Final = 200
_NAMELESS: Final = "(no name)"
_UNREADABLE: Final = "\ufffd"
# What joins two characters into one: emoji, and letters of some scripts.
_JOINERS: Final = "\u200c\u200d"
_HOUR: Final = 3600


def shown(text: str, *, longest: int = _LONGEST) -> str:
    """Return one line of bounded length that XML can hold, and in which nothing is steered.

    White space becomes one space. Control characters, lone surrogates and what changes the
    direction of writing become ``U+FFFD``, so that one sees that something was there; combining
    marks stay as far as they do not pile up.

    Args:
        text: Whatever a server or a file said.
        longest: Characters at most; a longer text ends in an ellipsis.
    """
    kept: list[str] = []
    marks = 0
    # The bound comes first: a megabyte is cut, not filtered.
    for character in text[: longest * 4]:
        category = unicodedata.category(character)
        marks = marks + 1 if category.startswith("M") else 0
        if character.isspace():
            kept.append(" ")
        elif category in ("Cc", "Cf", "Cn", "Cs") and character not in _JOINERS:
            kept.append(_UNREADABLE)
        elif marks <= 2:
            kept.append(character)
    line = " ".join("".join(kept).split())
    if len(line) > longest or len(text) > longest * 4:
        line = line[: longest - 1] + "…"
    return line or _NAMELESS


def clock(seconds: float, *, decimals: int = 0) -> str:
    """Return a moment or a length of time as ``m:ss`` or ``h:mm:ss``."""
    if seconds >= 1000 * _HOUR:
        return f"{seconds / _HOUR:.3g} h"
    whole, rest = divmod(max(0, round(seconds * 10**decimals)), 10**decimals)
    minutes, second = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{second:02}" if hours else f"{minutes}:{second:02}"
    return f"{text}.{rest:0{decimals}}" if decimals else text


def length(seconds: float) -> str:
    """Return a length of time as ``4.2 s``, or from a minute on as ``m:ss``."""
    return f"{seconds:.1f} s" if seconds < 59.95 else clock(seconds)


def percent(share: float) -> str:
    """Return a share in whole per cent, where little is not nothing."""
    text = f"{share:.0%}"
    return "<1%" if share > 0 and text == "0%" else text
