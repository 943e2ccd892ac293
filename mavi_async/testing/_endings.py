"""Checks of ends: of calls that are cancelled or cannot be, and of the store itself."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Final

import anyio
import anyio.lowlevel

from mavi_async._records import IntentState, Verdict
from mavi_async.stores import TaskStore
from mavi_async.testing._callbacks import MEBIBYTE, put_unseen
from mavi_async.testing._expectations import Unmet, expect, shown
from mavi_async.testing._trial import Trial, check
from mavi_async.testing._unmatched import begin_unknown

SETTLE_PAUSES = (0.0, 0.01, 0.1, 1.0, 3.0)
# Before the call has begun, in its first steps, and while a thread or a server works for it.
CANCEL_AFTER: Final = ((0, 0.0), (1, 0.0), (2, 0.0), (0, 0.0005), (0, 0.003))


async def _cancelled(call: Callable[[], Awaitable[object]], steps: int, seconds: float) -> None:
    """Make a call and cancel it."""
    async with anyio.create_task_group() as group:

        async def run() -> None:
            await call()

        group.start_soon(run)
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        if seconds:
            await anyio.sleep(seconds)
        group.cancel_scope.cancel()


async def _expect_whole(what: str, look: Callable[[], Awaitable[tuple[bool, ...]]]) -> None:
    """Expect that facts agree in the end: what was cancelled may go on for a while."""
    found: tuple[bool, ...] = ()
    for pause in SETTLE_PAUSES:
        await anyio.sleep(pause)
        found = await look()
        if len({*found}) == 1:
            return
    raise Unmet(what, "all or nothing", shown(found))


@check(rule=1)
async def cancelled_put_is_whole_or_nothing(trial: Trial) -> None:
    """And the store goes on working."""
    store = trial.open(max_unknown=99, max_unknown_bytes=2 * MEBIBYTE)
    for number, when in enumerate(CANCEL_AFTER):
        name = f"t{number}"
        body = bytes(MEBIBYTE // 8) + name.encode()
        await _cancelled(partial(store.put_callback, name, body, seen=False), *when)

        found = await store.get_callback(name)
        expect("get_callback after a put was cancelled", True, found in (None, body))
        (put,) = await put_unseen(store, name, body=body)
        again = put.verdict in (Verdict.FIRST, Verdict.SAME)
        expect("whether the same body is FIRST or the SAME after it", True, again)
        expect("get_callback in the end", body, await store.get_callback(name))
    expect("how many are listed", len(CANCEL_AFTER), len(await store.list_unmatched()))


@check(rule=1)
async def cancelled_acceptance_is_whole_or_nothing(trial: Trial) -> None:
    """An intent that is accepted has a job; an intent with a key is found by it."""
    store = trial.open()
    for number, when in enumerate(CANCEL_AFTER):
        name, intent = f"t{number}", trial.intent(f"i{number}", key=f"k{number}")
        await _cancelled(partial(store.begin_intent, intent), *when)

        async def is_begun(
            intent_id: str = intent.intent_id, key: str = f"k{number}"
        ) -> tuple[bool, ...]:
            found = (await store.get_intent(intent_id), await store.find_intent("mine", key))
            return tuple(each is not None for each in found)

        await _expect_whole("the intent and its key, after begin_intent was cancelled", is_begun)
        expect("begin_intent after it", intent, await store.begin_intent(intent))
        job = trial.submission(name)
        await _cancelled(partial(store.put_submission, job, intent_id=intent.intent_id), *when)
        await _expect_whole(
            "the job and its ACCEPTED intent, after put_submission was cancelled",
            partial(_has_job, store, name, intent.intent_id),
        )
        await store.put_submission(job, intent_id=intent.intent_id)
        expect("get_submission in the end", job, await store.get_submission(name))


@check(rule=1)
async def cancelled_adoption_is_whole_or_nothing(trial: Trial) -> None:
    """The job and the intent, and what is forgotten goes with all of its parts."""
    store = trial.open(max_unknown=99, max_unknown_bytes=999)
    for number, when in enumerate(CANCEL_AFTER):
        name, intent_id = f"t{number}", f"i{number}"
        await begin_unknown(store, trial.intent(intent_id))
        await put_unseen(store, name)
        await _cancelled(partial(store.adopt, intent_id, name), *when)
        await _expect_whole(
            "the job and its ACCEPTED intent, after adopt was cancelled",
            partial(_has_job, store, name, intent_id),
        )
        await store.adopt(intent_id, name)
        await _cancelled(partial(store.forget, name), *when)

        async def is_there(name: str = name, intent_id: str = intent_id) -> tuple[bool, ...]:
            left = await store.get_callback(name), await store.get_intent(intent_id)
            return (
                *(each is not None for each in left),
                await store.get_submission(name) is not None,
            )

        await _expect_whole("callback, intent and job, after forget was cancelled", is_there)
        await store.forget(name)
        expect("get_callback in the end", None, await store.get_callback(name))


async def _has_job(store: TaskStore, task_id: str, intent_id: str) -> tuple[bool, bool]:
    intent = await store.get_intent(intent_id)
    accepted = intent is not None and intent.state is IntentState.ACCEPTED
    return accepted, await store.get_submission(task_id) is not None


@check(rule=12)
async def local_store_never_suspends(trial: Trial) -> None:
    """What says so is called without protection from cancelling."""
    store = trial.open()
    expect("the type of local", bool, type(store.local))
    calls: list[Callable[[], Coroutine[object, object, object]]] = [
        partial(store.begin_intent, trial.intent("i")),
        partial(store.put_submission, trial.submission("t"), intent_id="i"),
        partial(store.put_callback, "t", b"body", seen=False),
        partial(store.get_callback, "t"),
        partial(store.pin_callback, "t"),
        partial(store.mark_collected, ["t"]),
        partial(store.list_uncollected),
        partial(store.forget, "t"),
    ]
    for call in calls if store.local else []:
        step = call()
        try:
            step.send(None)
        except StopIteration:
            continue
        step.close()
        raise Unmet("a store whose local is true", "no call that suspends", f"{step!r} does")


@check(rule=1)
async def store_closes_twice(trial: Trial) -> None:
    """Whoever closes it first."""
    store = trial.open()
    await put_unseen(store, "t")
    await store.aclose()
    await store.aclose()
