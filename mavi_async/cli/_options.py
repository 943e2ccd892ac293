"""Options that several commands have."""

import os
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

__all__ = ["All", "AsJson", "File", "Flag", "Output", "Store", "find_token"]

All: TypeAlias = Annotated[bool, Parameter(name="--all", negative="")]
AsJson: TypeAlias = Annotated[bool, Parameter(name="--json", negative="")]
File: TypeAlias = Annotated[Path, Parameter(allow_leading_hyphen=True)]
Flag: TypeAlias = Annotated[bool, Parameter(negative="")]
Output: TypeAlias = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
Store: TypeAlias = str | None


def find_token(token: str | None) -> str | None:
    """Take the option, or else ``MAVI_CALLBACK_TOKEN``."""
    return token or os.environ.get("MAVI_CALLBACK_TOKEN") or None
