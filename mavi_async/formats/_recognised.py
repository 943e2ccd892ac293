"""Telling formats apart."""

import os
from pathlib import PurePath

from mavi_async.formats._format import Format
from mavi_async.formats._registry import FORMATS, format_of

__all__ = ["recognised"]


def recognised(path: str | os.PathLike[str], text: str) -> Format:
    """Find the format of a file by its suffix, and where that tells nothing by its content."""
    if text.lstrip().startswith(("{", "[")) and PurePath(path).suffix.lower() != ".jsonl":
        return FORMATS["json"]
    return format_of(path)
