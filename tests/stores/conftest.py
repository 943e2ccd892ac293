"""What the tests of SQLite files share: a file, stores on it, and other processes."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio

from mavi_async import SQLiteStore

SCRIPT = Path(__file__).parent / "run_sqlite.py"

StartProcess: TypeAlias = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet, in a folder that is not there yet."""
    return tmp_path / "folder" / "mavi.sqlite3"


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[SQLiteStore]:
    """A store on the file."""
    store = SQLiteStore(path)
    yield store
    await store.aclose()


@pytest_asyncio.fixture
async def other(path: Path) -> AsyncIterator[SQLiteStore]:
    """Another store on the same file."""
    store = SQLiteStore(path)
    yield store
    await store.aclose()


@pytest.fixture
def start(path: Path) -> Iterator[StartProcess]:
    """Starts a process that does a deed of `run_sqlite.py` on the file."""
    started: list[subprocess.Popen[str]] = []

    def start(deed: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(SCRIPT), deed, str(path), *map(str, arguments)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
