"""Writing a file as a whole, or not at all."""

import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Final

__all__ = ["replace"]

_STANDARD_OUTPUT: Final = 1
_STREAMS: Final = {"/dev/stdout": _STANDARD_OUTPUT, "/dev/stderr": 2}


def replace(path: Path, content: bytes) -> None:
    """Write a file beside and rename it, so that there is never half of it under its name.

    Behind a link, the file that it leads to is replaced. A file that was there keeps its
    permissions; a new one gets those of any new file. What is no file, such as a pipe, is written
    to, and so is standard output, whatever it leads to.

    Raises:
        OSError: It cannot be written; what was there is as it was.
    """
    if stream := _STREAMS.get(str(path)):
        _write_to(stream, content)
    elif path.exists() and not path.is_file():
        path.write_bytes(content)  # a pipe or a device, or a folder, which the system refuses
    else:
        _rename_onto(Path(os.path.realpath(path)), content)


def _rename_onto(path: Path, content: bytes) -> None:
    beside = path.with_name(f".mavi-{secrets.token_hex(8)}")
    try:
        if exists := path.exists():
            beside.touch(mode=0o600, exist_ok=False)  # for nobody else until it has the other's
        beside.write_bytes(content)
        if exists:
            shutil.copymode(path, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _write_to(descriptor: int, content: bytes) -> None:
    """Write behind what is there; a file opened by that name would begin anew."""
    if descriptor == _STANDARD_OUTPUT:
        sys.stdout.flush()
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
