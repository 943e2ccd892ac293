"""Checks of adopting: a callback that nobody submitted meets an intent whose outcome is unknown."""

import attrs

from mavi_async._records import Intent, IntentState, Put, Submission, Verdict
from mavi_async.stores import TaskStore
from mavi_async.testing._callbacks import put_unseen
from mavi_async.testing._expectations import expect
from mavi_async.testing._trial import MINUTE, Trial, check

__all__ = ["begin_unknown"]


async def begin_unknown(store: TaskStore, intent: Intent) -> Intent:
    """Keep an intent whose request may have made a job."""
    await store.begin_intent(intent)
    await store.update_intent(intent.intent_id, IntentState.UNKNOWN)
    return attrs.evolve(intent, state=IntentState.UNKNOWN)


@check(rule=8)
async def unmatched_callback_is_adopted(trial: Trial) -> None:
    """From then on it is as if the intent's request had been answered in time."""
    store = trial.open()
    unknown = await begin_unknown(store, trial.intent("i", key="k", later=-5))
    await put_unseen(store, "a", "t", "c")
    expected = Submission("t", "mine", "re_1", unknown.created_at)

    expect("adopt", expected, await store.adopt("i", "t"))

    accepted = attrs.evolve(unknown, state=IntentState.ACCEPTED, task_id="t")
    expect("get_intent after it", accepted, await store.get_intent("i"))
    expect("find_intent after it", accepted, await store.find_intent("mine", "k"))
    expect("get_submission", expected, await store.get_submission("t"))
    expect("list_uncollected", [expected], list(await store.list_uncollected("mine")))
    expect("get_callback", b"body", await store.get_callback("t"))
    unmatched = [each.task_id for each in await store.list_unmatched()]
    expect("list_unmatched", ["a", "c"], unmatched)
    puts = [*await put_unseen(store, "t"), *await put_unseen(store, "d")]
    expected_puts = [Put(Verdict.SAME, known=True), Put(Verdict.FIRST)]
    expect("put_callback of it, and of another in its place", expected_puts, puts)


@check(rule=8)
async def intent_past_its_time_can_be_given_a_callback(trial: Trial) -> None:
    """It reads as unknown."""
    store = trial.open()
    late = attrs.evolve(trial.intent("i", later=-5 * MINUTE))
    await store.begin_intent(late)
    await put_unseen(store, "t")

    expected = Submission("t", "mine", "re_1", late.created_at)
    expect("adopt for a SENDING intent past its time", expected, await store.adopt("i", "t"))


@check(rule=8)
async def seen_callback_can_be_adopted(trial: Trial) -> None:
    """Somebody may have awaited the job by its identifier alone; what was seen stays final."""
    store = trial.open()
    await begin_unknown(store, trial.intent("i"))
    await store.put_callback("t", b"body", seen=True)

    adopted = await store.adopt("i", "t")

    expect("the job that adopt returns", "t", adopted and adopted.task_id)
    puts = await put_unseen(store, "t", body=b"other")
    expect("put_callback of another body", [Put(Verdict.OTHER, known=True)], puts)


async def _expect_nothing(store: TaskStore, intent_id: str, task_id: str, why: str) -> None:
    """Expect that nothing is adopted, and nothing changed."""

    async def everything() -> list[object]:
        return [
            await store.get_intent(intent_id),
            await store.get_submission(task_id),
            await store.get_callback(task_id),
            *[list(await store.list_intents(state)) for state in IntentState],
            list(await store.list_pending()),
            list(await store.list_done()),
            list(await store.list_uncollected()),
            list(await store.list_unmatched()),
        ]

    before = await everything()
    expect(f"adopt {why}", None, await store.adopt(intent_id, task_id))
    expect(f"what the store holds after adopt {why}", before, await everything())


@check(rule=8)
async def only_an_unknown_intent_adopts(trial: Trial) -> None:
    """Neither one that is on its way, nor one whose outcome is known, nor none at all."""
    store = trial.open()
    await put_unseen(store, "t")
    for state in (IntentState.SENDING, IntentState.ACCEPTED, IntentState.NOT_SENT):
        await store.begin_intent(trial.intent(state.name))
        await store.update_intent(state.name, state)
        await _expect_nothing(store, state.name, "t", f"for an intent that is {state.name}")
    await _expect_nothing(store, "nothing", "t", "for an intent that is not there")


@check(rule=8)
async def only_a_callback_that_is_there_is_adopted(trial: Trial) -> None:
    """The intent stays unknown until there is one."""
    store = trial.open()
    await begin_unknown(store, trial.intent("i"))

    await _expect_nothing(store, "i", "t", "of a job without a callback")
    await put_unseen(store, "t")
    adopted = await store.adopt("i", "t")
    expect("the job adopted once its callback is here", "t", adopted and adopted.task_id)


@check(rule=8)
async def only_a_job_that_nobody_submitted_is_adopted(trial: Trial) -> None:
    """Not by whoever comes second, and not for a second intent."""
    store = trial.open()
    for each in ("i", "j"):
        await begin_unknown(store, trial.intent(each))
    await store.put_submission(trial.submission("submitted", account="other"))
    await put_unseen(store, "submitted", "t", "u")

    await _expect_nothing(store, "i", "submitted", "of a job that was submitted")
    await store.adopt("i", "t")
    await _expect_nothing(store, "j", "t", "of a job that another intent has adopted")
    await _expect_nothing(store, "i", "u", "for an intent that has adopted another job")
