"""Nobody waits for ever for a store that hangs."""

from collections.abc import Awaitable
from typing import Final, TypeVar

import anyio

from mavi_async._errors import StoreError

__all__ = ["STORE_SECONDS", "in_time"]

STORE_SECONDS: Final = 3.0

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
