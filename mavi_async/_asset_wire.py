"""Assets in MAVI's JSON: what uploads are answered with, and metadata, whose numbers are text."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from mavi_async._asset import Asset
from mavi_async._configuration import checked_asset_id
from mavi_async._errors import ConfigurationError
from mavi_async._json import dump
from mavi_async._signed_url import SignedUrl, read_signed_url
from mavi_async._structure import Malformed, json_name, structure
from mavi_async._wire import Envelope

__all__ = ["SignedUpload", "read_asset", "read_signed_upload", "sign_body", "uploaded_asset_id"]

_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class SignedUpload:
    """Where a file can be posted without the API key.

    Attributes:
        asset_id: What the file becomes.
        url: Where.
        expires_in: Seconds that it can be used.
    """

    asset_id: str
    url: SignedUrl
    expires_in: float


@attrs.frozen
class _Upload:
    asset_id: str


@attrs.frozen
class _UploadAnswer:
    data: _Upload


@attrs.frozen
class _Signed:
    asset_id: str
    signed_url: str
    expires_in: Any = None


@attrs.frozen
class _SignAnswer:
    data: _Signed


@attrs.frozen
class _Resource:
    """What must be right; the rest only describes the asset, and a surprise there is left out."""

    upload_status: str
    asset_id: Any = None
    original_filename: Any = None
    extension: Any = None
    file_size: Any = None
    create_time: Any = None
    modify_time: Any = None


@attrs.frozen
class _Resources:
    resource: Any


@attrs.frozen
class _MetadataAnswer:
    data: _Resources


def sign_body(filename: str) -> bytes:
    """Write the request for a signed URL."""
    # The name of a file may hold bytes that are no text.
    return dump({"original_filename": filename.encode("utf-8", "replace").decode()})


def uploaded_asset_id(envelope: Envelope) -> str:
    """Read what an uploaded file has become.

    Raises:
        Malformed: If it is missing or not usable.
    """
    return _asset_id(structure(envelope.document, _UploadAnswer).data.asset_id)


def read_signed_upload(envelope: Envelope, *, base_url: str) -> SignedUpload:
    """Read where a file can be posted to.

    Args:
        envelope: The answer.
        base_url: Where the API is; a signed URL is held to the same security.

    Raises:
        Malformed: If it is not of the documented shape, or the URL is none to post to.
    """
    data = structure(envelope.document, _SignAnswer).data
    url = read_signed_url(data.signed_url, base_url=base_url)
    seconds = _whole(data.expires_in)
    return SignedUpload(
        _asset_id(data.asset_id), url, float("inf") if seconds is None else float(seconds)
    )


def read_asset(envelope: Envelope, *, asset_id: str) -> Asset:
    """Read an asset's metadata.

    Raises:
        Malformed: If it is not of the documented shape, or that of another asset.
    """
    where = "$.data.resource[0]"
    resources: object = structure(envelope.document, _MetadataAnswer).data.resource
    first = resources[0] if isinstance(resources, list) and resources else None
    if not isinstance(first, dict):
        raise Malformed(where, f"expected an object, got {json_name(first)}")
    found = structure(first, _Resource, path=where)
    if isinstance(found.asset_id, str) and found.asset_id not in ("", asset_id):
        raise Malformed(f"{where}.asset_id", "expected the asset that was asked for")
    return Asset(
        asset_id=asset_id,
        upload_status=found.upload_status,
        original_filename=_text(found.original_filename),
        extension=_text(found.extension),
        file_size=_whole(found.file_size),
        create_time=_moment(found.create_time),
        modify_time=_moment(found.modify_time),
    )


def _asset_id(text: str) -> str:
    try:
        return checked_asset_id(text)
    except ConfigurationError:
        raise Malformed("$.data.asset_id", "expected an asset id") from None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    """A whole number, which may come as text; ``None`` where it is anything else."""
    is_whole = isinstance(value, str | int) and _WHOLE.fullmatch(str(value))
    return int(str(value)) if is_whole else None


def _moment(value: object) -> datetime | None:
    """A moment in milliseconds since the epoch, unless it is beyond the calendar."""
    ms = _whole(value)
    try:
        return None if ms is None else _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None
