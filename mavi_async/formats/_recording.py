"""The recording that a report plays: embedded, or linked."""

import base64
import re
from os import PathLike, fspath
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from mavi_async._arguments import require_text
from mavi_async._errors import ConfigurationError

__all__ = ["LARGEST_AUDIO_BYTES", "Recording"]

LARGEST_AUDIO_BYTES: Final = 32 * 2**20

_TYPES: Final = {
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
}


# Browsers take a backslash for a slash, and what steers for nothing: two slashes would be a host.
_UNFIT: Final = re.compile(r"[\\\x00-\x1f\x7f]|^\s|\s$|^$")


@attrs.frozen
class Recording:
    """What the player of a page plays.

    Attributes:
        address: Its URL.
        origin: What the page's policy must allow, so that it may be loaded.
    """

    address: str
    origin: str

    @classmethod
    def of(cls, audio: str | PathLike[str] | None, audio_src: str | None) -> "Recording | None":
        """Embed a file or link a URL; nothing where neither is given.

        Raises:
            ConfigurationError: If that is not possible, or both are given.
        """
        if audio is not None and audio_src is not None:
            raise ConfigurationError("give `audio` to embed a file or `audio_src` to link one")
        if audio is not None:
            return cls(_embedded(Path(fspath(audio))), "data:")
        if audio_src is not None:
            return cls(audio_src, _origin(require_text("`audio_src`", audio_src, "a URL")))
        return None


def _embedded(path: Path) -> str:
    kind = _TYPES.get(path.suffix.lower())
    if kind is None:
        raise ConfigurationError(
            f"browsers do not play {path.name!r}: convert it to one of {', '.join(_TYPES)}"
        )
    try:
        size = path.stat().st_size
        if size > LARGEST_AUDIO_BYTES:
            raise ConfigurationError(
                f"{path.name!r} has {size / 2**20:.0f} MiB, and a page embeds at most "
                f"{LARGEST_AUDIO_BYTES // 2**20}: link it with `audio_src`, or compress it"
            )
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {str(path)!r}: {error.strerror}") from error
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _origin(address: str) -> str:
    try:
        parts = urlsplit("unreadable:" if _UNFIT.search(address) else address)
    except ValueError:
        parts = urlsplit("unreadable:")
    if not parts.scheme and not parts.netloc:
        # A page that was opened as a file is of no origin: its neighbours are files as well.
        return "'self' file:"
    if parts.scheme in ("http", "https") and re.fullmatch(r"[\w.:\[\]-]+", parts.netloc, re.ASCII):
        return f"{parts.scheme}://{parts.netloc}"
    raise ConfigurationError(
        f"`audio_src` is {address[:80]!a}: give a URL relative to the page, or one of http(s), "
        "with slashes and without spaces around it"
    )
