"""A `RedisStore` keeps the contract of all stores."""

import time
from collections.abc import Callable

import pytest

from mavi_async.redis import RedisStore
from mavi_async.testing import MakeStore, task_store_checks

CHECKS = task_store_checks(shared=True)


@pytest.fixture
def make_store(redis_url: str) -> MakeStore:
    """Makes stores that are namespaces; they go by the server's clock unless a test moves time."""

    def make(
        name: str,
        /,
        *,
        clock: Callable[[], float],
        ttl: float,
        max_unknown: int,
        max_unknown_bytes: int,
        max_aside: int,
    ) -> RedisStore:
        return RedisStore(
            redis_url,
            namespace=name,
            clock=None if clock is time.time else clock,
            ttl=ttl,
            max_unknown=max_unknown,
            max_unknown_bytes=max_unknown_bytes,
            max_aside=max_aside,
        )

    return make


@pytest.mark.asyncio
@pytest.mark.parametrize("name", CHECKS)
async def test_it_keeps_the_contract(name: str, make_store: MakeStore) -> None:
    """Also where a second store uses the same namespace."""
    await CHECKS[name](make_store)
