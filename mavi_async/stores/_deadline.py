"""Nobody waits for ever for a store that hangs."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import anyio

from mavi_async._errors import StoreError

__all__ = ["STORE_SECONDS", "eventually", "in_time"]

STORE_SECONDS: Final = 3.0
_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0)

T = TypeVar("T")


async def in_time(call: Awaitable[T]) -> T:
    """Await a call of a store or a pacer, but not for long.

    Raises:
        StoreError: If it does not end in time; it may have been carried out all the same.
    """
    try:
        with anyio.fail_after(STORE_SECONDS):
            return await call
    except TimeoutError:
        raise StoreError(f"the store did not answer within {STORE_SECONDS:g} s") from None


async def eventually(call: Callable[[], Awaitable[T]]) -> T:
    """Call a store that failed just now, again and again for half a minute.

    Raises:
        StoreError: If it fails all the time.
    """
    for pause in _PAUSES:
        await anyio.sleep(pause)
        try:
            return await in_time(call())
        except StoreError:
            continue
    return await in_time(call())
