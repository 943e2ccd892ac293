"""What the tests of uploads share: a fast API, no pauses, and files that cannot be read twice."""

import io
from collections.abc import Awaitable, Callable, Iterator

import anyio
import anyio.lowlevel
import attrs
import pytest

from mavi_async import Dispatcher, MaviClient, _assets, _questions, _upload
from mavi_async._answers import Attempt, Outcome
from mavi_async._retry import Again, RetryPolicy, next_free_try
from mavi_async._transport import HttpClient
from mavi_async.emulator import Emulator

FAST = 100_000.0


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An API that takes anything at once."""
    with Emulator(
        1e6, webhook_url="http://127.0.0.1:9/callback", callback_tries=1, upload_delay=0
    ) as emulator:
        yield emulator


MakeClient = Callable[..., MaviClient]


@pytest.fixture
def client_for() -> MakeClient:
    """Make a client of an emulator."""

    def make(
        emulator: Emulator,
        *,
        http_client: HttpClient | None = None,
        retry: RetryPolicy = "safe",
        result_timeout: float | None = 30.0,
        dispatcher: Dispatcher | None = None,
    ) -> MaviClient:
        return MaviClient(
            emulator.api_key,
            base_url=emulator.base_url,
            requests_per_second=FAST,
            http_client=http_client,
            retry=retry,
            result_timeout=result_timeout,
            dispatcher=dispatcher,
        )

    return make


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have everything tried, and asked, again at once; the pauses that were due are listed."""
    due: list[float] = []

    def decide_at_once(
        attempt: Attempt,
        outcome: Outcome,
        *,
        tries: int,
        policy: RetryPolicy,
        jitter: float,
        now: float,
        is_paced: bool = True,
    ) -> Again | None:
        again = next_free_try(
            attempt,
            outcome,
            tries=tries,
            policy=policy,
            jitter=jitter,
            now=now,
            is_paced=is_paced,
        )
        if again is None:
            return None
        due.append(again.delay)
        return attrs.evolve(again, delay=0.0)

    def ask_at_once(first: float, longest: float) -> Iterator[float]:
        while True:
            due.append(first)
            yield 0.001

    monkeypatch.setattr(_questions, "next_free_try", decide_at_once)
    monkeypatch.setattr(_upload, "next_free_try", decide_at_once)
    monkeypatch.setattr(_assets, "pauses", ask_at_once)
    return due


Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds; fail where it never does."""

    async def wait(condition: Callable[[], object]) -> None:
        with anyio.fail_after(20):
            while not condition():
                await anyio.lowlevel.checkpoint()

    return wait


class Pipe(io.BytesIO):
    """A file that can be read only once."""

    def seekable(self) -> bool:
        """It is not."""
        return False


@pytest.fixture
def pipe() -> type[io.BytesIO]:
    """A file that can be read only once."""
    return Pipe
