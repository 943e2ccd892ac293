"""What others wrote, made fit to be shown in a picture; and lengths of time for people."""

from typing import Final

from mavi_async._legible import legible

__all__ = ["clock", "length", "percent", "shown"]

_LONGEST: Final = 200
_NAMELESS: Final = "(no name)"
_UNREADABLE: Final = "\ufffd"
# What joins two characters into one: emoji, and letters of some scripts.
_JOINERS: Final = "\u200c\u200d"
_HOUR: Final = 3600


def shown(text: str, *, longest: int = _LONGEST) -> str:
    """Return one line of bounded length that XML can hold, and in which nothing is steered.

    Control characters, lone surrogates and what changes the direction of writing become
    ``U+FFFD``, so that one sees that something was there.

    Args:
        text: Whatever a server or a file said.
        longest: Characters at most; a longer text ends in an ellipsis.
    """
    return legible(text, longest=longest, instead=_UNREADABLE, kept=_JOINERS) or _NAMELESS


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
