"""What several folders of tests share: no test hangs, and what is tried again is tried at once."""

import signal
from collections.abc import Iterator
from typing import NoReturn

import attrs
import pytest

from mavi_async import _retry, _submit
from mavi_async._answers import Attempt
from mavi_async._retry import Again, RetryPolicy


@pytest.fixture(autouse=True)
def deadline(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that hangs, where the system has alarms; trio does not survive one."""
    free = any(map(request.node.get_closest_marker, ("anyio", "torture")))
    if free or not hasattr(signal, "SIGALRM"):
        yield
        return

    def fail(signum: int, frame: object) -> NoReturn:
        raise AssertionError("the test hangs")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Let Ctrl-C reach the processes that tests start, also where a shell's background is ours."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
