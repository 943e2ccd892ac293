"""A program as users write it, over the whole public interface: read by type checkers, not run."""

import asyncio
import io
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, assert_type

import aiohttp.web
import attrs
import fastapi
import httpx
import httpx2

from mavi_async import (
    ApiError,
    Asset,
    AssetError,
    AssetFailed,
    AssetTask,
    AssetTimeout,
    AuthenticationError,
    CallbackLimits,
    ClientClosed,
    ConfigurationError,
    Delivery,
    Diarization,
    Dispatcher,
    DispatcherClosed,
    Intent,
    MalformedResult,
    MaviClient,
    MaviError,
    MemoryStore,
    OutOfCredits,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    SpeakerSegment,
    SpeakerTask,
    SQLiteStore,
    StoreError,
    Submission,
    SubmitOutcomeUnknown,
    TaskError,
    TaskFailed,
    TaskStateError,
    TaskStore,
    TaskTimeout,
    TimeSpan,
    Unmatched,
    Usage,
    WebhookNotConfigured,
    __version__,
)
from mavi_async.aiohttp import add_callback_route
from mavi_async.asgi import CallbackApp
from mavi_async.emulator import Emulator, Fault
from mavi_async.fastapi import callback_router
from mavi_async.stores import IntentState, Lane, Pacer, Slot
from mavi_async.testing import (
    BrokenRule,
    MakeStore,
    StoreContractBroken,
    check_task_store,
    task_store_checks,
)

assert_type(__version__, str)
log = logging.getLogger(__name__)


async def submit_and_await() -> None:
    """One recording, in every way."""
    async with MaviClient() as client:
        assert_type(client, MaviClient)
        task = await client.submit_speaker("re_657929111888723968")
        assert_type(task, SpeakerTask)
        assert_type(task.task_id, str)
        assert_type(task.asset_id, str | None)
        assert_type(task.submitted_at, datetime | None)
        assert_type(await task, Diarization)
        assert_type(await task.wait(), Diarization)
        assert_type(await task.wait(0), Diarization)
        assert_type(await task.wait(timeout=1.5), Diarization)
        assert_type(await task.wait(None), Diarization)
        assert_type(task.done(), bool)
        assert_type(task.result(), Diarization)
        assert_type(task.exception(), TaskError | None)
        assert_type({task: 1}, dict[SpeakerTask, int])
        assert_type(client.speaker_task(task.task_id), SpeakerTask)
        assert_type(await client.diarize("re_1"), Diarization)
        assert_type(await client.diarize("re_1", timeout=None), Diarization)
        assert_type(await client.generate_speaker("re_1", timeout=30), Diarization)
        assert_type(client.dispatcher, Dispatcher)
        assert_type(client.account, str)
        assert_type(await client.aclose(), None)


async def upload(client: MaviClient, path: Path) -> None:
    """Recordings, in every form and way."""

    def show(sent_bytes: int, total_bytes: int | None) -> None:
        log.info("%d of %s", sent_bytes, total_bytes)

    asset = await client.upload(path, on_progress=show)
    assert_type(asset, AssetTask)
    assert_type(await asset, Asset)
    assert_type(await asset.wait(timeout=None), Asset)
    assert_type(await asyncio.gather(asset, asset), tuple[Asset, Asset])
    assert_type(asset.upload_status, str | None)
    assert_type(asset.exception(), AssetFailed | None)
    assert_type(client.asset_task(asset.asset_id), AssetTask)
    metadata = await client.asset("re_1")
    assert_type((metadata.file_size, metadata.create_time), tuple[int | None, datetime | None])
    with path.open("rb") as file, tempfile.TemporaryFile() as temporary:
        for recording in (file, temporary, io.BytesIO(b""), b"", bytearray(), path):
            await client.upload(recording, filename="a.ogg", via="signed-url")
    assert_type(await client.diarize(path, via="direct", on_progress=show), Diarization)
    try:
        await asset
    except AssetTimeout as error:
        assert_type(error.asset_id, str)
    except AssetError as error:
        assert_type(error.asset_id, str)
    await client.upload("talk.flac")  # type: ignore[arg-type]  # text is an asset id
    await client.upload(path, via="post")  # type: ignore[arg-type]  # no such way


async def take_up(client: MaviClient, store: TaskStore) -> None:
    """What another process left, and what nobody knows."""
    tasks = await client.resume()
    assert_type(tasks, list[SpeakerTask])
    assert_type(await client.submit_speaker("re_1", idempotency_key="k"), SpeakerTask)
    assert_type(await client.diarize("re_1", idempotency_key="k", timeout=1), Diarization)
    for intent in await store.list_intents(IntentState.UNKNOWN, client.account):
        for arrival in await store.list_unmatched():
            assert_type(arrival.received_at, float)
            assert_type(await client.adopt(intent.intent_id, arrival.task_id), SpeakerTask)
    assert_type(await client.unknown_submissions(), Sequence[Intent])
    await client.abandon("an intent_id")
    assert_type(await store.forget("t1"), bool)


async def ask_gateway(task_id: str) -> bytes | None:
    """A poller."""
    return task_id.encode() or None


async def page_somebody(submission: Submission) -> None:
    """A hook that awaits."""
    assert_type(submission.submitted, datetime)


async def use_asyncio(client: MaviClient, task: SpeakerTask) -> None:
    """A task goes wherever an awaitable goes."""
    assert_type(await asyncio.gather(task, task), tuple[Diarization, Diarization])
    assert_type(await asyncio.gather(*[task]), list[Diarization])
    assert_type(
        await asyncio.gather(task, return_exceptions=True), tuple[Diarization | BaseException]
    )
    assert_type(await asyncio.wait_for(task, 1), Diarization)
    assert_type(await asyncio.shield(task), Diarization)
    assert_type(asyncio.ensure_future(task), asyncio.Task[Diarization])
    assert_type(asyncio.create_task(task.wait()), asyncio.Task[Diarization])
    for each in asyncio.as_completed([task]):
        assert_type(await each, Diarization)
    async with asyncio.TaskGroup() as group:
        assert_type(group.create_task(task.wait()), asyncio.Task[Diarization])
    tasks = await asyncio.gather(*map(client.submit_speaker, ["re_1", "re_2"]))
    assert_type(tasks, list[SpeakerTask])
    assert_type(await asyncio.gather(*tasks), list[Diarization])


def note(task: SpeakerTask) -> None:
    """A done-callback."""
    log.info("%s", task.result())


def watch(task: SpeakerTask) -> None:
    """Being told."""
    assert_type(task.add_done_callback(note), None)
    task.add_done_callback(lambda done: log.info("%s", done.exception()))
    assert_type(task.remove_done_callback(note), int)


def look_inside(diarization: Diarization) -> None:
    """A result."""
    for segment in diarization:
        assert_type(segment, SpeakerSegment)
        assert_type(segment.start, float)
        assert_type(segment.end, float)
        assert_type(segment.duration, float)
        assert_type(segment.speaker, str)
        assert_type(segment < segment, bool)
    assert_type(len(diarization), int)
    assert_type(diarization.segments, tuple[SpeakerSegment, ...])
    assert_type(diarization.speakers, tuple[str, ...])
    assert_type(diarization.num_speakers, int)
    assert_type(diarization.duration, float)
    assert_type(diarization.model, str | None)
    assert_type(diarization.task_id, str | None)
    assert_type(diarization.uri, str | None)
    assert_type(diarization.dropped, int)
    assert_type(diarization.raw, bytes)
    assert_type(diarization.chart(), list[tuple[str, float]])
    assert_type(diarization.usage, Usage)
    assert_type(diarization.usage.duration, float | None)
    assert_type(diarization.usage.model, str | None)
    assert_type(diarization.usage.output_tokens, int | None)
    assert_type(diarization.usage.prompt_tokens, int | None)
    assert_type(Diarization.from_segments([SpeakerSegment(0.0, 1.0, "A")], uri="a"), Diarization)
    assert_type(attrs.evolve(diarization, uri="b"), Diarization)


def work_with(diarization: Diarization, words: list[dict[str, object]]) -> None:
    """What is done with a result."""
    clean = diarization.support(0.5).drop_short(1).exclusive().relabel().shift(2).clip()
    assert_type(clean, Diarization)
    assert_type(clean.crop(1, 2, "loose").subset(["a"]).rename({"a": "b"}).turns(1), Diarization)
    for start, end in clean.gaps():
        assert_type((start, end), tuple[float, float])
    for overlap in clean.overlaps():
        assert_type(overlap.speakers, tuple[str, ...])
    assert_type(clean.extent, TimeSpan)
    assert_type(clean.argmax(), str | None)
    assert_type(clean.at(1), tuple[str, ...])
    assert_type(clean.assign_speakers(words, fill_nearest=True), list[str | None])
    for segment, track, speaker in clean.itertracks(yield_label=True):
        assert_type((segment, track, speaker), tuple[SpeakerSegment, int, str])
    for segment, track in clean.itertracks():
        assert_type((segment, track), tuple[SpeakerSegment, int])
    assert_type(clean.der(diarization, collar=0.5), float)
    assert_type(clean.to_rttm(), str)
    assert_type(clean.to_records()[0]["speaker"], str)
    assert_type(Diarization.from_callback(b"{}"), Diarization)
    assert_type(Diarization.from_records(clean.to_records()), Diarization)
    assert_type(Diarization.load("talk.rttm"), Diarization)


def configure(store: TaskStore, http_client: httpx.AsyncClient) -> None:
    """Every option of a client."""
    dispatcher = Dispatcher(store=store)
    MaviClient(
        "sk-mavi-0123456789",
        base_url="https://host/api",
        account="ours",
        requests_per_second=2,
        dispatcher=dispatcher,
        http_client=http_client,
        result_timeout=None,
        submit_timeout=10,
        retry="never",
        close_timeout=1.5,
        allow_http=True,
    )
    MaviClient(store=store, retry="safe")
    MaviClient(store=SQLiteStore("mavi.sqlite3", ttl=3600))
    MaviClient(poller=ask_gateway, on_silence=page_somebody, silence_after=None)
    MaviClient(on_silence=lambda submission: submission.task_id, silence_after=60)
    MaviClient(retry="allow_duplicates", result_timeout=60)
    MaviClient(http_client=httpx2.AsyncClient())
    MaviClient(retry="always")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    MaviClient(http_client=httpx.Client())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def answer_errors(client: MaviClient) -> str:
    """Every error, by what can be done next."""
    try:
        await client.diarize("re_1")
    except TaskTimeout as error:
        assert_type(error.task_id, str)
        builtin: TimeoutError = error
        return str(builtin)
    except TaskFailed as error:
        assert_type(error.task_id, str)
        return error.code or ""
    except MalformedResult as error:
        assert_type(error.path, str)
        assert_type(error.raw, bytes)
    except DispatcherClosed as error:
        assert_type(error.task_id, str)
    except TaskError as error:
        assert_type(error.task_id, str)
    except RateLimited as error:
        assert_type(error.retry_after, float | None)
        assert_type(error.ambiguous, bool)
    except (AuthenticationError, OutOfCredits, WebhookNotConfigured) as error:
        assert_type(error.status, int)
    except RequestRejected as error:
        assert_type(error.status, int)
        assert_type(error.code, str | None)
        assert_type(error.body, str)
    except SubmitOutcomeUnknown as error:
        assert_type(error.asset_id, str)
        assert_type(error.intent_id, str | None)
        assert_type(error.status, int | None)
    except ServiceUnavailable as error:
        assert_type(error.endpoint, str)
        assert_type(error.host, str)
    except ApiError as error:
        assert_type(error.endpoint, str)
    except ConfigurationError as error:
        value_error: ValueError = error
        return str(value_error)
    except (StoreError, ClientClosed, TaskStateError) as error:
        assert_type(error.message, str)
    except MaviError as error:
        assert_type(error.message, str)
    return ""


async def call_elsewhere(unmatched: Unmatched) -> None:
    """A hook that awaits."""
    log.info("%s", (unmatched.task_id, unmatched.body, unmatched.evicted))


async def feed(dispatcher: Dispatcher) -> None:
    """Callbacks, in each form."""
    assert_type(await dispatcher.feed(b"{}"), Delivery)
    assert_type(await dispatcher.feed("{}"), Delivery)
    assert_type(await dispatcher.feed({"task_id": "t1"}), Delivery)
    assert_type(dispatcher.feed_threadsafe(b"{}"), Future[Delivery])
    assert_type(dispatcher.feed_threadsafe(b"{}").result(1), Delivery)
    assert_type(dispatcher.pending, tuple[SpeakerTask, ...])
    assert_type(dispatcher.store, TaskStore)
    assert_type(await dispatcher.aclose(), None)
    Dispatcher(on_unmatched=call_elsewhere, unmatched_after=1)
    Dispatcher(on_unmatched=lambda unmatched: len(unmatched.body), store=MemoryStore())
    match await dispatcher.feed(b"{}"):
        case Delivery.RESOLVED | Delivery.STORED:
            pass
        case Delivery.DUPLICATE | Delivery.CONFLICT | Delivery.MALFORMED as rest:
            name: str = rest.value
            log.info("%s", name)


client = MaviClient()


@asynccontextmanager
async def lifespan(_: fastapi.FastAPI) -> AsyncIterator[None]:
    """The client lives as long as the application."""
    async with client:
        yield


fastapi_app = fastapi.FastAPI(lifespan=lifespan)
fastapi_app.include_router(
    callback_router(client.dispatcher, token=os.environ["MAVI_CALLBACK_TOKEN"], path="/hook")
)
fastapi_app.mount(
    "/hooks", CallbackApp(client.dispatcher, token=["old-token-0123456", "new-token-0123456"])
)
aiohttp_app = aiohttp.web.Application()
add_callback_route(
    aiohttp_app,
    client.dispatcher,
    token="a-token-of-sixteen",
    limits=CallbackLimits(max_body_bytes=1024, max_buffered_bytes=4096, read_timeout=1),
)
assert_type(add_callback_route(aiohttp_app, client.dispatcher, allow_unauthenticated=True), None)


def try_it_out() -> None:
    """The emulator."""
    with Emulator(20, limiter="sliding", rejection="200", envelope="200") as emulator:
        assert_type(emulator, Emulator)
        emulator.webhook_url = "http://127.0.0.1:8000/callback"
        emulator.inject(Fault("early"), Fault("429", times=None, retry_after="1"))
        MaviClient(emulator.api_key, base_url=emulator.base_url)
        assert_type(emulator.jobs_created, int)
        assert_type(emulator.rejections, int)
        assert_type(emulator.submit_times, list[float])
        assert_type(emulator.state(), dict[str, object])
        assert_type(emulator.control_url, str)


class OwnPacer:
    """A pacer that a user supplies."""

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        raise StoreError("no schedule")

    async def confirm(self, slot: Slot) -> Slot:
        return slot

    async def give_back(self, slot: Slot) -> None:
        assert_type(slot.delay, float)

    async def left(self, slot: Slot, *, late: float) -> None: ...

    async def answered(self, slot: Slot, *, refused: bool, certain: bool = True) -> None: ...

    async def unanswered(self, slot: Slot) -> None: ...


class OwnStore(MemoryStore):
    """A store that a user makes of ours."""

    def pacer(self, lane: Lane, interval: float) -> Pacer:
        assert_type(lane.account, str)
        return OwnPacer()


def take_store(store: TaskStore) -> Sequence[Callable[[], object]]:
    """Whatever has the methods is one."""
    return [store.expire, store.aclose]


take_store(OwnStore())
take_store(SQLiteStore("mavi.sqlite3"))
take_store(MemoryStore(ttl=60, max_unknown=1, max_unknown_bytes=1, max_aside=1))


def make_store(
    name: str,
    /,
    *,
    clock: Callable[[], float],
    ttl: float,
    max_unknown: int,
    max_unknown_bytes: int,
    max_aside: int,
) -> TaskStore:
    """Make a store to be checked."""
    return MemoryStore(ttl=ttl, max_unknown=max_unknown, max_aside=max_aside, clock=clock)


def make_store_briefly(name: str, /, **options: Any) -> OwnStore:
    """The same, for those who do not mind."""
    return OwnStore(**options)


async def check_stores(make: MakeStore) -> None:
    try:
        await check_task_store(make, shared=True, movable_clock=False)
        await check_task_store(make_store)
        await check_task_store(make_store_briefly)
        for name, check in task_store_checks(shared=True).items():
            assert_type((name, check.name, check.rule), tuple[str, str, int])
            await check(make)
    except StoreContractBroken as error:
        assert_type(error.broken, tuple[BrokenRule, ...])
