"""Checks of what is removed: on request, and by age."""

from mavi_async._records import IntentState, Put, Verdict
from mavi_async.testing._callbacks import put_unseen
from mavi_async.testing._expectations import expect, expect_refusal
from mavi_async.testing._jobs import standing
from mavi_async.testing._trial import DAY, Trial, check


@check(rule=10)
async def forgetting_leaves_nothing_of_a_job(trial: Trial) -> None:
    """Submission, callback, contradictions and intents go; other jobs' stay."""
    store = trial.open()
    for each in "ab":
        await store.put_submission(trial.submission(each))
        await put_unseen(store, each)
        await put_unseen(store, each, body=b"other")
        await store.begin_intent(trial.intent(f"intent-{each}", key=each))
        await store.update_intent(f"intent-{each}", IntentState.ACCEPTED, task_id=each)
        await store.mark_collected([each])

    found = [await store.forget(each) for each in ("a", "a", "nothing")]

    expect("forget of a job, of it again, of nothing", [True, False, False], found)
    expect("get_submission", None, await store.get_submission("a"))
    expect("get_callback", None, await store.get_callback("a"))
    expect("get_intent", None, await store.get_intent("intent-a"))
    expect("find_intent", None, await store.find_intent("mine", "a"))
    aside = [each.task_id for each in await store.list_aside()]
    expect("list_aside", ["b"], aside)
    expect("get_callback of another", b"body", await store.get_callback("b"))
    other = await store.get_submission("b")
    expect("get_submission of another", "b", other and other.task_id)
    other_intent = await store.get_intent("intent-b")
    expect("get_intent of another", "intent-b", other_intent and other_intent.intent_id)
    again = trial.intent("again", key="a")
    expect("begin_intent with its key", again, await store.begin_intent(again))
    expect("put_callback of it", [Put(Verdict.FIRST)], await put_unseen(store, "a"))
    await store.put_submission(trial.submission("a", later=-1))
    expect("pending, done, uncollected", [[], ["a", "b"], ["a"]], await standing(store))


@check(rule=10)
async def forgetting_tells_whether_there_was_something(trial: Trial) -> None:
    """A submission, a callback or an intent by itself is something."""
    store = trial.open()
    await store.put_submission(trial.submission("submitted"))
    await put_unseen(store, "unknown")
    await store.put_callback("seen", b"body", seen=True)
    await store.begin_intent(trial.intent("i"))
    await store.update_intent("i", IntentState.ACCEPTED, task_id="accepted")
    jobs = ("submitted", "unknown", "seen", "accepted")

    first = [await store.forget(each) for each in jobs]
    second = [await store.forget(each) for each in jobs]

    expect(f"forget of {', '.join(jobs)}", [True] * 4, first)
    expect("forget of the same again", [False] * 4, second)


@check(rule=10, moves_clock=True)
async def last_callback_is_remembered(trial: Trial) -> None:
    """Repeats and contradictions count, and what was forgotten or has expired since."""
    store = trial.open()
    expect("last_callback_at of an empty store", None, await store.last_callback_at())
    for deed, body in (("a first body", b"a"), ("a repeat", b"a"), ("a contradiction", b"b")):
        trial.advance(1)
        await put_unseen(store, "t", body=body)
        expect(f"last_callback_at after {deed}", trial.now, await store.last_callback_at())
    last = trial.now
    trial.advance(1)
    await store.get_callback("t")
    await store.pin_callback("t")
    await store.put_submission(trial.submission("t"))
    expect("last_callback_at after looking", last, await store.last_callback_at())
    await store.forget("t")
    expect("last_callback_at after forget", last, await store.last_callback_at())
    await put_unseen(store, "u")
    trial.advance(2 * DAY)
    await store.expire()
    expect("last_callback_at after expire", last + 1, await store.last_callback_at())


@check(rule=10, moves_clock=True)
async def what_is_past_its_time_is_removed(trial: Trial) -> None:
    """Everything after its day, and nothing before."""
    store = trial.open()
    await store.put_submission(trial.submission("t"))
    await put_unseen(store, "t", "unknown")
    await put_unseen(store, "t", body=b"other")
    await store.begin_intent(trial.intent("i", key="k"))
    await store.begin_intent(trial.intent("without a key"))
    trial.advance(DAY - 1)
    await put_unseen(store, "young")
    expect("expire a second before the time", 0, await store.expire())
    trial.advance(1)

    found = [await store.expire(), await store.expire()]

    expect("expire of a job, two callbacks, one aside and two intents", [6, 0], found)
    bodies = [await store.get_callback(each) for each in ("t", "unknown")]
    expect("get_callback", [None, None], bodies)
    expect("get_submission", None, await store.get_submission("t"))
    expect("get_intent", None, await store.get_intent("i"))
    expect("find_intent", None, await store.find_intent("mine", "k"))
    expect("list_aside", [], list(await store.list_aside()))
    expect("get_callback of a young one", b"body", await store.get_callback("young"))
    unmatched = [each.task_id for each in await store.list_unmatched()]
    expect("list_unmatched", ["young"], unmatched)
    expect("pending, done, uncollected", [[], [], []], await standing(store))


@check(rule=10, moves_clock=True)
async def stores_expire_as_they_go(trial: Trial) -> None:
    """Nobody has to call `expire`: room and keys of what is old are free."""
    store = trial.open()
    await put_unseen(store, "a", "b", "c", body=b"x" * 10)
    await store.begin_intent(trial.intent("i", key="k"))
    await store.put_submission(trial.submission("old"))
    trial.advance(DAY)

    puts = await put_unseen(store, "d", body=b"x" * 30)
    expect("put_callback once the rest is old", [Put(Verdict.FIRST)], puts)
    begun = trial.intent("j", key="k")
    expect("begin_intent with the key of an old one", begun, await store.begin_intent(begun))
    await store.put_submission(trial.submission("t"))
    expect("get_submission of an old one", None, await store.get_submission("old"))
    with expect_refusal("put_callback into a store that is full again"):
        await put_unseen(store, "e")
