"""What the tests of Redis stores share: stores on a server, and what is there."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from mavi_async._records import Intent, IntentState, Submission
from mavi_async.redis import RedisStore
from mavi_async.stores import Lane

OpenStore: TypeAlias = Callable[..., RedisStore]
Notify: TypeAlias = Callable[[str | None], None]
UseAllOf: TypeAlias = Callable[[RedisStore], Awaitable[None]]
Watch: TypeAlias = Callable[[RedisStore, Notify], Awaitable[Callable[[], None]]]

LANE = Lane("https://lane.example", "account", "/path")


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


async def using_all_of(store: RedisStore) -> None:
    """Leave something of every kind on the server."""
    await store.put_callback("unmatched", b"body", seen=False)
    await store.put_callback("seen", b"body", seen=True)
    await store.put_callback("seen", b"other", seen=False)
    for each in ("pending", "done", "collected"):
        await store.put_submission(Submission(each, "mine", "re_1", 1.5))
    for each in ("done", "collected"):
        await store.put_callback(each, b"body", seen=False)
    await store.mark_collected(["collected"])
    for state in IntentState:
        await store.begin_intent(
            Intent(state.value, "mine", "re_1", state, 1.5, 2.5, f"key of {state}")
        )
        await store.update_intent(state.value, state, task_id=state.value)
    await store.pacer(LANE, 1.0).reserve()


@pytest.fixture
def use_all_of() -> UseAllOf:
    """Leaves something of every kind on the server."""
    return using_all_of


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
