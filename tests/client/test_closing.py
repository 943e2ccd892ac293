"""Closing a client: what is under way is finished, what waits is told, nothing else is touched."""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from mavi_async import (
    ClientClosed,
    Delivery,
    Dispatcher,
    DispatcherClosed,
    MaviClient,
    MaviError,
    MemoryStore,
    SpeakerTask,
    SubmitOutcomeUnknown,
    Unmatched,
)
from mavi_async._background import Background
from mavi_async._records import IntentState
from mavi_async._unmatched import UnmatchedDesk
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.client.conftest import (
        MakeBody,
        MakeClient,
        MakeStall,
        Phase,
        SteppedStore,
        Until,
    )

FAST = 100_000.0
NOBODY = "http://127.0.0.1:9/callback"
AN_HOUR = 3600.0


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An API that accepts everything at once."""
    with Emulator(FAST, webhook_url=NOBODY, callback_tries=1) as emulator:
        yield emulator


def client_at(emulator: Emulator, **options: Any) -> MaviClient:
    """A client that does not wait for its rate."""
    return MaviClient(
        emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST, **options
    )


async def outcome_of(awaitable: Awaitable[object]) -> object:
    """What an awaitable returns or raises."""
    [outcome] = await asyncio.gather(awaitable, return_exceptions=True)
    return outcome


async def some_turns() -> None:
    """Let the event loop run everything that is ready."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.fault("closing with work under way")
@pytest.mark.parametrize("phase", ["connecting", "sending", "reading"])
@pytest.mark.asyncio
async def test_a_request_under_way_is_finished(
    phase: "Phase", emulator: Emulator, stall_at: "MakeStall"
) -> None:
    """Closing waits for it, hands out its task and records it; new submits are refused at once."""
    stall, store = stall_at(phase), MemoryStore()
    client = client_at(emulator, store=store, http_client=stall.http_client)
    async with stall.http_client, client:
        submit = asyncio.create_task(client.submit_speaker("re_1"))
        await stall.reached.wait()
        closing = asyncio.create_task(client.aclose())
        await some_turns()
        refused = await outcome_of(client.submit_speaker("re_2"))
        still = closing.done()
        stall.go_on.set()
        task = await submit
        await closing
        accepted = await store.list_intents(IntentState.ACCEPTED, client.account)

        assert isinstance(refused, ClientClosed)
        assert not still
        assert [intent.task_id for intent in accepted] == [task.task_id]
        assert [each.asset_id for each in await store.list_pending(client.account)] == ["re_1"]
        assert emulator.jobs_created == 1
        assert not stall.http_client.is_closed


@pytest.mark.asyncio
async def test_queued_submits_are_sent_away(
    emulator: Emulator, stepped_store: type["SteppedStore"], until: "Until"
) -> None:
    """The head of the queue, those behind it and one between two tries end at once, unsent."""
    emulator.inject(Fault("429", asset_id="re_resting", retry_after="50"))
    store = stepped_store(0.0, AN_HOUR)
    client = client_at(emulator, store=store)
    async with client:
        resting = asyncio.create_task(client.submit_speaker("re_resting"))
        await until(lambda: emulator.rejections == 1)
        queued = [asyncio.create_task(client.submit_speaker(f"re_{each}")) for each in range(12)]
        await until(lambda: not store.delays)
        await some_turns()
    outcomes = [await outcome_of(task) for task in (resting, *queued)]

    assert {type(outcome) for outcome in outcomes} == {ClientClosed}
    assert emulator.jobs_created == 0
    assert store.given_back == [AN_HOUR]
    assert await store.list_intents(IntentState.SENDING, client.account) == ()


@pytest.mark.fault("closing with work under way")
@pytest.mark.asyncio
async def test_a_hanging_request_is_cut(emulator: Emulator, until: "Until") -> None:
    """After `close_timeout` its caller learns that the outcome is unknown, and so does the store.

    The intent says that it is being sent, which reads as unknown once its time is over.
    """
    emulator.inject(Fault("hang", creates_job=True))
    store = MemoryStore()
    client = client_at(emulator, store=store, close_timeout=0.05)
    async with client:
        submit = asyncio.create_task(client.submit_speaker("re_1"))
        await until(lambda: emulator.jobs_created == 1)
    error = await outcome_of(submit)

    assert isinstance(error, SubmitOutcomeUnknown)
    assert error.asset_id == "re_1"
    intent = await store.get_intent(error.intent_id or "")
    assert intent is not None
    assert intent.state in (IntentState.SENDING, IntentState.UNKNOWN)
    assert emulator.jobs_created == 1


@pytest.mark.fault("closing with work under way")
@pytest.mark.asyncio
async def test_waits_end_and_the_job_is_found_again(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """Each wait ends with the id; the task is not done, and its callback is kept for later."""
    dispatcher = Dispatcher()
    client, other = client_of(dispatcher), client_of(dispatcher)
    async with other:
        async with client:
            task = client.speaker_task("t1")
            others_wait = asyncio.ensure_future(other.speaker_task("t2"))
            waits = [asyncio.create_task(task.wait(timeout)) for timeout in (None, 20, 3600)]
            await until(lambda: "3 waiting" in repr(task) and len(dispatcher.pending) == 2)
        errors = [await outcome_of(wait) for wait in waits]
        late_error = await outcome_of(task)
        delivery = await dispatcher.feed(body_of("t1"))
        await dispatcher.feed(body_of("t2"))
        again = await other.speaker_task("t1").wait(0)

        assert [type(error) for error in (*errors, late_error)] == [DispatcherClosed] * 4
        assert len({id(error) for error in errors}) == 3
        assert {error.task_id for error in errors if isinstance(error, DispatcherClosed)} == {"t1"}
        assert not task.done()
        assert delivery is Delivery.STORED
        assert again.task_id == "t1"
        assert (await others_wait).task_id == "t2"


class WatchedStore(MemoryStore):
    """A store that notes whether it was closed."""

    closed = 0

    async def aclose(self) -> None:
        """Note it."""
        self.closed += 1


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("gives", ["store", "dispatcher"])
@pytest.mark.asyncio
async def test_what_was_given_stays_open(
    gives: str, library: Any, emulator: Emulator, body_of: "MakeBody"
) -> None:
    """A given HTTP client, store and dispatcher can be used after the client is closed."""
    store = WatchedStore()
    dispatcher = Dispatcher(store=store)
    given = {"store": store} if gives == "store" else {"dispatcher": dispatcher}
    async with library.AsyncClient() as http_client:
        async with client_at(emulator, http_client=http_client, **given) as client:
            task = await client.submit_speaker("re_1")
            await client.aclose()
            await client.aclose()
        emulator_answers = await http_client.get(emulator.control_url + "/state")
        async with client_at(emulator, http_client=http_client, dispatcher=dispatcher) as second:
            await dispatcher.feed(body_of(task.task_id))
            result = await second.speaker_task(task.task_id)

    assert store.closed == 0
    assert emulator_answers.status_code == 200
    assert result.task_id == task.task_id


@pytest.mark.asyncio
async def test_a_given_dispatcher_goes_on(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """What a given dispatcher has in hand is not cut short by a client's closing."""
    unmatched: list[Unmatched] = []
    dispatcher = Dispatcher(on_unmatched=unmatched.append, unmatched_after=0.05)
    async with client_of(dispatcher):
        await dispatcher.feed(body_of("nobodys"))
    await until(lambda: unmatched)

    assert [callback.task_id for callback in unmatched] == ["nobodys"]


@pytest.mark.asyncio
async def test_closing_at_the_same_time(emulator: Emulator, stall_at: "MakeStall") -> None:
    """Two closings at once both return, and the request under way is finished."""
    stall = stall_at("reading")
    client = client_at(emulator, http_client=stall.http_client)
    async with stall.http_client, client:
        submit = asyncio.create_task(client.submit_speaker("re_1"))
        await stall.reached.wait()
        closings = [asyncio.create_task(client.aclose()) for _ in range(2)]
        await some_turns()
        stall.go_on.set()
        await asyncio.gather(*closings)

        assert (await submit).asset_id == "re_1"


@pytest.mark.asyncio
async def test_a_cancelled_closing_ends_everything(emulator: Emulator, until: "Until") -> None:
    """Cancelling the closing itself cuts what it waits for, and still ends all waits."""
    emulator.inject(Fault("hang", asset_id="re_hang", creates_job=True))
    http_client = httpx.AsyncClient()
    client = client_at(
        emulator, close_timeout=AN_HOUR, submit_timeout=AN_HOUR, http_client=http_client
    )
    await client.__aenter__()
    task = await client.submit_speaker("re_1")
    wait = asyncio.create_task(task.wait(None))
    submit = asyncio.create_task(client.submit_speaker("re_hang"))
    await until(lambda: emulator.jobs_created == 2 and "1 waiting" in repr(task))
    closing = asyncio.create_task(client.aclose())
    await some_turns()
    closing.cancel()
    outcomes = [await outcome_of(each) for each in (closing, wait, submit)]
    await http_client.aclose()

    assert [type(outcome) for outcome in outcomes] == [
        asyncio.CancelledError,
        DispatcherClosed,
        SubmitOutcomeUnknown,
    ]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.asyncio
async def test_an_error_in_the_block_is_not_hidden(emulator: Emulator, until: "Until") -> None:
    """What goes wrong inside of ``async with`` comes out of it, after an orderly end."""
    tasks: list[asyncio.Task[object]] = []
    client = client_at(emulator)

    async def fail_inside() -> None:
        async with client:
            task = await client.submit_speaker("re_1")
            tasks.append(asyncio.create_task(task.wait()))
            await until(lambda: "1 waiting" in repr(task))
            raise ZeroDivisionError

    assert isinstance(await outcome_of(fail_inside()), ZeroDivisionError)
    assert isinstance(await outcome_of(tasks[0]), DispatcherClosed)


@pytest.mark.asyncio
async def test_a_timeout_around_the_block(emulator: Emulator, stall_at: "MakeStall") -> None:
    """A timeout that ends the block lets the request under way finish, and its job be recorded."""
    stall, store = stall_at("reading"), MemoryStore()
    client = client_at(emulator, store=store, http_client=stall.http_client)
    timeout = asyncio.timeout(None)

    async def run() -> None:
        async with timeout, client:
            await client.submit_speaker("re_1")

    running = asyncio.create_task(run())
    await stall.reached.wait()
    timeout.reschedule(asyncio.get_running_loop().time())
    await some_turns()
    stall.go_on.set()
    error = await outcome_of(running)
    await stall.http_client.aclose()

    assert isinstance(error, TimeoutError)
    assert [each.asset_id for each in await store.list_pending(client.account)] == ["re_1"]


@pytest.mark.asyncio
async def test_done_callbacks_are_not_called_by_closing(client_of: "MakeClient") -> None:
    """A done-callback is about the job, which closing does not end."""
    calls: list[SpeakerTask] = []
    async with client_of(Dispatcher()) as client:
        task = client.speaker_task("t1")
        task.add_done_callback(calls.append)

    assert (calls, task.done()) == ([], False)


@pytest.mark.asyncio
async def test_closing_with_nothing_to_do_leaves_nothing() -> None:
    """A client that was opened and closed leaves no asyncio task."""
    async with MaviClient("sk-mavi-0123456789abcdef") as client:
        pass

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert isinstance(await outcome_of(client.submit_speaker("re_1")), MaviError)


@pytest.mark.asyncio
async def test_a_callback_that_comes_while_closing_is_not_waited_for() -> None:
    """Whether anybody submitted its job is nobody's question any more."""
    background = Background()
    desk = UnmatchedDesk(
        MemoryStore(), background, is_claimed=lambda _: False, hook=None, after=60.0
    )
    desk.close()
    desk.check_later("t1")

    assert not background._jobs
