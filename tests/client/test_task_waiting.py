"""Awaiting a task, in every way that asyncio knows."""

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from mavi_async import (
    ConfigurationError,
    Delivery,
    Diarization,
    Dispatcher,
    SpeakerTask,
    TaskFailed,
    TaskTimeout,
    _task,
    _wire,
)

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, MakeClient, Until


async def _await(task: SpeakerTask) -> Diarization:
    return await task


async def _gather(task: SpeakerTask) -> Diarization:
    first, second, third = await asyncio.gather(task, task, task.wait())
    assert first is second is third
    return first


async def _wait_for(task: SpeakerTask) -> Diarization:
    return await asyncio.wait_for(task, 20)


async def _as_completed(task: SpeakerTask) -> Diarization:
    [result] = [await each for each in asyncio.as_completed([task, task])]
    return result


async def _task_group(task: SpeakerTask) -> Diarization:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(task.wait())
    return running.result()


async def _create_task(task: SpeakerTask) -> Diarization:
    return await asyncio.create_task(task.wait())


async def _timeout(task: SpeakerTask) -> Diarization:
    async with asyncio.timeout(20):
        return await task


async def _shield(task: SpeakerTask) -> Diarization:
    return await asyncio.shield(task)


async def _wait(task: SpeakerTask) -> Diarization:
    done, _ = await asyncio.wait([asyncio.create_task(task.wait())])
    return done.pop().result()


WAYS = [
    _await,
    _gather,
    _wait_for,
    _as_completed,
    _task_group,
    _create_task,
    _timeout,
    _shield,
    _wait,
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.asyncio
async def test_every_way_of_waiting_resolves(
    way: Callable[[SpeakerTask], Awaitable[Diarization]],
    body_of: "MakeBody",
    client_of: "MakeClient",
    until: "Until",
) -> None:
    """A task resolves in each of asyncio's ways to wait, before and after its callback."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    early = asyncio.ensure_future(way(task))
    await until(lambda: "0 waiting" not in repr(task))
    delivery = await dispatcher.feed(body_of("t1"))
    results = [await early, await way(task)]

    assert delivery is Delivery.RESOLVED
    assert results[0] is results[1]
    assert (results[0].task_id, len(results[0])) == ("t1", 2)


@pytest.mark.fault("one of several waiters gives up")
@pytest.mark.asyncio
async def test_waiters_do_not_disturb_each_other(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """Of four waiters one is cancelled and one times out; the others get the same object."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    first, second, cancelled = (asyncio.create_task(task.wait(None)) for _ in range(3))
    timed_out = asyncio.create_task(task.wait(0.001))
    await until(timed_out.done)
    await until(lambda: "3 waiting" in repr(task))
    cancelled.cancel()
    await asyncio.wait([cancelled])
    waiting_before = repr(task)
    await dispatcher.feed(body_of("t1"))
    results = await asyncio.gather(first, second)

    assert waiting_before == "<SpeakerTask t1 pending, 2 waiting>"
    assert results[0] is results[1] is await task
    assert cancelled.cancelled()
    assert isinstance(timed_out.exception(), TaskTimeout)


@pytest.mark.asyncio
async def test_each_waiter_gets_its_own_error(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """Waiters, and later looks, get equal but different instances of the error."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    waiters = [asyncio.create_task(task.wait()) for _ in range(3)]
    await until(lambda: "3 waiting" in repr(task))
    await dispatcher.feed(body_of("t1", code="0001"))
    await asyncio.wait(waiters)
    errors = [each.exception() for each in waiters]
    errors += [task.exception(), task.exception()]
    with pytest.raises(TaskFailed) as caught:
        task.result()
    errors.append(caught.value)

    assert len(errors) == len({id(error) for error in errors}) == 6
    for error in errors:
        assert isinstance(error, TaskFailed)
        assert (error.task_id, error.code) == ("t1", "0001")
        assert "no speech" in str(error)


@pytest.mark.asyncio
async def test_large_results_are_decoded_once(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many waiters of a large body, decoded off the loop, get one object, decoded once."""
    decoded: list[str] = []
    go_on = threading.Event()
    decode = _wire.decode_callback

    def count(body: bytes, *, task_id: str, uri: str | None = None) -> Diarization:
        decoded.append(task_id)
        assert go_on.wait(20)
        return decode(body, task_id=task_id, uri=uri)

    monkeypatch.setattr(_task, "decode_callback", count)
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    waiters = [asyncio.create_task(task.wait()) for _ in range(8)]
    await until(lambda: "8 waiting" in repr(task))
    body = body_of("t1", segments=6000)
    assert len(body) > _task.LARGE_BODY
    await dispatcher.feed(body)
    await until(lambda: decoded)
    for _ in range(20):  # turns of the loop, in which the others could begin to decode as well
        await asyncio.sleep(0)
    go_on.set()
    results = await asyncio.gather(*waiters)

    assert len({id(result) for result in results}) == 1
    assert decoded == ["t1"]
    assert len(results[0]) == 6000


@pytest.mark.asyncio
async def test_a_result_that_was_seen_stays(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is fed while its stored body is being decoded keeps what was seen first."""
    in_thread, go_on = threading.Event(), threading.Event()
    decode = _wire.decode_callback

    def decode_slowly(body: bytes, *, task_id: str, uri: str | None = None) -> Diarization:
        if not in_thread.is_set():
            in_thread.set()
            assert go_on.wait(20)
        return decode(body, task_id=task_id, uri=uri)

    monkeypatch.setattr(_task, "decode_callback", decode_slowly)
    body = body_of("t1", segments=6000)
    dispatcher = Dispatcher(unmatched_after=0.0)
    await dispatcher.feed(body)
    task = client_of(dispatcher).speaker_task("t1")
    calls: list[SpeakerTask] = []
    task.add_done_callback(calls.append)
    await until(in_thread.is_set)
    delivery = await dispatcher.feed(body)
    seen = task.result()
    go_on.set()
    await until(lambda: not dispatcher._background._jobs)

    assert delivery is Delivery.DUPLICATE
    assert task.result() is seen
    assert calls == [task]


@pytest.mark.asyncio
async def test_zero_looks_now(body_of: "MakeBody", client_of: "MakeClient") -> None:
    """`wait(0)` raises while there is no callback, and returns one that is in the store."""
    dispatcher = Dispatcher()
    client = client_of(dispatcher, result_timeout=None)
    task = client.speaker_task("t1")
    with pytest.raises(TaskTimeout) as caught:
        await task.wait(0)
    await dispatcher.feed(body_of("t2"))

    assert isinstance(caught.value, TimeoutError)
    assert caught.value.task_id == "t1"
    assert (await client.speaker_task("t2").wait(0)).task_id == "t2"


@pytest.mark.asyncio
async def test_the_clients_timeout_is_the_default(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """Unset means the client's `result_timeout`, `None` means for ever."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher, result_timeout=0.0).speaker_task("t1")
    with pytest.raises(TaskTimeout):
        await task
    for_ever = asyncio.create_task(task.wait(None))
    await until(lambda: "1 waiting" in repr(task))
    await dispatcher.feed(body_of("t1"))

    assert (await for_ever).task_id == "t1"
    assert (await task).task_id == "t1"


@pytest.mark.asyncio
async def test_a_client_may_wait_for_ever(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """A client's `result_timeout` of `None` makes awaiting wait for ever."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher, result_timeout=None).speaker_task("t1")
    waiter = asyncio.ensure_future(task)
    await until(lambda: "1 waiting" in repr(task))
    await dispatcher.feed(body_of("t1"))

    assert (await waiter).task_id == "t1"


@pytest.mark.parametrize("timeout", [float("nan"), -1, -0.001, float("inf"), True, "1"])
@pytest.mark.asyncio
async def test_unusable_timeouts_are_refused(
    timeout: float, body_of: "MakeBody", client_of: "MakeClient"
) -> None:
    """A timeout that is no finite, non-negative number is refused, done or not."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    with pytest.raises(ConfigurationError, match="timeout is a"):
        await task.wait(timeout)
    await dispatcher.feed(body_of("t1"))
    with pytest.raises(ConfigurationError, match="timeout is a"):
        await task.wait(timeout)


@pytest.mark.fault("the result comes after the timeout")
@pytest.mark.asyncio
async def test_waiting_again_returns_what_came_too_late(
    body_of: "MakeBody", client_of: "MakeClient"
) -> None:
    """A callback that comes after a timeout is returned by the next wait."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    with pytest.raises(TaskTimeout):
        await task.wait(0.001)
    await dispatcher.feed(body_of("t1"))

    assert (await task).task_id == "t1"


@pytest.mark.asyncio
async def test_cancelling_a_gather_disturbs_nobody_else(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """A cancelled gather over tasks ends, and another waiter of the same task is served."""
    dispatcher = Dispatcher()
    client = client_of(dispatcher)
    tasks = [client.speaker_task(f"t{number}") for number in range(5)]
    other = asyncio.ensure_future(tasks[0])
    together = asyncio.gather(*tasks)
    await until(lambda: "2 waiting" in repr(tasks[0]) and "1 waiting" in repr(tasks[4]))
    together.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(together, 20)
    await until(lambda: "1 waiting" in repr(tasks[0]) and "0 waiting" in repr(tasks[4]))
    await dispatcher.feed(body_of("t0"))

    assert (await other).task_id == "t0"
    assert [True, False, False, False, False] == [task.done() for task in tasks]


@pytest.mark.asyncio
async def test_a_waiters_task_is_not_collected(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """With every reference dropped but the dispatcher's, a waiter still gets its result."""
    dispatcher = Dispatcher()
    results: asyncio.Queue[Diarization] = asyncio.Queue()

    async def wait_for_result() -> None:
        await results.put(await client_of(dispatcher).speaker_task("t1").wait(None))

    asyncio.create_task(wait_for_result())  # noqa: RUF006 - nobody keeping it is the point
    await until(lambda: dispatcher.pending)
    for _ in range(3):
        gc.collect()
    delivery = await dispatcher.feed(body_of("t1"))

    assert delivery is Delivery.RESOLVED
    assert (await results.get()).task_id == "t1"


@pytest.mark.asyncio
async def test_early_callbacks_are_kept_for_whoever_comes(
    body_of: "MakeBody", client_of: "MakeClient"
) -> None:
    """A callback that nobody waited for resolves a task that is attached later."""
    dispatcher = Dispatcher()
    delivery = await dispatcher.feed(body_of("t1"))

    assert delivery is Delivery.STORED
    assert (await client_of(dispatcher).speaker_task("t1")).task_id == "t1"
