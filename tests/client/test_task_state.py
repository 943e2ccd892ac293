"""Looking at a task without waiting, and being told when it is done."""

import asyncio
import gc
import logging
import weakref
from typing import TYPE_CHECKING

import pytest

from mavi_async import Dispatcher, SpeakerTask, TaskFailed, TaskStateError

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, MakeClient, Until


def test_tasks_are_made_outside_of_a_loop(client_of: "MakeClient") -> None:
    """A task can be made, hashed, compared and weakly referenced without an event loop."""
    client = client_of(Dispatcher())
    first, second = client.speaker_task("t1"), client.speaker_task("t2")

    assert client.speaker_task("t1") is first
    assert len({first, second, client.speaker_task("t1")}) == 2
    assert weakref.ref(first)() is first
    assert not first.done()


def test_a_done_callback_needs_a_loop(client_of: "MakeClient") -> None:
    """Outside of an event loop a done-callback is refused and not kept."""
    task = client_of(Dispatcher()).speaker_task("t1")
    with pytest.raises(TaskStateError, match="running event loop"):
        task.add_done_callback(print)

    assert task.remove_done_callback(print) == 0


@pytest.mark.asyncio
async def test_looking_before_the_end(client_of: "MakeClient") -> None:
    """Before the callback there is no result and no exception to look at."""
    task = client_of(Dispatcher()).speaker_task("t1")
    with pytest.raises(TaskStateError, match="not done"):
        task.result()
    with pytest.raises(TaskStateError, match="not done"):
        task.exception()

    assert task.done() is False


@pytest.mark.asyncio
async def test_looking_after_the_end(body_of: "MakeBody", client_of: "MakeClient") -> None:
    """After the callback, result and exception say what awaiting would."""
    dispatcher = Dispatcher()
    client = client_of(dispatcher)
    good, bad = client.speaker_task("good"), client.speaker_task("bad")
    await dispatcher.feed(body_of("good", code=200))
    await dispatcher.feed(body_of("bad", code="0003"))

    assert good.done()
    assert bad.done()
    assert good.exception() is None
    assert good.result() is await good
    assert isinstance(bad.exception(), TaskFailed)
    with pytest.raises(TaskFailed, match="no speech"):
        bad.result()


@pytest.mark.asyncio
async def test_repr_shows_the_state(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """The repr says how many wait, that it is done, and once decoded, with what."""
    dispatcher = Dispatcher()
    client = client_of(dispatcher)
    tasks = {name: client.speaker_task(name) for name in ("good", "empty", "bad")}
    good = tasks["good"]
    waiter = asyncio.ensure_future(good)
    await until(lambda: repr(good) == "<SpeakerTask good pending, 1 waiting>")
    waiter.cancel()
    await asyncio.wait([waiter])
    shown = [repr(good)]
    await dispatcher.feed(body_of("good"))
    await dispatcher.feed(body_of("empty", segments=0))
    await dispatcher.feed(body_of("bad", code="0001"))
    shown.append(repr(good))
    for task in tasks.values():
        task.exception()
    shown.extend(map(repr, tasks.values()))

    failure = (
        "TaskFailed(message='MAVI could not do the job: no speech', task_id='bad', code='0001')"
    )

    assert shown == [
        "<SpeakerTask good pending, 0 waiting>",
        "<SpeakerTask good done>",
        "<SpeakerTask good <Diarization good: 2 segments, 2 speakers, 60.5 s>>",
        "<SpeakerTask empty <Diarization empty: 0 segments, 0 speakers, 60.5 s>>",
        f"<SpeakerTask bad {failure}>",
    ]


@pytest.mark.asyncio
async def test_done_callbacks_before_and_after(
    body_of: "MakeBody", client_of: "MakeClient"
) -> None:
    """Callbacks are called once, in order, with the task, before and after it is done."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    calls: list[tuple[str, SpeakerTask]] = []
    task.add_done_callback(lambda done: calls.append(("first", done)))
    task.add_done_callback(lambda done: calls.append(("second", done)))
    await dispatcher.feed(body_of("t1"))
    in_between = list(calls)
    task.add_done_callback(lambda done: calls.append(("late", done)))
    await dispatcher.feed(body_of("t1"))

    assert in_between == [("first", task), ("second", task)]
    assert calls == [*in_between, ("late", task)]


@pytest.mark.asyncio
async def test_a_raising_done_callback_is_logged(
    body_of: "MakeBody", client_of: "MakeClient", caplog: pytest.LogCaptureFixture
) -> None:
    """What a callback raises is logged and keeps neither the others nor the waiters."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    calls: list[SpeakerTask] = []

    def fail(_: SpeakerTask) -> None:
        raise ZeroDivisionError

    task.add_done_callback(fail)
    task.add_done_callback(calls.append)
    with caplog.at_level(logging.ERROR, "mavi_async"):
        await dispatcher.feed(body_of("t1"))

    assert calls == [task]
    assert (await task).task_id == "t1"
    assert ["a done-callback of task t1 failed"] == [each.message for each in caplog.records]


@pytest.mark.asyncio
async def test_done_callbacks_keep_the_task_alive(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """A task that only its callback refers to is kept until it is done, and no longer."""
    dispatcher = Dispatcher()
    client = client_of(dispatcher)
    seen = []
    client.speaker_task("t1").add_done_callback(lambda task: seen.append(task.result().task_id))
    for _ in range(3):
        gc.collect()
    alive = [task.task_id for task in dispatcher.pending]
    await dispatcher.feed(body_of("t1"))
    # The look that adding the callback has started holds it for a moment.
    await until(lambda: gc.collect() >= 0 and not len(client._inbox._registry))

    assert alive == ["t1"]
    assert seen == ["t1"]


@pytest.mark.asyncio
async def test_a_done_callback_finds_what_is_stored(
    body_of: "MakeBody", client_of: "MakeClient", until: "Until"
) -> None:
    """On a job whose callback is in the store already, a done-callback is called soon."""
    dispatcher = Dispatcher()
    await dispatcher.feed(body_of("t1"))
    seen: list[str] = []
    client_of(dispatcher).speaker_task("t1").add_done_callback(
        lambda task: seen.append(task.task_id)
    )
    await until(lambda: seen)

    assert seen == ["t1"]


@pytest.mark.asyncio
async def test_removed_done_callbacks_are_not_called(
    body_of: "MakeBody", client_of: "MakeClient"
) -> None:
    """Removing takes out every occurrence, says how many, and lets go of the task."""
    dispatcher = Dispatcher()
    client = client_of(dispatcher)
    task = client.speaker_task("t1")
    calls: list[SpeakerTask] = []
    other: list[SpeakerTask] = []
    append = calls.append
    task.add_done_callback(append)
    task.add_done_callback(other.append)
    task.add_done_callback(append)
    removed = [task.remove_done_callback(append), task.remove_done_callback(append)]
    held = [client._inbox.is_idle]
    await dispatcher.feed(body_of("t1"))

    assert removed == [2, 0]
    assert held == [False]
    assert calls == []
    assert other == [task]
    assert client._inbox.is_idle


@pytest.mark.asyncio
async def test_removing_the_last_callback_lets_go(client_of: "MakeClient", until: "Until") -> None:
    """A task without waiters and callbacks is not kept alive."""
    client = client_of(Dispatcher())
    task = client.speaker_task("t1")
    task.add_done_callback(print)
    removed = task.remove_done_callback(print)
    reference = weakref.ref(task)
    del task
    await until(lambda: gc.collect() >= 0 and reference() is None)

    assert removed == 1
    assert client._inbox.is_idle


@pytest.mark.asyncio
async def test_callbacks_may_touch_the_task(body_of: "MakeBody", client_of: "MakeClient") -> None:
    """A callback may add another, look at the result, and remove itself."""
    dispatcher = Dispatcher()
    task = client_of(dispatcher).speaker_task("t1")
    seen: list[object] = []

    def look(done: SpeakerTask) -> None:
        seen.append(done.result().task_id)
        seen.append(done.remove_done_callback(look))
        done.add_done_callback(lambda again: seen.append(again.done()))

    task.add_done_callback(look)
    await dispatcher.feed(body_of("t1"))

    assert seen == ["t1", 0, True]
