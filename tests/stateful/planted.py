"""Bugs to put into the package, each of which the stories must notice."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest

from mavi_async import Delivery, Dispatcher, MemoryStore, SpeakerTask, _answers, _retry, _task
from mavi_async._lookout import Lookout
from mavi_async._loop import Waiter, _AsyncioWaiter, new_waiter
from mavi_async._records import Put, Submission
from mavi_async._registry import TRANSITIONS, Action, Event, State, Step
from mavi_async._secret import ApiKey
from mavi_async._speaker_jobs import SpeakerJobs
from mavi_async._submit import Submitter
from mavi_async._task import Outcome
from mavi_async.stores._shelf import Shelf

__all__ = ["BUGS"]

Plant = Callable[[pytest.MonkeyPatch], None]

_take, _put, _pin = Dispatcher._take, MemoryStore.put_callback, MemoryStore.pin_callback
_settle, _wait = SpeakerTask.settle, SpeakerTask._wait_for_body
_shared: list[Waiter] = []


async def acknowledge_first(self: Dispatcher, task_id: str, body: bytes) -> Delivery:
    """Persist in the background what is new."""
    if await self._store.get_callback(task_id) is not None:
        return await _take(self, task_id, body)
    self._background.start_quietly(partial(_take, self, task_id, body), "keeping a callback")
    return Delivery.STORED


async def wake_first(self: Dispatcher, task_id: str, body: bytes) -> Delivery:
    """Persist what was given out before."""
    await self._deliver(task_id, Event.FIRST, body)
    return await _take(self, task_id, body)


async def drop_unknown(self: Dispatcher, task_id: str, body: bytes) -> Delivery:
    """Keep only what somebody submitted."""
    if await self._store.get_submission(task_id) is None:
        return Delivery.STORED
    return await _take(self, task_id, body)


async def pin_nothing(self: Dispatcher, task: SpeakerTask) -> bytes | None:
    """Hand out what a later body may still replace."""
    return await self._store.get_callback(task.task_id)


async def check_then_register(self: Dispatcher, task: SpeakerTask) -> None:
    """Miss what comes between the look and the hints."""
    try:
        await self.find(task)
        await self._lookout.begin()
    finally:
        self.stop_watching_if_idle()


async def never_check(self: Dispatcher, task: SpeakerTask) -> None:
    """Hear of what is new, and never look."""


async def overwrite(self: MemoryStore, task_id: str, body: bytes, *, seen: bool) -> Put:
    """Keep the last body."""
    put = await _put(self, task_id, body, seen=seen)
    kept = self._shelf.get(task_id)
    assert kept is not None
    kept.body = body
    return put


async def consume(self: MemoryStore, task_id: str) -> bytes | None:
    """Remove what is read."""
    body = await _pin(self, task_id)
    self._shelf.remove(task_id)
    return body


async def adopt_anything(self: MemoryStore, intent_id: str, task_id: str) -> Submission | None:
    """Bind a callback as often as somebody wants."""
    intent = await self.get_intent(intent_id)
    if intent is None or task_id not in self._shelf:
        return None
    submission = Submission(task_id, intent.account, intent.asset_id, intent.created_at)
    await self.put_submission(submission, intent_id=intent_id)
    return submission


async def list_nothing(self: MemoryStore, _: object = None) -> tuple[()]:
    """Forget."""
    return ()


async def look_for_nothing(self: Lookout) -> None:
    """Rely on hints."""


async def ignore_the_key(
    self: SpeakerJobs, submitter: Submitter[SpeakerTask], asset_id: str, key: str | None
) -> SpeakerTask:
    """Submit again."""
    return await submitter.submit(asset_id)


def settle_again(self: SpeakerTask, body: bytes, outcome: Outcome | None = None) -> None:
    """Let the newest body count."""
    self._body = self._outcome = None
    _settle(self, body, outcome)


def wake_one(self: SpeakerTask) -> None:
    """Forget all waiters but the first."""
    waiters, self._waiters = self._waiters, None
    for waiter in (waiters or [])[:1]:
        waiter.wake()


def wake_carelessly(self: _AsyncioWaiter, woken: bool = True) -> None:
    """Do not ask whether the sleep is over."""
    self._future.set_result(woken)


async def share_a_future(self: SpeakerTask, timeout: float | None) -> None:
    """Let everybody sleep on one future."""
    _shared.append(self._waiters[0] if self._waiters else new_waiter())
    await _wait(self, timeout)


async def leak(self: SpeakerTask, timeout: float | None) -> None:
    """Hold what nobody waits for any more."""
    try:
        await _wait(self, timeout)
    except asyncio.CancelledError:
        self._inbox.hold(self)
        raise


def method(owner: type, name: str, function: object) -> Plant:
    """Put a function in the place of a method."""
    return lambda patch: patch.setattr(owner, name, function)


def row(state: State, event: Event, step: Step) -> Plant:
    """Put a row into the table of transitions."""
    return lambda patch: patch.setitem(TRANSITIONS, (state, event), step)


def both(first: Plant, second: Plant) -> Plant:
    """Plant what takes two changes."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        first(patch)
        second(patch)

    return plant


_CONTRADICTED: Final = Step(State.SETTLED, Delivery.CONFLICT, Action.SETTLE)

BUGS: Final[dict[str, tuple[Plant, tuple[str, ...]]]] = {
    "acknowledging before persisting": (
        method(Dispatcher, "_take", acknowledge_first),
        ("I1", "I11"),
    ),
    "a duplicate overwrites": (
        method(MemoryStore, "put_callback", overwrite),
        ("I5", "I10", "I11"),
    ),
    "unknown ids are dropped": (method(Dispatcher, "_take", drop_unknown), ("I1",)),
    "waking with the conflicting body": (
        row(State.WAITING, Event.OTHER, _CONTRADICTED),
        ("I3",),
    ),
    "waking with the newer body": (
        both(
            method(SpeakerTask, "settle", settle_again),
            row(State.SETTLED, Event.OTHER, _CONTRADICTED),
        ),
        ("I3",),
    ),
    "waking only the first waiter": (method(SpeakerTask, "wake", wake_one), ("I2", "I4")),
    "setting without a done check": (
        method(_AsyncioWaiter, "wake", wake_carelessly),
        ("I4", "I7", "I8", "no surprise"),
    ),
    "one future shared by waiters": (
        both(
            lambda patch: patch.setattr(_task, "new_waiter", _shared.pop),
            method(SpeakerTask, "_wait_for_body", share_a_future),
        ),
        ("I4", "I6"),
    ),
    "check before register": (method(Dispatcher, "look", check_then_register), ("I2",)),
    "no check at all": (method(Dispatcher, "find", never_check), ("I2",)),
    "reading consumes": (method(MemoryStore, "pin_callback", consume), ("I1", "I3", "I5", "I9")),
    "a leak on cancellation": (method(SpeakerTask, "_wait_for_body", leak), ("I7",)),
    "hints that nobody waits for": (
        method(Dispatcher, "stop_watching_if_idle", lambda _: None),
        ("I7",),
    ),
    "waking before persisting": (method(Dispatcher, "_take", wake_first), ("I3", "I9")),
    "what was seen is replaced": (method(Dispatcher, "_find", pin_nothing), ("I3", "I5")),
    "nobody looks for lost hints": (method(Lookout, "_look", look_for_nothing), ("I2",)),
    "a repetition is called new": (
        row(State.ABSENT, Event.SAME, Step(State.ABSENT, Delivery.STORED)),
        ("I10",),
    ),
    "unknown callbacks have no bound": (method(Shelf, "_make_room", lambda *_: ()), ("I12",)),
    "the idempotency key is ignored": (method(SpeakerJobs, "submit", ignore_the_key), ("I13",)),
    "an unknown outcome is sent again": (
        lambda patch: patch.setitem(_retry.TRIES, _answers.Outcome.UNKNOWN, 2),
        ("I13",),
    ),
    "a callback is adopted twice": (method(MemoryStore, "adopt", adopt_anything), ("I14",)),
    "resuming forgets what nobody collected": (
        method(MemoryStore, "list_uncollected", list_nothing),
        ("I16",),
    ),
    "the key in a log": (method(ApiKey, "redact", lambda _, text: text), ("I17",)),
}
"""What each one changes, and the invariants that may tell."""
