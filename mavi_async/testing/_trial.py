"""One check of a store: what it gets to work with, and what is made of its outcome."""

import time
import traceback
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Protocol, Self
from uuid import uuid4

import anyio
import attrs

from mavi_async._records import Intent, IntentState, Submission
from mavi_async.stores import TaskStore
from mavi_async.testing._contract import BrokenRule, StoreContractBroken
from mavi_async.testing._expectations import Unmet

__all__ = ["CHECK_SECONDS", "DAY", "MINUTE", "MakeStore", "StoreCheck", "Trial", "check"]

CHECK_SECONDS = 30.0
CLOSE_SECONDS: Final = 5.0
MINUTE: Final = 60.0
DAY: Final = 86_400.0


class MakeStore(Protocol):
    """Makes a store to be checked, which the check closes."""

    def __call__(
        self,
        name: str,
        /,
        *,
        clock: Callable[[], float],
        ttl: float,
        max_unknown: int,
        max_unknown_bytes: int,
        max_aside: int,
    ) -> TaskStore:
        """Make a store.

        Args:
            name: Letters, digits and ``-``. A name that was not used before is that of an empty
                store. Under one that was, a store whose data is shared or durable has its data
                again: use it as the name of a file, or as a prefix.
            clock: Returns seconds since the epoch.
            ttl: Seconds for which submissions, results and intents are kept.
            max_unknown: How many callbacks of jobs that nobody submitted are kept.
            max_unknown_bytes: How many bytes they may take in all.
            max_aside: How many contradicting bodies are kept.
        """
        ...


@attrs.define
class _Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Trial:
    """The stores of one check, their clock, and what is put into them.

    Args:
        make_store: Makes the stores.
        name: What their data is called.
        moves_clock: Whether time stands still until the check moves it.
    """

    def __init__(self, make_store: MakeStore, name: str, *, moves_clock: bool) -> None:
        self._make_store = make_store
        self._name = name
        self._clock = _Clock() if moves_clock else None
        self._opened: list[TaskStore] = []

    def open(
        self,
        part: str = "",
        *,
        max_unknown: int = 3,
        max_unknown_bytes: int = 30,
        max_aside: int = 2,
    ) -> TaskStore:
        """Open a store; another one of the same part of the check is a second instance of it."""
        store = self._make_store(
            self._name + part,
            clock=self._clock or time.time,
            ttl=DAY,
            max_unknown=max_unknown,
            max_unknown_bytes=max_unknown_bytes,
            max_aside=max_aside,
        )
        self._opened.append(store)
        return store

    @property
    def now(self) -> float:
        """The time of the stores."""
        return (self._clock or time.time)()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if self._clock is None:
            raise RuntimeError("declare that the check moves the clock")
        self._clock.now += seconds

    def submission(self, task_id: str, *, account: str = "mine", later: float = 0.0) -> Submission:
        """Return a job that was accepted just now, or is to count as a later one."""
        return Submission(task_id, account, f"re_{task_id}", self.now + later)

    def intent(
        self, intent_id: str, *, key: str | None = None, account: str = "mine", later: float = 0.0
    ) -> Intent:
        """Return a submission whose request may take a minute."""
        made = self.now + later
        return Intent(intent_id, account, "re_1", IntentState.SENDING, made, made + MINUTE, key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what was opened; what closing raises does not hide what the check found."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            for store in reversed(self._opened):
                try:
                    await store.aclose()
                except Exception:
                    if error is None:
                        raise


@attrs.frozen
class StoreCheck:
    """One check of a store; call it with what makes the store, and it raises what is broken.

    Attributes:
        name: What it is called.
        rule: The number of the rule that it checks.
        shared: Whether it opens a second instance that must see the data of the first.
        moves_clock: Whether the store must go by the clock that it is given.
    """

    name: str
    rule: int
    shared: bool
    moves_clock: bool
    _body: Callable[[Trial], Awaitable[None]]

    async def __call__(self, make_store: MakeStore) -> None:
        """Check a fresh store.

        Raises:
            StoreContractBroken: If it does not keep the rule.
        """
        name = f"{self.name.replace('_', '-')}-{uuid4().hex[:8]}"
        with anyio.move_on_after(CHECK_SECONDS) as scope:
            try:
                async with Trial(make_store, name, moves_clock=self.moves_clock) as trial:
                    await self._body(trial)
            except Exception as error:
                raise self._judge(error) from error
        if scope.cancelled_caught:
            raise self._broken(Unmet("the check", "an end", f"none within {CHECK_SECONDS:g} s"))

    def _judge(self, error: Exception) -> StoreContractBroken:
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            (error,) = error.exceptions
        if isinstance(error, Unmet):
            return self._broken(error)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename}:{frame.lineno}"
        raised = f"{type(error).__name__}: {error}"
        return self._broken(Unmet("a call of the store", "no error", f"{raised} ({place})"))

    def _broken(self, unmet: Unmet) -> StoreContractBroken:
        broken = BrokenRule(self.name, self.rule, unmet.what, unmet.expected, unmet.found)
        return StoreContractBroken((broken,))


def check(
    rule: int, *, shared: bool = False, moves_clock: bool = False
) -> Callable[[Callable[[Trial], Awaitable[None]]], StoreCheck]:
    """Make a check of a function; the suite finds it in its module."""

    def make(body: Callable[[Trial], Awaitable[None]]) -> StoreCheck:
        name = getattr(body, "__name__", "")
        return StoreCheck(name, rule, shared, moves_clock, body)

    return make
