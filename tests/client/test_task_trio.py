"""The core of awaiting tasks, under trio."""

from typing import TYPE_CHECKING

import anyio.lowlevel
import pytest
import sniffio
import trio

from mavi_async import (
    Delivery,
    Diarization,
    Dispatcher,
    SpeakerTask,
    TaskFailed,
    TaskTimeout,
)

DEADLINE = 30

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, MakeClient, Until


@pytest.fixture
def anyio_backend() -> str:
    """Trio alone."""
    return "trio"


@pytest.fixture(autouse=True)
def running_trio(request: pytest.FixtureRequest) -> None:
    """Every test of this module is marked for trio."""
    assert request.node.get_closest_marker("anyio")


def assert_trio() -> None:
    """Make sure of the backend that runs."""
    assert sniffio.current_async_library() == "trio"


@pytest.mark.anyio
async def test_waiters_before_and_after(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """Waiters in a nursery, before and after the callback, get the same object."""
    assert_trio()
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    results: list[Diarization] = []

    async def wait() -> None:
        results.append(await task)

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + DEADLINE
        for _ in range(3):
            nursery.start_soon(wait)
        await until(lambda: "3 waiting" in repr(task))
        delivery = await dispatcher.feed(body_of("t1"))
    await wait()

    assert delivery is Delivery.RESOLVED
    assert len(results) == 4
    assert len({id(result) for result in results}) == 1


@pytest.mark.anyio
async def test_cancel_scopes_disturb_nobody_else(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """Of three waiters one is cancelled and one runs out of time; the third is served."""
    assert_trio()
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    cancelled, timed_out = trio.CancelScope(), trio.CancelScope()
    results: list[Diarization] = []

    async def wait_in(scope: trio.CancelScope) -> None:
        with scope:
            await task.wait(None)

    async def wait() -> None:
        results.append(await task)

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + DEADLINE
        nursery.start_soon(wait_in, cancelled)
        nursery.start_soon(wait_in, timed_out)
        nursery.start_soon(wait)
        await until(lambda: "3 waiting" in repr(task))
        cancelled.cancel()
        timed_out.deadline = trio.current_time()
        await until(lambda: "1 waiting" in repr(task))
        await dispatcher.feed(body_of("t1"))

    assert [result.task_id for result in results] == ["t1"]
    assert cancelled.cancelled_caught
    assert timed_out.cancelled_caught


@pytest.mark.anyio
async def test_timeouts(body_of: "MakeBody", client_of: "MakeClient") -> None:
    """Both `move_on_after` and the task's own timeout end a wait; waiting again is allowed."""
    assert_trio()
    dispatcher = Dispatcher()
    task = client_of(dispatcher, result_timeout=None).speaker_task("t1")
    with trio.move_on_after(0.001) as scope:
        await task.wait(None)
    for timeout in (0, 0.001):
        with trio.fail_after(DEADLINE), pytest.raises(TaskTimeout):
            await task.wait(timeout)
    await dispatcher.feed(body_of("t1"))

    assert scope.cancelled_caught
    assert (await task.wait(0)).task_id == "t1"


@pytest.mark.anyio
async def test_errors_are_fresh(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """Each waiter gets an instance of the error of its own."""
    assert_trio()
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    errors: list[TaskFailed] = []

    async def wait() -> None:
        try:
            await task
        except TaskFailed as error:
            errors.append(error)

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + DEADLINE
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await until(lambda: "2 waiting" in repr(task))
        await dispatcher.feed(body_of("t1", code=500))

    assert [error.code for error in errors] == ["500", "500"]
    assert errors[0] is not errors[1]


@pytest.mark.anyio
async def test_done_callbacks(body_of: "MakeBody", client_of: "MakeClient", until: "Until") -> None:
    """Callbacks are called at once, and soon for a job whose callback is stored."""
    assert_trio()
    dispatcher = Dispatcher()
    client = client_of(dispatcher)
    task = client.speaker_task("t1")
    calls: list[SpeakerTask] = []
    task.add_done_callback(calls.append)
    await dispatcher.feed(body_of("t1"))
    await dispatcher.feed(body_of("t2"))
    stored = client.speaker_task("t2")
    stored.add_done_callback(calls.append)
    await until(lambda: len(calls) == 2)

    assert calls == [task, stored]


@pytest.mark.anyio
async def test_large_results(body_of: "MakeBody", client_of: "MakeClient", until: "Until") -> None:
    """A body that is parsed in a worker thread resolves its waiters with one object."""
    assert_trio()
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    results: list[Diarization] = []

    async def wait() -> None:
        results.append(await task)

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + DEADLINE
        for _ in range(5):
            nursery.start_soon(wait)
        await until(lambda: "5 waiting" in repr(task))
        await dispatcher.feed(body_of("t1", segments=6000))

    assert len({id(result) for result in results}) == 1
    assert len(results[0]) == 6000


@pytest.mark.anyio
async def test_feeding_from_another_thread(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """`feed_threadsafe` resolves a waiter of the loop that the dispatcher is used in."""
    assert_trio()
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    results: list[Diarization] = []

    async def wait() -> None:
        results.append(await task)

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + DEADLINE
        nursery.start_soon(wait)
        await until(lambda: "1 waiting" in repr(task))
        delivery = await trio.to_thread.run_sync(
            lambda: dispatcher.feed_threadsafe(body_of("t1")).result(20)
        )

    assert delivery is Delivery.RESOLVED
    assert [result.task_id for result in results] == ["t1"]
    await anyio.lowlevel.checkpoint()
