"""Where the commands keep jobs: a file in the user's data folder, unless another is named."""

import contextlib
import os
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Self

import attrs
import platformdirs

from mavi_async.stores import SQLiteStore, TaskStore

__all__ = ["Place"]

_FILE: Final = "tasks.sqlite3"


@attrs.frozen
class Place:
    """The file that all commands share.

    Attributes:
        path: The file; it need not exist yet.
        option: What was given as ``--store``, to be given to the next command too.
    """

    path: Path
    option: Path | None = None

    @classmethod
    def find(cls, option: Path | None) -> Self:
        """Take the option, or else ``MAVI_STORE``, or else the user's data folder."""
        if option is not None:
            return cls(option, option)
        named = os.environ.get("MAVI_STORE")
        if named:
            return cls(Path(named))
        return cls(_default_path())

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept there."""
        return self.path.exists()

    def command(self, *words: str) -> str:
        """Write a command line that goes on with the same file."""
        store = () if self.option is None else ("--store", str(self.option))
        return shlex.join(("mavi-async", *words, *store))

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[TaskStore]:
        """Open the store, for the length of an ``async with`` block; make it if need be.

        Raises:
            ConfigurationError: If the path cannot name a file.
        """
        if self.path == _default_path():
            with contextlib.suppress(OSError):  # the store says what is wrong with it
                self.path.parent.parent.mkdir(parents=True, exist_ok=True)
        store = SQLiteStore(self.path)
        try:
            yield store
        finally:
            await store.aclose()


def _default_path() -> Path:
    return platformdirs.user_data_path("mavi_async", appauthor=False) / _FILE
