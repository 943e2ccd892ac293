"""A submit that does not want to wait as long as the queue is."""

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

import httpx
import pytest

from mavi_async import ConfigurationError, MaviClient, MemoryStore, Pacing, PacingTimeout
from mavi_async._departures import Departure
from mavi_async._gate import Gate
from mavi_async._loop import new_waiter
from mavi_async._records import IntentState
from mavi_async.stores import Slot
from mavi_async.stores._pacer import MemoryPacer, Schedule

if TYPE_CHECKING:
    from tests.client.conftest import MakeStall, SteppedStore, Until

KEY = "sk-mavi-0123456789abcdef"
HOUR = 3600.0

pytestmark = pytest.mark.asyncio


class Api:
    """The API without a network."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.requests = 0
        self.http_client = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    def answer(self, _: httpx.Request) -> httpx.Response:
        """Accept, unless another answer is due."""
        self.requests += 1
        if self.answers:
            return self.answers.pop(0)
        return httpx.Response(200, json={"code": "0000", "data": {"task_id": f"t{self.requests}"}})


def client_of(api: Api, *, rate: float, store: MemoryStore | None = None) -> MaviClient:
    """A client of an account of its own."""
    return MaviClient(
        KEY,
        account=uuid.uuid4().hex,
        requests_per_second=rate,
        http_client=api.http_client,
        store=store,
    )


async def test_a_queue_that_is_too_long_is_not_joined() -> None:
    """The error says how long it is; nothing was sent, and no slot was taken."""
    api, store = Api(), MemoryStore()
    async with client_of(api, rate=1 / HOUR, store=store) as client:
        await client.submit_speaker("re_1")
        with pytest.raises(PacingTimeout, match="nothing was sent") as caught:
            await client.submit_speaker("re_2", max_wait=60)

        assert ("re_2", 0) == (caught.value.asset_id, caught.value.queued)
        assert HOUR == pytest.approx(caught.value.estimated_wait, rel=0.01)
        assert isinstance(caught.value, TimeoutError)
        assert client.pacing.estimated_wait == pytest.approx(HOUR, rel=0.01)
    assert 1 == api.requests
    assert () == await store.list_intents(IntentState.SENDING)


async def test_a_turn_in_time_is_taken() -> None:
    """However little is allowed, where nobody waits."""
    api = Api()
    async with client_of(api, rate=1 / HOUR) as client:
        await client.submit_speaker("re_1", max_wait=0.5)

    assert 1 == api.requests


async def test_a_slot_that_others_have_put_off_is_given_back(
    stepped_store: "type[SteppedStore]",
) -> None:
    """The schedule is shared with processes whose queue is not seen from here."""
    api, store = Api(), stepped_store(HOUR)
    async with client_of(api, rate=1000, store=store) as client:
        with pytest.raises(PacingTimeout):
            await client.submit_speaker("re_1", max_wait=60)
        await client.submit_speaker("re_2")

    assert [HOUR] == store.given_back
    assert 1 == api.requests


async def test_a_queue_that_does_not_move_is_left(stall_at: "MakeStall", until: "Until") -> None:
    """Whoever is before goes on."""
    stall = stall_at("connecting")
    client = MaviClient(
        KEY,
        base_url="http://127.0.0.1:9",
        account=uuid.uuid4().hex,
        requests_per_second=1000,
        http_client=stall.http_client,
        retry="never",
    )
    async with client:
        first = asyncio.create_task(client.submit_speaker("re_1"))
        await stall.reached.wait()
        second = asyncio.create_task(client.submit_speaker("re_2"))
        await until(lambda: client.pacing.queued == 1)
        with pytest.raises(PacingTimeout) as caught:
            await client.submit_speaker("re_3", max_wait=0.01)

        assert 1 == caught.value.queued == client.pacing.queued
        assert not first.done()
        stall.go_on.set()
        await asyncio.gather(first, second, return_exceptions=True)
        assert 0 == client.pacing.queued


async def test_a_pause_that_is_too_long_is_not_made() -> None:
    """The server asks to wait for longer than the caller allows: nothing was created."""
    api, store = Api(httpx.Response(429, headers={"Retry-After": "30"})), MemoryStore()
    async with client_of(api, rate=1000, store=store) as client:
        with pytest.raises(PacingTimeout):
            await client.submit_speaker("re_1", max_wait=10)

    assert 1 == api.requests
    assert 1 == len(await store.list_intents(IntentState.NOT_SENT))


async def test_the_queue_is_told(until: "Until") -> None:
    """How many wait, and about how long the next one would."""
    api = Api()
    async with client_of(api, rate=1 / 60) as client:
        assert Pacing(0, 0.0) == client.pacing
        await client.submit_speaker("re_0")
        waiting = [asyncio.create_task(client.submit_speaker(f"re_{n}")) for n in range(1, 5)]
        await until(lambda: client.pacing.queued == 4)

        assert 60 * (1 + 4) == pytest.approx(client.pacing.estimated_wait, rel=0.05)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert 0 == client.pacing.queued
    assert Pacing(0, 0.0) == client.pacing


async def test_turns_that_others_have_in_between_count() -> None:
    """A queue moves as slowly as it has moved lately, and at its own rate once nobody waits."""
    gate = Gate(MemoryPacer(Schedule(), 1.0), max_in_flight=8)
    slot = Slot(number=1, at=0.0, delay=0.0, interval=1.0, tolerance=0.02, ack_clocked=False)
    gate._queue[new_waiter()] = None
    for turn in range(20):  # this process has every tenth turn
        gate._note_spacing(Departure(slot, time.monotonic() - 200.0 + 10.0 * turn))
    busy = gate.state.estimated_wait
    gate._queue.clear()
    for _ in range(2):
        gate._note_spacing(Departure(slot, time.monotonic()))
    idle = gate.state.estimated_wait

    assert 10.0 == pytest.approx(busy, rel=0.02)
    assert 1.02 == pytest.approx(idle, rel=0.02)


@pytest.mark.parametrize("max_wait", [-1, float("nan"), float("inf"), "1", True], ids=repr)
async def test_unusable_times(max_wait: float) -> None:
    """Are refused before anything else."""
    api = Api()
    async with client_of(api, rate=1000) as client:
        with pytest.raises(ConfigurationError, match="max_wait is a"):
            await client.submit_speaker("re_1", max_wait=max_wait)

    assert 0 == api.requests
