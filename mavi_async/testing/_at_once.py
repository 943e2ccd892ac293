"""Checks of calls that come at once: each is atomic, whoever else calls."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeVar

import anyio

from mavi_async._errors import StoreError
from mavi_async._records import IntentState, Put, Verdict
from mavi_async.stores import TaskStore
from mavi_async.testing._callbacks import put_unseen
from mavi_async.testing._expectations import expect
from mavi_async.testing._trial import Trial, check
from mavi_async.testing._unmatched import begin_unknown

__all__ = ["at_once", "expect_one_first", "expect_one_intent"]

T = TypeVar("T")


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
