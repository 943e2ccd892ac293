"""The contract of every store: a store joins by adding its factory to `STORES`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import attrs
import pytest

from mavi_async._errors import StoreError
from mavi_async._records import Intent, IntentState, KeptAside, Put, Submission, Unmatched, Verdict
from mavi_async.stores import Lane, MemoryStore, TaskStore

pytestmark = pytest.mark.asyncio

MINUTE: Final = 60.0
DAY: Final = 86_400.0


@attrs.define
class Clock:
    """The time, as the test holds it."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class Factory(Protocol):
    """Makes an empty store with these bounds, on this clock; a file may go into the folder."""

    def __call__(
        self,
        clock: Callable[[], float],
        folder: Path,
        /,
        *,
        ttl: float,
        max_unknown: int,
        max_unknown_bytes: int,
        max_aside: int,
    ) -> TaskStore:
        """Make the store."""
        ...


def memory_store(
    clock: Callable[[], float],
    _: Path,
    /,
    *,
    ttl: float,
    max_unknown: int,
    max_unknown_bytes: int,
    max_aside: int,
) -> TaskStore:
    """The store of a process."""
    return MemoryStore(
        ttl=ttl,
        max_unknown=max_unknown,
        max_unknown_bytes=max_unknown_bytes,
        max_aside=max_aside,
        clock=clock,
    )


STORES: dict[str, Factory] = {"memory": memory_store}


@pytest.fixture
def clock() -> Clock:
    """The time of the store."""
    return Clock()


@pytest.fixture(params=STORES.values(), ids=list(STORES))
def store(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> TaskStore:
    """A store of each kind: three unknown callbacks of 30 bytes in all, two aside, a day."""
    factory: Factory = request.param
    return factory(clock, tmp_path, ttl=DAY, max_unknown=3, max_unknown_bytes=30, max_aside=2)


def submission(task_id: str, clock: Clock, *, account: str = "mine") -> Submission:
    """A job that was accepted just now."""
    return Submission(task_id, account, f"re_{task_id}", clock.now)


def intent(
    intent_id: str, clock: Clock, *, key: str | None = None, account: str = "mine"
) -> Intent:
    """A submission whose request may take a minute."""
    state, until = IntentState.SENDING, clock.now + MINUTE
    return Intent(intent_id, account, "re_1", state, clock.now, until, key)


async def put(store: TaskStore, *task_ids: str, body: bytes = b"body") -> list[Put]:
    """Callbacks that come while nobody waits."""
    return [await store.put_callback(each, body, seen=False) for each in task_ids]


async def test_the_first_body_of_a_job_counts(store: TaskStore, clock: Clock) -> None:
    """An equal one is the same, a different one another; neither changes what is stored."""
    await store.put_submission(submission("t", clock))

    puts = [await store.put_callback("t", body, seen=True) for body in (b"a", b"a", b"b", b"a")]

    assert [
        Put(Verdict.FIRST, known=True),
        Put(Verdict.SAME, known=True),
        Put(Verdict.OTHER, known=True),
        Put(Verdict.SAME, known=True),
    ] == puts
    assert await store.get_callback("t") == b"a" == await store.get_callback("t")


async def test_a_job_that_nobody_submitted_is_not_known(store: TaskStore, clock: Clock) -> None:
    """Whether somebody waits for it or not; each job is on its own."""
    assert [Put(Verdict.FIRST)] == await put(store, "t")
    assert Put(Verdict.FIRST) == await store.put_callback("u", b"body", seen=True)
    assert Put(Verdict.SAME) == await store.put_callback("u", b"body", seen=True)
    assert await store.get_callback("v") is None

    await store.put_submission(submission("t", clock))
    assert [Put(Verdict.SAME, known=True)] == await put(store, "t")


async def test_an_empty_body_is_a_body(store: TaskStore) -> None:
    """Stores keep bytes, and judge none."""
    await put(store, "t", body=b"")

    assert b"" == await store.get_callback("t")
    assert b"" == await store.pin_callback("t")
    assert (await put(store, "t", body=b""))[0].verdict is Verdict.SAME
    assert (await put(store, "t", body=b"x"))[0].verdict is Verdict.OTHER


async def test_contradicting_bodies_are_kept_aside(store: TaskStore, clock: Clock) -> None:
    """Oldest first and under a bound, each once; equal ones are no contradiction."""
    expected = [KeptAside("t", b"2", clock.now + 2), KeptAside("t", b"3", clock.now + 3)]

    for body in (b"0", b"1", b"2", b"3", b"2"):
        await put(store, "t", body=body)
        await put(store, "t", body=b"0")
        clock.advance(1)

    assert expected == list(await store.list_aside())


async def test_what_is_kept_aside_is_bounded_in_bytes(clock: Clock) -> None:
    """The oldest make room, and one that is too large by itself is not kept."""
    store = MemoryStore(max_aside_bytes=10, clock=clock)

    for body in (b"first", b"1" * 6, b"2" * 6, b"3" * 4, b"4" * 11):
        await put(store, "t", body=body)
        clock.advance(1)

    assert [] == list(await store.list_aside())
    await put(store, "t", body=b"5" * 10)
    assert [b"5" * 10] == [each.body for each in await store.list_aside()]


async def test_what_somebody_has_seen_is_out_of_a_flood_s_reach(
    store: TaskStore, clock: Clock
) -> None:
    """Also the callback of a job that was submitted elsewhere, however it was seen."""
    await put(store, "pinned", body=b"1")
    await store.pin_callback("pinned")
    await put(store, "redelivered", body=b"2")
    await store.put_callback("redelivered", b"2", seen=True)

    for number in range(9):
        clock.advance(601)
        await put(store, f"unknown-{number}", body=b"x")

    assert [b"1", b"2"] == [
        await store.get_callback(task_id) for task_id in ("pinned", "redelivered")
    ]
    unmatched = [each.task_id for each in await store.list_unmatched()]
    assert [f"unknown-{number}" for number in (6, 7, 8)] == unmatched


async def test_an_accepted_job_is_kept_in_one_step_with_its_intent(store: TaskStore) -> None:
    """It is pending until its callback is here, and done from then on."""
    intent = Intent("i", "account", "re_1", IntentState.SENDING, 4e9, 4e9, endpoint="/path")
    submission = Submission("t", "account", "re_1", 4e9)
    await store.begin_intent(intent)

    await store.put_submission(submission, intent_id="i")

    accepted = attrs.evolve(intent, state=IntentState.ACCEPTED, task_id="t")
    assert accepted == await store.get_intent("i")
    assert ([submission], []) == (
        list(await store.list_pending("account")),
        list(await store.list_done("account")),
    )
    await put(store, "t", body=b"body")
    assert ([], [submission]) == (
        list(await store.list_pending("account")),
        list(await store.list_done("account")),
    )
    assert [] == list(await store.list_done("another"))


async def test_only_an_intent_that_is_there_is_updated(store: TaskStore) -> None:
    """Whoever is told no must not send."""
    assert not await store.update_intent("i", IntentState.SENDING)


async def test_an_unseen_body_is_returned_to_be_compared(store: TaskStore) -> None:
    """With a different one, as long as nobody has seen it."""
    await put(store, "t", body=b"a")

    assert [Put(Verdict.OTHER, unseen=b"a")] == await put(store, "t", body=b"b")
    assert b"a" == await store.get_callback("t")
    assert [Put(Verdict.OTHER, unseen=b"a")] == await put(store, "t", body=b"c")


@pytest.mark.parametrize("known", [True, False])
async def test_an_unseen_body_can_be_replaced(store: TaskStore, clock: Clock, known: bool) -> None:
    """By whoever knows what is there; the new one counts from then on."""
    if known:
        await store.put_submission(submission("t", clock))
    await put(store, "t", body=b"a")

    assert not await store.replace_callback("t", old=b"b", new=b"c")
    assert not await store.replace_callback("u", old=b"a", new=b"c")
    assert await store.replace_callback("t", old=b"a", new=b"c")
    assert not await store.replace_callback("t", old=b"a", new=b"d")

    assert b"c" == await store.get_callback("t")
    assert Verdict.SAME is (await put(store, "t", body=b"c"))[0].verdict


async def test_a_pinned_body_is_final(store: TaskStore) -> None:
    """Somebody has seen it; pinning twice is the same as once."""
    await put(store, "t", body=b"a")

    assert await store.pin_callback("t") == b"a" == await store.pin_callback("t")
    assert [Put(Verdict.OTHER)] == await put(store, "t", body=b"b")
    assert not await store.replace_callback("t", old=b"a", new=b"b")
    assert b"a" == await store.get_callback("t")
    assert await store.pin_callback("u") is None


@pytest.mark.parametrize("first_is_seen", [True, False])
async def test_a_body_that_a_waiter_gets_is_final(store: TaskStore, first_is_seen: bool) -> None:
    """Also where it is the second delivery that a waiter gets."""
    for seen in (first_is_seen, not first_is_seen):
        await store.put_callback("t", b"a", seen=seen)

    assert [Put(Verdict.OTHER)] == await put(store, "t", body=b"b")
    assert not await store.replace_callback("t", old=b"a", new=b"b")


async def test_a_contradicting_body_makes_nothing_final(store: TaskStore) -> None:
    """A waiter gets the stored body then, and pins it itself."""
    await put(store, "t", body=b"a")
    await store.put_callback("t", b"b", seen=True)

    assert await store.replace_callback("t", old=b"a", new=b"b")


async def test_a_flood_of_unknown_jobs_is_refused(store: TaskStore) -> None:
    """While all of them are recent; nothing that is there is lost, repeats are still told."""
    await put(store, "a", "b", "c")

    with pytest.raises(StoreError, match="full"):
        await put(store, "d")

    assert await store.get_callback("d") is None
    assert [b"body"] * 3 == [await store.get_callback(each) for each in "abc"]
    assert [Put(Verdict.SAME)] == await put(store, "a")
    assert [Put(Verdict.OTHER, unseen=b"body")] == await put(store, "a", body=b"other")


async def test_the_oldest_unknown_job_makes_room(store: TaskStore, clock: Clock) -> None:
    """Once it is ten minutes old, and it is reported."""
    for each in "abc":
        await put(store, each)
        clock.advance(1)
    clock.advance(10 * MINUTE - 3.5)
    with pytest.raises(StoreError):
        await put(store, "d")
    clock.advance(0.5)

    (result,) = await put(store, "d")

    assert Put(Verdict.FIRST, evicted=(Unmatched("a", b"body", evicted=True),)) == result
    assert await store.get_callback("a") is None
    assert [b"body"] * 3 == [await store.get_callback(each) for each in "bcd"]
    with pytest.raises(StoreError):
        await put(store, "e")


async def test_unknown_jobs_are_bounded_in_bytes(store: TaskStore, clock: Clock) -> None:
    """Up to the last byte; as many go as it takes, oldest first."""
    await put(store, "a", "b", body=b"x" * 10)
    await put(store, "c", body=b"y" * 10)
    clock.advance(10 * MINUTE)

    (result,) = await put(store, "d", body=b"z" * 11)

    expected = (Unmatched("a", b"x" * 10, evicted=True), Unmatched("b", b"x" * 10, evicted=True))
    assert expected == result.evicted
    assert [None, None, b"y" * 10, b"z" * 11] == [await store.get_callback(t) for t in "abcd"]
    assert [Put(Verdict.FIRST)] == await put(store, "e", body=b"x" * 9)
    with pytest.raises(StoreError):
        await put(store, "f", body=b"x" * 11)


@pytest.mark.parametrize("size", [21, 30, 31, 1_000])
async def test_nothing_goes_for_a_body_that_does_not_fit(
    store: TaskStore, clock: Clock, size: int
) -> None:
    """A put is done as a whole or not at all: what was evicted would be reported to nobody."""
    await put(store, "old", body=b"x" * 10)
    clock.advance(10 * MINUTE)
    await put(store, "young", body=b"x" * 10)

    with pytest.raises(StoreError):
        await put(store, "large", body=b"x" * size)

    assert await store.get_callback("large") is None
    assert [b"x" * 10] * 2 == [await store.get_callback(each) for each in ("old", "young")]


async def test_a_flood_never_evicts_what_somebody_knows(store: TaskStore, clock: Clock) -> None:
    """Neither the results of jobs submitted here, nor those that somebody waits for."""
    for each in ("known", "early"):
        await put(store, *(["early"] if each == "early" else []))
        await store.put_submission(submission(each, clock))
    await put(store, "known")
    await store.put_callback("awaited", b"body", seen=True)
    for number in range(20):
        clock.advance(10 * MINUTE)
        await put(store, f"unknown{number}")

    kept = [await store.get_callback(each) for each in ("known", "early", "awaited")]
    assert [b"body"] * 3 == kept


async def test_what_somebody_knows_is_under_no_bound(store: TaskStore, clock: Clock) -> None:
    """A full buffer of unknown callbacks refuses no result that was paid for."""
    await put(store, "a", "b", "c")
    for number in range(20):
        await store.put_submission(submission(f"known{number}", clock))
        (result,) = await put(store, f"known{number}", body=b"x" * 1_000)
        assert Put(Verdict.FIRST, known=True) == result
    assert Verdict.FIRST is (await store.put_callback("d", b"x" * 1_000, seen=True)).verdict


async def test_a_submission_claims_its_early_callback(store: TaskStore, clock: Clock) -> None:
    """It is no longer unknown, so it leaves room for others."""
    await put(store, "a", "b", "c", body=b"x" * 10)

    await store.put_submission(submission("a", clock))

    assert await store.get_callback("a") == b"x" * 10
    assert [Put(Verdict.FIRST)] == await put(store, "d", body=b"x" * 10)
    assert [Put(Verdict.SAME, known=True)] == await put(store, "a", body=b"x" * 10)
    with pytest.raises(StoreError):
        await put(store, "e", body=b"")


async def test_claiming_a_seen_callback_leaves_it_final(store: TaskStore, clock: Clock) -> None:
    """Who has seen it has seen it, whoever submits it."""
    await put(store, "t", body=b"a")
    await store.pin_callback("t")
    await store.put_submission(submission("t", clock))

    assert [Put(Verdict.OTHER, known=True)] == await put(store, "t", body=b"b")


async def test_replacing_counts_in_the_bound(store: TaskStore) -> None:
    """The bytes that are there are the ones that count."""
    await put(store, "a", body=b"x" * 10)
    await store.replace_callback("a", old=b"x" * 10, new=b"x" * 20)

    with pytest.raises(StoreError):
        await put(store, "b", body=b"x" * 11)
    await store.replace_callback("a", old=b"x" * 20, new=b"x")
    await put(store, "b", body=b"x" * 29)


async def test_submissions_are_found(store: TaskStore, clock: Clock) -> None:
    """By their job, exactly as they were put; putting one again is harmless."""
    expected = submission("t", clock)
    await store.put_submission(expected)
    await store.put_submission(expected)

    assert expected == await store.get_submission("t")
    assert await store.get_submission("u") is None
    assert [expected] == list(await store.list_pending("mine"))


async def test_pending_is_what_has_no_callback(store: TaskStore, clock: Clock) -> None:
    """Of one account, oldest first; early callbacks and awaited ones count as well."""
    await put(store, "early")
    await store.put_callback("awaited", b"body", seen=True)
    for each in ("a", "early", "b", "awaited", "c"):
        await store.put_submission(submission(each, clock))
        clock.advance(1)
    await store.put_submission(submission("x", clock, account="other"))
    await put(store, "b", "unrelated")

    assert ["a", "c"] == [each.task_id for each in await store.list_pending("mine")]
    assert ["x"] == [each.task_id for each in await store.list_pending("other")]
    assert [] == list(await store.list_pending("nobody"))


async def test_forgetting_leaves_nothing_of_a_job(store: TaskStore, clock: Clock) -> None:
    """Submission, callback, contradictions and intents go; other jobs' stay."""
    for each in "ab":
        await store.put_submission(submission(each, clock))
        await put(store, each)
        await put(store, each, body=b"other")
        await store.begin_intent(intent(f"intent_{each}", clock, key=each))
        await store.update_intent(f"intent_{each}", IntentState.ACCEPTED, task_id=each)

    await store.forget("a")
    await store.forget("nothing")

    assert await store.get_submission("a") is None
    assert await store.get_callback("a") is None
    assert await store.get_intent("intent_a") is None
    assert ["b"] == [each.task_id for each in await store.list_aside()]
    assert b"body" == await store.get_callback("b")
    assert await store.get_submission("b") is not None
    assert await store.get_intent("intent_b") is not None
    again = intent("again", clock, key="a")
    assert again == await store.begin_intent(again)
    assert Verdict.FIRST is (await put(store, "a"))[0].verdict


async def test_forgetting_an_unknown_job_makes_room(store: TaskStore) -> None:
    """Its bytes and its place are free again."""
    await put(store, "a", "b", "c", body=b"x" * 10)
    await store.forget("b")

    await put(store, "d", body=b"x" * 10)

    with pytest.raises(StoreError):
        await put(store, "e", body=b"")


async def test_an_intent_is_kept(store: TaskStore, clock: Clock) -> None:
    """And what becomes of it is noted, in whichever steps."""
    begun = intent("i", clock)

    assert begun == await store.begin_intent(begun) == await store.get_intent("i")
    await store.update_intent("i", IntentState.NOT_SENT)
    await store.update_intent("i", IntentState.SENDING, expires_at=clock.now + 5)
    assert attrs.evolve(begun, expires_at=clock.now + 5) == await store.get_intent("i")
    await store.update_intent("i", IntentState.ACCEPTED, task_id="t")
    await store.update_intent("i", IntentState.ACCEPTED)
    expected = attrs.evolve(
        begun, expires_at=clock.now + 5, state=IntentState.ACCEPTED, task_id="t"
    )
    assert expected == await store.get_intent("i")


async def test_an_intent_that_is_not_there_is_no_error(store: TaskStore) -> None:
    """It may have been forgotten meanwhile."""
    await store.update_intent("i", IntentState.ACCEPTED, task_id="t")

    assert await store.get_intent("i") is None
    assert [] == list(await store.list_intents("mine", IntentState.ACCEPTED))


async def test_intents_without_a_key_are_all_kept(store: TaskStore, clock: Clock) -> None:
    """The same asset may be submitted twice on purpose."""
    for each in ("i", "j"):
        begun = intent(each, clock)
        assert begun == await store.begin_intent(begun)

    listed = await store.list_intents("mine", IntentState.SENDING)
    assert ["i", "j"] == [each.intent_id for each in listed]


@pytest.mark.parametrize(
    "state", [each for each in IntentState if each is not IntentState.NOT_SENT]
)
async def test_the_earlier_intent_of_a_key_stands(
    store: TaskStore, clock: Clock, state: IntentState
) -> None:
    """While a job exists, or may: the later one is not kept, and gets the earlier one."""
    await store.begin_intent(intent("first", clock, key="k"))
    await store.update_intent("first", state, task_id="t")
    expected = await store.get_intent("first")

    assert expected == await store.begin_intent(intent("second", clock, key="k"))
    assert await store.get_intent("second") is None
    assert expected == await store.get_intent("first")


async def test_a_key_whose_request_was_not_sent_is_free(store: TaskStore, clock: Clock) -> None:
    """The later intent takes the place of the earlier one."""
    await store.begin_intent(intent("first", clock, key="k"))
    await store.update_intent("first", IntentState.NOT_SENT)
    second = intent("second", clock, key="k")

    assert second == await store.begin_intent(second)
    assert await store.get_intent("first") is None
    assert second == await store.begin_intent(intent("third", clock, key="k"))


async def test_keys_are_of_one_account(store: TaskStore, clock: Clock) -> None:
    """Two customers may choose the same."""
    for account in ("mine", "other"):
        begun = intent(f"of_{account}", clock, key="k", account=account)
        assert begun == await store.begin_intent(begun)


async def test_an_intent_past_its_time_is_unknown(store: TaskStore, clock: Clock) -> None:
    """On whatever host its process died; until then it is being sent."""
    begun = intent("i", clock, key="k")
    await store.begin_intent(begun)
    clock.advance(MINUTE)
    assert begun == await store.get_intent("i")
    clock.advance(1)

    expected = attrs.evolve(begun, state=IntentState.UNKNOWN)
    assert expected == await store.get_intent("i")
    assert [expected] == list(await store.list_intents("mine", IntentState.UNKNOWN))
    assert [] == list(await store.list_intents("mine", IntentState.SENDING))
    assert expected == await store.begin_intent(intent("later", clock, key="k"))


@pytest.mark.parametrize("state", [IntentState.ACCEPTED, IntentState.NOT_SENT])
async def test_an_intent_with_an_outcome_keeps_it(
    store: TaskStore, clock: Clock, state: IntentState
) -> None:
    """However late it is; also one that came after the time was up."""
    await store.begin_intent(intent("i", clock))
    clock.advance(2 * MINUTE)
    await store.update_intent("i", state)

    (found,) = await store.list_intents("mine", state)
    assert state is found.state


async def test_intents_are_listed_by_account_and_state(store: TaskStore, clock: Clock) -> None:
    """Oldest first."""
    for each in "abc":
        await store.begin_intent(intent(each, clock))
        clock.advance(1)
    await store.begin_intent(intent("x", clock, account="other"))
    await store.update_intent("b", IntentState.NOT_SENT)

    sending = await store.list_intents("mine", IntentState.SENDING)
    not_sent = await store.list_intents("mine", IntentState.NOT_SENT)
    assert ["a", "c"] == [each.intent_id for each in sending]
    assert ["b"] == [each.intent_id for each in not_sent]


async def test_what_is_past_its_time_is_removed(store: TaskStore, clock: Clock) -> None:
    """Everything after its day, and nothing before."""
    await store.put_submission(submission("t", clock))
    await put(store, "t", "unknown")
    await put(store, "t", body=b"other")
    await store.begin_intent(intent("i", clock, key="k"))
    await store.begin_intent(intent("without a key", clock))
    clock.advance(DAY - 1)
    await put(store, "young")
    assert 0 == await store.expire()
    clock.advance(1)

    assert 6 == await store.expire()
    assert 0 == await store.expire()
    assert [None] * 2 == [await store.get_callback(each) for each in ("t", "unknown")]
    assert await store.get_submission("t") is None
    assert await store.get_intent("i") is None
    assert [] == list(await store.list_aside())
    assert b"body" == await store.get_callback("young")


async def test_stores_expire_as_they_go(store: TaskStore, clock: Clock) -> None:
    """Nobody has to call `expire`: room and keys of what is old are free."""
    await put(store, "a", "b", "c", body=b"x" * 10)
    await store.begin_intent(intent("i", clock, key="k"))
    await store.put_submission(submission("old", clock))
    clock.advance(DAY)

    assert [Put(Verdict.FIRST)] == await put(store, "d", body=b"x" * 30)
    begun = intent("j", clock, key="k")
    assert begun == await store.begin_intent(begun)
    await store.put_submission(submission("t", clock))
    assert await store.get_submission("old") is None


async def test_a_watcher_is_told_of_first_bodies(store: TaskStore, clock: Clock) -> None:
    """Of all jobs, known or not, until it stops; not of repeats, nor of what was refused."""
    hints: list[str | None] = []
    others: list[str | None] = []
    stop = await store.watch(hints.append)
    await store.watch(others.append)
    await store.put_submission(submission("t", clock))
    await put(store, "t", "t", "a", "b", "c")
    await put(store, "t", body=b"other")
    with pytest.raises(StoreError):
        await put(store, "d")

    stop()
    await store.put_callback("e", b"body", seen=True)

    assert ["t", "a", "b", "c"] == hints
    assert ["t", "a", "b", "c", "e"] == others


async def test_a_watcher_may_stop_in_a_hint(store: TaskStore) -> None:
    """The others are still told."""
    hints: list[str | None] = []

    def stop_at_once(_: str | None) -> None:
        stop()

    stop = await store.watch(stop_at_once)
    await store.watch(hints.append)
    await put(store, "a", "b")

    assert ["a", "b"] == hints


async def test_a_hint_finds_the_body(store: TaskStore) -> None:
    """It is sent when the body is there, not before."""
    found: list[bytes] = []

    async def look() -> None:
        body = await store.get_callback("t")
        found.append(body or b"nothing")

    looks = []
    await store.watch(lambda _: looks.append(look()))
    await put(store, "t")
    for each in looks:
        await each

    assert [b"body"] == found


async def test_a_store_supplies_the_pacer_of_a_lane(store: TaskStore) -> None:
    """All who ask for one lane share its schedule; lanes have schedules of their own."""
    lane = Lane("https://contract.example", "account", "/path")
    one, same = store.pacer(lane, 10.0), store.pacer(lane, 10.0)
    other = store.pacer(attrs.evolve(lane, account="other"), 10.0)

    delays = [(await pacer.reserve()).delay for pacer in (one, same, other)]

    assert [0.0, pytest.approx(10.02, abs=1.0), 0.0] == delays


async def test_a_store_closes_twice(store: TaskStore) -> None:
    """Whoever closes it first."""
    assert isinstance(store.local, bool)
    await store.aclose()
    await store.aclose()
