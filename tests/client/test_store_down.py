"""A store that is down at some point of a submit: nothing is paid for twice or lost."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import httpx
import pytest
import respx

from mavi_async import Dispatcher, MaviClient, MemoryStore, StoreError, SubmitOutcomeUnknown
from mavi_async._records import Intent, IntentState, Put, Submission
from mavi_async.stores import Lane, Pacer, Slot

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody

KEY = "sk-mavi-0123456789abcdef"
FAST = 100_000.0


class DownPacer:
    """A pacer that fails where its store says so."""

    def __init__(self, inner: Pacer, check: Callable[[str], None]) -> None:
        self._inner = inner
        self._check = check

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        """Reserve, unless the store is down."""
        self._check("reserve")
        return await self._inner.reserve(instead_of)

    async def confirm(self, slot: Slot) -> Slot:
        """Confirm, unless the store is down."""
        self._check("confirm")
        return await self._inner.confirm(slot)

    async def give_back(self, slot: Slot) -> None:
        """Give back, unless the store is down."""
        self._check("give_back")
        await self._inner.give_back(slot)

    async def left(self, slot: Slot, *, late: float) -> None:
        """Note a departure, unless the store is down."""
        self._check("left")
        await self._inner.left(slot, late=late)

    async def answered(self, slot: Slot, *, refused: bool, certain: bool = True) -> None:
        """Note an answer, unless the store is down."""
        self._check("answered")
        await self._inner.answered(slot, refused=refused, certain=certain)

    async def unanswered(self, slot: Slot) -> None:
        """Note that there is no answer, unless the store is down."""
        self._check("unanswered")
        await self._inner.unanswered(slot)


class DownStore(MemoryStore):
    """A store some of whose methods fail for as long as they are listed."""

    def __init__(self, *down: str, error: Exception | None = None) -> None:
        super().__init__()
        self.down = set(down)
        self.error = error or StoreError("the store is down")

    def check(self, method: str) -> None:
        """Fail for a method that is down."""
        if method in self.down:
            raise self.error

    async def begin_intent(self, intent: Intent) -> Intent:
        self.check("begin_intent")
        return await super().begin_intent(intent)

    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        self.check("update_intent")
        return await super().update_intent(intent_id, state, task_id=task_id, only_if=only_if)

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        self.check("put_submission")
        await super().put_submission(submission, intent_id=intent_id)

    async def get_callback(self, task_id: str) -> bytes | None:
        self.check("get_callback")
        return await super().get_callback(task_id)

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        self.check("put_callback")
        return await super().put_callback(task_id, body, seen=seen)

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        self.check("watch")
        return await super().watch(notify)

    def pacer(self, lane: Lane, interval: float) -> Pacer:
        return DownPacer(super().pacer(lane, interval), self.check)


async def states(store: MemoryStore, client: MaviClient) -> Sequence[IntentState]:
    """The state of every intent."""
    store_of_all = [await store.list_intents(state, client.account) for state in IntentState]
    return [intent.state for intents in store_of_all for intent in intents]


@pytest.fixture
def route() -> Iterator[respx.Route]:
    """The submit endpoint, which accepts everything."""
    accepted = {"code": "0000", "msg": "success", "data": {"task_id": "t1"}}
    with respx.mock(assert_all_called=False) as router:
        yield router.post(path__regex="async-generate-speaker$").respond(json=accepted)


@pytest.mark.fault("the store is down or hangs")
@pytest.mark.parametrize("method", ["begin_intent", "reserve"])
@pytest.mark.asyncio
async def test_nothing_is_sent_without_an_intent(method: str, route: respx.Route) -> None:
    """A store that is down before the request costs nothing, and a later submit works."""
    store = DownStore(method)
    async with MaviClient(KEY, requests_per_second=FAST, store=store) as client:
        for _ in range(10):  # more than may be under way: none of them keeps its turn
            with pytest.raises(StoreError, match="the store is down"):
                await client.submit_speaker("re_1")
        before = (route.call_count, await states(store, client))
        store.down.clear()
        task = await client.submit_speaker("re_1")

        assert before == (0, [])
        assert task.task_id == "t1"
        assert await states(store, client) == [IntentState.ACCEPTED]


@pytest.mark.parametrize(
    "error", [StoreError("the store is down"), OSError("disk gone"), KeyError("a bug")], ids=repr
)
@pytest.mark.parametrize("methods", [["put_submission"], ["get_callback"]], ids=str)
@pytest.mark.asyncio
async def test_a_job_that_exists_is_handed_out(
    methods: list[str],
    error: Exception,
    route: respx.Route,
    body_of: "MakeBody",
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A store that fails after the request, in whatever way, is logged; the task works."""
    store = DownStore(*methods, error=error)
    dispatcher = Dispatcher(store=store)
    async with MaviClient(KEY, requests_per_second=FAST, dispatcher=dispatcher) as client:
        with caplog.at_level(logging.ERROR, "mavi_async"):
            task = await client.submit_speaker("re_1")
        store.down.clear()
        await dispatcher.feed(body_of("t1"))

        assert (await task).task_id == "t1"
        assert route.call_count == 1
        recorded = "task t1 (re_1) is not recorded" not in caplog.text
        looked = "whether task t1 was called back early is open" not in caplog.text
        assert recorded is (methods[0] in ("get_callback", "watch")) is not looked


@pytest.mark.parametrize("method", ["left", "answered"])
@pytest.mark.asyncio
async def test_a_pace_that_cannot_be_updated_costs_no_answer(
    method: str, route: respx.Route, caplog: pytest.LogCaptureFixture
) -> None:
    """A shared schedule that is gone after the request is logged, and nothing else."""
    store = DownStore(method)
    async with MaviClient(KEY, requests_per_second=FAST, store=store) as client:
        with caplog.at_level(logging.WARNING, "mavi_async"):
            tasks = [await client.submit_speaker(f"re_{number}") for number in range(10)]

    assert {task.task_id for task in tasks} == {"t1"}
    assert route.call_count == 10
    assert "the pacing could not be updated" in caplog.text


@pytest.mark.asyncio
async def test_an_unknown_outcome_is_not_hidden(
    route: respx.Route, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that goes down with the request's answer does not say that nothing was sent."""
    route.side_effect = httpx.ReadTimeout
    store = DownStore("update_intent")
    async with MaviClient(KEY, requests_per_second=FAST, store=store) as client:
        with (
            caplog.at_level(logging.ERROR, "mavi_async"),
            pytest.raises(SubmitOutcomeUnknown) as caught,
        ):
            await client.submit_speaker("re_1")

        assert caught.value.intent_id is not None
        assert await states(store, client) == [IntentState.SENDING]
        assert "how submitting re_1 ended is not recorded" in caplog.text


@pytest.mark.asyncio
async def test_a_submit_that_its_store_prevents_costs_no_slot(route: respx.Route) -> None:
    """The next one has its turn at once, at a rate of one in an hour."""
    store = DownStore("begin_intent")
    async with MaviClient(
        KEY, account=uuid.uuid4().hex, requests_per_second=1 / 3600, store=store
    ) as client:
        with pytest.raises(StoreError):
            await client.submit_speaker("re_1")
        store.down.clear()
        async with asyncio.timeout(30):
            await client.submit_speaker("re_1")

    assert route.call_count == 1


@pytest.mark.asyncio
async def test_a_store_that_goes_down_between_tries(
    route: respx.Route, delays: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A refused request is not sent again without its intent: the store's error is raised."""
    store = DownStore()

    def refuse_and_break(_: httpx.Request) -> httpx.Response:
        store.down.add("begin_intent")
        return httpx.Response(429)

    route.side_effect = refuse_and_break
    async with MaviClient(KEY, requests_per_second=FAST, store=store) as client:
        with pytest.raises(StoreError, match="the store is down"):
            await client.submit_speaker("re_1")

    assert route.call_count == 1


@pytest.mark.asyncio
async def test_a_result_at_once_survives_the_store(caplog: pytest.LogCaptureFixture) -> None:
    """The synchronous endpoint's result is returned though it cannot be recorded."""
    items = [{"start": 0.0, "end": 1.0, "speaker": "SPEAKER_00"}]
    document = {"code": 200, "data": {"items": items}, "success": True}
    with respx.mock:
        respx.post(path__regex="sync-generate-speaker$").respond(json=document)
        store = DownStore("update_intent")
        async with MaviClient(KEY, requests_per_second=FAST, store=store) as client:
            with caplog.at_level(logging.ERROR, "mavi_async"):
                result = await client.generate_speaker("re_1")

    assert len(result) == 1
    assert "the result of re_1 is not recorded" in caplog.text


@pytest.mark.asyncio
async def test_a_callback_that_cannot_be_kept_wakes_nobody(body_of: "MakeBody") -> None:
    """While the store is down feeding raises; the same callback works when it is back."""
    store = DownStore("put_callback")
    dispatcher = Dispatcher(store=store)
    task = MaviClient(KEY, dispatcher=dispatcher).speaker_task("t1")
    with pytest.raises(StoreError):
        await dispatcher.feed(body_of("t1"))
    before = task.done()
    store.down.clear()
    await dispatcher.feed(body_of("t1"))

    assert not before
    assert task.done()
