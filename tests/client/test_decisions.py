"""What only a person can decide: which callback answers an unknown submission, if any does."""

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest

from mavi_async import (
    ClientClosed,
    ConfigurationError,
    Intent,
    MaviClient,
    MemoryStore,
    Submission,
    SubmitOutcomeUnknown,
    TaskFailed,
    TaskStateError,
)
from mavi_async._endpoints import GENERATE, SUBMIT
from mavi_async.stores import IntentState

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody

KEY = "sk-mavi-0123456789abcdef"

pytestmark = pytest.mark.asyncio


def client_of(store: MemoryStore, account: str = "studio") -> MaviClient:
    """A client of the account whose submissions the store has."""
    return MaviClient(KEY, account=account, store=store)


async def with_an_orphan(body: bytes, kind: type[MemoryStore] = MemoryStore) -> MemoryStore:
    """A store with a submission whose outcome is unknown, and a callback that nobody knows."""
    store = kind(clock=lambda: 2_000.0)
    sending = IntentState.SENDING
    await store.begin_intent(
        Intent("i", "studio", "re_1", sending, 1_000.0, 1_060.0, "k", endpoint=SUBMIT)
    )
    await store.put_callback("t1", body, seen=False)
    return store


async def everything(store: MemoryStore) -> list[object]:
    """What the store holds of intents and of unmatched callbacks."""
    intents = [each for state in IntentState for each in await store.list_intents(state)]
    return [*intents, *await store.list_unmatched()]


async def test_an_orphaned_callback_is_adopted(body_of: "MakeBody") -> None:
    """Its task resolves, the submission is accepted, its key gives the task; twice is once."""
    store = await with_an_orphan(body_of("t1"))
    async with client_of(store) as client:
        task = await client.adopt("i", "t1")
        again = await client.adopt("i", "t1")
        same = await client.submit_speaker("re_1", idempotency_key="k")
        diarization = await task.wait(timeout=30)

    assert again is task is same
    assert ("re_1", 1_000.0) == (
        diarization.uri,
        task.submitted_at and task.submitted_at.timestamp(),
    )
    assert [] == list(await store.list_unmatched())
    [intent] = await store.list_intents(IntentState.ACCEPTED)
    assert "t1" == intent.task_id


async def test_the_callback_of_a_failure_is_adopted(body_of: "MakeBody") -> None:
    """A speaker job that failed is one all the same."""
    store = await with_an_orphan(body_of("t1", code="0001"))
    async with client_of(store) as client:
        task = await client.adopt("i", "t1")
        with pytest.raises(TaskFailed):
            await task


@pytest.mark.parametrize(
    ("intent_id", "task_id", "reason"),
    [
        ("nothing", "t1", "there is no submission nothing in this store"),
        ("theirs", "t1", "the submission of re_3 is one of account other"),
        ("at once", "t1", "re_4 was to be done at once: it is never called back"),
        ("accepted", "t1", "task x is the job of re_2"),
        ("sending", "t1", "re_2 is being submitted"),
        ("not_sent", "t1", "nothing came of re_2"),
        ("i", "t2", "no callback of task t2 is in this store"),
        ("i", "known", "task known is the job of re_known"),
        ("i", "clip", "the callback of task clip does not answer a speaker job"),
        ("i", "no id", "task_id is 1 to 128 letters"),
    ],
)
async def test_what_cannot_be_adopted(
    intent_id: str, task_id: str, reason: str, body_of: "MakeBody"
) -> None:
    """Says why, and changes nothing."""
    store = await with_an_orphan(body_of("t1"))
    await store.put_callback("clip", b'{"code": "0000", "task_id": "clip"}', seen=False)
    await store.put_submission(Submission("known", "studio", "re_known", 1_000.0))
    sending = IntentState.SENDING
    for each in ("accepted", "sending", "not_sent"):
        await store.begin_intent(Intent(each, "studio", "re_2", sending, 1.0, 4e9))
    await store.begin_intent(Intent("theirs", "other", "re_3", sending, 1.0, 2.0))
    await store.begin_intent(
        Intent("at once", "studio", "re_4", sending, 1.0, 2.0, None, None, GENERATE)
    )
    await store.put_submission(Submission("x", "studio", "re_2", 1_000.0), intent_id="accepted")
    await store.update_intent("not_sent", IntentState.NOT_SENT)
    before = await everything(store)
    async with client_of(store) as client:
        with pytest.raises(ConfigurationError, match=reason):
            await client.adopt(intent_id, task_id)

    assert before == await everything(store)


class QuickerStore(MemoryStore):
    """A store in which another process adopts first, the same for the same."""

    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        """Let the other one be quicker."""
        await super().adopt(intent_id, task_id)
        return await super().adopt(intent_id, task_id)


async def test_two_adopt_the_same_at_once(body_of: "MakeBody") -> None:
    """Both get the task."""
    store = await with_an_orphan(body_of("t1"), QuickerStore)
    async with client_of(store) as client:
        task = await client.adopt("i", "t1")

    assert "t1" == task.task_id


class ChangeableStore(MemoryStore):
    """A store in which every adoption comes too late, and nobody can see why."""

    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        """Change nothing."""
        return None


async def test_an_adoption_that_does_not_come_about(body_of: "MakeBody") -> None:
    """It is tried twice, and then said so."""
    store = await with_an_orphan(body_of("t1"), ChangeableStore)
    async with client_of(store) as client:
        with pytest.raises(ConfigurationError, match="has just changed: try again"):
            await client.adopt("i", "t1")


async def test_unknown_submissions_are_listed(body_of: "MakeBody") -> None:
    """Those of the account, oldest first, until they are decided about."""
    store = await with_an_orphan(body_of("t1"))
    for name, account, begun_at in (("older", "studio", 10.0), ("theirs", "other", 20.0)):
        await store.begin_intent(
            Intent(name, account, "re_2", IntentState.SENDING, begun_at, begun_at)
        )
    async with client_of(store) as client:
        listed = [each.intent_id for each in await client.unknown_submissions()]
        await client.adopt("i", "t1")
        left = [each.intent_id for each in await client.unknown_submissions()]

    assert ["older", "i"] == listed
    assert ["older"] == left


async def test_an_unknown_submission_is_abandoned(body_of: "MakeBody") -> None:
    """It is off the list, its key is free, and its callback is nobody's."""
    store = await with_an_orphan(body_of("t1"))
    async with client_of(store) as client:
        with pytest.raises(SubmitOutcomeUnknown):
            await client.submit_speaker("re_1", idempotency_key="k")
        await client.abandon("i")

        assert [] == list(await client.unknown_submissions())
    intent = await store.find_intent("studio", "k")
    assert intent is not None
    assert IntentState.NOT_SENT is intent.state
    assert ["t1"] == [each.task_id for each in await store.list_unmatched()]


@pytest.mark.parametrize(
    ("intent_id", "reason"),
    [
        ("nothing", "there is no submission nothing in this store"),
        ("theirs", "the submission of re_3 is one of account other"),
        ("adopted", "task t1 is the job of re_1"),
        ("at once", "re_4 was done, and its result handed out"),
        ("sending", "re_2 is being submitted"),
        ("not_sent", "nothing came of re_2"),
    ],
)
async def test_what_cannot_be_abandoned(intent_id: str, reason: str, body_of: "MakeBody") -> None:
    """A job that is paid for keeps its key; it is said why, and nothing changes."""
    store = await with_an_orphan(body_of("t1"))
    await store.adopt("i", "t1")
    sending = IntentState.SENDING
    for each in ("sending", "not_sent"):
        await store.begin_intent(Intent(each, "studio", "re_2", sending, 1.0, 4e9))
    await store.begin_intent(Intent("theirs", "other", "re_3", sending, 1.0, 2.0))
    await store.begin_intent(Intent("at once", "studio", "re_4", sending, 1.0, 2.0))
    await store.update_intent("at once", IntentState.ACCEPTED)
    await store.update_intent("not_sent", IntentState.NOT_SENT)
    before = await everything(store)
    async with client_of(store) as client:
        with pytest.raises(ConfigurationError, match=reason):
            await client.abandon("i" if intent_id == "adopted" else intent_id)

    assert before == await everything(store)


class AdoptingStore(MemoryStore):
    """A store in which somebody adopts a callback as soon as an intent was looked at."""

    async def get_intent(self, intent_id: str) -> Intent | None:
        """Return it as it was."""
        intent = await super().get_intent(intent_id)
        await self.adopt(intent_id, "t1")
        return intent


async def test_a_submission_that_is_adopted_meanwhile_is_not_abandoned(
    body_of: "MakeBody",
) -> None:
    """However late; or its job would be paid for again."""
    store = await with_an_orphan(body_of("t1"), AdoptingStore)
    async with client_of(store) as client:
        with pytest.raises(ConfigurationError, match="task t1 is the job of re_1"):
            await client.abandon("i")

    intent = await store.find_intent("studio", "k")
    assert intent is not None
    assert (IntentState.ACCEPTED, "t1") == (intent.state, intent.task_id)


async def test_a_submission_that_becomes_unknown_just_now() -> None:
    """It was not yet when it was to be abandoned: asking again does it."""
    times = itertools.chain([0.0, 0.0, 5.0], itertools.repeat(15.0))
    store = MemoryStore(clock=lambda: next(times))
    await store.begin_intent(Intent("i", "studio", "re_1", IntentState.SENDING, 0.0, 10.0))
    async with client_of(store) as client:
        with pytest.raises(ConfigurationError, match="became unknown just now: try again"):
            await client.abandon("i")
        await client.abandon("i")

    assert ["i"] == [each.intent_id for each in await store.list_intents(IntentState.NOT_SENT)]


async def test_only_an_open_client_decides() -> None:
    """Before and after, the error says what to do."""
    client = client_of(MemoryStore())
    calls = (
        client.unknown_submissions,
        lambda: client.adopt("i", "t"),
        lambda: client.abandon("i"),
    )
    for call in calls:
        with pytest.raises(TaskStateError, match="enter the client first"):
            await call()
    await client.aclose()
    for call in calls:
        with pytest.raises(ClientClosed):
            await call()


async def test_many_abandon_at_once(body_of: "MakeBody") -> None:
    """One does it, and the others are told that it is done."""
    store = await with_an_orphan(body_of("t1"))
    async with client_of(store) as client:
        ended = await asyncio.gather(
            *(client.abandon("i") for _ in range(3)), return_exceptions=True
        )

    assert 1 == ended.count(None)
