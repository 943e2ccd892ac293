"""Receivers whose store is down, hung, full or broken: 503, and nothing is lost by it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from mavi_async import Dispatcher, MemoryStore, SQLiteStore, StoreError, Unmatched
from mavi_async._records import Put, Submission

if TYPE_CHECKING:
    import httpx

    from tests.receivers.conftest import Serve

Callback = Callable[..., bytes]


class FaultyStore(MemoryStore):
    """A store that raises, or hangs, for as long as it is told to.

    Args:
        local: Whether the dispatcher takes it for one that never suspends.
    """

    def __init__(self, *, local: bool) -> None:
        super().__init__()
        self.local = local
        self.fault: BaseException | None = None
        self.hangs = False
        self.gate = asyncio.Event()
        self.fault_after: BaseException | None = None
        self.hangs_after = False

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a body, or do what the fault is."""
        if self.hangs:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        put = await super().put_callback(task_id, body, seen=seen)
        if self.hangs_after:
            await self.gate.wait()
        if self.fault_after is not None:
            raise self.fault_after
        return put


def is_later(answer: "httpx.Response") -> bool:
    """Whether an answer asks to send the callback again, and says nothing else."""
    return (
        (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        and b"Traceback" not in answer.content
        and b"File " not in answer.content
    )


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mavi_async.stores._deadline.STORE_SECONDS", 0.05)


@pytest.mark.fault("the store is down or hangs")
@pytest.mark.asyncio
@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        StoreError("the store is down"),
        RuntimeError("what nobody expects"),
        OSError(28, "No space left on device"),
        TimeoutError(),
        KeyError("task"),
        RecursionError(),
        MemoryError(),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "odd"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_store_that_raises(
    serve: "Serve", callback: Callback, fault: Exception, local: bool
) -> None:
    """While the store raises nobody is woken; the callback that is sent again resolves."""
    store = FaultyStore(local=local)
    service = await serve(dispatcher=Dispatcher(store=store))
    task = service.task("job")
    waiting = asyncio.ensure_future(task.wait())
    store.fault = fault
    refused = [await service.post(callback("job")) for _ in range(3)]
    was_done = task.done()
    store.fault = None
    taken = await service.post(callback("job"))

    assert all(is_later(answer) for answer in refused)
    assert not was_done
    assert (200, "resolved") == (taken.status_code, taken.json()["delivery"])
    assert callback("job") == (await waiting).raw


@pytest.mark.asyncio
async def test_store_that_is_down_is_one_line(
    serve: "Serve", callback: Callback, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that is down is told in a line; what nobody expects, with its traceback."""
    store = FaultyStore(local=True)
    service = await serve(dispatcher=Dispatcher(store=store))
    for fault in (StoreError("the store is down"), RuntimeError("odd")):
        store.fault = fault
        await service.post(callback("job"))
    logged = [
        (record.getMessage(), record.exc_info is not None)
        for record in caplog.records
        if record.name == "mavi_async"
    ]

    assert [
        ("a callback could not be kept: the store is down", False),
        ("a callback could not be taken", True),
    ] == logged


@pytest.mark.fault("the store is down or hangs")
@pytest.mark.asyncio
async def test_store_that_hangs(serve: "Serve", callback: Callback) -> None:
    """A store that does not answer costs a request its answer, and not the result."""
    store = FaultyStore(local=False)
    service = await serve(dispatcher=Dispatcher(store=store))
    task = service.task("job")
    waiting = asyncio.ensure_future(task.wait())
    store.hangs = True
    refused = await asyncio.gather(*(service.post(callback("job")) for _ in range(10)))
    was_done = task.done()
    store.hangs = False
    taken = await service.post(callback("job"))

    assert all(is_later(answer) for answer in refused)
    assert not was_done
    assert (200, "resolved") == (taken.status_code, taken.json()["delivery"])
    assert callback("job") == (await waiting).raw


@pytest.mark.asyncio
async def test_store_that_answers_too_late(serve: "Serve", callback: Callback) -> None:
    """A body that is kept although its request was given up counts; again it is a duplicate."""
    store = FaultyStore(local=False)
    service = await serve(dispatcher=Dispatcher(store=store))
    waiting = asyncio.ensure_future(service.task("job").wait())
    store.hangs_after = True
    refused = await service.post(callback("job"))
    store.hangs_after = False
    diarization = await waiting
    again = await service.post(callback("job"))

    assert is_later(refused)
    assert callback("job") == diarization.raw
    assert (200, "duplicate") == (again.status_code, again.json()["delivery"])


class HeldFile:
    """A store in a file whose writer can be held up, as by a disk that hangs."""

    def __init__(self, path: Path) -> None:
        self.store = SQLiteStore(path)
        self.may_go_on = threading.Event()

    async def hold(self) -> "asyncio.Task[object]":
        """Return what ends once the writer goes on."""
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def hang(_: object) -> None:
            loop.call_soon_threadsafe(begun.set)
            self.may_go_on.wait()

        held = asyncio.create_task(self.store._connections.write(hang))
        await begun.wait()
        return held


@pytest_asyncio.fixture
async def file(tmp_path: Path) -> AsyncIterator[HeldFile]:
    """A file that goes on when the test ends, however it ends."""
    file = HeldFile(tmp_path / "mavi.sqlite3")
    yield file
    file.may_go_on.set()
    await file.store.aclose()


@pytest.mark.fault("the store is down or hangs")
@pytest.mark.asyncio
async def test_what_a_hung_store_did_not_begin_is_never_done(
    file: HeldFile, callback: Callback
) -> None:
    """Neither for who was answered 503 nor for who went away; and nothing of it is held."""
    held = await file.hold()
    async with Dispatcher(store=file.store) as dispatcher:
        gone = [asyncio.create_task(dispatcher.feed(callback(f"gone{n}"))) for n in range(3)]
        refused = [asyncio.create_task(dispatcher.feed(callback(f"job{n}"))) for n in range(3)]
        await asyncio.sleep(0)
        for each in gone:
            each.cancel()
        answers = await asyncio.gather(*refused, return_exceptions=True)
        async with asyncio.timeout(30):
            while file.store._connections._writer._calls:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.001)
        file.may_go_on.set()
        await held

    assert [StoreError] * 3 == [type(answer) for answer in answers]
    assert [] == list(await file.store.list_unmatched())


@pytest.mark.asyncio
async def test_a_sender_that_goes_away_leaves_its_callback(
    file: HeldFile, callback: Callback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was received as a whole: it is kept as soon as the store can."""
    monkeypatch.setattr("mavi_async.stores._deadline.STORE_SECONDS", 60)
    await file.store.put_submission(Submission("job", "account", "re_1", 4e9))
    await file.hold()
    async with Dispatcher(store=file.store) as dispatcher:
        feed = asyncio.create_task(dispatcher.feed(callback("job")))
        await asyncio.sleep(0)
        feed.cancel()
        await asyncio.wait([feed])
        file.may_go_on.set()

    assert feed.cancelled()
    assert callback("job") == await file.store.get_callback("job")


@pytest.mark.asyncio
@pytest.mark.parametrize("local", [True, False])
async def test_store_that_fails_after_keeping(
    serve: "Serve", callback: Callback, local: bool
) -> None:
    """A store that keeps a body and then fails is asked again, and the waiter is served."""
    store = FaultyStore(local=local)
    service = await serve(dispatcher=Dispatcher(store=store))
    waiting = asyncio.ensure_future(service.task("job").wait())
    store.fault_after = StoreError("the connection broke after the commit")
    refused = await service.post(callback("job"))
    store.fault_after = None
    again = await service.post(callback("job"))

    assert is_later(refused)
    assert 200 == again.status_code
    assert callback("job") == (await waiting).raw


@pytest.mark.asyncio
async def test_hanging_store_does_not_block_others(serve: "Serve", callback: Callback) -> None:
    """While one body hangs in the store, requests that need none of it are answered."""
    store = FaultyStore(local=False)
    service = await serve(dispatcher=Dispatcher(store=store))
    store.hangs = True
    hanging = asyncio.ensure_future(service.post(callback("job")))
    bad = await service.post(b"{}")
    store.hangs = False
    good = await service.post(callback("other"))

    assert (400, 200) == (bad.status_code, good.status_code)
    assert is_later(await hanging)


@pytest.mark.fault("the disk or the store is full")
@pytest.mark.asyncio
async def test_full_store(serve: "Serve", callback: Callback) -> None:
    """A store full of unknown callbacks takes no more of them, and every known one."""
    store = MemoryStore(max_unknown=3)
    service = await serve(dispatcher=Dispatcher(store=store))
    await store.put_submission(Submission("known", "account", "re_1", 4e9))
    waiting = asyncio.ensure_future(service.task("awaited").wait())
    unknown = [await service.post(callback(f"unknown{number}")) for number in range(5)]
    known = await service.post(callback("known"))
    awaited = await service.post(callback("awaited"))
    again = await service.post(callback("unknown0"))

    assert [200, 200, 200, 503, 503] == [answer.status_code for answer in unknown]
    assert is_later(unknown[-1])
    assert (200, 200) == (known.status_code, awaited.status_code)
    assert callback("awaited") == (await waiting).raw
    assert "duplicate" == again.json()["delivery"]


@pytest.mark.asyncio
async def test_broken_store_of_somebody_else(
    serve: "Serve", callback: Callback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that does not keep to its contract is answered for like one that is down."""
    store = MemoryStore()
    service = await serve(dispatcher=Dispatcher(store=store))

    async def put_callback(task_id: str, body: bytes, *, seen: bool) -> None:
        """Return what no store should."""

    with monkeypatch.context() as broken:
        broken.setattr(store, "put_callback", put_callback)
        refused = await service.post(callback("job"))

    assert is_later(refused)
    assert 200 == (await service.post(callback("job"))).status_code


class ForgetfulStore(MemoryStore):
    """A store that is down when it is first asked for a submission."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def get_submission(self, task_id: str) -> Submission | None:
        """Fail once."""
        self.asked += 1
        if self.asked == 1:
            raise StoreError("the store is down")
        return await super().get_submission(task_id)


@pytest.mark.asyncio
async def test_one_look_that_fails_does_not_end_the_offering_of_all() -> None:
    """The others are offered all the same."""
    offered: list[Unmatched] = []
    enough = asyncio.Event()

    def offer(unmatched: Unmatched) -> None:
        offered.append(unmatched)
        if len(offered) == 2:
            enough.set()

    store = ForgetfulStore()
    async with Dispatcher(store=store, on_unmatched=offer, unmatched_after=0) as dispatcher:
        for name in ("a", "b", "c"):
            await dispatcher.feed(b'{"task_id": "%s"}' % name.encode())
        async with asyncio.timeout(30):
            await enough.wait()

    assert ["b", "c"] == [each.task_id for each in offered]
