"""Threads, other event loops, and trio."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import sniffio

from mavi_async import (
    CallbackLimits,
    Delivery,
    Dispatcher,
    MaviClient,
    TaskStateError,
    TaskTimeout,
    Unmatched,
)
from mavi_async.asgi import CallbackApp

if TYPE_CHECKING:
    from tests.receivers.conftest import Serve

Callback = Callable[..., bytes]
Message = dict[str, Any]


async def ask(
    app: CallbackApp, path: str, messages: "list[Message] | None" = None, method: str = "POST"
) -> tuple[int, bytes]:
    """Send a request to the application without a server and return status and body."""
    left = list(messages or [{"type": "http.request", "body": b"{}"}])
    sent: list[Any] = []

    async def receive() -> Message:
        if not left:
            await anyio.sleep_forever()
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


def whole(body: bytes) -> "list[Message]":
    """A body in one message."""
    return [{"type": "http.request", "body": body}]


@pytest.mark.fault("another event loop")
@pytest.mark.asyncio
async def test_other_threads_feed(serve: "Serve", callback: Callback) -> None:
    """Callbacks may come from threads and over HTTP at the same time; each counts once."""
    service = await serve()
    numbers = range(200)
    waiting = asyncio.gather(*(service.task(f"job{number}") for number in numbers))

    def feed(number: int) -> Delivery:
        body = callback(f"job{number}", float(number))
        return service.dispatcher.feed_threadsafe(body).result(30)

    with ThreadPoolExecutor(8) as threads:
        loop = asyncio.get_running_loop()
        fed = [loop.run_in_executor(threads, feed, number) for number in numbers]
        answers = await service.burst(callback(f"job{each}", float(each)) for each in numbers)
        threaded = await asyncio.gather(*fed)
    results = await waiting
    over_http = [b"resolved" in answer.body for answer in answers]

    assert [float(number) for number in numbers] == [each.segments[0].start for each in results]
    assert {Delivery.RESOLVED, Delivery.DUPLICATE} >= set(threaded)
    assert 200 == sum(over_http) + threaded.count(Delivery.RESOLVED)


@pytest.mark.asyncio
async def test_threads_are_told_what_is_malformed(serve: "Serve") -> None:
    """What a thread feeds is judged as anything else is, and raises nothing."""
    service = await serve()
    bodies: list[Any] = [b"", b"[]", "{}", {}, {"task_id": 7}, 7, None]
    futures = [service.dispatcher.feed_threadsafe(body) for body in bodies]
    deliveries = [await asyncio.wrap_future(future) for future in futures]

    assert [Delivery.MALFORMED] * len(bodies) == deliveries


@pytest.mark.fault("another event loop")
def test_feeding_needs_a_loop(callback: Callback) -> None:
    """Before any loop uses the dispatcher, and after it has ended, feeding says so."""
    dispatcher = Dispatcher()
    with pytest.raises(TaskStateError, match="no event loop"):
        dispatcher.feed_threadsafe(callback("job"))

    asyncio.run(dispatcher.feed(callback("job")))
    with pytest.raises(TaskStateError, match="ended"):
        dispatcher.feed_threadsafe(callback("job"))


@pytest.mark.fault("another event loop")
@pytest.mark.asyncio
async def test_another_loop_is_refused(
    callback: Callback, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Feeding from another loop is an error that says what to do; a receiver there gives 503."""
    dispatcher = Dispatcher()
    await dispatcher.feed(callback("job"))
    app = CallbackApp(dispatcher, token=token)

    async def elsewhere() -> tuple[int, bytes]:
        with pytest.raises(TaskStateError, match="feed_threadsafe"):
            await dispatcher.feed(callback("other"))
        return await ask(app, f"/mavi/callback/{token}", whole(callback("other")))

    status, body = await asyncio.to_thread(asyncio.run, elsewhere())

    assert 503 == status
    assert b"Traceback" not in body
    assert await dispatcher.store.get_callback("other") is None
    assert "another event loop" in caplog.text
    assert token not in caplog.text


@pytest.mark.asyncio
async def test_sender_that_leaves_before_it_is_heard(token: str) -> None:
    """A disconnect in place of a body is no body."""
    app = CallbackApp(Dispatcher(), token=token)

    assert 400 == (await ask(app, f"/mavi/callback/{token}", [{"type": "http.disconnect"}]))[0]


@pytest.mark.asyncio
async def test_empty_messages_cost_nothing(callback: Callback, token: str) -> None:
    """Servers may split a body anywhere, and send messages without any of it."""
    app = CallbackApp(Dispatcher(), token=token)
    body = callback("job")
    messages: list[Message] = [{"type": "http.request", "more_body": True}]
    for number in range(len(body)):
        part = body[number : number + 1]
        messages.append({"type": "http.request", "body": part, "more_body": True})
        messages.append({"type": "http.request", "body": b"", "more_body": True})
    messages.append({"type": "http.request"})

    assert 200 == (await ask(app, f"/mavi/callback/{token}", messages))[0]


class TestTrio:
    """The same application and client under trio."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        """The loop that these tests are about."""
        return "trio"

    @pytest.mark.anyio
    async def test_callback_resolves(self, callback: Callback, token: str, key: str) -> None:
        """A callback resolves its task under trio as well, large ones in a worker thread."""
        assert "trio" == sniffio.current_async_library()
        async with MaviClient(key) as client:
            app = CallbackApp(client.dispatcher, token=token)
            path = f"/mavi/callback/{token}"
            bodies = [callback("small"), callback("large") + b" " * 300_000]
            results: list[bytes] = []
            answers: list[tuple[int, bytes]] = []

            async def wait(task_id: str) -> None:
                results.append((await client.speaker_task(task_id).wait(30)).raw)

            async with anyio.create_task_group() as waiting:
                waiting.start_soon(wait, "small")
                waiting.start_soon(wait, "large")
                await anyio.wait_all_tasks_blocked()
                answers += [await ask(app, path, whole(body)) for body in bodies]

        assert [(200, b'{"delivery":"resolved"}')] * 2 == answers
        assert sorted(bodies) == sorted(results)

    @pytest.mark.anyio
    async def test_answers(self, callback: Callback, token: str) -> None:
        """Every answer that is not 200 comes under trio too, without a warning."""
        limits = CallbackLimits(max_body_bytes=1_000, max_buffered_bytes=1_000, read_timeout=0.05)
        app = CallbackApp(Dispatcher(), token=token, limits=limits)
        path = f"/mavi/callback/{token}"
        more: Message = {"type": "http.request", "body": b" " * 600, "more_body": True}
        statuses = [
            (await ask(app, f"{path}x"))[0],
            (await ask(app, path, whole(b"{}")))[0],
            (await ask(app, path, method="PUT"))[0],
            (await ask(app, path, [more]))[0],
            (await ask(app, path, [more, more, more]))[0],
            (await ask(app, path, [more, {"type": "http.disconnect"}]))[0],
            (await ask(app, path, whole(callback("job"))))[0],
        ]

        assert "trio" == sniffio.current_async_library()
        assert [404, 400, 405, 408, 413, 400, 200] == statuses

    @pytest.mark.anyio
    async def test_waiting_ends_in_time(self, key: str) -> None:
        """A wait that nobody answers times out under trio."""
        async with MaviClient(key) as client:
            with pytest.raises(TaskTimeout):
                await client.speaker_task("job").wait(0.01)

    @pytest.mark.anyio
    async def test_threads_feed(self, callback: Callback, key: str) -> None:
        """Another thread's callback resolves a task that waits under trio."""
        async with MaviClient(key) as client:
            task = client.speaker_task("job")
            feed = client.dispatcher.feed_threadsafe
            thread = threading.Thread(target=lambda: feed(callback("job")).result(30))
            thread.start()
            diarization = await task.wait(30)
            await anyio.to_thread.run_sync(thread.join)

        assert callback("job") == diarization.raw

    @pytest.mark.anyio
    async def test_unmatched_are_offered(self, callback: Callback, token: str) -> None:
        """The hook for unmatched callbacks is called under trio, and may be a coroutine."""
        offered: list[Unmatched] = []
        called = anyio.Event()

        async def hook(unmatched: Unmatched) -> None:
            offered.append(unmatched)
            called.set()

        dispatcher = Dispatcher(on_unmatched=hook, unmatched_after=0)
        app = CallbackApp(dispatcher, token=token)
        await ask(app, f"/mavi/callback/{token}", whole(callback("job")))
        with anyio.fail_after(30):
            await called.wait()
        await dispatcher.aclose()

        assert [Unmatched("job", callback("job"))] == offered
