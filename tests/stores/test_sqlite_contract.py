"""A `SQLiteStore` keeps the contract of all stores, under asyncio and under trio."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mavi_async import SQLiteStore
from mavi_async.testing import MakeStore, task_store_checks

CHECKS = task_store_checks(shared=True)


@pytest.fixture
def make_store(tmp_path: Path) -> MakeStore:
    """Makes stores that are files of a folder."""

    def make(
        name: str,
        /,
        *,
        clock: Callable[[], float],
        ttl: float,
        max_unknown: int,
        max_unknown_bytes: int,
        max_aside: int,
    ) -> SQLiteStore:
        return SQLiteStore(
            tmp_path / name,
            clock=clock,
            ttl=ttl,
            max_unknown=max_unknown,
            max_unknown_bytes=max_unknown_bytes,
            max_aside=max_aside,
        )

    return make


@pytest.mark.asyncio
@pytest.mark.parametrize("name", CHECKS)
async def test_it_keeps_the_contract(name: str, make_store: MakeStore) -> None:
    """Also where a second store uses the same file."""
    await CHECKS[name](make_store)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
@pytest.mark.parametrize("name", [name for name in CHECKS if CHECKS[name].shared])
async def test_it_keeps_the_contract_under_trio(name: str, make_store: MakeStore) -> None:
    """What differs is how an event loop and a thread meet."""
    await CHECKS[name](make_store)
