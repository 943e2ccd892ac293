"""A client inside of what asyncio programs are made of, and many submits at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import pytest_asyncio

from mavi_async import Dispatcher, Intent, MaviClient, MemoryStore, _turn
from mavi_async._endpoints import SUBMIT
from mavi_async._records import IntentState
from mavi_async.emulator import Emulator
from mavi_async.stores import Lane, Pacer, Slot

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody

FAST = 100_000.0
NOBODY = "http://127.0.0.1:9/callback"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An API that accepts everything at once."""
    with Emulator(FAST, webhook_url=NOBODY, callback_tries=1) as emulator:
        yield emulator


@pytest_asyncio.fixture
async def open_client(emulator: Emulator) -> AsyncIterator[MaviClient]:
    """A client that a fixture keeps open around its test."""
    async with MaviClient(
        emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST
    ) as client:
        yield client


@pytest.mark.asyncio
async def test_inside_a_yield_fixture(open_client: MaviClient, body_of: "MakeBody") -> None:
    """A client that a fixture opens in one asyncio task works in the task of the test."""
    task = await open_client.submit_speaker("re_1")
    waiter = asyncio.ensure_future(task)
    await open_client.dispatcher.feed(body_of(task.task_id))

    assert (await waiter).uri == "re_1"


@pytest.mark.asyncio
async def test_inside_a_task_group(emulator: Emulator, body_of: "MakeBody") -> None:
    """Opened and closed inside of a task group, and used from its tasks."""
    results = []
    async with asyncio.TaskGroup() as group:
        client = MaviClient(emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST)

        async def run(asset_id: str) -> None:
            task = await client.submit_speaker(asset_id)
            await client.dispatcher.feed(body_of(task.task_id))
            results.append((await task).uri)

        async with client:
            running = [group.create_task(run(f"re_{number}")) for number in range(10)]
            await asyncio.wait(running)

    assert sorted(map(str, results)) == [f"re_{number}" for number in range(10)]


class Behind(MemoryStore):
    """A store behind whose first submission a request of another process turns out to be late."""

    def __init__(self) -> None:
        super().__init__()
        self.pacers: dict[str, Pacer] = {}
        self.slots: list[Slot] = []

    def pacer(self, lane: Lane, interval: float) -> Pacer:
        """Return a pacer, and keep one for the other process."""
        self.pacers[lane.endpoint] = super().pacer(lane, interval)
        return super().pacer(lane, interval)

    async def begin_intent(self, intent: Intent) -> Intent:
        """Begin it, which is done once the submission has its slot."""
        if self.slots:
            await self.pacers[intent.endpoint].left(self.slots.pop(), late=0.5)
        return await super().begin_intent(intent)


@pytest.mark.asyncio
async def test_a_pause_that_is_too_long_for_a_connection(
    delays: list[float], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is put off before it is sent, waits its turn once more, and is sent once."""
    monkeypatch.setattr(_turn, "_LONGEST_HOLD", 0.05)
    store = Behind()
    async with MaviClient(
        emulator.api_key, base_url=emulator.base_url, requests_per_second=20, store=store
    ) as client:
        store.slots.append(await store.pacers[SUBMIT].reserve())
        task = await client.submit_speaker("re_1")

    assert "re_1" == task.asset_id
    assert (1, 0) == (emulator.jobs_created, emulator.rejections)
    assert 1 == len(delays)


@pytest.mark.asyncio
async def test_a_pause_takes_no_time_from_the_request(
    delays: list[float], emulator: Emulator
) -> None:
    """It has its connection when it turns out that it must wait for longer than it may take."""
    store = Behind()
    async with MaviClient(
        emulator.api_key,
        base_url=emulator.base_url,
        requests_per_second=20,
        store=store,
        submit_timeout=0.3,
    ) as client:
        store.slots.append(await store.pacers[SUBMIT].reserve())
        await client.submit_speaker("re_1")

    assert (1, 0) == (emulator.jobs_created, len(delays))


@pytest.mark.asyncio
async def test_under_a_timeout(emulator: Emulator, body_of: "MakeBody") -> None:
    """A timeout that does not run out changes nothing."""
    async with asyncio.timeout(30):
        async with MaviClient(
            emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST
        ) as client:
            task = await client.submit_speaker("re_1")
            await client.dispatcher.feed(body_of(task.task_id))
            result = await task

    assert result.uri == "re_1"


@pytest.mark.asyncio
async def test_opened_and_closed_by_different_tasks(emulator: Emulator) -> None:
    """Entering and leaving in different asyncio tasks, as fixtures do, is allowed."""
    client = MaviClient(emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST)
    await asyncio.create_task(client.__aenter__())
    task = await asyncio.create_task(client.submit_speaker("re_1"))
    await asyncio.create_task(client.aclose())

    assert task.asset_id == "re_1"


@pytest.mark.alone
@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.asyncio
async def test_two_clients_share_the_pace_of_their_account(
    library: Any, emulator: Emulator
) -> None:
    """Two clients of one key, each at the account's rate, do not exceed it together."""
    with Emulator(25, limiter="bucket2", webhook_url=NOBODY, callback_tries=1) as emulator:
        async with library.AsyncClient() as http_client:
            clients = [
                MaviClient(
                    emulator.api_key,
                    base_url=emulator.base_url,
                    requests_per_second=25,
                    http_client=http_client,
                )
                for _ in range(2)
            ]
            async with clients[0], clients[1]:
                tasks = await asyncio.gather(
                    *(
                        client.submit_speaker(f"re_{index}_{number}")
                        for number in range(12)
                        for index, client in enumerate(clients)
                    )
                )

    assert len({task.task_id for task in tasks}) == emulator.jobs_created == 24
    assert emulator.rejections <= 1


class Crowd:
    """An HTTP client that counts how many of its requests are under way."""

    def __init__(self, library: Any, connections: int) -> None:
        limits = library.Limits(max_connections=connections)
        crowd = self
        self.now = self.most = 0

        class Transport(library.AsyncHTTPTransport):  # type: ignore[misc]  # either library's
            async def handle_async_request(self, request: Any) -> Any:
                crowd.now += 1
                crowd.most = max(crowd.most, crowd.now)
                try:
                    return await super().handle_async_request(request)
                finally:
                    crowd.now -= 1

        self.http_client = library.AsyncClient(transport=Transport(limits=limits))


@pytest.mark.fault("thousands of submits at once")
@pytest.mark.parametrize(
    ("many", "connections", "library"),
    [(2000, 100, httpx2), (500, 2, httpx)],
    ids=["httpx2", "httpx with a small pool"],
)
@pytest.mark.asyncio
async def test_thousands_of_submits_at_once(
    many: int, connections: int, library: Any, emulator: Emulator
) -> None:
    """However small or large the pool, no more than eight requests are under way, none fails."""
    crowd = Crowd(library, connections)
    store = MemoryStore()
    async with (
        crowd.http_client,
        MaviClient(
            emulator.api_key,
            base_url=emulator.base_url,
            requests_per_second=FAST,
            store=store,
            http_client=crowd.http_client,
        ) as client,
    ):
        names = [f"re_{number}" for number in range(many)]
        tasks = await asyncio.gather(*map(client.submit_speaker, names))
        accepted = await store.list_intents(IntentState.ACCEPTED, client.account)

    assert [task.asset_id for task in tasks] == names
    assert len({task.task_id for task in tasks}) == emulator.jobs_created == many
    assert len(accepted) == many
    assert crowd.most <= 8
    assert crowd.now == 0


@pytest.mark.asyncio
async def test_many_submits_with_the_clients_own_pool(emulator: Emulator) -> None:
    """The pool that a client makes for itself is as large as it needs."""
    async with MaviClient(
        emulator.api_key, base_url=emulator.base_url, requests_per_second=FAST
    ) as client:
        names = [f"re_{number}" for number in range(300)]
        tasks = await asyncio.gather(*map(client.submit_speaker, names))

    assert [task.asset_id for task in tasks] == names
    assert emulator.jobs_created == 300


@pytest.mark.asyncio
async def test_submits_leave_in_their_order(emulator: Emulator) -> None:
    """Gathered submits create their jobs in the order in which they were gathered."""
    with Emulator(50, limiter="bucket2", webhook_url=NOBODY, callback_tries=1) as emulator:
        async with MaviClient(
            emulator.api_key,
            base_url=emulator.base_url,
            requests_per_second=50,
            dispatcher=Dispatcher(),
        ) as client:
            names = [f"re_{number}" for number in range(20)]
            await asyncio.gather(*map(client.submit_speaker, names))
        jobs = emulator.state()["jobs"]

    assert isinstance(jobs, list)
    assert [job["asset_id"] for job in jobs] == names
