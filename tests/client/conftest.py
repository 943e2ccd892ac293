"""What the client's tests share: callbacks as MAVI sends them, and waiting for conditions."""

import json
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio
import attrs
import pytest

from mavi_async import Dispatcher, MaviClient, _retry, _submit
from mavi_async._answers import Attempt
from mavi_async._retry import Again, RetryPolicy

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
        return MaviClient(KEY, dispatcher=dispatcher, result_timeout=result_timeout)

    return make


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds; fail where it never does."""

    async def wait(condition: Callable[[], object]) -> None:
        with anyio.fail_after(20):
            while not condition():  # noqa: ASYNC110 - the condition is in another thread's hands
                await anyio.sleep(0.001)

    return wait


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have everything tried again at once; the delays that were due are listed."""
    due: list[float] = []
    decide = _retry.next_try

    def decide_at_once(
        attempt: Attempt, *, tries: int, policy: RetryPolicy, jitter: float, now: float
    ) -> Again | None:
        again = decide(attempt, tries=tries, policy=policy, jitter=jitter, now=now)
        if again is None:
            return None
        due.append(again.delay)
        return attrs.evolve(again, delay=0.0)

    monkeypatch.setattr(_submit, "next_try", decide_at_once)
    return due
