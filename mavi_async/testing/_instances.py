"""Checks of stores whose data is shared or durable: a second instance, and one after a restart."""

import attrs

from mavi_async._records import IntentState, Put, Verdict
from mavi_async.stores import TaskStore
from mavi_async.testing._at_once import expect_one_first, expect_one_intent
from mavi_async.testing._callbacks import put_unseen
from mavi_async.testing._expectations import expect, expect_refusal
from mavi_async.testing._hints import Watcher
from mavi_async.testing._jobs import standing
from mavi_async.testing._pacers import INTERVAL, expect_delay, new_lane
from mavi_async.testing._trial import MINUTE, Trial, check
from mavi_async.testing._unmatched import begin_unknown


@check(rule=2, shared=True)
async def callbacks_survive_a_restart(trial: Trial) -> None:
    """Which body counts, who has seen it, what nobody knows, what is aside, and the bounds."""
    store = trial.open()
    await store.put_submission(trial.submission("known"))
    large = bytes(range(256)) * 4096
    await put_unseen(store, "known", body=large)
    await put_unseen(store, "known", body=b"aside\0")
    await put_unseen(store, "a", "b", "pinned", body=b"x" * 9)
    await store.pin_callback("pinned")
    await put_unseen(store, "c", body=b"x" * 9)
    before = await _callbacks_of(store)
    await store.aclose()

    store = trial.open()

    expect("the callbacks after a restart", before, await _callbacks_of(store))
    expect("get_callback of a mebibyte", large, await store.get_callback("known"))
    puts = [*await put_unseen(store, "pinned", body=b"y"), *await put_unseen(store, "a", body=b"y")]
    expected = [Put(Verdict.OTHER), Put(Verdict.OTHER, unseen=b"x" * 9)]
    expect("put_callback of other bodies, where the first was seen or not", expected, puts)
    replaced = [
        await store.replace_callback(each, old=b"x" * 9, new=b"z" * 9) for each in ("pinned", "a")
    ]
    expect("replace_callback of what was seen, or not", [False, True], replaced)
    with expect_refusal("put_callback of an unknown job into a full store"):
        await put_unseen(store, "d", body=b"")


async def _callbacks_of(store: TaskStore) -> list[object]:
    return [
        [await store.get_callback(each) for each in ("a", "b", "c", "pinned", "nothing")],
        list(await store.list_unmatched()),
        list(await store.list_aside()),
        sorted(await store.list_arrived(["a", "known", "pinned", "nothing"])),
        await store.last_callback_at(),
    ]


@check(rule=2, shared=True)
async def jobs_survive_a_restart(trial: Trial) -> None:
    """Submissions, intents in each state with their keys, and what was collected."""
    store = trial.open()
    for number, each in enumerate(("pending", "done", "collected")):
        await store.put_submission(trial.submission(each, later=number))
    await put_unseen(store, "done", "collected")
    await store.mark_collected(["collected"])
    for number, state in enumerate(IntentState):
        intent = trial.intent(state.name, key=state.name, later=number)
        await store.begin_intent(attrs.evolve(intent, endpoint="/path"))
        await store.update_intent(state.name, state, task_id="t" if number == 1 else None)
    past = trial.intent("past", key="past", later=-5 * MINUTE)
    await store.begin_intent(past)
    before = await _jobs_of(store)
    await store.aclose()

    store = trial.open()

    expect("jobs and intents after a restart", before, await _jobs_of(store))
    expected = [["pending"], ["done", "collected"], ["done"]]
    expect("pending, done, uncollected", expected, await standing(store))
    found = [
        (await store.begin_intent(trial.intent(f"new-{key}", key=key))).intent_id
        for key in ("SENDING", "ACCEPTED", "NOT_SENT", "UNKNOWN", "past")
    ]
    held = ["SENDING", "ACCEPTED", "new-NOT_SENT", "UNKNOWN", "past"]
    expect("begin_intent with the same keys", held, found)


async def _jobs_of(store: TaskStore) -> list[object]:
    return [
        [await store.get_submission(each) for each in ("pending", "done", "collected", "nothing")],
        [list(await store.list_intents(state)) for state in IntentState],
        [await store.find_intent("mine", state.name) for state in IntentState],
    ]


@check(rule=2, shared=True)
async def instances_see_the_same(trial: Trial) -> None:
    """What one keeps, the other has: which body counts, which jobs there are, what is forgotten."""
    one, other = trial.open(), trial.open()
    await put_unseen(one, "t", body=b"a")

    puts = [*await put_unseen(other, "t", body=b"a"), *await put_unseen(other, "t", body=b"b")]
    expected = [Put(Verdict.SAME), Put(Verdict.OTHER, unseen=b"a")]
    expect("put_callback of a repeat and of another body in the other", expected, puts)
    await other.put_submission(trial.submission("t"))
    expect("pending, done, uncollected", [[], ["t"], ["t"]], await standing(one))
    await one.mark_collected(["t"])
    expect("pending, done, uncollected", [[], ["t"], []], await standing(other))
    expect("pin_callback in the other", b"a", await other.pin_callback("t"))
    replaced = await one.replace_callback("t", old=b"a", new=b"c")
    expect("replace_callback of what was seen in the other", False, replaced)
    expect("forget in the other", True, await other.forget("t"))
    expect("get_callback of what was forgotten in the other", None, await one.get_callback("t"))


@check(rule=5, shared=True)
async def instances_share_their_bounds(trial: Trial) -> None:
    """What is unknown counts together."""
    one, other = trial.open(), trial.open()
    await put_unseen(one, "a", "b")
    await put_unseen(other, "c")

    with expect_refusal("put_callback of a fourth unknown job"):
        await put_unseen(one, "d")


@check(rule=6, shared=True)
async def watchers_hear_of_other_instances(trial: Trial) -> None:
    """Sooner or later; a store that cannot do that has no hints at all."""
    one, other = trial.open(), trial.open()
    watcher = Watcher()
    stop = await other.watch(watcher)
    if stop is None:
        return
    await put_unseen(one, "a", body=bytes(20))
    await watcher.until("a")
    expect("get_callback on the hint", bytes(20), await other.get_callback("a"))
    await one.put_submission(trial.submission("t"))
    await one.put_callback("t", b"body", seen=True)
    await watcher.until("t")
    stop()


@check(rule=7, shared=True)
async def intents_are_exclusive_between_instances(trial: Trial) -> None:
    """Many at once with one key: one is sent."""
    await expect_one_intent(trial, trial.open(), trial.open())


@check(rule=1, shared=True)
async def one_body_counts_between_instances(trial: Trial) -> None:
    """Many at once, in turn through each."""
    await expect_one_first(trial.open(), trial.open())


@check(rule=8, shared=True)
async def adoption_is_seen_by_other_instances(trial: Trial) -> None:
    """Which then has nothing to adopt."""
    one, other = trial.open(), trial.open()
    for each in ("i", "j"):
        await begin_unknown(one, trial.intent(each))
    await put_unseen(other, "t")

    adopted = await one.adopt("i", "t")
    expect("the job that one adopts", "t", adopted and adopted.task_id)
    expect("adopt of it in the other", None, await other.adopt("j", "t"))


@check(rule=11, shared=True)
async def lanes_are_shared_between_instances(trial: Trial) -> None:
    """One account has one rate, wherever it is used."""
    one, other = trial.open(), trial.open()
    lane = new_lane()

    delays = [(await each.pacer(lane, INTERVAL).reserve()).delay for each in (one, other)]

    expect_delay("the first slot of a lane", 0, delays[0])
    expect_delay("the first slot in the other instance", INTERVAL, delays[1])
