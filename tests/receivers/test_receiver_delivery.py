"""Callbacks over HTTP: the first body counts, each wait ends once, and nobody is disturbed."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mavi_async import Dispatcher, MalformedResult, MemoryStore, SpeakerTask, Unmatched
from mavi_async._records import Submission
from mavi_async.asgi import CallbackApp

if TYPE_CHECKING:
    from tests.receivers.conftest import RawAnswer, Serve

Callback = Callable[..., bytes]


OTHER_KINDS: dict[str, Any] = {
    "frame extraction": {"frames": [{"url": "https://cdn.test/1.jpg", "timestamp": 0.5}]},
    "clip": {"asset_id": "re_1", "url": "https://cdn.test/clip.mp4"},
    "split": [{"asset_id": "re_1"}, {"asset_id": "re_2"}],
    "edit": {"data": {"asset_id": "re_1"}, "success": True},
    "audio transcription": {"data": {"data": {"text": "hello", "language": "en"}}, "success": True},
    "video description": {"data": {"text": "a street"}, "msg": "ok", "success": True},
    "multi-speaker recognition": {"data": {"data": [{"speaker": 1, "text": "hello"}]}},
    "summary": "A street on which people talk.",
}


def deliveries(answers: "list[RawAnswer]") -> Counter[str]:
    """How often each delivery was answered; all of them with 200."""
    assert {200} == {answer.status for answer in answers}
    return Counter(json.loads(answer.body)["delivery"] for answer in answers)


@pytest.mark.fault("the callback comes twice")
@pytest.mark.asyncio
async def test_same_callback_a_hundred_times(serve: "Serve", callback: Callback) -> None:
    """Of the same callback sent a hundred times in parallel one resolves, the rest repeat it."""
    service = await serve()
    resolved: list[SpeakerTask] = []
    task = service.task("job")
    task.add_done_callback(resolved.append)
    waiting = [asyncio.ensure_future(task.wait()) for _ in range(5)]
    answers = await asyncio.gather(*(service.burst([callback("job")] * 5) for _ in range(20)))
    results = await asyncio.gather(*waiting)

    assert {"resolved": 1, "duplicate": 99} == deliveries(
        [each for some in answers for each in some]
    )
    assert [task] == resolved
    assert {callback("job")} == {result.raw for result in results}


@pytest.mark.fault("the callback comes twice")
@pytest.mark.asyncio
async def test_early_callback_a_hundred_times(serve: "Serve", callback: Callback) -> None:
    """The same holds for a callback that nobody waits for yet."""
    service = await serve()
    answers = await service.burst([callback("job")] * 100)

    assert {"stored": 1, "duplicate": 99} == deliveries(answers)
    assert callback("job") == (await service.task("job").wait(0)).raw


@pytest.mark.fault("a callback contradicts an earlier one")
@pytest.mark.asyncio
async def test_conflicting_body_is_kept_aside(serve: "Serve", callback: Callback) -> None:
    """A second, different body is answered with 200, kept aside, and changes nothing."""
    service = await serve()
    waiting = asyncio.ensure_future(service.task("job").wait())
    first, second = callback("job", 1.0), callback("job", 2.0)
    answers = await service.burst([first])
    answers += await service.burst([second])
    answers += await service.burst([first])
    aside = await service.dispatcher.store.list_aside()

    assert ["resolved", "conflict", "duplicate"] == [
        json.loads(answer.body)["delivery"] for answer in answers
    ]
    assert [("job", second)] == [(kept.task_id, kept.body) for kept in aside]
    assert first == (await waiting).raw == (await service.task("job").wait(0)).raw


@pytest.mark.fault("a callback contradicts an earlier one")
@pytest.mark.asyncio
async def test_conflicting_bodies_in_parallel(serve: "Serve", callback: Callback) -> None:
    """Whatever the order in which different bodies come, all waiters get the one that counts."""
    service = await serve()
    waiting = [asyncio.ensure_future(service.task("job").wait()) for _ in range(5)]
    answers = await service.burst(callback("job", float(start)) for start in range(100))
    results = {result.raw for result in await asyncio.gather(*waiting)}

    assert {"resolved": 1, "conflict": 99} == deliveries(answers)
    assert {await service.dispatcher.store.get_callback("job")} == results
    assert 99 == len(await service.dispatcher.store.list_aside())


@pytest.mark.asyncio
async def test_readable_body_replaces_an_unreadable_one(serve: "Serve", callback: Callback) -> None:
    """A body that cannot be decoded gives way to one that can, until somebody has seen it."""
    service = await serve()
    bad = b'{"code":"0000","data":null,"task_id":"%s"}'
    await service.burst([bad % b"unseen", callback("unseen"), bad % b"seen"])
    with pytest.raises(MalformedResult):
        await service.task("seen").wait(0)
    await service.burst([callback("seen")])

    assert callback("unseen") == (await service.task("unseen").wait(0)).raw
    assert bad % b"seen" == await service.dispatcher.store.get_callback("seen")


@pytest.mark.fault("the callbacks come in any order")
@pytest.mark.asyncio
async def test_thousand_callbacks_shuffled(serve: "Serve", callback: Callback) -> None:
    """A thousand waiters each get their own result, in whatever order the callbacks come."""
    service = await serve()
    numbers = range(1_000)
    tasks = [service.task(f"job{number}") for number in numbers]
    waiting = asyncio.gather(*tasks)
    shuffled = random.Random(7).sample(numbers, k=1_000)
    answers = await service.burst(callback(f"job{number}", float(number)) for number in shuffled)
    results = await waiting

    assert {"resolved": 1_000} == deliveries(answers)
    assert [(f"job{number}", float(number)) for number in numbers] == [
        (result.task_id, result.segments[0].start) for result in results
    ]


@pytest.mark.fault("the callback comes before the answer")
@pytest.mark.asyncio
async def test_early_callback_resolves_at_once(serve: "Serve", callback: Callback) -> None:
    """A callback that came before its task was known is there when somebody looks."""
    service = await serve()
    answers = await service.burst([callback("job")])
    task = service.task("job")
    diarization = await task.wait(0)

    assert {"stored": 1} == deliveries(answers)
    assert callback("job") == diarization.raw
    assert task.done()


@pytest.mark.fault("a callback of another kind of job")
@pytest.mark.asyncio
async def test_other_kinds_of_jobs_are_taken(serve: "Serve", callback: Callback) -> None:
    """Callbacks of the account's other jobs between ours are answered with 200 and kept."""
    service = await serve()
    tasks = [service.task(f"ours{number}") for number in range(50)]
    waiting = asyncio.gather(*tasks)
    others = [
        json.dumps(
            {"code": "0000", "message": "SUCCESS", "data": data, "task_id": f"other{number}"}
        ).encode()
        for number, data in enumerate(OTHER_KINDS.values())
    ]
    bodies = [*others * 5, *(callback(task.task_id) for task in tasks)]
    random.Random(7).shuffle(bodies)
    answers = await service.burst(bodies)
    kept = [await service.dispatcher.store.get_callback(f"other{number}") for number in range(8)]

    assert {"resolved": 50, "stored": 8, "duplicate": 32} == deliveries(answers)
    assert others == kept
    assert [task.task_id for task in tasks] == [result.task_id for result in await waiting]


@pytest.mark.fault("one of several waiters gives up")
@pytest.mark.asyncio
async def test_cancelled_waiter_disturbs_nobody(serve: "Serve", callback: Callback) -> None:
    """Of three waiters one is cancelled and one times out; the third gets the result."""
    service = await serve()
    task = service.task("job")
    waiting = [asyncio.ensure_future(task.wait(timeout)) for timeout in (None, 0, None)]
    await asyncio.wait([waiting[1]])
    waiting[0].cancel()
    await service.burst([callback("job")])

    assert callback("job") == (await waiting[2]).raw
    assert waiting[0].cancelled()
    assert isinstance(waiting[1].exception(), TimeoutError)


class Receiving:
    """The application without a server, for more callbacks than sockets are worth."""

    def __init__(self, dispatcher: Dispatcher, token: str) -> None:
        self._app = CallbackApp(dispatcher, token=token)
        self._path = f"/mavi/callback/{token}"

    async def post(self, body: bytes) -> int:
        """Post a callback and return the answer's status."""
        scope = {"type": "http", "method": "POST", "path": self._path, "headers": []}
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return int(sent[0]["status"])


@pytest.mark.fault("a flood of unknown callbacks")
@pytest.mark.asyncio
@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.torture)])
async def test_flood_of_unknown_jobs(callback: Callback, token: str, count: int) -> None:
    """Unknown callbacks fill their own bound and no more; known ones and their results stay."""
    store = MemoryStore()
    offered: list[Unmatched] = []
    dispatcher = Dispatcher(store=store, on_unmatched=offered.append, unmatched_after=0)
    receiving = Receiving(dispatcher, token)
    for name in ("before", "between"):
        await store.put_submission(Submission(name, "account", "re_1", 4e9))
    before = await receiving.post(callback("before"))
    statuses = Counter(
        [await receiving.post(callback(f"unknown{number}")) for number in range(count)]
    )
    between = await receiving.post(callback("between"))
    await dispatcher.aclose()

    assert {200: 10_000, 503: count - 10_000} == statuses
    assert (200, 200) == (before, between)
    assert callback("before") == await store.get_callback("before")
    assert callback("between") == await store.get_callback("between")
    assert await store.get_callback("unknown10000") is None


@pytest.mark.asyncio
async def test_unmatched_callback_is_offered(serve: "Serve", callback: Callback) -> None:
    """What nobody submitted is handed to `on_unmatched`, what somebody waits for is not."""
    offered: asyncio.Queue[Unmatched] = asyncio.Queue()
    dispatcher = Dispatcher(on_unmatched=offered.put_nowait, unmatched_after=0)
    service = await serve(dispatcher=dispatcher)
    waiting = asyncio.ensure_future(service.task("ours").wait())
    await service.burst([callback("ours")])
    await service.burst([callback("theirs")])
    unmatched = await asyncio.wait_for(offered.get(), 30)

    assert Unmatched("theirs", callback("theirs")) == unmatched
    assert offered.empty()
    assert callback("ours") == (await waiting).raw


@pytest.mark.asyncio
async def test_failing_hook_does_not_matter(serve: "Serve", callback: Callback) -> None:
    """A hook that raises, at once or later, changes no answer and is called again."""
    called = []
    enough = asyncio.Event()

    async def hook(unmatched: Unmatched) -> None:
        called.append(unmatched.task_id)
        if len(called) == 20:
            enough.set()
        raise RuntimeError("the hook is broken")

    service = await serve(dispatcher=Dispatcher(on_unmatched=hook, unmatched_after=0))
    answers = await service.burst(callback(f"job{number}") for number in range(20))
    await asyncio.wait_for(enough.wait(), 30)

    assert {"stored": 20} == deliveries(answers)
    assert {f"job{number}" for number in range(20)} == set(called)
    assert callback("job0") == (await service.task("job0").wait(0)).raw
