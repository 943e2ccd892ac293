"""One idempotency key is one job, whoever asks for it and whenever."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable

import attrs
import httpx
import pytest
import pytest_asyncio

from mavi_async import (
    ClientClosed,
    ConfigurationError,
    MaviClient,
    MemoryStore,
    OutOfCredits,
    PacingTimeout,
    StoreError,
    SubmitOutcomeUnknown,
)
from mavi_async._records import Intent, IntentState, Submission
from mavi_async.stores import _deadline

KEY = "sk-mavi-0123456789abcdef"

pytestmark = pytest.mark.asyncio


class Api:
    """The API without a network: each request it takes is a job of its own."""

    def __init__(self) -> None:
        self.asset_ids: list[str] = []
        self.arrived = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.refusals: list[httpx.Response | Exception] = []

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Take a request, and answer it when that is allowed."""
        asset_id = json.loads(request.content)["asset_id"]
        self.asset_ids.append(asset_id)
        self.arrived.set()
        await self.may_answer.wait()
        if self.refusals:
            refusal = self.refusals.pop(0)
            if isinstance(refusal, Exception):
                raise refusal
            return refusal
        task_id = f"job{len(self.asset_ids)}"
        return httpx.Response(200, json={"code": "0000", "data": {"task_id": task_id}})


@attrs.frozen
class Bench:
    """An API and clients of one account at it."""

    api: Api
    client: Callable[..., MaviClient]


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    """An account of its own."""
    api, account = Api(), uuid.uuid4().hex
    async with httpx.AsyncClient(transport=httpx.MockTransport(api.answer)) as http_client:

        def make(
            store: MemoryStore, *, rate: float = 100_000.0, account: str = account
        ) -> MaviClient:
            return MaviClient(
                KEY,
                account=account,
                requests_per_second=rate,
                store=store,
                http_client=http_client,
            )

        yield Bench(api, make)


@pytest.fixture
def store() -> MemoryStore:
    """What the clients share."""
    return MemoryStore()


async def test_a_key_is_submitted_once(bench: Bench, store: MemoryStore) -> None:
    """The second call gets the first one's task, also in another client, without a slot."""
    async with bench.client(store, rate=1 / 3600) as one, bench.client(store, rate=1 / 3600) as two:
        first = await one.submit_speaker("re_1", idempotency_key="k")
        async with asyncio.timeout(30):
            same = await one.submit_speaker("re_1", idempotency_key="k")
            other = await two.submit_speaker("re_1", idempotency_key="k")

        assert same is first
        assert ("job1", "re_1", first.submitted_at) == (
            other.task_id,
            other.asset_id,
            other.submitted_at,
        )
        assert ["re_1"] == bench.api.asset_ids


async def test_calls_at_once_are_one_submission(bench: Bench, store: MemoryStore) -> None:
    """However many are gathered, over two clients; other keys are not held up."""
    async with bench.client(store) as one, bench.client(store) as two:
        calls = [
            client.submit_speaker("re_1", idempotency_key=key)
            for key in ("k", "l")
            for client in (one, two)
            for _ in range(10)
        ]
        tasks = await asyncio.gather(*calls)

    assert ["re_1", "re_1"] == bench.api.asset_ids
    assert 1 == len({task.task_id for task in tasks[:20]})
    assert 1 == len({task.task_id for task in tasks[20:]})
    assert tasks[0].task_id != tasks[20].task_id


async def test_the_second_waits_while_the_first_is_sending(
    bench: Bench, store: MemoryStore
) -> None:
    """It sends nothing itself, and has the first one's task once that has it."""
    bench.api.may_answer.clear()
    async with bench.client(store) as one, bench.client(store) as two:
        first = asyncio.create_task(one.submit_speaker("re_1", idempotency_key="k"))
        await bench.api.arrived.wait()
        second = asyncio.create_task(two.submit_speaker("re_1", idempotency_key="k"))
        await _settle()
        assert not second.done()
        bench.api.may_answer.set()

        assert "job1" == (await first).task_id == (await second).task_id
        assert ["re_1"] == bench.api.asset_ids


async def test_a_waiting_call_ends_with_its_client(bench: Bench, store: MemoryStore) -> None:
    """And the first one's submission is not touched."""
    bench.api.may_answer.clear()
    async with bench.client(store) as one:
        first = asyncio.create_task(one.submit_speaker("re_1", idempotency_key="k"))
        await bench.api.arrived.wait()
        async with bench.client(store) as two:
            second = asyncio.create_task(two.submit_speaker("re_1", idempotency_key="k"))
            await _settle()
        with pytest.raises(ClientClosed):
            await second
        bench.api.may_answer.set()

        assert "job1" == (await first).task_id


async def test_another_asset_is_refused(bench: Bench, store: MemoryStore) -> None:
    """Under the key of a job that exists, with a word on which asset has it."""
    async with bench.client(store) as client:
        await client.submit_speaker("re_1", idempotency_key="k")

        with pytest.raises(ConfigurationError, match="used for asset re_1: use another key"):
            await client.submit_speaker("re_2", idempotency_key="k")

    assert ["re_1"] == bench.api.asset_ids


async def test_an_unknown_outcome_stays_unknown(bench: Bench, store: MemoryStore) -> None:
    """Nothing is sent again under its key; the error names the submission in the store."""
    bench.api.refusals = [httpx.ReadTimeout("lost")]
    async with bench.client(store) as client:
        with pytest.raises(SubmitOutcomeUnknown) as first:
            await client.submit_speaker("re_1", idempotency_key="k")
        with pytest.raises(SubmitOutcomeUnknown, match=r"adopt\(\) its callback") as second:
            await client.submit_speaker("re_1", idempotency_key="k")

    [unknown] = await store.list_intents(IntentState.UNKNOWN)
    assert unknown.intent_id == first.value.intent_id == second.value.intent_id
    assert "re_1" == second.value.asset_id
    assert ["re_1"] == bench.api.asset_ids


async def test_an_unknown_outcome_can_be_settled(bench: Bench, store: MemoryStore) -> None:
    """By whoever knows that nothing was created: the key is free again."""
    bench.api.refusals = [httpx.ReadTimeout("lost")]
    async with bench.client(store) as client:
        with pytest.raises(SubmitOutcomeUnknown) as caught:
            await client.submit_speaker("re_1", idempotency_key="k")
        await store.update_intent(caught.value.intent_id or "", IntentState.NOT_SENT)

        assert "job2" == (await client.submit_speaker("re_1", idempotency_key="k")).task_id


async def test_what_a_dead_process_was_sending_is_unknown(bench: Bench, store: MemoryStore) -> None:
    """Once its time is over: a job may exist."""
    async with bench.client(store) as client:
        await store.begin_intent(
            Intent("dead", client.account, "re_1", IntentState.SENDING, 1.0, 2.0, "k")
        )

        with pytest.raises(SubmitOutcomeUnknown) as caught:
            await client.submit_speaker("re_1", idempotency_key="k")

    assert "dead" == caught.value.intent_id
    assert [] == bench.api.asset_ids


async def test_a_refused_submission_leaves_its_key_free(bench: Bench, store: MemoryStore) -> None:
    """Nothing was created: the next call submits, also another asset."""
    bench.api.refusals = [httpx.Response(402, json={"code": "0402", "msg": "no credits"})]
    async with bench.client(store) as client:
        with pytest.raises(OutOfCredits):
            await client.submit_speaker("re_1", idempotency_key="k")

        assert "job2" == (await client.submit_speaker("re_2", idempotency_key="k")).task_id


class OvertakingStore(MemoryStore):
    """A store in which another process takes the key as soon as a request was refused."""

    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        """Note it; then the other process submits."""
        found = await super().update_intent(intent_id, state, task_id=task_id, only_if=only_if)
        mine = await self.get_intent(intent_id)
        if state is IntentState.NOT_SENT and mine is not None:
            await self.begin_intent(
                attrs.evolve(mine, intent_id="theirs", state=IntentState.SENDING)
            )
            theirs = Submission("theirs", mine.account, mine.asset_id, 1.0)
            await self.put_submission(theirs, intent_id="theirs")
        return found


async def test_a_key_taken_between_two_tries(bench: Bench, delays: list[float]) -> None:
    """The request is not sent again: the task is that of the process that took the key."""
    bench.api.refusals = [httpx.Response(429)]
    async with bench.client(OvertakingStore()) as client:
        task = await client.submit_speaker("re_1", idempotency_key="k")

    assert "theirs" == task.task_id
    assert ["re_1"] == bench.api.asset_ids
    assert [0.0] == delays


class LateStore(MemoryStore):
    """A store in which the key is taken after it was found to be free."""

    async def find_intent(self, account: str, idempotency_key: str) -> Intent | None:
        """Find it; then the other process submits."""
        found = await super().find_intent(account, idempotency_key)
        if found is None:
            theirs = Intent("i", account, "re_1", IntentState.SENDING, 4e9, 4e9, idempotency_key)
            await self.begin_intent(theirs)
            await self.put_submission(Submission("theirs", account, "re_1", 1.0), intent_id="i")
        return found


async def test_a_key_taken_in_the_queue(bench: Bench) -> None:
    """Nothing is sent, and the slot is free for the next: at a rate of one in an hour."""
    async with bench.client(LateStore(), rate=1 / 3600) as client:
        task = await client.submit_speaker("re_1", idempotency_key="k")
        async with asyncio.timeout(30):
            await client.submit_speaker("re_2")

    assert "theirs" == task.task_id
    assert ["re_2"] == bench.api.asset_ids


async def test_keys_are_of_one_account(bench: Bench, store: MemoryStore) -> None:
    """Two customers may choose the same."""
    async with bench.client(store) as one, bench.client(store, account="another") as two:
        tasks = [await each.submit_speaker("re_1", idempotency_key="k") for each in (one, two)]

    assert ["job1", "job2"] == [task.task_id for task in tasks]


async def test_a_key_whose_job_was_forgotten_is_free(bench: Bench, store: MemoryStore) -> None:
    """Forgetting a job forgets its submission."""
    async with bench.client(store) as client:
        task = await client.submit_speaker("re_1", idempotency_key="k")
        await store.forget(task.task_id)

        assert "job2" == (await client.submit_speaker("re_1", idempotency_key="k")).task_id


async def test_diarize_takes_a_key(bench: Bench, store: MemoryStore) -> None:
    """As submitting does."""
    async with bench.client(store) as client:
        task = await client.submit_speaker("re_1", idempotency_key="k")
        waiter = asyncio.create_task(client.diarize("re_1", idempotency_key="k"))
        segments = {"data": [{"start": 0.0, "end": 1.0, "speaker": "A"}]}
        await client.dispatcher.feed(
            {"code": "0000", "data": {"data": segments, "success": True}, "task_id": task.task_id}
        )

        assert "job1" == (await waiter).task_id
        assert ["re_1"] == bench.api.asset_ids


async def test_waiting_for_the_first_counts_as_waiting(bench: Bench, store: MemoryStore) -> None:
    """It ends with `max_wait`, and the first goes on."""
    bench.api.may_answer.clear()
    async with bench.client(store) as one, bench.client(store) as two:
        first = asyncio.create_task(one.submit_speaker("re_1", idempotency_key="k"))
        await bench.api.arrived.wait()
        with pytest.raises(PacingTimeout):
            await two.submit_speaker("re_1", idempotency_key="k", max_wait=0.01)
        bench.api.may_answer.set()

        assert "job1" == (await first).task_id


class UncertainStore(MemoryStore):
    """A store that keeps an intent and says that it failed to."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = True
        self.freed = asyncio.Event()

    async def begin_intent(self, intent: Intent) -> Intent:
        """Keep it, and fail the first time."""
        kept = await super().begin_intent(intent)
        if self.fails:
            self.fails = False
            raise StoreError("the store did not answer")
        return kept

    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        """Note it."""
        self.freed.set()
        return await super().update_intent(intent_id, state, task_id=task_id, only_if=only_if)


async def test_an_intent_that_is_kept_without_a_request_blocks_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller was told that nothing was sent, and so is the store, a moment later."""
    monkeypatch.setattr(_deadline, "_PAUSES", (0.0,))
    store = UncertainStore()
    async with bench.client(store) as client:
        with pytest.raises(StoreError):
            await client.submit_speaker("re_1", idempotency_key="k")
        await store.freed.wait()
        task = await client.submit_speaker("re_1", idempotency_key="k")

    assert "job1" == task.task_id
    assert ["re_1"] == bench.api.asset_ids


class AdoptingStore(MemoryStore):
    """A store whose user adopts a callback for a submission between two of its tries."""

    async def begin_intent(self, intent: Intent) -> Intent:
        """Return the adopted one."""
        if await self.get_intent(intent.intent_id) is None:
            return await super().begin_intent(intent)
        adopted = Submission("adopted", intent.account, intent.asset_id, 1.0)
        await self.put_submission(adopted, intent_id=intent.intent_id)
        return attrs.evolve(intent, state=IntentState.ACCEPTED, task_id="adopted")


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_submission_that_was_adopted_meanwhile(
    key: str | None, bench: Bench, delays: list[float]
) -> None:
    """Is not sent again: its caller gets the task of the callback that was adopted."""
    bench.api.refusals = [httpx.Response(429)]
    async with bench.client(AdoptingStore()) as client:
        task = await client.submit_speaker("re_1", idempotency_key=key)

    assert "adopted" == task.task_id
    assert ["re_1"] == bench.api.asset_ids


async def test_an_unusable_timeout_costs_nothing(bench: Bench, store: MemoryStore) -> None:
    """It is refused before anything is submitted."""
    async with bench.client(store) as client:
        with pytest.raises(ConfigurationError, match="timeout is a non-negative"):
            await client.diarize("re_1", timeout=-5)

    assert [] == bench.api.asset_ids


@pytest.mark.parametrize("key", ["", "x" * 257, "a\nb", "\0", 7, b"k"], ids=repr)
async def test_unusable_keys(bench: Bench, store: MemoryStore, key: str) -> None:
    """Are refused before anything else."""
    async with bench.client(store) as client:
        with pytest.raises(ConfigurationError, match="idempotency_key is 1 to 256 printable"):
            await client.submit_speaker("re_1", idempotency_key=key)

    assert [] == bench.api.asset_ids


class DownStore(MemoryStore):
    """A store that cannot tell who has a key."""

    async def find_intent(self, account: str, idempotency_key: str) -> Intent | None:
        """Fail."""
        raise StoreError("the store is down")


async def test_without_the_store_nothing_is_sent(bench: Bench) -> None:
    """Under a key nobody can tell whether it was submitted before."""
    async with bench.client(DownStore()) as client:
        with pytest.raises(StoreError, match="down"):
            await client.submit_speaker("re_1", idempotency_key="k")

    assert [] == bench.api.asset_ids


async def _settle() -> None:
    """Let everything go on that can."""
    for _ in range(20):
        await asyncio.sleep(0)
