"""What MAVI knows of an uploaded file."""

from datetime import datetime
from typing import Final

import attrs

__all__ = ["FAILED", "SUCCESS", "Asset"]

SUCCESS: Final = "SUCCESS"
FAILED: Final = "FAILED"


@attrs.frozen
class Asset:
    """An uploaded file, as MAVI describes it.

    Attributes:
        asset_id: What jobs are submitted with.
        upload_status: ``WAITING``, ``UPLOADING``, ``SUCCESS``, ``FAILED``, or what MAVI may add.
        original_filename: What the file was called, often without its extension.
        extension: The extension, without a dot.
        file_size: Bytes.
        create_time: When it was created, in UTC.
        modify_time: When it was last changed, in UTC.
    """

    asset_id: str
    upload_status: str
    original_filename: str | None = None
    extension: str | None = None
    file_size: int | None = None
    create_time: datetime | None = None
    modify_time: datetime | None = None

    @property
    def is_usable(self) -> bool:
        """Whether jobs can be made of it."""
        return self.upload_status == SUCCESS
