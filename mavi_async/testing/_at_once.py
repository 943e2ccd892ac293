"""Checks of calls that come at once, or are cancelled: each is done as a whole or not at all."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Final, TypeVar

import anyio
import anyio.lowlevel

from mavi_async._errors import StoreError
from mavi_async._records import IntentState, Put, Verdict
from mavi_async.stores import TaskStore
from mavi_async.testing._callbacks import MEBIBYTE, put_unseen
from mavi_async.testing._expectations import Unmet, expect, shown
from mavi_async.testing._trial import Trial, check
from mavi_async.testing._unmatched import begin_unknown

__all__ = ["at_once", "expect_one_first", "expect_one_intent"]

T = TypeVar("T")

SETTLE_PAUSES = (0.0, 0.01, 0.1, 1.0, 3.0)
# Before the call has begun, in its first steps, and while a thread or a server works for it.
CANCEL_AFTER: Final = ((0, 0.0), (1, 0.0), (2, 0.0), (0, 0.0005), (0, 0.003))


async def at_once(calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Make calls in tasks of their own and return what they return, in the same order."""
    results: dict[int, T] = {}

    async def run(number: int, call: Callable[[], Awaitable[T]]) -> None:
        results[number] = await call()

    async with anyio.create_task_group() as group:
        for number, call in enumerate(calls):
            group.start_soon(run, number, call)
    return [results[number] for number in sorted(results)]


async def expect_one_first(*stores: TaskStore) -> None:
    """Expect that of many bodies of one job, put into any instance, one counts."""
    bodies = [f"body {number // 2}".encode() for number in range(50)]
    puts: list[Put] = await at_once(
        partial(stores[number % len(stores)].put_callback, "t", body, seen=False)
        for number, body in enumerate(bodies)
    )

    firsts = [body for body, put in zip(bodies, puts, strict=True) if put.verdict is Verdict.FIRST]
    expect("how many of 50 callbacks of one job at once are FIRST", 1, len(firsts))
    kept = [await store.get_callback("t") for store in stores]
    expect("get_callback: the body that was FIRST", firsts * len(stores), kept)
    told = {put.verdict for body, put in zip(bodies, puts, strict=True) if body not in firsts}
    expect("the verdicts on the other bodies", {Verdict.OTHER}, told)
    same = [put.verdict for body, put in zip(bodies, puts, strict=True) if body in firsts]
    expect("the verdicts on the body that counts", 1, same.count(Verdict.SAME))


async def expect_one_intent(trial: Trial, *stores: TaskStore) -> None:
    """Expect that of many intents with one key, begun in any instance, one is sent."""
    intents = [trial.intent(f"i{number}", key="k") for number in range(20)]
    begun = await at_once(
        partial(stores[number % len(stores)].begin_intent, intent)
        for number, intent in enumerate(intents)
    )

    won = [intent for intent, found in zip(intents, begun, strict=True) if intent == found]
    expect("how many of 20 intents with one key at once were begun", 1, len(won))
    expect("begin_intent of all of them", won * len(intents), begun)
    kept = [list(await store.list_intents(IntentState.SENDING)) for store in stores]
    expect("list_intents of SENDING", [won] * len(stores), kept)


@check(rule=1)
async def one_body_counts_of_many_at_once(trial: Trial) -> None:
    """The first one; whoever is told that it was first must be right."""
    await expect_one_first(trial.open())


@check(rule=1)
async def one_intent_of_a_key_is_begun_of_many_at_once(trial: Trial) -> None:
    """Or a job would be paid for twice."""
    await expect_one_intent(trial, trial.open())


@check(rule=1)
async def one_intent_adopts_of_two_at_once(trial: Trial) -> None:
    """A callback is that of one job."""
    store = trial.open()
    for each in ("i", "j"):
        await begin_unknown(store, trial.intent(each, key=each))
    await put_unseen(store, "t")

    adopted = await at_once(partial(store.adopt, each, "t") for each in ("i", "j"))

    expect("how many of two intents at once adopt", 1, sum(each is not None for each in adopted))
    found = [
        await store.list_intents(state) for state in (IntentState.ACCEPTED, IntentState.UNKNOWN)
    ]
    expect("how many intents are ACCEPTED, UNKNOWN", [1, 1], [len(each) for each in found])


@check(rule=1)
async def bound_holds_at_once(trial: Trial) -> None:
    """Of ten unknown callbacks three fit, and those are kept that were not refused."""
    store = trial.open()

    async def put(task_id: str) -> bool:
        try:
            await store.put_callback(task_id, b"body", seen=False)
        except StoreError:
            return False
        return True

    names = [f"t{number}" for number in range(10)]
    accepted = await at_once(partial(put, name) for name in names)

    kept = [await store.get_callback(name) is not None for name in names]
    expect("how many of ten unknown callbacks were kept", 3, sum(kept))
    expect("which ones are there: those that were not refused", accepted, kept)


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
