"""Options that several commands have."""

from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

__all__ = ["All", "AsJson", "File", "Output", "Store"]

All: TypeAlias = Annotated[bool, Parameter(name="--all", negative="")]
AsJson: TypeAlias = Annotated[bool, Parameter(name="--json", negative="")]
File: TypeAlias = Annotated[Path, Parameter(allow_leading_hyphen=True)]
Output: TypeAlias = Annotated[str | None, Parameter(allow_leading_hyphen=True)]
Store: TypeAlias = str | None
