"""Uploaded assets, as the emulator keeps them: what arrived is measured and not stored."""

import hashlib
import secrets
import time
from pathlib import PurePath
from typing import Literal

import attrs

__all__ = ["EXTENSIONS", "NOTHING", "Asset", "Received", "Via"]

Via = Literal["direct", "signed-url"]

_VIDEO = ("avi", "flv", "mkv", "mov", "mp4", "mpeg", "webm", "wmv")
_AUDIO = ("aac", "flac", "m4a", "mp3", "ogg", "wav")
EXTENSIONS = frozenset((*_VIDEO, *_AUDIO))


@attrs.frozen
class Received:
    """The content of a file.

    Attributes:
        filename: What the sender calls it.
        size: Its length in bytes.
        sha256: Its digest, in hex.
    """

    filename: str
    size: int
    sha256: str


NOTHING = Received("", 0, hashlib.sha256().hexdigest())


@attrs.define
class Asset:
    """A file that was uploaded, or is to be uploaded to a signed URL.

    Attributes:
        asset_id: What the API calls it.
        original_filename: What its owner calls it.
        via: How it comes.
        signature: What opens its signed URL.
        expires_at: When that URL ends, in `time.monotonic` seconds.
        content: What has arrived, once all of it has.
        arrived_at: When it had, in `time.monotonic` seconds.
        created_ms: Milliseconds since the epoch.
        modified_ms: The same, of the last change.
    """

    asset_id: str
    original_filename: str
    via: Via
    expires_at: float
    content: Received | None = None
    arrived_at: float = 0.0
    signature: str = attrs.field(factory=lambda: secrets.token_urlsafe(24), repr=False)
    created_ms: int = attrs.field(factory=lambda: round(time.time() * 1000))
    modified_ms: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing has changed yet."""
        self.modified_ms = self.created_ms

    @property
    def stem(self) -> str:
        """The file's name without its extension."""
        return PurePath(self.original_filename).stem

    @property
    def extension(self) -> str:
        """The file's extension, without the dot."""
        return PurePath(self.original_filename).suffix.removeprefix(".")

    def arrived(self, content: Received) -> None:
        """Take the content."""
        self.content, self.arrived_at = content, time.monotonic()
        self.modified_ms = round(time.time() * 1000)

    def status(self, processing: float) -> str:
        """Tell its ``upload_status``, where processing takes some seconds."""
        if self.content is None:
            return "WAITING"
        return "UPLOADING" if time.monotonic() < self.arrived_at + processing else "SUCCESS"

    def to_document(self, processing: float) -> dict[str, object]:
        """The asset as JSON shows it; never its signature."""
        content = self.content or NOTHING
        return {
            "asset_id": self.asset_id,
            "original_filename": self.original_filename,
            "via": self.via,
            "upload_status": self.status(processing),
            "size": content.size,
            "sha256": content.sha256,
        }
