"""Checks of the bound on callbacks that nobody knows, and of what it never touches."""

from mavi_async._records import Arrival, Put, Unmatched, Verdict
from mavi_async.stores import TaskStore
from mavi_async.testing._callbacks import put_unseen
from mavi_async.testing._expectations import expect, expect_refusal
from mavi_async.testing._trial import MINUTE, Trial, check

X10 = b"x" * 10


async def _bodies(store: TaskStore, *task_ids: str) -> list[bytes | None]:
    return [await store.get_callback(each) for each in task_ids]


@check(rule=5)
async def flood_of_unknown_callbacks_is_refused(trial: Trial) -> None:
    """While all of them are recent; nothing that is there is lost, repeats are still told."""
    store = trial.open()
    await put_unseen(store, "a", "b", "c")
    last = await store.last_callback_at()

    with expect_refusal("put_callback of a fourth unknown job, where three are the bound"):
        await put_unseen(store, "d")

    expect("get_callback of the refused one", None, await store.get_callback("d"))
    expect("list_arrived of it", [], list(await store.list_arrived(["d"])))
    expect("last_callback_at after it", last, await store.last_callback_at())
    expect("get_callback of the others", [b"body"] * 3, await _bodies(store, *"abc"))
    puts = [*await put_unseen(store, "a"), *await put_unseen(store, "a", body=b"other")]
    expected = [Put(Verdict.SAME), Put(Verdict.OTHER, unseen=b"body")]
    expect("put_callback of a repeat and a contradiction in a full store", expected, puts)


@check(rule=5, moves_clock=True)
async def oldest_unknown_callback_makes_room(trial: Trial) -> None:
    """Once it is ten minutes old, and it is reported."""
    store = trial.open()
    for each in "abc":
        await put_unseen(store, each)
        trial.advance(1)
    trial.advance(10 * MINUTE - 3.5)
    with expect_refusal("put_callback into a full store, its oldest half a second too young"):
        await put_unseen(store, "d")
    trial.advance(0.5)

    puts = await put_unseen(store, "d")

    expected = [Put(Verdict.FIRST, evicted=(Unmatched("a", b"body", evicted=True),))]
    expect("put_callback into a full store, its oldest of ten minutes", expected, puts)
    expect("get_callback of the evicted one", None, await store.get_callback("a"))
    expect("get_callback of the others", [b"body"] * 3, await _bodies(store, *"bcd"))
    with expect_refusal("put_callback right after it"):
        await put_unseen(store, "e")


@check(rule=5, moves_clock=True)
async def unknown_callbacks_are_bounded_in_bytes(trial: Trial) -> None:
    """Up to the last byte; as many go as it takes, oldest first."""
    store = trial.open()
    await put_unseen(store, "a", "b", body=X10)
    await put_unseen(store, "c", body=b"y" * 10)
    trial.advance(10 * MINUTE)

    (put,) = await put_unseen(store, "d", body=b"z" * 11)

    evicted = tuple(Unmatched(each, X10, evicted=True) for each in "ab")
    expect("what made room for 11 bytes in 30", evicted, put.evicted)
    expected = [None, None, b"y" * 10, b"z" * 11]
    expect("get_callback of all", expected, await _bodies(store, *"abcd"))
    puts = await put_unseen(store, "e", body=b"x" * 9)
    expect("put_callback of the last 9 bytes", [Put(Verdict.FIRST)], puts)
    with expect_refusal("put_callback of 11 bytes, where 10 are old enough to go"):
        await put_unseen(store, "f", body=b"x" * 11)


@check(rule=5, moves_clock=True)
async def nothing_goes_for_a_body_that_does_not_fit(trial: Trial) -> None:
    """A put is done as a whole or not at all: what was evicted would be reported to nobody."""
    for size in (21, 30, 31, 1_000):
        store = trial.open(f"-{size}")
        await put_unseen(store, "old", body=X10)
        trial.advance(10 * MINUTE)
        await put_unseen(store, "young", body=X10)

        with expect_refusal(f"put_callback of {size} bytes, where 20 can be had"):
            await put_unseen(store, "large", body=b"x" * size)

        found = await _bodies(store, "large", "old", "young")
        expect("get_callback after the refusal", [None, X10, X10], found)


@check(rule=5)
async def unknown_callbacks_count_until_the_last_byte(trial: Trial) -> None:
    """The bound in bytes by itself, with nothing old enough to go."""
    store = trial.open()
    await put_unseen(store, "a", body=b"x" * 20)

    with expect_refusal("put_callback of 11 bytes, where 10 of 30 are free"):
        await put_unseen(store, "b", body=b"x" * 11)
    expect("put_callback of 10 bytes", [Put(Verdict.FIRST)], await put_unseen(store, "b", body=X10))


@check(rule=5, moves_clock=True)
async def flood_never_evicts_what_somebody_knows(trial: Trial) -> None:
    """Neither the results of jobs submitted here, nor those that somebody waits for."""
    store = trial.open()
    await put_unseen(store, "early")
    for each in ("early", "known"):
        await store.put_submission(trial.submission(each))
    await put_unseen(store, "known")
    await store.put_callback("awaited", b"body", seen=True)
    for number in range(20):
        trial.advance(10 * MINUTE)
        await put_unseen(store, f"unknown{number}")

    found = await _bodies(store, "known", "early", "awaited")
    expect("get_callback of a known, an early and an awaited job", [b"body"] * 3, found)


@check(rule=5, moves_clock=True)
async def seen_callbacks_are_out_of_a_flood_s_reach(trial: Trial) -> None:
    """Also the callback of a job that was submitted elsewhere, however it was seen."""
    store = trial.open()
    await put_unseen(store, "pinned", body=b"1")
    await store.pin_callback("pinned")
    await put_unseen(store, "redelivered", body=b"2")
    await store.put_callback("redelivered", b"2", seen=True)
    for number in range(9):
        trial.advance(601)
        await put_unseen(store, f"unknown-{number}", body=b"x")

    found = await _bodies(store, "pinned", "redelivered")
    unmatched = [each.task_id for each in await store.list_unmatched()]
    expect("get_callback of what was seen", [b"1", b"2"], found)
    left = [f"unknown-{number}" for number in (6, 7, 8)]
    expect("list_unmatched after a flood", left, unmatched)


@check(rule=5)
async def what_somebody_knows_is_under_no_bound(trial: Trial) -> None:
    """A full buffer of unknown callbacks refuses no result that was paid for."""
    store = trial.open()
    await put_unseen(store, "a", "b", "c")
    for number in range(6):
        await store.put_submission(trial.submission(f"known{number}"))
        puts = await put_unseen(store, f"known{number}", body=b"x" * 1_000)
        expect("put_callback of a known job", [Put(Verdict.FIRST, known=True)], puts)
    put = await store.put_callback("d", b"x" * 1_000, seen=True)
    expect("the verdict on what somebody waits for", Verdict.FIRST, put.verdict)


@check(rule=5)
async def submission_claims_its_early_callback(trial: Trial) -> None:
    """It is no longer unknown, so it leaves room for others."""
    store = trial.open()
    await put_unseen(store, "a", "b", "c", body=X10)

    await store.put_submission(trial.submission("a"))

    expect("get_callback of the early one", X10, await store.get_callback("a"))
    expect(
        "put_callback in its place", [Put(Verdict.FIRST)], await put_unseen(store, "d", body=X10)
    )
    puts = await put_unseen(store, "a", body=X10)
    expect("put_callback of it again", [Put(Verdict.SAME, known=True)], puts)
    with expect_refusal("put_callback of nothing into a full store"):
        await put_unseen(store, "e", body=b"")


@check(rule=5)
async def replacing_counts_in_the_bound(trial: Trial) -> None:
    """The bytes that are there are the ones that count."""
    store = trial.open()
    await put_unseen(store, "a", body=X10)
    await store.replace_callback("a", old=X10, new=b"x" * 20)

    with expect_refusal("put_callback of 11 bytes, where a replaced body has 20 of 30"):
        await put_unseen(store, "b", body=b"x" * 11)
    await store.replace_callback("a", old=b"x" * 20, new=b"x")
    puts = await put_unseen(store, "b", body=b"x" * 29)
    expect("put_callback of 29 bytes beside 1", [Put(Verdict.FIRST)], puts)


@check(rule=5)
async def forgetting_an_unknown_callback_makes_room(trial: Trial) -> None:
    """Its bytes and its place are free again."""
    store = trial.open()
    await put_unseen(store, "a", "b", "c", body=X10)
    await store.forget("b")

    expect(
        "put_callback in its place", [Put(Verdict.FIRST)], await put_unseen(store, "d", body=X10)
    )
    with expect_refusal("put_callback of nothing into a full store"):
        await put_unseen(store, "e", body=b"")


@check(rule=5, moves_clock=True)
async def unmatched_callbacks_are_listed(trial: Trial) -> None:
    """Oldest first, with when they came and how large they are now; without what is known."""
    store = trial.open(max_unknown=9, max_unknown_bytes=99)
    began = trial.now
    expect("list_unmatched of an empty store", [], list(await store.list_unmatched()))
    for number, task_id in enumerate(("c", "b", "pinned", "claimed", "a")):
        await put_unseen(store, task_id, body=b"x" * number)
        trial.advance(1)
    await store.put_callback("awaited", b"body", seen=True)
    await store.pin_callback("pinned")
    await store.put_submission(trial.submission("claimed"))
    await store.replace_callback("a", old=b"x" * 4, new=b"x" * 40)

    found = list(await store.list_unmatched())
    expected = [Arrival("c", began, 0), Arrival("b", began + 1, 1), Arrival("a", began + 4, 40)]
    expect("list_unmatched", expected, found)
