"""Two processes, as far as that goes within one: each with its own line to the store they share."""

import asyncio
import contextvars
import json
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import cache
from typing import Any, Final, Protocol, cast

import httpx

from mavi_async import Dispatcher, MaviClient, SpeakerTask, StoreError
from mavi_async._records import Put, Unmatched
from mavi_async.stores import TaskStore
from tests.stateful.still_loop import TASKS, StillLoop

__all__ = ["BETTER", "FAULT", "KEY", "WORSE", "Busy", "Process", "Server", "body_of", "label_of"]

KEY: Final = "sk-mavi-CANARY-0123456789"
BETTER: Final = ("A", "B", "F")
"""Bodies that can be decoded: two results and a failure."""
WORSE: Final = ("U", "V")
"""Bodies that cannot."""

FAULT: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("fault", default="")
"""How the next put fails: before, or after the body is kept; or it takes too long."""


@cache
def body_of(name: str, label: str) -> bytes:
    """The callback of a job, one of several versions."""
    document: dict[str, Any] = {"code": "0000", "message": "SUCCESS", "task_id": name}
    if label == "F":
        document |= {"code": "0001", "message": "FAILED", "data": None}
    elif label in WORSE:
        document["data"] = {"data": label}
    else:
        segment = {"start": 0.5, "end": 1.0, "speaker": f"SPEAKER_{label}"}
        document["data"] = {"data": {"data": [segment]}, "msg": "", "success": True}
    body = json.dumps(document).encode()
    _label_of[body] = label
    return body


def label_of(body: bytes | None) -> str | None:
    """Which version a body is."""
    return None if body is None else _label_of[body]


_label_of: Final[dict[bytes, str]] = {}


class Surroundings(Protocol):
    """What the processes share."""

    account: str
    delays: Iterator[int]
    loses_hints: bool
    lost_hint: bool
    offered: list[Unmatched]
    http_client: httpx.AsyncClient


class Busy:
    """What does its work in threads: its loop knows, so that no time passes meanwhile."""

    def __init__(self, worker: object) -> None:
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._worker, name)

        async def call(*args: Any, **options: Any) -> Any:
            loop = cast("StillLoop", asyncio.get_running_loop())
            loop.calls += 1
            try:
                return await method(*args, **options)
            finally:
                loop.calls -= 1

        if name == "pacer":
            return lambda *args: Busy(method(*args))
        return call if callable(method) else method


class Line:
    """A process's line to the store: slow, faulty, and dead when the process is.

    Args:
        process: Whose line it is.
        store: What it leads to.
        local: Whether its calls never suspend, where that is true of the store.
    """

    def __init__(self, process: "Process", store: TaskStore, *, local: bool) -> None:
        self.local = local and store.local
        self._is_dead = False
        self._process = process
        self._busy: Any = Busy(store)
        self._stops: list[Callable[[], None]] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._busy, name)
        if name == "pacer":
            return method

        async def call(*args: Any, **options: Any) -> Any:
            await self._delay()
            result = await method(*args, **options)
            await self._delay()
            return result

        return call

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a body, or fail as the fault in force says."""
        fault = FAULT.get()
        await self._delay()
        if fault == "before":
            raise StoreError("the disk is full")
        if fault == "late" and not self.local:
            await asyncio.sleep(4)
        put: Put = await self._busy.put_callback(task_id, body, seen=seen)
        await self._delay()
        if fault == "after":
            raise StoreError("the answer was lost")
        return put

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        """Ask for hints; they come as if from the process's own loop, unless they get lost."""
        around = self._process.around

        def hint(task_id: str | None) -> None:
            if around.loses_hints and not self.local:
                around.lost_hint = True
            elif not self._is_dead:
                self._process.context.copy().run(notify, task_id)

        await self._delay()
        stop: Callable[[], None] = await self._busy.watch(hint)
        self._stops.append(stop)
        await self._delay()
        return stop

    def cut(self) -> None:
        """Let nothing through any more."""
        self._is_dead = True
        for stop in self._stops:
            stop()

    async def _delay(self) -> None:
        if self._is_dead:
            raise StoreError("this process is dead")
        if not self.local:
            for _ in range(next(self._process.around.delays)):
                await asyncio.sleep(0)


class Process:
    """A dispatcher and a client that live and die together.

    Attributes:
        context: What it does is done in copies of this one, so that it can be ended.
        tasks: Everything that it has started and that runs.
        handles: The tasks that its program refers to.
    """

    def __init__(self, around: Surroundings, number: int, store: TaskStore, *, local: bool) -> None:
        self.around = around
        self.number = number
        self.tasks: set[asyncio.Task[Any]] = set()
        self.context = contextvars.copy_context()
        self.context.run(TASKS.set, self.tasks)
        self.store = store
        self.line = Line(self, store, local=local)
        self.dispatcher = Dispatcher(
            store=cast("TaskStore", self.line), on_unmatched=around.offered.append
        )
        self.handles: dict[str, SpeakerTask] = {}
        self.client = self.new_client()

    @property
    def live(self) -> Mapping[str, SpeakerTask]:
        """The task objects of its client, whoever refers to them."""
        return self.client._inbox._registry._live

    def new_client(self) -> MaviClient:
        """Make a client on the dispatcher."""
        self.client = MaviClient(
            KEY,
            account=self.around.account,
            dispatcher=self.dispatcher,
            requests_per_second=100_000.0,
            http_client=self.around.http_client,
            result_timeout=None,
        )
        return self.client


class Server:
    """MAVI, as far as submitting goes: a ledger of jobs, and a plan of answers for each asset.

    Args:
        feed: Lets a job's callback come, to one of the processes, before the answer does.
    """

    def __init__(self, feed: Callable[[str, int], Coroutine[Any, Any, None]]) -> None:
        self.jobs: dict[str, str] = {}
        self.plans: dict[str, deque[str]] = {}
        self.release = asyncio.Event()
        self._feed = feed

    @property
    def next_name(self) -> str:
        """What the next job will be called."""
        return f"job{len(self.jobs)}"

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as planned."""
        asset_id = json.loads(request.content)["asset_id"]
        plan = self.plans[asset_id].popleft() if self.plans[asset_id] else "ok"
        if plan == "offline":
            # What a transport tells of its progress before it sends anything.
            await request.extensions["trace"]("connection.connect_tcp.started", {})
            raise httpx.ConnectError(f"refused {KEY}", request=request)
        if plan == "nothing":
            raise httpx.ReadError(f"reset {KEY}", request=request)
        if plan in ("limited", "rejected"):
            status = 429 if plan == "limited" else 400
            return httpx.Response(status, json={"code": str(status), "msg": f"no {KEY}"})
        name = self.next_name
        self.jobs[name] = asset_id
        return await self._accept(plan, name, request)

    async def _accept(self, plan: str, name: str, request: httpx.Request) -> httpx.Response:
        if plan.startswith("early"):
            await self._feed(name, int(plan[-1]))
        if plan == "held":
            await self.release.wait()
        if plan == "lost":
            raise httpx.ReadError(f"reset {KEY}", request=request)
        if plan == "garbled":
            return httpx.Response(200, text=f"<html>{KEY}</html>")
        return httpx.Response(200, json={"code": "0000", "msg": "", "data": {"task_id": name}})
