"""Checks of jobs: pending, done, collected."""

from collections.abc import Sequence
from typing import Final

import attrs

from mavi_async._records import IntentState, Submission
from mavi_async.stores import TaskStore
from mavi_async.testing._callbacks import put_unseen
from mavi_async.testing._expectations import expect
from mavi_async.testing._trial import Trial, check

MANY: Final = [f"t{number}" for number in range(2_000)]


def _ids(submissions: Sequence[Submission]) -> list[str]:
    return [each.task_id for each in submissions]


@check(rule=9)
async def submission_is_kept(trial: Trial) -> None:
    """Exactly as it was put; putting it again is harmless."""
    store = trial.open()
    expected = trial.submission("t")
    await store.put_submission(expected)
    await store.put_submission(expected)

    expect("get_submission", expected, await store.get_submission("t"))
    expect("get_submission of none", None, await store.get_submission("u"))
    expect("list_pending", [expected], list(await store.list_pending("mine")))


@check(rule=9)
async def accepted_job_is_kept_with_its_intent(trial: Trial) -> None:
    """In one step; it is pending until its callback is here, and done from then on."""
    store = trial.open()
    begun = attrs.evolve(trial.intent("i", key="k"), endpoint="/path")
    await store.begin_intent(begun)
    job = trial.submission("t")

    await store.put_submission(job, intent_id="i")

    accepted = attrs.evolve(begun, state=IntentState.ACCEPTED, task_id="t")
    expect("get_intent", accepted, await store.get_intent("i"))
    expect("list_pending", [job], list(await store.list_pending("mine")))
    expect("list_done", [], list(await store.list_done("mine")))
    await put_unseen(store, "t")
    expect("list_pending after the callback", [], list(await store.list_pending("mine")))
    expect("list_done after the callback", [job], list(await store.list_done("mine")))
    expect("list_done of another account", [], list(await store.list_done("another")))


@check(rule=9)
async def accepted_job_is_kept_without_its_intent(trial: Trial) -> None:
    """What became of the intent meanwhile is no reason to lose what was paid for."""
    store = trial.open()
    job = trial.submission("t")
    await store.put_submission(job, intent_id="forgotten")

    expect("get_submission", job, await store.get_submission("t"))
    expect("get_intent", None, await store.get_intent("forgotten"))


@check(rule=9)
async def jobs_are_listed_by_where_they_stand(trial: Trial) -> None:
    """Of one account or of all; early callbacks and awaited ones count as well."""
    store = trial.open()
    await put_unseen(store, "early")
    await store.put_callback("awaited", b"body", seen=True)
    for number, each in enumerate(("c", "early", "b", "awaited", "a")):
        await store.put_submission(trial.submission(each, later=number))
    for number, each in enumerate(("x", "y")):
        await store.put_submission(trial.submission(each, account="other", later=5 + number))
    await put_unseen(store, "b", "y", "unrelated")

    found = [
        _ids(await listed(account))
        for listed in (store.list_pending, store.list_done, store.list_uncollected)
        for account in ("mine", "other", "nobody", None)
    ]

    pending = [["c", "a"], ["x"], [], ["c", "a", "x"]]
    done = [["early", "b", "awaited"], ["y"], [], ["early", "b", "awaited", "y"]]
    expect(
        "list_pending, list_done and list_uncollected, each of mine, other, nobody and all",
        [*pending, *done, *done],
        found,
    )


@check(rule=9)
async def jobs_are_listed_oldest_first(trial: Trial) -> None:
    """By when they were submitted, in whichever order they were put."""
    store = trial.open()
    for later, each in ((2, "c"), (0, "a"), (1, "b")):
        await store.put_submission(trial.submission(each, later=later))

    expect("list_pending", ["a", "b", "c"], _ids(await store.list_pending("mine")))
    await put_unseen(store, "b", "c", "a")
    expect("list_done", ["a", "b", "c"], _ids(await store.list_done()))
    expect("list_uncollected", ["a", "b", "c"], _ids(await store.list_uncollected()))


@check(rule=9)
async def collected_jobs_are_not_offered_again(trial: Trial) -> None:
    """They are done all the same; a repeat and a second submission change nothing about it."""
    store = trial.open()
    for number, each in enumerate("abc"):
        await store.put_submission(trial.submission(each, later=number))
    await put_unseen(store, "a", "b", "c")

    await store.mark_collected(["a", "nothing", "c"])
    await store.mark_collected(["a"])
    await store.mark_collected([])

    expect("list_uncollected", ["b"], _ids(await store.list_uncollected()))
    expect("list_done", ["a", "b", "c"], _ids(await store.list_done("mine")))
    await put_unseen(store, "a")
    await store.pin_callback("b")
    await store.put_submission(trial.submission("c", later=2))
    expect(
        "list_uncollected after a repeat, a pin and put_submission again",
        ["b"],
        _ids(await store.list_uncollected("mine")),
    )
    expect("get_callback of a collected job", b"body", await store.get_callback("a"))


@check(rule=9)
async def arrived_callbacks_are_told(trial: Trial) -> None:
    """Those asked for, whoever knows them or has seen them; of thousands at once as well."""
    store = trial.open()
    await store.put_submission(trial.submission("t5"))
    await store.put_submission(trial.submission("t6"))
    await put_unseen(store, "t5", "t7", "not asked for")
    await store.put_callback("t1999", b"body", seen=True)

    expect("list_arrived of nothing", [], list(await store.list_arrived([])))
    found = sorted(await store.list_arrived(["t5", "t6", "t7", "t8"]))
    expect("list_arrived of four", ["t5", "t7"], found)
    found = sorted(await store.list_arrived(MANY))
    expect("list_arrived of 2,000", ["t1999", "t5", "t7"], found)


@check(rule=9)
async def many_jobs_are_collected_at_once(trial: Trial) -> None:
    """It is noted in batches, and a batch has no bound."""
    store = trial.open()
    await store.put_submission(trial.submission("t1999"))
    await put_unseen(store, "t1999")

    await store.mark_collected(MANY)

    expect("list_uncollected", [], _ids(await store.list_uncollected()))


async def standing(store: TaskStore) -> list[list[str]]:
    """Return the jobs that are pending, done, and not collected."""
    return [
        _ids(await listed())
        for listed in (store.list_pending, store.list_done, store.list_uncollected)
    ]
