"""A listener ends when it is told to, also where that is forgotten on its way."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from redis import ConnectionError as NotConnected
from redis.asyncio import ConnectionPool, Redis, UnixDomainSocketConnection

from mavi_async import StoreError
from mavi_async.redis import RedisStore, _listener

if TYPE_CHECKING:
    from tests.conftest import StartRedis
    from tests.redis.conftest import Watch


class Forgetful(UnixDomainSocketConnection):
    """A connection that forgets a cancellation, once, as Python 3.11's `wait_for` may.

    Attributes:
        interrupts: Called when something is sent, to have it cancelled; one each time.
        error: What sending raises from then on.
    """

    interrupts: ClassVar[list[Callable[[], None]]] = []
    error: ClassVar[Exception | None] = None

    async def send_packed_command(self, *args: Any, **options: Any) -> None:
        """Send a command."""
        if self.interrupts:
            self.interrupts.pop()()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        await super().send_packed_command(*args, **options)


@pytest.mark.parametrize("error", [None, NotConnected("gone")])
@pytest.mark.asyncio
async def test_a_listener_ends_although_its_cancellation_was_forgotten(
    error: Exception | None,
    start_redis: "StartRedis",
    watch: "Watch",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether the server goes on to answer or is gone for good; closing waits for it."""
    pool: Any = ConnectionPool(connection_class=Forgetful, path=f"{start_redis().folder}/s")
    monkeypatch.setattr(_listener, "_SILENCE", 0.2)
    closing: asyncio.Future[asyncio.Task[None]] = asyncio.get_running_loop().create_future()

    def close() -> None:
        closing.set_result(asyncio.create_task(store.aclose()))
        monkeypatch.setattr(Forgetful, "error", error)

    async with Redis.from_pool(pool) as given:
        store = RedisStore(given)
        await watch(store, lambda _: None)
        monkeypatch.setattr(Forgetful, "interrupts", [close])
        async with asyncio.timeout(10):
            await (await closing)

    assert {asyncio.current_task()} == asyncio.all_tasks()


@pytest.mark.asyncio
async def test_whoever_begins_to_watch_a_store_that_is_closed_is_told(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: nobody listens any more."""
    monkeypatch.setattr("mavi_async.redis._server.STORE_SECONDS", 60.0)
    watching = asyncio.create_task(store.watch(lambda _: None))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await store.aclose()
        with pytest.raises(StoreError, match="closed meanwhile"):
            await watching
