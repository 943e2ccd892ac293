"""Cancelling a submit, and closing a client, under trio."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import pytest
import sniffio
import trio

from mavi_async import (
    ClientClosed,
    DispatcherClosed,
    MaviClient,
    MemoryStore,
    SubmitOutcomeUnknown,
    TaskTimeout,
)
from mavi_async._records import IntentState
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.client.conftest import MakeStall, Phase, SteppedStore, Until

FAST = 100_000.0
NOBODY = "http://127.0.0.1:9/callback"
AN_HOUR = 3600.0


@pytest.fixture
def anyio_backend() -> str:
    """Trio alone."""
    return "trio"


def assert_trio() -> None:
    """Make sure of the backend that runs."""
    assert sniffio.current_async_library() == "trio"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An API that accepts everything at once."""
    with Emulator(FAST, webhook_url=NOBODY, callback_tries=1) as emulator:
        yield emulator


async def agreement(emulator: Emulator, store: MemoryStore, client: MaviClient) -> list[str]:
    """The assets that have a job, after making sure that the store knows every one of them."""
    jobs = emulator.state()["jobs"]
    assert isinstance(jobs, list)
    known = await store.list_pending(client.account)
    assert {job["task_id"] for job in jobs} == {each.task_id for each in known}
    for state in (IntentState.SENDING, IntentState.UNKNOWN):
        assert await store.list_intents(state, client.account) == ()
    return sorted(job["asset_id"] for job in jobs)


@pytest.mark.anyio
async def test_a_submit_under_trio(emulator: Emulator) -> None:
    """Gathered in a nursery, submits are accepted, each once."""
    assert_trio()
    store = MemoryStore()
    client = MaviClient(
        emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST, store=store
    )
    async with client, trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(client.submit_speaker, f"re_{number:02}")

    assert await agreement(emulator, store, client) == [f"re_{number:02}" for number in range(30)]


@pytest.mark.parametrize("is_head", [True, False])
@pytest.mark.anyio
async def test_cancelled_before_it_leaves_under_trio(
    is_head: bool, emulator: Emulator, stepped_store: type["SteppedStore"], until: "Until"
) -> None:
    """A submit that is cancelled in the queue, or at its head, costs nothing."""
    assert_trio()
    store = stepped_store(AN_HOUR)
    head, behind = trio.CancelScope(), trio.CancelScope()

    async def submit_in(scope: trio.CancelScope) -> None:
        with scope:
            await client.submit_speaker("re_cancelled")

    async with (
        MaviClient(
            emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST, store=store
        ) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(submit_in, head)
        await until(lambda: not store.delays)
        if not is_head:
            nursery.start_soon(submit_in, behind)
            for _ in range(10):
                await trio.lowlevel.checkpoint()
            behind.cancel()
        head.cancel()
        await client.submit_speaker("re_later")

        assert store.given_back == [AN_HOUR]
        assert await agreement(emulator, store, client) == ["re_later"]


@pytest.mark.parametrize("phase", ["connecting", "sending", "reading"])
@pytest.mark.anyio
async def test_cancelled_under_way_under_trio(
    phase: "Phase", emulator: Emulator, stall_at: "MakeStall"
) -> None:
    """Once its intent is kept, a cancelled submit is finished and its job is recorded."""
    assert_trio()
    stall = stall_at(phase)
    store = MemoryStore()
    scope = trio.CancelScope()

    async def submit() -> None:
        with scope:
            await client.submit_speaker("re_cancelled")

    async with (
        stall.http_client,
        MaviClient(
            emulator.api_key,
            base_url=emulator.base_url,
            requests_per_second=FAST,
            store=store,
            http_client=stall.http_client,
        ) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(submit)
        await stall.reached.wait()
        scope.cancel()
        stall.go_on.set()
        await client.submit_speaker("re_later")

    assert scope.cancelled_caught
    assert await agreement(emulator, store, client) == ["re_cancelled", "re_later"]


@pytest.mark.anyio
async def test_a_cancelled_block_closes_in_order_under_trio(
    emulator: Emulator, stall_at: "MakeStall"
) -> None:
    """A client whose whole block is cancelled lets its request finish, and records the job."""
    assert_trio()
    stall = stall_at("reading")
    store = MemoryStore()
    client = MaviClient(
        emulator.api_key,
        base_url=emulator.base_url,
        requests_per_second=FAST,
        store=store,
        http_client=stall.http_client,
    )
    with trio.CancelScope() as scope:
        async with client, trio.open_nursery() as nursery:
            nursery.start_soon(client.submit_speaker, "re_cancelled")
            await stall.reached.wait()
            trio.lowlevel.spawn_system_task(let_go, stall.go_on.set)
            scope.cancel()
    await stall.http_client.aclose()

    assert scope.cancelled_caught
    assert await agreement(emulator, store, client) == ["re_cancelled"]


async def let_go(function: Callable[[], object]) -> None:
    """Call a function after the main task has gone on to close."""
    for _ in range(20):
        await trio.lowlevel.checkpoint()
    function()


@pytest.mark.anyio
async def test_closing_under_trio(emulator: Emulator, until: "Until") -> None:
    """Waits end with `DispatcherClosed`, a hanging request is cut, new submits are refused."""
    assert_trio()
    emulator.inject(Fault("hang", asset_id="re_hang", creates_job=True))
    caught: list[BaseException] = []
    client = MaviClient(
        emulator.api_key,
        base_url=emulator.base_url,
        requests_per_second=FAST,
        close_timeout=0.05,
    )

    async def note(function: Callable[[], Awaitable[object]]) -> None:
        try:
            await function()
        except Exception as error:  # noqa: BLE001 - looked at below
            caught.append(error)

    async with client, trio.open_nursery() as nursery:
        task = await client.submit_speaker("re_1")
        with pytest.raises(TaskTimeout):
            await task.wait(0)
        nursery.start_soon(note, task.wait)
        nursery.start_soon(note, lambda: client.submit_speaker("re_hang"))
        await until(lambda: "1 waiting" in repr(task) and emulator.jobs_created == 2)
        await client.aclose()
    with pytest.raises(ClientClosed):
        await client.submit_speaker("re_2")

    assert {type(error) for error in caught} == {DispatcherClosed, SubmitOutcomeUnknown}
    assert not task.done()
