"""Where the commands keep jobs: a file in the user's data folder, unless another place is named."""

import contextlib
import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import attrs
import platformdirs

from mavi_async._errors import ConfigurationError
from mavi_async.stores import SQLiteStore, TaskStore

__all__ = ["FilePlace", "Place", "ServerPlace", "find_place"]

_FILE: Final = "tasks.sqlite3"
_SCHEMES: Final = ("redis", "rediss", "unix")


@attrs.frozen
class Place(ABC):
    """What all commands share; in a text, it is where that is, without what gives access.

    Attributes:
        option: What was given as ``--store``, to be given to the next command too, with a word
            in the place of its password.
    """

    option: str | None = attrs.field(default=None, kw_only=True)

    @abstractmethod
    def __str__(self) -> str: ...

    @property
    @abstractmethod
    def exists(self) -> bool:
        """Whether anything may have been kept there."""

    @abstractmethod
    def open(self) -> contextlib.AbstractAsyncContextManager[TaskStore]:
        """Open the store, for the length of an ``async with`` block; make it if need be.

        Raises:
            ConfigurationError: If what was named cannot be a store.
        """

    def command(self, *words: str) -> str:
        """Write a command line that goes on with the same store."""
        store = () if self.option is None else ("--store", self.option)
        return shlex.join(("mavi-async", *words, *store))


@attrs.frozen
class FilePlace(Place):
    """A file.

    Attributes:
        path: The file; it need not exist yet.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept there."""
        return self.path.exists()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[TaskStore]:
        """Open the file."""
        if self.path == _default_path():
            with contextlib.suppress(OSError):  # the store says what is wrong with it
                self.path.parent.parent.mkdir(parents=True, exist_ok=True)
        store = SQLiteStore(self.path)
        try:
            yield store
        finally:
            await store.aclose()


@attrs.frozen
class ServerPlace(Place):
    """A namespace on a Redis or Valkey server.

    Attributes:
        url: Where the server is, as `RedisStore` takes it.
        namespace: Whose data it is.
        shown: The URL without its password.
    """

    url: str = attrs.field(repr=False)
    namespace: str
    shown: str

    def __str__(self) -> str:
        return self.shown

    @property
    def exists(self) -> bool:
        """Whether anything may have been kept there: only the server knows."""
        return True

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[TaskStore]:
        """Begin to talk to the server; that it answers is seen with the first call."""
        from mavi_async.redis import RedisStore

        store = RedisStore(self.url, namespace=self.namespace)
        try:
            yield store
        finally:
            await store.aclose()


def find_place(option: str | None) -> Place:
    """Take the option, or else ``MAVI_STORE``, or else the user's data folder.

    Raises:
        ConfigurationError: If it is a URL of something else; it is not repeated, for its password.
    """
    named = os.environ.get("MAVI_STORE") or None if option is None else option
    if named is None:
        return FilePlace(_default_path())
    if "://" not in named:
        return FilePlace(Path(named), option=option)
    parts = _split(named)
    if parts is None:
        raise ConfigurationError(
            "the store cannot be used: name a file, or redis://HOST:6379/0, rediss:// for TLS or "
            "unix:///path, with what is odd in its password percent-encoded"
        )
    query = parse_qsl(parts.query, keep_blank_values=True)
    namespace = dict(query).get("namespace", "default")
    url = _url(parts, parts.netloc, [each for each in query if each[0] != "namespace"])
    shown = _without_password(parts)
    return ServerPlace(url, namespace, shown, option=None if option is None else shown)


def _split(url: str) -> SplitResult | None:
    """Split a URL if it is one of a server, with each part where it should be."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0  # which raises for what is no number
    except ValueError:
        return None
    has_place = parts.path if parts.scheme == "unix" else parts.hostname
    is_fine = parts.scheme in _SCHEMES and has_place and has_port and "#" not in url
    return parts if is_fine else None


def _without_password(parts: SplitResult) -> str:
    """Write a URL with a word in the place of its password."""
    access, _, host = parts.netloc.rpartition("@")
    user, has_password, _ = access.partition(":")
    user = f"{user}:PASSWORD" if has_password else user
    query = [
        (name, "PASSWORD" if name == "password" else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return _url(parts, f"{user}@{host}" if access else host, query)


def _url(parts: SplitResult, netloc: str, query: list[tuple[str, str]]) -> str:
    url = f"{parts.scheme}://{netloc}{parts.path}"
    return f"{url}?{urlencode(query)}" if query else url


def _default_path() -> Path:
    return platformdirs.user_data_path("mavi_async", appauthor=False) / _FILE
