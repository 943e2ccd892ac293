"""The awaitable handle of one uploaded asset: a future that is resolved by asking."""

import copy
import logging
from collections.abc import Callable, Generator
from typing import Protocol

import attrs

from mavi_async._asset import FAILED, Asset
from mavi_async._configuration import checked_seconds
from mavi_async._errors import AssetFailed, AssetTimeout, MaviError, TaskStateError
from mavi_async._loop import Waiter, new_waiter
from mavi_async._task import UNSET, Unset

__all__ = ["AssetTask"]

log = logging.getLogger("mavi_async")

DoneCallback = Callable[["AssetTask"], object]


class Desk(Protocol):
    """Where one asks about assets."""

    @property
    def result_timeout(self) -> float | None:
        """Seconds to wait by default."""
        ...

    def watch(self, task: "AssetTask") -> None:
        """Ask about an asset for as long as somebody waits for it."""
        ...

    async def look(self, task: "AssetTask") -> None:
        """Ask about an asset once."""
        ...


@attrs.define(eq=False, repr=False, weakref_slot=True)
class AssetTask:
    """An uploaded asset; awaiting it gives its `Asset` once jobs can be made of it.

    MAVI is asked about it while somebody waits, and not otherwise; however many wait, it is asked
    once for all of them. Any number of coroutines may await it; cancelling one, or its timeout,
    does not disturb the others. It is not an `asyncio.Future`: pass it to ``asyncio.gather``,
    ``wait_for`` and ``as_completed`` as it is, and to ``asyncio.create_task`` or a ``TaskGroup``
    as ``asset.wait()``.

    Attributes:
        asset_id: What jobs are submitted with.
    """

    asset_id: str
    _desk: Desk
    _asset: Asset | None = None
    _is_done: bool = False
    _trouble: MaviError | None = None
    _waiters: list[Waiter] = attrs.field(factory=list)
    _callbacks: list[DoneCallback] = attrs.field(factory=list)

    @property
    def upload_status(self) -> str | None:
        """The status when MAVI was last asked; ``None`` before that."""
        return None if self._asset is None else self._asset.upload_status

    def __await__(self) -> Generator[object, None, Asset]:
        return self.wait().__await__()

    async def wait(self, timeout: float | Unset | None = UNSET) -> Asset:
        """Wait until the asset can be used and return its metadata.

        Args:
            timeout: Seconds; 0 asks once, ``None`` waits for ever. The default is the client's
                ``result_timeout``, counted from the start of this wait.

        Raises:
            AssetFailed: If MAVI cannot use the file.
            AssetTimeout: If it is not usable in time. Waiting again is free.
            RequestRejected: If MAVI refuses to tell; see its subclasses.
            ServiceUnavailable: If MAVI could not be asked, many times in a row. Waiting again
                asks again.
            StoreError: If the store is down, as long.
            ClientClosed: If the client was closed, or closes meanwhile.
            TaskStateError: Outside ``async with``, or in another event loop.
            ConfigurationError: If the timeout is negative or not a number.
        """
        if isinstance(timeout, Unset):
            timeout = self._desk.result_timeout
        elif timeout is not None:
            timeout = checked_seconds(timeout, "timeout")
        if not self._is_done:
            await self._wait(timeout)
        return self.result()

    def done(self) -> bool:
        """Return True once the asset is usable, or never will be."""
        return self._is_done

    def result(self) -> Asset:
        """Return the asset without waiting.

        Raises:
            TaskStateError: If the task is not done.
            AssetFailed: If MAVI cannot use the file.
        """
        error = self.exception()
        if error is not None:
            raise error
        assert self._asset is not None  # noqa: S101 - tells type checkers
        return self._asset

    def exception(self) -> AssetFailed | None:
        """Return the error that `result` would raise, or ``None``.

        Raises:
            TaskStateError: If the task is not done.
        """
        if not self._is_done:
            raise TaskStateError(f"asset {self.asset_id} is not done: await it first")
        if self.upload_status != FAILED:
            return None
        return AssetFailed(
            "MAVI could not take the upload: check that the file is whole and of its format, and "
            "upload it again",
            self.asset_id,
        )

    def add_done_callback(self, function: DoneCallback) -> None:
        """Call a function with the task once it is done, or now if it is.

        It is called in the event loop, before the waiters resume, and MAVI is asked until then.
        Where that has to be given up, it is not called. What it raises is logged.

        Raises:
            ClientClosed: If the client was closed.
            TaskStateError: Outside ``async with``, or in another event loop.
        """
        if self._is_done:
            self._call(function)
            return
        self._desk.watch(self)
        self._callbacks.append(function)

    def remove_done_callback(self, function: DoneCallback) -> int:
        """Remove a function from the callbacks and return how often it was there."""
        before = len(self._callbacks)
        self._callbacks = [each for each in self._callbacks if each != function]
        return before - len(self._callbacks)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody wants to know."""
        return bool(self._waiters or self._callbacks) and not self._is_done

    def learn(self, asset: Asset) -> None:
        """Take what MAVI says, and wake everybody if that is final; for the client alone."""
        if self._is_done:
            return
        self._asset = asset
        if not (asset.is_usable or asset.upload_status == FAILED):
            return
        self._is_done = True
        callbacks, self._callbacks = self._callbacks, []
        for function in callbacks:
            self._call(function)
        self._wake()

    def give_up(self, error: MaviError) -> None:
        """Tell those who wait that it is not asked for any more; for the client alone."""
        self._trouble = error
        self._callbacks = []
        self._wake()

    async def _wait(self, timeout: float | None) -> None:
        if timeout == 0:
            await self._desk.look(self)
            woken = self._is_done
        else:
            woken = await self._park(timeout)
        if self._is_done:
            return
        if woken and self._trouble is not None:
            # A fresh instance, so that no two waiters share a traceback.
            raise copy.copy(self._trouble)
        raise AssetTimeout(
            f"the upload is not usable within {timeout or 0:g} s (its status is "
            f"{self.upload_status or 'not known'}): wait again",
            self.asset_id,
        )

    async def _park(self, timeout: float | None) -> bool:
        waiter = new_waiter()
        self._waiters.append(waiter)
        try:
            self._desk.watch(self)
            return await waiter.park(timeout)
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.wake()

    def _call(self, function: DoneCallback) -> None:
        try:
            function(self)
        except Exception:
            log.exception("a done-callback of asset %s failed", self.asset_id)

    def __repr__(self) -> str:
        status = self.upload_status or "not asked yet"
        waiting = "" if self._is_done else f", {len(self._waiters)} waiting"
        return f"<AssetTask {self.asset_id} {status}{waiting}>"
