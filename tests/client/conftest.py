"""What the client's tests share: callbacks as MAVI sends them, and waiting for conditions."""

import json
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal, Protocol

import anyio
import attrs
import httpcore
import httpx
import pytest

from mavi_async import Dispatcher, MaviClient, MemoryStore
from mavi_async.stores import Lane, Pacer, Slot

KEY = "sk-mavi-0123456789abcdef"


class MakeBody(Protocol):
    """Writes the callback of a job."""

    def __call__(self, task_id: str, *, segments: int = 2, code: str | int = "0000") -> bytes:
        """Return a body with so many segments, or that of a failed job."""
        ...


class MakeClient(Protocol):
    """Makes a client that nobody needs to enter, for its tasks alone."""

    def __call__(
        self, dispatcher: Dispatcher, *, result_timeout: float | None = 30.0
    ) -> MaviClient:
        """Return a client of a dispatcher."""
        ...


Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def body_of() -> MakeBody:
    """The body of a callback, by the job's id."""

    def make(task_id: str, *, segments: int = 2, code: str | int = "0000") -> bytes:
        ok = code in ("0000", 200)
        rows = [
            {"start": index + 0.25, "end": index + 1.0, "speaker": f"SPEAKER_{index % 2:02d}"}
            for index in range(segments)
        ]
        usage = {"duration": 60.5, "model": "pyannote", "output_tokens": 0, "prompt_tokens": 0}
        result = {"data": rows, "usage_metadata": usage} if ok else None
        document = {
            "code": code,
            "message": "SUCCESS" if ok else "FAILED",
            "data": {"data": result, "msg": "done" if ok else "no speech", "success": ok},
            "task_id": task_id,
        }
        return json.dumps(document).encode()

    return make


@pytest.fixture
def client_of() -> MakeClient:
    """A client of a dispatcher that is fed by hand."""

    def make(dispatcher: Dispatcher, *, result_timeout: float | None = 30.0) -> MaviClient:
        # An account of its own: clients of other tests may be there still, with other rates.
        return MaviClient(
            KEY,
            account=uuid.uuid4().hex,
            dispatcher=dispatcher,
            result_timeout=result_timeout,
        )

    return make


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds; fail where it never does."""

    async def wait(condition: Callable[[], object]) -> None:
        with anyio.fail_after(20):
            while not condition():  # noqa: ASYNC110 - the condition is in another thread's hands
                await anyio.sleep(0.001)

    return wait


Phase = Literal["connecting", "sending", "reading"]


class Stall:
    """An HTTP client whose first request stops before it connects, sends or reads."""

    def __init__(self, phase: Phase) -> None:
        self._phase: Phase | None = phase
        self.reached = anyio.Event()
        self.go_on = anyio.Event()
        transport = httpx.AsyncHTTPTransport()
        transport._pool = httpcore.AsyncConnectionPool(network_backend=_StallingBackend(self))
        self.http_client = httpx.AsyncClient(transport=transport)

    async def at(self, phase: Phase) -> None:
        """Stop here if this is the place."""
        if phase == self._phase:
            self._phase = None
            self.reached.set()
            await self.go_on.wait()


class _StallingBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, stall: Stall) -> None:
        self._stall = stall
        self._backend: Any = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        await self._stall.at("connecting")
        stream: httpcore.AsyncNetworkStream = await self._backend.connect_tcp(
            host, port, timeout, local_address, socket_options
        )
        return _StallingStream(self._stall, stream)


class _StallingStream(httpcore.AsyncNetworkStream):
    def __init__(self, stall: Stall, stream: httpcore.AsyncNetworkStream) -> None:
        self._stall = stall
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await self._stall.at("reading")
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stall.at("sending")
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


MakeStall = Callable[[Phase], Stall]


@pytest.fixture
def stall_at() -> MakeStall:
    """Make an HTTP client that stops in some phase of its first request."""
    return Stall


class SteppedPacer:
    """A pacer without a clock: each reservation takes the delay that is next."""

    def __init__(self, store: "SteppedStore", model: Pacer) -> None:
        self._store = store
        self._model = model

    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        """Give out the next delay; none when there are no more."""
        slot = await self._model.reserve(instead_of)
        delay = self._store.delays.pop(0) if self._store.delays else 0.0
        return attrs.evolve(slot, delay=delay, tolerance=60.0, ack_clocked=False)

    async def confirm(self, slot: Slot) -> Slot:
        """Leave it where it is."""
        return slot

    async def give_back(self, slot: Slot) -> None:
        """Note it."""
        self._store.given_back.append(slot.delay)

    async def left(self, slot: Slot, *, late: float) -> None:
        """Take no notice."""

    async def answered(self, slot: Slot, *, refused: bool, certain: bool = True) -> None:
        """Take no notice."""

    async def unanswered(self, slot: Slot) -> None:
        """Take no notice."""


class SteppedStore(MemoryStore):
    """A store whose departures are stepped by hand."""

    def __init__(self, *delays: float) -> None:
        super().__init__()
        self.delays = list(delays)
        self.given_back: list[float] = []

    def pacer(self, lane: Lane, interval: float) -> Pacer:
        """Return a pacer whose delays are the store's."""
        return SteppedPacer(self, super().pacer(lane, interval))


@pytest.fixture
def stepped_store() -> type[SteppedStore]:
    """A store whose departures have the delays that it is made with."""
    return SteppedStore
