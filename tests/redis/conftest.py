"""What the tests of Redis stores share: stores on a server, and what is there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from mavi_async.redis import RedisStore

OpenStore: TypeAlias = Callable[..., RedisStore]
Notify: TypeAlias = Callable[[str | None], None]
Watch: TypeAlias = Callable[[RedisStore, Notify], Awaitable[Callable[[], None]]]


@pytest_asyncio.fixture
async def open_store(redis_url: str, namespace: str) -> AsyncIterator[OpenStore]:
    """Opens stores on one namespace, as processes of their own would; or elsewhere, if told."""
    stores: list[RedisStore] = []

    def make(url: str = redis_url, *, namespace: str = namespace, **options: float) -> RedisStore:
        stores.append(RedisStore(url, namespace=namespace, **options))  # type: ignore[arg-type] # of any kind
        return stores[-1]

    yield make
    for store in stores:
        await store.aclose()


async def watching(store: RedisStore, notify: Notify) -> Callable[[], None]:
    """Watch a store that can tell of what comes."""
    stop = await store.watch(notify)
    assert stop is not None
    return stop


@pytest.fixture
def watch() -> Watch:
    """Watches a store that can tell of what comes."""
    return watching


@pytest.fixture
def store(open_store: OpenStore) -> RedisStore:
    """A store."""
    return open_store()


@pytest.fixture
def other(open_store: OpenStore) -> RedisStore:
    """Another store on the same namespace, as on another host."""
    return open_store()


@pytest_asyncio.fixture
async def client(redis_url: str) -> AsyncIterator["Redis"]:
    """A look at the server past all stores."""
    async with Redis.from_url(redis_url) as client:
        yield client
