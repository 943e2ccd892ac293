"""Telling formats apart."""

import json
import os
import re
from pathlib import PurePath
from typing import Final

from mavi_async._errors import ConfigurationError
from mavi_async.formats._format import Format
from mavi_async.formats._lines import lines
from mavi_async.formats._registry import FORMATS, format_of
from mavi_async.formats._rttm import OTHER_TYPES

__all__ = ["named_by_suffix", "readable", "recognised"]

# Suffixes of so many kinds of files that they tell nothing.
_VAGUE: Final = ("", ".txt", ".log", ".body", ".raw")
_LOOKS: Final = (
    ("vtt", re.compile(r"WEBVTT(\s|$)")),
    ("textgrid", re.compile(r'(File type = )?"ooTextFile"')),
    ("json", re.compile(r"[\[{]")),
    ("rttm", re.compile(rf"({'|'.join(map(re.escape, ['SPEAKER', *OTHER_TYPES]))})\s|;;")),
    ("audacity", re.compile(r"[\d.]+\t[\d.]+\t")),
    ("lab", re.compile(r"[\d.]+\s+[\d.]+\s")),
)


def named_by_suffix(path: str | os.PathLike[str]) -> Format | None:
    """Find the format of a file by its suffix; nothing where that tells nothing.

    Raises:
        ConfigurationError: The suffix is that of something else.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix in _VAGUE:
        return None
    try:
        return format_of(path)
    except ConfigurationError:
        raise ConfigurationError(
            f"the suffix {suffix!a} is of no format that can be read: read one of {readable()}, "
            "or name the format"
        ) from None


def readable() -> str:
    """Return the names of the formats that can be read, with commas between."""
    return ", ".join(each.name for each in FORMATS.values() if each.read)


def recognised(text: str) -> Format:
    """Find the format of a file by its content.

    Raises:
        ConfigurationError: It does not tell.
    """
    first = next((line.lstrip() for _, line in lines(text)), "")
    if _is_segment(first):
        return FORMATS["jsonl"]
    if "start" in [cell.strip().lower() for cell in first.split(",")]:
        return FORMATS["csv"]
    for name, look in _LOOKS:
        if look.match(first):
            return FORMATS[name]
    raise ConfigurationError(
        f"neither its name nor its first line tells the format: name one of {readable()}"
    )


def _is_segment(line: str) -> bool:
    """Tell a segment from a callback, which is one line as well, and has segments within."""
    try:
        document = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "start" in document
