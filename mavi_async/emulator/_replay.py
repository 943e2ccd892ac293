"""Real annotations as results: a folder of RTTM files stands for the assets of an account."""

import os
from collections.abc import Mapping
from pathlib import Path

from mavi_async._errors import ConfigurationError
from mavi_async.emulator._conversation import Conversation
from mavi_async.formats._rttm import read_rttm

__all__ = ["read_replay"]


def read_replay(folder: str | os.PathLike[str]) -> Mapping[str, Conversation]:
    """Read every ``.rttm`` file of a folder.

    All of them are read at once, so that a broken one is reported where the emulator starts and
    not in the middle of somebody's test.

    Args:
        folder: Each file in it holds one recording; its name without ``.rttm`` is the asset id.

    Returns:
        The conversation of each asset id. Its duration is the last end, which is all that RTTM
        knows of it.

    Raises:
        ConfigurationError: The folder or a file in it cannot be used; the message names it.
    """
    try:
        files = sorted(path for path in Path(folder).iterdir() if path.suffix == ".rttm")
    except OSError as error:
        raise ConfigurationError(
            f"cannot read the replay folder {os.fspath(folder)!r}: {error.strerror}"
        ) from error
    if not files:
        raise ConfigurationError(f"no .rttm file in the replay folder {os.fspath(folder)!r}")
    return {path.stem: _read_file(path) for path in files}


def _read_file(path: Path) -> Conversation:
    try:
        replayed = read_rttm(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{str(path)!r} is not UTF-8 text") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{str(path)!r}: {error.message}") from error
    return Conversation(replayed.segments, replayed.duration)
