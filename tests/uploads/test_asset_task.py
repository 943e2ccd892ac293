"""Awaiting an asset: asked about while somebody waits, once for all who do."""

import asyncio
import copy
import gc
import itertools
from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mavi_async import (
    Asset,
    AssetFailed,
    AssetTask,
    AssetTimeout,
    AuthenticationError,
    ClientClosed,
    ConfigurationError,
    RateLimited,
    ServiceUnavailable,
    StoreError,
    TaskStateError,
)
from mavi_async._nap import Naps
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.uploads.conftest import MakeClient, Until


def says(emulator: Emulator, *statuses: str, last: int | None = 1) -> None:
    """Have the next answers say these, one after another, the last one so many times."""
    for status in statuses[:-1]:
        emulator.inject(Fault("status", upload_status=status))
    emulator.inject(Fault("status", upload_status=statuses[-1], times=last))


class Counting(httpx.AsyncHTTPTransport):
    """Counts requests, and how many are under way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = self.under_way = self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        self.requests += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await super().handle_async_request(request)
        finally:
            self.under_way -= 1


@pytest.mark.asyncio
async def test_metadata(emulator: Emulator, client_for: "MakeClient", pauses: list[float]) -> None:
    """Numbers are numbers, times are aware, and a passing trouble does not show."""
    emulator.inject(Fault("500", endpoint="metadata"), Fault("html", endpoint="metadata"))
    async with client_for(emulator) as client:
        asset = await client.asset("re_1")

    assert ("re_1", "SUCCESS", True) == (asset.asset_id, asset.upload_status, asset.is_usable)
    assert isinstance(asset.file_size, int)
    assert asset.create_time is not None
    assert UTC is asset.create_time.tzinfo
    assert 2 == len(pauses)


@pytest.mark.asyncio
async def test_no_asset_id_leads_to_another_endpoint(
    emulator: Emulator, client_for: "MakeClient"
) -> None:
    """Whatever stands in it stays one part of the path."""
    async with client_for(emulator) as client:
        for asset_id in ("..", ".", "a?b#c", "%2e", "a%b"):
            assert asset_id == (await client.asset(asset_id)).asset_id
        for asset_id in ("", "a b", "a\nb", "x" * 257):
            with pytest.raises(ConfigurationError):
                await client.asset(asset_id)
            with pytest.raises(ConfigurationError):
                client.asset_task(asset_id)


@pytest.mark.asyncio
async def test_waiters_before_and_after(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """All get the same object, and MAVI is asked once at a time for all of them."""
    says(emulator, "WAITING", "UPLOADING", "NEW")
    transport = Counting()
    async with (
        httpx.AsyncClient(transport=transport) as http_client,
        client_for(emulator, http_client=http_client) as client,
    ):
        task = client.asset_task("re_1")
        with pytest.raises(TaskStateError):
            task.result()
        assets = [*await asyncio.gather(task, *(task.wait() for _ in range(20))), await task]

        assert task.done()
        assert task.exception() is None
        assert task is client.asset_task("re_1")
        assert {id(task.result())} == {id(asset) for asset in assets}
        assert (4, 1, 3) == (transport.requests, transport.most, len(pauses))
        assert "SUCCESS" in repr(task)


@pytest.mark.asyncio
async def test_statuses_that_go_back_and_forth(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """Only the two last ones are final, and the first of them that is seen counts."""
    says(emulator, "UPLOADING", "WAITING", "UPLOADING", "WAITING", "SUCCESS", "WAITING")
    async with client_for(emulator) as client:
        task = client.asset_task("re_1")
        asset = await task
        later = await client.asset("re_1")

        assert ("SUCCESS", "WAITING") == (asset.upload_status, later.upload_status)
        assert asset is await task
        assert "SUCCESS" == task.upload_status


@pytest.mark.asyncio
async def test_a_failure_is_told_to_everybody(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """In an error of each one's own, also to those who come later."""
    says(emulator, "UPLOADING", "FAILED")
    async with client_for(emulator) as client:
        task = client.asset_task("re_1")
        errors: list[object] = []
        errors += await asyncio.gather(task, task.wait(), return_exceptions=True)
        errors.append(task.exception())

    assert 3 * [AssetFailed] == [type(error) for error in errors]
    assert 3 == len({id(error) for error in errors})
    assert {"re_1"} == {error.asset_id for error in errors if isinstance(error, AssetFailed)}


@pytest.mark.fault("asking about an upload fails")
@pytest.mark.parametrize("kind", ["500", "503", "reset", "close", "html", "429", "400"])
@pytest.mark.asyncio
async def test_a_poll_that_fails_five_times_and_then_answers(
    kind: Any, emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """Nobody who waits hears of it."""
    emulator.inject(Fault(kind, endpoint="metadata", times=5))
    async with client_for(emulator, retry="never") as client:
        assert (await client.asset_task("re_1")).is_usable

    assert 5 == len(pauses)


@pytest.mark.fault("asking about an upload fails")
@pytest.mark.asyncio
async def test_only_failures_in_a_row_are_counted(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """An answer between them, whatever it says, shows that asking is of use."""
    failures = Fault("500", endpoint="metadata", times=5)
    emulator.inject(failures, Fault("status", upload_status="UPLOADING"), failures)
    async with client_for(emulator) as client:
        assert (await client.asset_task("re_1")).is_usable

    assert 11 == len(pauses)


@pytest.mark.asyncio
async def test_an_asset_that_is_not_there_yet(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float]
) -> None:
    """A 404 right after an upload passes as well."""
    emulator.inject(
        Fault("answer", endpoint="metadata", status=404, body='{"code": 404, "msg": "no"}')
    )
    async with client_for(emulator) as client:
        assert (await client.asset_task("re_1")).is_usable


@pytest.mark.fault("asking about an upload fails")
@pytest.mark.parametrize(
    ("kind", "times", "error"),
    [("500", 8, ServiceUnavailable), ("400", 8, RateLimited), ("401", 1, AuthenticationError)],
)
@pytest.mark.asyncio
async def test_the_patience_with_failures_has_an_end(
    kind: Any,
    times: int,
    error: type[Exception],
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
) -> None:
    """Whoever waits is told why, in an error of its own, and may wait again."""
    emulator.inject(Fault(kind, endpoint="metadata", times=times))
    async with client_for(emulator) as client:
        task = client.asset_task("re_1")
        errors = await asyncio.gather(task, task.wait(), return_exceptions=True)

        assert 2 * [error] == [type(each) for each in errors]
        assert errors[0] is not errors[1]
        assert not task.done()
        assert (await task).is_usable


@pytest.mark.asyncio
async def test_a_store_that_is_down_for_a_while(
    emulator: Emulator, client_for: "MakeClient", pauses: list[float], monkeypatch: Any
) -> None:
    """A turn that cannot be had is one of the failures."""
    left = [StoreError("down")] * 3

    async with client_for(emulator) as client:
        questions = client._endpoints.questions("/{asset_id}/metadata")
        enter = questions.gate.enter

        async def fail(**options: Any) -> Any:
            if left:
                raise left.pop()
            return await enter(**options)

        monkeypatch.setattr(questions.gate, "enter", fail)

        assert (await client.asset_task("re_1")).is_usable


@pytest.mark.asyncio
async def test_timeouts(emulator: Emulator, client_for: "MakeClient", pauses: list[float]) -> None:
    """0 asks once, a number waits so long; waiting again is allowed, and the error says where."""
    says(emulator, "UPLOADING", last=None)
    async with client_for(emulator, result_timeout=0.02) as client:
        task = client.asset_task("re_1")
        for waiting in (task.wait(0), task.wait(0.01), task.wait()):
            with pytest.raises(AssetTimeout, match="UPLOADING") as caught:
                await waiting

            assert isinstance(caught.value, TimeoutError)
            assert "re_1" == caught.value.asset_id
        with pytest.raises(ConfigurationError):
            await task.wait(-1)

        assert "UPLOADING" == task.upload_status

    with Emulator(1e6) as other:
        async with client_for(other) as client:
            assert (await client.asset_task("re_1").wait(0)).is_usable


@pytest.mark.asyncio
async def test_looking_now_tells_what_went_wrong(
    emulator: Emulator, client_for: "MakeClient"
) -> None:
    """There is no patience in it."""
    emulator.inject(Fault("500", endpoint="metadata"))
    async with client_for(emulator) as client:
        with pytest.raises(ServiceUnavailable):
            await client.asset_task("re_1").wait(0)


@pytest.mark.asyncio
async def test_a_cancelled_waiter_disturbs_nobody(
    emulator: Emulator, client_for: "MakeClient", until: "Until", pauses: list[float]
) -> None:
    """The others get the asset, also where it was the first that began to ask."""
    says(emulator, "UPLOADING", last=30)
    async with client_for(emulator) as client:
        task = client.asset_task("re_1")
        waiters = [asyncio.create_task(task.wait()) for _ in range(3)]
        await until(lambda: len(pauses) >= 3)
        waiters[0].cancel()
        outcomes = await asyncio.gather(*waiters, return_exceptions=True)

    assert [asyncio.CancelledError, Asset, Asset] == [type(each) for each in outcomes]


@pytest.mark.asyncio
async def test_nobody_is_asked_once_nobody_waits(
    emulator: Emulator, client_for: "MakeClient", until: "Until", pauses: list[float]
) -> None:
    """The asking ends with the last waiter, and begins again with the next."""
    says(emulator, "UPLOADING", last=None)
    async with client_for(emulator) as client:
        task = client.asset_task("re_1")
        with pytest.raises(AssetTimeout):
            await task.wait(0.02)
        await until(lambda: not client._assets._background._jobs)

        async with httpx.AsyncClient() as control:
            await control.post(f"{emulator.control_url}/reset", json={})

        assert (await task).is_usable


@pytest.mark.asyncio
async def test_the_pauses_between_questions(
    emulator: Emulator, client_for: "MakeClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """They grow from half a second to twenty, and are what MAVI asks for at least."""
    asked: list[tuple[float, float]] = []
    least: list[float] = []

    def note(first: float, longest: float) -> Iterator[float]:
        asked.append((first, longest))
        return itertools.repeat(0.0)

    async def take(self: Naps, seconds: float = 0.0) -> None:
        least.append(seconds)

    monkeypatch.setattr("mavi_async._assets.pauses", note)
    monkeypatch.setattr(Naps, "take", take)
    emulator.inject(Fault("503", endpoint="metadata", retry_after="7"))
    emulator.inject(Fault("503", endpoint="metadata", retry_after="3600"))
    says(emulator, "UPLOADING")
    async with client_for(emulator) as client:
        await client.asset_task("re_1")

    assert [(0.5, 20.0)] == asked
    assert [7.0, 60.0, 0.0] == least


@pytest.mark.asyncio
async def test_who_comes_to_wait_waits_out_no_long_pause(
    emulator: Emulator, client_for: "MakeClient", until: "Until", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses begin again; those who waited before gain by it."""
    made = iter([itertools.repeat(3600.0), itertools.repeat(0.0)])
    monkeypatch.setattr("mavi_async._assets.pauses", lambda *_: next(made))
    says(emulator, "UPLOADING")
    async with client_for(emulator) as client:
        task = client.asset_task("re_1")
        first = asyncio.create_task(task.wait())
        await until(lambda: task.upload_status)

        assert (await task).is_usable
        assert (await first).is_usable


@pytest.mark.asyncio
async def test_many_who_come_do_not_put_off_the_question(until: "Until") -> None:
    """A long pause is cut; the short one that takes its place is not, however many come."""
    lengths = itertools.chain([3600.0], itertools.repeat(0.01))
    naps = Naps(lambda: itertools.repeat(next(lengths)))
    napping = asyncio.create_task(naps.take())
    await until(lambda: naps._waiter)
    while not napping.done():
        naps.begin_again()
        await asyncio.sleep(0)

    assert napping.exception() is None


@pytest.mark.asyncio
async def test_done_callbacks(
    emulator: Emulator,
    client_for: "MakeClient",
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They have MAVI asked although nobody awaits; what one raises is logged."""
    says(emulator, "UPLOADING")
    called: list[AssetTask] = []
    done = asyncio.Event()

    def fail(task: AssetTask) -> None:
        raise RuntimeError("a bug in the program")

    async with client_for(emulator) as client:
        task = client.asset_task("re_1")
        task.add_done_callback(called.append)
        task.add_done_callback(fail)
        task.add_done_callback(lambda _: done.set())
        task.add_done_callback(print)

        assert 1 == task.remove_done_callback(print)

        await done.wait()
        task.add_done_callback(called.append)

    assert [task, task] == called
    assert "a done-callback of asset re_1 failed" in caplog.text


@pytest.mark.asyncio
async def test_closing_ends_the_waits(
    emulator: Emulator, client_for: "MakeClient", until: "Until", pauses: list[float]
) -> None:
    """With an error that names the asset; the task stays not done."""
    says(emulator, "UPLOADING", last=None)
    client = client_for(emulator)
    async with client:
        task = client.asset_task("re_1")
        waiter = asyncio.create_task(task.wait())
        await until(lambda: pauses)
    with pytest.raises(ClientClosed, match="re_1"):
        await waiter
    with pytest.raises(ClientClosed):
        await task
    with pytest.raises(ClientClosed):
        client.asset_task("re_1")

    assert not task.done()


@pytest.mark.asyncio
async def test_closing_ends_a_look(emulator: Emulator, client_for: "MakeClient") -> None:
    """Also one that hangs."""
    emulator.inject(Fault("hang", endpoint="metadata"))
    async with client_for(emulator) as client:
        looks = [asyncio.create_task(client.asset_task("re_1").wait(0)) for _ in range(2)]
        await asyncio.sleep(0)
    for look in looks:
        with pytest.raises(ClientClosed):
            await look


@pytest.mark.asyncio
async def test_a_bug_in_the_asking_hangs_nobody(
    emulator: Emulator,
    client_for: "MakeClient",
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged, and whoever waits is told."""
    monkeypatch.setattr("mavi_async._assets.quote", lambda *_, **__: 1 / 0)
    async with client_for(emulator) as client:
        with pytest.raises(Exception, match="ZeroDivisionError"):
            await client.asset_task("re_1")

    assert "is not asked about any more" in caplog.text


@pytest.mark.asyncio
async def test_what_nobody_holds_is_forgotten(
    emulator: Emulator, client_for: "MakeClient", until: "Until"
) -> None:
    """A client that uploads for years keeps nothing of it."""
    async with client_for(emulator) as client:
        for number in range(20):
            assert (await client.asset_task(f"re_{number}")).is_usable
        await until(lambda: not client._assets._watched)
        gc.collect()

        assert 0 == len(client._assets._tasks)
        assert not client._assets._looks


def test_a_task_is_no_future() -> None:
    """Nothing takes it for one, and it is told apart by identity."""
    task = AssetTask("re_1", None)  # type: ignore[arg-type]  # nobody asks

    assert not asyncio.isfuture(task)
    assert not hasattr(task, "cancel")
    assert {task} == {task, task}
    assert task != copy.copy(task)
    assert "not asked yet, 0 waiting" in repr(task)
