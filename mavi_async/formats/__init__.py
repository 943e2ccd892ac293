"""The file formats of diarization, read and written without dependencies."""

from mavi_async.formats._files import load, save
from mavi_async.formats._format import Format
from mavi_async.formats._registry import FORMATS, format_named, format_of

__all__ = ["FORMATS", "Format", "format_named", "format_of", "load", "save"]
