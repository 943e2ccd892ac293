"""What others wrote, as one line that people can read and in which nothing is steered."""

import unicodedata
from typing import Final

__all__ = ["legible"]

_STEERING: Final = ("Cc", "Cf", "Cn", "Cs")
_MOST_MARKS: Final = 2


def legible(text: str, *, longest: int, instead: str = "", kept: str = "") -> str:
    """Return one line of bounded length.

    White space becomes one space, and combining marks stay as far as they do not pile up.

    Args:
        text: Whatever a server or a file said.
        longest: Characters at most; a longer text ends in an ellipsis.
        instead: What control characters, lone surrogates and what changes the direction of
            writing become.
        kept: Those of them that stay.
    """
    line: list[str] = []
    marks = 0
    # The bound comes first: a megabyte is cut, not filtered.
    for character in text[: longest * 4]:
        category = unicodedata.category(character)
        marks = marks + 1 if category.startswith("M") else 0
        if character.isspace():
            line.append(" ")
        elif category in _STEERING and character not in kept:
            line.append(instead)
        elif marks <= _MOST_MARKS:
            line.append(character)
    plain = " ".join("".join(line).split())
    if len(plain) > longest or len(text) > longest * 4:
        plain = plain[: longest - 1] + "…"
    return plain
