"""Something to do with a SQLite connection, handed from an event loop to a thread.

SQLite blocks, and a disk may hang. Whoever waits for a thread can walk away at any time: what
has not begun then never does, and what has begun goes on, atomic as it is, for nobody.
"""

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from mavi_async._errors import TaskStateError
from mavi_async._loop import call_in, current_token, new_waiter

__all__ = ["Call"]

T = TypeVar("T")


class Call(Generic[T]):
    """Something to do with a connection, and whoever waits for what comes of it.

    Args:
        function: What to do, within one transaction.
        then: Called in the thread with what came of it, once that is durable.
    """

    def __init__(
        self,
        function: Callable[[sqlite3.Connection], T],
        then: Callable[[T], None] | None = None,
    ) -> None:
        self._token = current_token()
        self._waiter = new_waiter()
        self._function = function
        self._then = then
        self._value: T | None = None
        self._error: Exception | None = None
        self._is_done = False
        self.is_wanted = True

    async def outcome(self) -> T:
        """Wait for what comes of it."""
        try:
            await self._waiter.park(None)
        except BaseException:
            self.is_wanted = False
            raise
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def carry_out(self, connection: sqlite3.Connection) -> bool:
        """Do it, and return False if there is nothing to keep of it.

        Raises:
            sqlite3.Error: If the database failed it; it may then be carried out again.
        """
        self._error = None
        try:
            self._value = self._function(connection)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self._error = error
        self._is_done = self._error is None
        return self._is_done

    def fail(self, error: Exception) -> None:
        """Settle it without a value."""
        self._is_done, self._error = False, error
        self.settle()

    def settle(self) -> None:
        """Hand over what came of it."""
        try:
            if self._is_done and self._then is not None:
                self._then(cast("T", self._value))
        finally:
            with contextlib.suppress(TaskStateError):  # its loop may have ended meanwhile
                call_in(self._token, self._waiter.wake)
