"""After a restart: what was pending is taken up again, and what nobody knew finds its job."""

import asyncio
import itertools
import logging
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

import httpx
import pytest

from mavi_async import (
    ClientClosed,
    Dispatcher,
    MaviClient,
    MemoryStore,
    StoreError,
    TaskFailed,
    TaskStateError,
    _receipts,
)
from mavi_async._records import IntentState, Submission
from mavi_async.stores import _deadline

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, Until

KEY = "sk-mavi-0123456789abcdef"

pytestmark = pytest.mark.asyncio


def client_of(store: MemoryStore, account: str = "studio") -> MaviClient:
    """A client of the account whose jobs the store has."""
    return MaviClient(KEY, account=account, store=store)


async def with_jobs(*task_ids: str, account: str = "studio") -> MemoryStore:
    """A store with jobs that were submitted a while ago, one a second."""
    store = MemoryStore(clock=lambda: 2_000.0)
    for number, task_id in enumerate(task_ids):
        await store.put_submission(Submission(task_id, account, f"re_{task_id}", 1_000.0 + number))
    return store


async def resumed(store: MemoryStore) -> list[str]:
    """The jobs that a new process takes up."""
    async with client_of(store) as client:
        return [task.task_id for task in await client.resume()]


async def test_what_is_pending_is_resumed(body_of: "MakeBody") -> None:
    """In the order of submission, with all that is known of each; it resolves as ever."""
    store = await with_jobs("a", "b")
    async with client_of(store) as client:
        tasks = await client.resume()
        await client.dispatcher.feed(body_of("b"))

        assert [("a", "re_a", 1000.0), ("b", "re_b", 1001.0)] == [
            (task.task_id, task.asset_id, task.submitted_at and task.submitted_at.timestamp())
            for task in tasks
        ]
        assert "b" == (await tasks[1].wait(timeout=30)).task_id
        assert not tasks[0].done()


async def test_a_callback_that_came_meanwhile_resolves_at_once(body_of: "MakeBody") -> None:
    """Nobody has had it; once awaited it is not resumed again."""
    store = await with_jobs("a", "b", "c")
    await store.put_callback("b", body_of("b"), seen=False)
    async with client_of(store) as client:
        _, task, _ = await client.resume()

        assert "b" == (await task.wait(timeout=0)).task_id
    assert ["a", "c"] == await resumed(store)


async def test_a_result_that_nobody_took_is_resumed(body_of: "MakeBody") -> None:
    """Its task was done when the process ended, and nobody had awaited it."""
    store = await with_jobs("a")
    async with client_of(store) as client:
        [task] = await client.resume()
        await client.dispatcher.feed(body_of("a"))
        assert task.done()

    assert ["a"] == await resumed(store)


@pytest.mark.parametrize("take", ["await", "result", "exception"])
async def test_a_result_that_was_taken_is_not_resumed(take: str, body_of: "MakeBody") -> None:
    """However it was taken, and also where it is a failure."""
    store = await with_jobs("good", "bad", "left")
    async with client_of(store) as client:
        good, bad, _ = await client.resume()
        await client.dispatcher.feed(body_of("good"))
        await client.dispatcher.feed(body_of("bad", code="0001"))
        for task, fails in ((good, False), (bad, True)):
            try:
                _ = await task if take == "await" else getattr(task, take)()
            except TaskFailed:
                assert fails

    assert ["left"] == await resumed(store)


async def test_the_store_is_told_soon(body_of: "MakeBody", until: "Until") -> None:
    """Of what was handed out, while the client goes on: a crash repeats next to nothing."""
    store = BrieflyDown()
    async with client_of(store) as client:
        tasks = [client.speaker_task(task_id) for task_id in ("a", "b")]
        for task_id in ("a", "b"):
            await store.put_submission(Submission(task_id, "studio", "re_1", 4e9))
            await client.dispatcher.feed(body_of(task_id))
        await asyncio.gather(*tasks)
        assert [] == store.collected
        await until(lambda: store.collected)
        await store.put_submission(Submission("c", "studio", "re_1", 4e9))
        await client.dispatcher.feed(body_of("c"))
        await client.speaker_task("c")
        await until(lambda: len(store.collected) > 1)

    assert [{"a", "b"}, {"c"}] == store.collected


async def test_a_result_taken_in_another_thread_is_noted_at_the_end(body_of: "MakeBody") -> None:
    """Where there is no event loop to note it in."""
    store = await with_jobs("a")
    async with client_of(store) as client:
        [task] = await client.resume()
        await client.dispatcher.feed(body_of("a"))
        thread = threading.Thread(target=task.result)
        thread.start()
        thread.join()

    assert [] == await resumed(store)


class BrieflyDown(MemoryStore):
    """A store in which some methods fail for as long as they are listed."""

    def __init__(self, *down: str) -> None:
        super().__init__()
        self.down = set(down)
        self.tries = 0
        self.collected: list[set[str]] = []
        self.submitted: list[str] = []

    def check(self, method: str) -> None:
        """Fail if the method is down."""
        if method in self.down:
            self.tries += 1
            raise StoreError(f"{method} is down")

    async def mark_collected(self, task_ids: Collection[str]) -> None:
        self.check("mark_collected")
        await super().mark_collected(task_ids)
        self.collected.append(set(task_ids))

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        self.check("put_submission")
        await super().put_submission(submission, intent_id=intent_id)
        self.submitted.append(submission.task_id)


async def test_what_could_not_be_noted_is_noted_later(
    body_of: "MakeBody",
    until: "Until",
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever awaits is not bothered with it."""
    monkeypatch.setattr(_receipts, "pauses", lambda *_: itertools.repeat(0.001))
    store = BrieflyDown("mark_collected")
    await store.put_submission(Submission("a", "studio", "re_a", 4e9))
    async with client_of(store) as client:
        [task] = await client.resume()
        await client.dispatcher.feed(body_of("a"))
        await task
        await until(lambda: store.tries > 1)
        store.down.clear()
        await until(lambda: store.collected)

    assert "that 1 results were handed out is not noted: mark_collected is down" in caplog.text


async def test_an_accepted_job_is_recorded_once_the_store_is_back(
    until: "Until", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is paid for, so it must be found after a restart."""
    monkeypatch.setattr(_deadline, "_PAUSES", itertools.repeat(0.001))
    store = BrieflyDown("put_submission")
    answer = httpx.Response(200, json={"code": "0000", "data": {"task_id": "t1"}})
    transport = httpx.MockTransport(lambda _: answer)
    async with httpx.AsyncClient(transport=transport) as http_client:
        client = MaviClient(KEY, account="studio", store=store, http_client=http_client)
        async with client:
            with caplog.at_level(logging.INFO, "mavi_async"):
                task = await client.submit_speaker("re_1")
                assert await store.get_submission("t1") is None
                await until(lambda: store.tries > 2)
                store.down.clear()
                await until(lambda: store.submitted)

    assert "t1" == task.task_id
    assert ["t1"] == await resumed(store)
    [intent] = await store.list_intents(IntentState.ACCEPTED)
    assert "t1" == intent.task_id


async def test_a_job_that_cannot_be_recorded_is_said_to_be_lost_to_others(
    until: "Until", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After some tries; its task works all the same."""
    monkeypatch.setattr(_deadline, "_PAUSES", (0.0, 0.0))
    store = BrieflyDown("put_submission")
    answer = httpx.Response(200, json={"code": "0000", "data": {"task_id": "t1"}})
    transport = httpx.MockTransport(lambda _: answer)
    async with (
        httpx.AsyncClient(transport=transport) as http_client,
        MaviClient(KEY, store=store, http_client=http_client) as client,
    ):
        await client.submit_speaker("re_1")
        await until(lambda: "recording task t1 failed: put_submission is down" in caplog.text)

    assert 4 == store.tries


async def test_jobs_of_other_accounts_are_not_resumed() -> None:
    """Their results are somebody else's."""
    store = await with_jobs("a")
    await store.put_submission(Submission("theirs", "other", "re_theirs", 4e9))

    assert ["a"] == await resumed(store)


async def test_jobs_of_another_key_are_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    """Without a name for the account, a new API key is a new account."""
    assert [] == await resumed(await with_jobs("a", account="the old key"))

    assert "pending jobs of other accounts, and none of studio" in caplog.text


async def test_only_an_open_client_resumes() -> None:
    """Before and after, the error says what to do."""
    client = client_of(MemoryStore())
    with pytest.raises(TaskStateError, match="enter the client first"):
        await client.resume()
    await client.aclose()
    with pytest.raises(ClientClosed):
        await client.resume()


async def test_a_shared_dispatcher_is_told_when_a_client_closes(body_of: "MakeBody") -> None:
    """What the client's callers took is noted, although the dispatcher goes on."""
    store = await with_jobs("a")
    async with Dispatcher(store=store) as dispatcher:
        async with MaviClient(KEY, account="studio", dispatcher=dispatcher) as client:
            [task] = await client.resume()
            await dispatcher.feed(body_of("a"))
            await task

        assert [] == list(await store.list_uncollected())
