"""All formats by name, and by the suffixes of files."""

import os
from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import Final

from mavi_async._errors import ConfigurationError
from mavi_async.formats import (
    _audacity,
    _csv,
    _json,
    _jsonl,
    _lab,
    _rttm,
    _srt,
    _textgrid,
    _uem,
    _vtt,
)
from mavi_async.formats._format import Format
from mavi_async.formats._html import write_html
from mavi_async.formats._svg import write_svg

__all__ = ["FORMATS", "format_named", "format_of"]

_ALL: Final = (
    _rttm.FORMAT,
    _uem.FORMAT,
    _lab.FORMAT,
    _json.FORMAT,
    _jsonl.FORMAT,
    _csv.FORMAT,
    _vtt.FORMAT,
    _srt.FORMAT,
    _audacity.FORMAT,
    _textgrid.FORMAT,
    Format("svg", (".svg",), write_svg, None, "a picture: a lane per speaker"),
    Format("html", (".html", ".htm"), write_html, None, "a page to look at"),
)

FORMATS: Final[Mapping[str, Format]] = MappingProxyType({each.name: each for each in _ALL})
"""All formats by their names, such as ``rttm``."""

_BY_SUFFIX: Final = {suffix.lower(): each for each in _ALL for suffix in each.suffixes}


def format_named(name: str) -> Format:
    """Return a format.

    Raises:
        ConfigurationError: There is none of that name; the message names those that exist.
    """
    if name not in FORMATS:
        raise ConfigurationError(f"there is no format {name!r}: use one of {', '.join(FORMATS)}")
    return FORMATS[name]


def format_of(path: str | os.PathLike[str]) -> Format:
    """Return the format that a file's suffix names.

    Raises:
        ConfigurationError: It names none; the message lists those that do.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix not in _BY_SUFFIX:
        raise ConfigurationError(
            f"the suffix of {os.fspath(path)!r} names no format: "
            f"use one of {', '.join(_BY_SUFFIX)}, or name the format"
        )
    return _BY_SUFFIX[suffix]
