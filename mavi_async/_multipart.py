"""A form with one file, as HTTP carries it, apart from the file itself."""

from pathlib import PurePath
from typing import Final

import attrs

from mavi_async._errors import ConfigurationError

__all__ = ["FORMATS", "Form", "checked_filename", "checked_no_path"]

FORMATS: Final = {
    "aac": "audio/aac",
    "avi": "video/x-msvideo",
    "flac": "audio/flac",
    "flv": "video/x-flv",
    "m4a": "audio/mp4",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "webm": "video/webm",
    "wmv": "video/x-ms-wmv",
}
"""The media type of each extension that MAVI takes."""

# As long as file systems allow.
_LONGEST_NAME: Final = 255


def checked_filename(value: object) -> str:
    """Return the name under which a file is uploaded.

    Raises:
        ConfigurationError: Unless it has an extension that MAVI takes, and at most 255 characters.
    """
    if not isinstance(value, str) or not value:
        raise ConfigurationError("filename says what the recording is called, such as talk.flac")
    if len(value) > _LONGEST_NAME:
        raise ConfigurationError(f"filename has at most {_LONGEST_NAME} characters: give another")
    if _extension(value) not in FORMATS:
        known = ", ".join(FORMATS)
        raise ConfigurationError(
            f"MAVI does not take {value!r}: convert it to one of {known}, or give the filename "
            "whose extension says what it is"
        )
    return value


def checked_no_path(text: str) -> str:
    """Return a text that may be an asset id.

    Raises:
        ConfigurationError: If it is rather a file's name.
    """
    if "/" in text or "\\" in text or _extension(text) in FORMATS:
        raise ConfigurationError(
            f"text is an asset_id, which {text!r} is not: of a file pass pathlib.Path({text!r})"
        )
    return text


@attrs.frozen
class Form:
    """What stands around the file.

    Attributes:
        filename: What the file is called.
        boundary: A text that the file does not contain.
    """

    filename: str
    boundary: str

    @property
    def content_type(self) -> str:
        """The media type of the form."""
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def head(self) -> bytes:
        """What comes before the file."""
        lines = [
            f"--{self.boundary}",
            f'Content-Disposition: form-data; name="file"; filename="{_quoted(self.filename)}"',
            f"Content-Type: {FORMATS[_extension(self.filename)]}",
        ]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")

    @property
    def tail(self) -> bytes:
        """What comes after the file."""
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")

    def length(self, file_bytes: int) -> int:
        """The length of it all in bytes."""
        return len(self.head) + file_bytes + len(self.tail)


def _extension(filename: str) -> str:
    return PurePath(filename).suffix.removeprefix(".").lower()


def _quoted(filename: str) -> str:
    """As browsers write it; a control character could end the line."""
    plain = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return "".join(each if each.isprintable() else "_" for each in plain)
