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

__all__ = ["recognised"]

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


def recognised(path: str | os.PathLike[str], text: str) -> Format:
    """Find the format of a file by its suffix, and where that tells nothing by its content.

    Raises:
        ConfigurationError: Neither tells.
    """
    if PurePath(path).suffix.lower() not in _VAGUE:
        return format_of(path)
    first = next((line.lstrip() for _, line in lines(text)), "")
    if _is_segment(first):
        return FORMATS["jsonl"]
    if "start" in [cell.strip().lower() for cell in first.split(",")]:
        return FORMATS["csv"]
    for name, look in _LOOKS:
        if look.match(first):
            return FORMATS[name]
    raise ConfigurationError(
        "neither its name nor its first line tells the format: "
        f"name one of {', '.join(each.name for each in FORMATS.values() if each.read)}"
    )


def _is_segment(line: str) -> bool:
    """Tell a segment from a callback, which is one line as well, and has segments within."""
    try:
        document = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "start" in document
