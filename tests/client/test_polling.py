"""A poller of the user's beside the callbacks: the first answer wins."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from mavi_async import Dispatcher, MaviClient, MemoryStore, TaskTimeout, _polling

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, Until

KEY = "sk-mavi-0123456789abcdef"
Answer = bytes | str | Mapping[str, object] | Exception | None

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll all the time."""
    monkeypatch.setattr(_polling, "pauses", lambda *_: itertools.repeat(0.0))


class Endpoint:
    """A result endpoint of the user's: gives answers in turn, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, task_id: str) -> bytes | str | Mapping[str, object] | None:
        self.asked.append(task_id)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_poll_answers(body_of: "MakeBody") -> None:
    """Its body is kept as a callback's is, so that other processes find it."""
    endpoint, store = Endpoint(None, None, body_of("t1")), MemoryStore()
    async with MaviClient(KEY, store=store, poller=endpoint) as client:
        assert "t1" == (await client.speaker_task("t1").wait(timeout=30)).task_id

    assert ["t1"] * 3 == endpoint.asked
    assert body_of("t1") == await store.get_callback("t1")


async def test_a_failing_poller_is_asked_again(
    body_of: "MakeBody", caplog: pytest.LogCaptureFixture
) -> None:
    """What it raises is logged and reaches no waiter."""
    endpoint = Endpoint(OSError("no route"), TimeoutError(), body_of("t1").decode())
    async with MaviClient(KEY, poller=endpoint) as client:
        await client.speaker_task("t1").wait(timeout=30)

    assert "polling task t1 failed: no route" in caplog.text
    assert "polling task t1 failed: TimeoutError" in caplog.text


@pytest.mark.parametrize("other", [{"task_id": "t2"}, b"{", "", 7], ids=repr)
async def test_an_answer_that_is_not_the_callback_is_refused(
    other: Answer, body_of: "MakeBody", caplog: pytest.LogCaptureFixture
) -> None:
    """Another job's, or none at all: nothing is kept, and the poller is asked again."""
    endpoint, store = Endpoint(other, body_of("t1")), MemoryStore()
    async with MaviClient(KEY, store=store, poller=endpoint) as client:
        await client.speaker_task("t1").wait(timeout=30)

    assert "task t1" in caplog.text
    assert await store.get_callback("t2") is None


async def test_a_callback_during_a_poll_wins(
    body_of: "MakeBody", until: "Until", caplog: pytest.LogCaptureFixture
) -> None:
    """The poll's answer, which comes later and differs, is not even a contradiction."""
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def poll(task_id: str) -> bytes:
        asked.set()
        await may_answer.wait()
        return body_of(task_id, segments=5)

    store = MemoryStore()
    async with MaviClient(KEY, account="racing", store=store, poller=poll) as client:
        task = client.speaker_task("t1")
        waiter = asyncio.create_task(task.wait())
        await asked.wait()
        await client.dispatcher.feed(body_of("t1", segments=2))
        may_answer.set()

        assert 2 == len(await waiter)
        inbox = client._inbox
        await until(lambda: inbox._polling is not None and not inbox._polling._polled)
    assert [] == list(await store.list_aside())
    assert "" == caplog.text


async def test_one_poll_serves_all_waiters(body_of: "MakeBody") -> None:
    """However many await the task, it is asked for once at a time."""
    under_way: list[str] = []
    most = 0

    async def poll(task_id: str) -> bytes | None:
        nonlocal most
        under_way.append(task_id)
        most = max(most, len(under_way))
        await asyncio.sleep(0)
        under_way.remove(task_id)
        polls.append(task_id)
        return body_of(task_id) if len(polls) > 5 else None

    polls: list[str] = []
    async with MaviClient(KEY, poller=poll) as client:
        task = client.speaker_task("t1")
        await asyncio.gather(*(task.wait(timeout=30) for _ in range(20)))

    assert 1 == most


async def test_polls_at_once_are_bounded(body_of: "MakeBody") -> None:
    """A batch of a hundred does not become a hundred requests."""
    under_way = most = 0

    async def poll(task_id: str) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        return body_of(task_id)

    async with MaviClient(KEY, poller=poll) as client:
        tasks = [client.speaker_task(f"t{number}") for number in range(100)]
        await asyncio.gather(*(task.wait(timeout=30) for task in tasks))

    assert 8 == most


async def test_who_comes_to_wait_waits_out_no_long_pause(
    body_of: "MakeBody", until: "Until", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses, of two seconds at first and thirty at last, begin again."""
    asked: list[tuple[float, float]] = []

    def note(first: float, longest: float) -> Iterator[float]:
        asked.append((first, longest))
        return itertools.repeat(3600.0 if len(asked) == 1 else 0.0)

    monkeypatch.setattr(_polling, "pauses", note)
    async with MaviClient(KEY, poller=Endpoint(body_of("t1"))) as client:
        task = client.speaker_task("t1")
        first = asyncio.create_task(task.wait(timeout=30))
        await until(lambda: asked)
        await asyncio.sleep(0)
        await task.wait(timeout=30)
        await first

    assert [(2.0, 30.0)] * 2 == asked


async def test_only_what_is_awaited_is_polled(until: "Until") -> None:
    """Polling ends with the last waiter, and begins again with the next."""
    endpoint = Endpoint(None)
    async with MaviClient(KEY, poller=endpoint) as client:
        task = client.speaker_task("t1")
        polling = client._inbox._polling
        assert polling is not None
        assert [] == endpoint.asked
        for _ in range(2):
            with pytest.raises(TaskTimeout):
                await task.wait(timeout=0.01)
            await until(lambda: not polling._polled)
            assert endpoint.asked
            endpoint.asked.clear()


async def test_closing_ends_polling_at_once() -> None:
    """A poll under way is cut short; the dispatcher that others use goes on."""
    asked = asyncio.Event()
    cut_short = asyncio.Event()

    async def poll(_: str) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut_short.set()

    async with Dispatcher() as dispatcher:
        async with MaviClient(KEY, dispatcher=dispatcher, poller=poll) as client:
            waiter = asyncio.create_task(client.speaker_task("t1").wait())
            await asked.wait()
        assert cut_short.is_set()
        await asyncio.gather(waiter, return_exceptions=True)
