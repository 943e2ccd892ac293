"""Checks of what counts for a job: its first body, and for good once somebody has seen it."""

from typing import Final

from mavi_async._records import KeptAside, Put, Verdict
from mavi_async.stores import TaskStore
from mavi_async.testing._expectations import expect
from mavi_async.testing._trial import Trial, check

MEBIBYTE: Final = 1024 * 1024
BODIES: Final = (
    bytes(range(256)),
    b"\0",
    b"\0after a NUL",
    b"\xff\xfe not UTF-8 \xed\xa0\x80",
    b"'; DROP TABLE result; --\r\n{}",
    b'{"task_id": "t"}\n' * (MEBIBYTE // 16),
)
TASK_IDS: Final = ("a", "A", "a-", "a_", "-", "_", "0", "00", "x" * 128, "x" * 127, "X" * 128)


async def put_unseen(store: TaskStore, *task_ids: str, body: bytes = b"body") -> list[Put]:
    """Put a callback of each job, while nobody waits."""
    return [await store.put_callback(each, body, seen=False) for each in task_ids]


@check(rule=3)
async def first_body_counts(trial: Trial) -> None:
    """An equal one is the same, a different one another; neither changes what is stored."""
    store = trial.open()
    await store.put_submission(trial.submission("t"))

    puts = [await store.put_callback("t", body, seen=True) for body in (b"a", b"a", b"b", b"a")]

    verdicts = (Verdict.FIRST, Verdict.SAME, Verdict.OTHER, Verdict.SAME)
    expected = [Put(each, known=True) for each in verdicts]
    expect("put_callback of the bodies a, a, b and a, all seen", expected, puts)
    expect("get_callback", b"a", await store.get_callback("t"))
    expect("get_callback for the second time", b"a", await store.get_callback("t"))


@check(rule=3)
async def first_body_stays_while_nobody_sees_it(trial: Trial) -> None:
    """A later one replaces it only by `replace_callback`."""
    store = trial.open()
    await put_unseen(store, "t", body=b"a")
    await put_unseen(store, "t", body=b"b")

    expect("get_callback after a second body", b"a", await store.get_callback("t"))


@check(rule=3)
async def unsubmitted_job_is_not_known(trial: Trial) -> None:
    """Whether somebody waits for it or not, until it is submitted; each job is on its own."""
    store = trial.open()

    expect("put_callback, unseen", [Put(Verdict.FIRST)], await put_unseen(store, "t"))
    found = [await store.put_callback("u", b"body", seen=True) for _ in range(2)]
    expect("put_callback twice, seen", [Put(Verdict.FIRST), Put(Verdict.SAME)], found)
    expect("get_callback of a job without one", None, await store.get_callback("v"))
    await store.put_submission(trial.submission("t"))
    found = await put_unseen(store, "t")
    expect("put_callback after put_submission", [Put(Verdict.SAME, known=True)], found)


@check(rule=3)
async def empty_body_is_a_body(trial: Trial) -> None:
    """Stores keep bytes, and judge none."""
    store = trial.open()
    await put_unseen(store, "t", body=b"")

    expect("get_callback", b"", await store.get_callback("t"))
    expect("pin_callback", b"", await store.pin_callback("t"))
    expect("list_arrived", ["t"], list(await store.list_arrived(["t"])))
    verdicts = [(await put_unseen(store, "t", body=body))[0].verdict for body in (b"", b"x")]
    expect("the verdicts on b'' and b'x'", [Verdict.SAME, Verdict.OTHER], verdicts)


@check(rule=3)
async def bodies_are_kept_byte_for_byte(trial: Trial) -> None:
    """Whatever is in them, up to more than a mebibyte."""
    store = trial.open(max_unknown=100, max_unknown_bytes=2 * MEBIBYTE)
    for number, body in enumerate(BODIES):
        await put_unseen(store, f"t{number}", body=body)
        await put_unseen(store, f"t{number}", body=body + b".")

    kept = [await store.get_callback(f"t{number}") for number in range(len(BODIES))]
    again = [
        (await put_unseen(store, f"t{number}", body=body))[0].verdict
        for number, body in enumerate(BODIES)
    ]
    aside = [each.body for each in await store.list_aside()]

    for body, found in zip(BODIES, kept, strict=True):
        expect("get_callback of a body with any bytes", body, found)
    expect("the verdicts on the same bodies", [Verdict.SAME] * len(BODIES), again)
    expect("list_aside", [body + b"." for body in BODIES[-2:]], aside)


@check(rule=3)
async def jobs_are_told_apart(trial: Trial) -> None:
    """By the whole of an identifier of 1 to 128 letters, digits, ``-`` and ``_``."""
    store = trial.open(max_unknown=100, max_unknown_bytes=MEBIBYTE)
    for task_id in TASK_IDS:
        await put_unseen(store, task_id, body=task_id.encode())
        await store.put_submission(trial.submission(task_id))

    for task_id in TASK_IDS:
        expect("get_callback", task_id.encode(), await store.get_callback(task_id))
        found = await store.get_submission(task_id)
        expect("get_submission", task_id, found and found.task_id)
    await store.forget("a_")
    left = [await store.get_callback(task_id) is not None for task_id in TASK_IDS]
    expect("what is left after forget", [each != "a_" for each in TASK_IDS], left)


@check(rule=3, moves_clock=True)
async def contradicting_bodies_are_kept_aside(trial: Trial) -> None:
    """Oldest first and under a bound, each once; equal ones are no contradiction."""
    store = trial.open()
    expected = [KeptAside("t", b"2", trial.now + 2), KeptAside("t", b"3", trial.now + 3)]

    for body in (b"0", b"1", b"2", b"3", b"2"):
        await put_unseen(store, "t", body=body)
        await put_unseen(store, "t", body=b"0")
        trial.advance(1)

    found = list(await store.list_aside())
    expect("list_aside with room for two", expected, found)


@check(rule=3)
async def unseen_body_is_returned_to_be_compared(trial: Trial) -> None:
    """With a different one, as long as nobody has seen it."""
    store = trial.open()
    await put_unseen(store, "t", body=b"a")

    puts = [*await put_unseen(store, "t", body=b"b"), *await put_unseen(store, "t", body=b"c")]

    expected = [Put(Verdict.OTHER, unseen=b"a")] * 2
    expect("put_callback of two other bodies", expected, puts)
    expect("get_callback", b"a", await store.get_callback("t"))


@check(rule=3)
async def unseen_body_can_be_replaced(trial: Trial) -> None:
    """By whoever knows what is there; the new one counts from then on."""
    store = trial.open()
    await store.put_submission(trial.submission("known"))
    for task_id in ("known", "unknown"):
        await put_unseen(store, task_id, body=b"a")
        replaced = [
            await store.replace_callback(name, old=old, new=new)
            for name, old, new in (
                (task_id, b"b", b"c"),
                ("nobody", b"a", b"c"),
                (task_id, b"a", b"c"),
                (task_id, b"a", b"d"),
            )
        ]

        what = f"replace_callback of an {task_id} job: not the body, no body, the body, too late"
        expect(what.replace("an known", "a known"), [False, False, True, False], replaced)
        expect("get_callback after it", b"c", await store.get_callback(task_id))
        (put,) = await put_unseen(store, task_id, body=b"c")
        expect("the verdict on the new body", Verdict.SAME, put.verdict)
    expect("get_callback of no job", None, await store.get_callback("nobody"))


async def _expect_final(store: TaskStore, how: str) -> None:
    puts = await put_unseen(store, "t", body=b"b")
    expect(f"put_callback of another body, {how}", [Put(Verdict.OTHER)], puts)
    replaced = await store.replace_callback("t", old=b"a", new=b"b")
    expect(f"replace_callback, {how}", False, replaced)
    expect("get_callback", b"a", await store.get_callback("t"))


@check(rule=4)
async def pinned_body_is_final(trial: Trial) -> None:
    """Somebody has seen it; pinning twice is the same as once."""
    store = trial.open()
    await put_unseen(store, "t", body=b"a")

    pinned = [await store.pin_callback(task_id) for task_id in ("t", "t", "u")]

    expect("pin_callback twice, and without a callback", [b"a", b"a", None], pinned)
    await _expect_final(store, "once it is pinned")


@check(rule=4)
async def body_that_a_waiter_gets_is_final(trial: Trial) -> None:
    """Also where it is only the second delivery that a waiter gets."""
    for first_is_seen in (True, False):
        store = trial.open("-first" if first_is_seen else "-second")
        for seen in (first_is_seen, not first_is_seen):
            await store.put_callback("t", b"a", seen=seen)

        which = "first" if first_is_seen else "second"
        await _expect_final(store, f"once a waiter has got the {which} delivery")


@check(rule=4)
async def contradicting_body_makes_nothing_final(trial: Trial) -> None:
    """A waiter gets the stored body then, and pins it itself."""
    store = trial.open()
    await put_unseen(store, "t", body=b"a")
    await store.put_callback("t", b"b", seen=True)

    replaced = await store.replace_callback("t", old=b"a", new=b"b")
    expect("replace_callback after another body was put as seen", True, replaced)


@check(rule=4)
async def looking_makes_nothing_final(trial: Trial) -> None:
    """Reading is not seeing."""
    store = trial.open()
    await put_unseen(store, "t", body=b"a")
    await store.put_submission(trial.submission("t"))
    for _ in range(2):
        await store.get_callback("t")
        await store.list_arrived(["t"])
        await store.list_done()
        await store.list_unmatched()

    replaced = await store.replace_callback("t", old=b"a", new=b"b")
    expect("replace_callback after looking in every way", True, replaced)


@check(rule=4)
async def claiming_a_seen_callback_leaves_it_final(trial: Trial) -> None:
    """Who has seen it has seen it, whoever submits it."""
    store = trial.open()
    await put_unseen(store, "t", body=b"a")
    await store.pin_callback("t")
    await store.put_submission(trial.submission("t"))

    puts = await put_unseen(store, "t", body=b"b")
    expect("put_callback of another body", [Put(Verdict.OTHER, known=True)], puts)
