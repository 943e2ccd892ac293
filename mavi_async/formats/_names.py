"""Names made fit for formats that cannot hold every character."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import count
from typing import Final

from mavi_async._arguments import require_text
from mavi_async._diarization import Diarization

__all__ = ["LONGEST_NAME", "distinct", "one_line", "recording_name", "token"]

LONGEST_NAME: Final = 1000

_NAMELESS: Final = "(no name)"
_UNREADABLE: Final = "\ufffd"
_BYTE_ORDER_MARK: Final = "\ufeff"


def distinct(speakers: Iterable[str], fit: Callable[[str], str]) -> dict[str, str]:
    """Give each speaker a name that fits, so that those who differ stay different.

    A name that fits as it is stays as it is. Of others that would become the same one, or one
    that is there already, the later get a number: ``a_b``, ``a_b_2``.
    """
    fitting = {speaker: fit(speaker) for speaker in speakers}
    taken = {speaker for speaker, name in fitting.items() if speaker == name}
    numbers: dict[str, count[int]] = {}
    names: dict[str, str] = {}
    for speaker, plain in fitting.items():
        name = plain
        while name != speaker and name in taken:
            name = f"{plain}_{next(numbers.setdefault(plain, count(2)))}"
        taken.add(name)
        names[speaker] = name
    return names


def one_line(text: str) -> str:
    """Return a name as one line of at most 1,000 characters, without spaces around it.

    Tabs, line breaks and repeated spaces become one space; other control characters, lone
    surrogates and byte order marks become ``U+FFFD``; the rest of what is too long becomes an
    ellipsis, and nothing at all becomes ``(no name)``.
    """
    # The bound comes first: a megabyte is cut, not filtered.
    line = "".join(map(_printed, text[: LONGEST_NAME + 1]))
    if len(line) > LONGEST_NAME:
        line = f"{line[: LONGEST_NAME - 1]}…"
    return re.sub(" +", " ", line).strip() or _NAMELESS


def token(text: str) -> str:
    """Return a name as one word that no reader of columns takes for anything else.

    Like `one_line`; then spaces of every kind become ``_``, and ``"`` becomes ``'``, for some
    readers would take all up to the next one as one column. A ``;`` or ``#`` in front, where it
    would begin a comment, gets a ``_`` before it.
    """
    word = "".join("_" if each.isspace() else each for each in one_line(text)).replace('"', "'")
    return f"_{word}" if word[0] in ";#" or word == "<NA>" else word


def recording_name(diarization: Diarization, uri: str | None) -> str:
    """Return the name of a recording as one word: the one given, or else the result's own."""
    if uri is not None:
        require_text("uri", uri)
    return token(uri or diarization.uri or diarization.task_id or "recording")


def _printed(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " " if character.isspace() else _UNREADABLE
    return _UNREADABLE if category == "Cs" or character == _BYTE_ORDER_MARK else character
