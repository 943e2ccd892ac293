"""The alarm for the case that no callback comes at all."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from mavi_async import ConfigurationError, MaviClient, MemoryStore, StoreError, _silence
from mavi_async._background import Background
from mavi_async._records import Submission
from mavi_async._silence import SilenceAlarm

if TYPE_CHECKING:
    from tests.client.conftest import Until

KEY = "sk-mavi-0123456789abcdef"

pytestmark = pytest.mark.asyncio


class Bench:
    """An alarm after a minute, over a store on a clock of its own; all work can be waited for."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.now = time.time()
        self.store = store or MemoryStore(clock=lambda: self.now)
        self.background = Background()
        self.heard: list[Submission] = []
        self.alarm = SilenceAlarm(self.store, self.background, hook=self.heard.append, after=60.0)

    async def submitted(self, task_id: str, *, ago: float) -> Submission:
        """A job that was submitted so many seconds ago, and is expected to be called back."""
        submission = Submission(task_id, "studio", f"re_{task_id}", time.time() - ago)
        await self.store.put_submission(submission)
        self.alarm.expect(submission)
        return submission

    async def settle(self) -> None:
        """Wait until everything that is due has been done."""
        await self.background.finish(30)


async def test_silence_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """With the oldest job that nothing has come for since, once for all that wait."""
    bench = Bench()
    submissions = [await bench.submitted(f"t{number}", ago=100 - number) for number in range(3)]
    await bench.settle()

    assert submissions[:1] == bench.heard
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "no callback at all has come since task t0 (re_t0) was submitted 100 s ago" in (
        record.getMessage()
    )


async def test_any_callback_is_a_sign_of_life() -> None:
    """Also that of another job, and one that is forgotten since; not one from before."""
    bench = Bench()
    bench.now = time.time() - 90
    await bench.store.put_callback("other", b"{}", seen=False)
    await bench.store.forget("other")
    before = await bench.submitted("before", ago=100)
    after = await bench.submitted("after", ago=80)
    await bench.settle()

    assert before not in bench.heard
    assert [after] == bench.heard


async def test_a_second_silence_is_told_again() -> None:
    """Once something has come in between, and again only once."""
    bench = Bench()
    first = await bench.submitted("first", ago=100)
    await bench.settle()
    bench.now = time.time() - 80
    await bench.store.put_callback("first", b"{}", seen=False)
    second = await bench.submitted("second", ago=70)
    await bench.submitted("third", ago=65)
    await bench.settle()

    assert [first, second] == bench.heard


async def test_a_forgotten_job_is_not_missed() -> None:
    """Nobody waits for it any more."""
    bench = Bench()
    submission = await bench.submitted("t", ago=100)
    await bench.store.forget(submission.task_id)
    await bench.settle()

    assert [] == bench.heard


async def test_an_older_job_is_looked_at_first(until: "Until") -> None:
    """It was resumed while the alarm waited for a younger one to grow old."""
    bench = Bench()
    await bench.submitted("young", ago=0)
    await asyncio.sleep(0)
    old = await bench.submitted("old", ago=100)
    await until(lambda: bench.heard)

    assert [old] == bench.heard
    bench.alarm.close()
    await bench.settle()


async def test_closing_ends_the_waiting() -> None:
    """At once, and what is accepted while closing is not waited for either."""
    bench = Bench()
    await bench.submitted("young", ago=0)
    await asyncio.sleep(0)
    bench.alarm.close()
    await bench.submitted("late", ago=100)
    async with asyncio.timeout(30):
        await bench.background.finish(60)

    assert [] == bench.heard


class DownStore(MemoryStore):
    """A store that cannot be asked at first."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__()
        self.failures = list(failures)

    async def last_callback_at(self) -> float | None:
        """Fail for a while."""
        if self.failures:
            raise self.failures.pop()
        return await super().last_callback_at()


async def test_a_store_that_is_down_is_no_silence(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged that nobody can tell, and asked again."""
    monkeypatch.setattr(_silence, "_AGAIN_AFTER", 0.0)
    bench = Bench(DownStore(StoreError("the store is down"), ConnectionError("no route")))
    submission = await bench.submitted("t", ago=100)
    await bench.settle()

    assert [submission] == bench.heard
    for reason in ("the store is down", "no route"):
        assert f"whether callbacks come at all is open: {reason}" in caplog.text


async def test_an_early_callback_is_no_silence() -> None:
    """The job has its callback, which came before the answer that named it."""
    bench = Bench()
    bench.now = time.time() - 101
    await bench.store.put_callback("early", b"{}", seen=False)
    await bench.submitted("early", ago=100)
    await bench.settle()

    assert [] == bench.heard


async def test_a_client_sounds_the_alarm() -> None:
    """For what it submits and what it resumes; the hook may be a coroutine function."""
    heard: asyncio.Queue[Submission] = asyncio.Queue()
    store = MemoryStore()
    answer = httpx.Response(200, json={"code": "0000", "data": {"task_id": "t1"}})
    transport = httpx.MockTransport(lambda _: answer)
    async with httpx.AsyncClient(transport=transport) as http_client:

        def client() -> MaviClient:
            return MaviClient(
                KEY,
                account="studio",
                store=store,
                http_client=http_client,
                on_silence=heard.put,
                silence_after=0.001,
            )

        async with asyncio.timeout(30):
            async with client() as one:
                await one.submit_speaker("re_1")
                first = await heard.get()
            async with client() as two:
                await two.resume()
                second = await heard.get()

    assert ("t1", "re_1") == (first.task_id, first.asset_id)
    assert first == second


async def test_without_an_age_there_is_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    """However old the job is."""
    bench = Bench()
    bench.alarm = SilenceAlarm(bench.store, bench.background, hook=bench.heard.append, after=None)
    await bench.submitted("t", ago=1e6)
    await bench.settle()

    assert [] == bench.heard
    assert "" == caplog.text


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "1", True], ids=repr)
async def test_unusable_ages(seconds: float) -> None:
    """Are refused where the client is made."""
    with pytest.raises(ConfigurationError, match="silence_after is a"):
        MaviClient(KEY, silence_after=seconds)
