"""Requests that bill nothing: in turn as all others, and again wherever that may help."""

import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

import anyio
import attrs

from mavi_async._answers import Attempt, Endpoint, Outcome, Reply, classify, free_error_for
from mavi_async._errors import ApiError
from mavi_async._gate import Gate
from mavi_async._retry import Again, RetryPolicy, next_free_try
from mavi_async._structure import Malformed
from mavi_async._submit import end_turn
from mavi_async._transport import Transport
from mavi_async._turn import Turn
from mavi_async._wire import Envelope

__all__ = ["Finding", "Questions", "Send"]

log = logging.getLogger("mavi_async")

_LONGEST_WAIT: Final = 60.0

T = TypeVar("T")
Send: TypeAlias = Callable[[Turn], Awaitable[Attempt]]


@attrs.frozen
class Finding:
    """What came of one request.

    Attributes:
        attempt: How it ended.
        outcome: What that means.
        endpoint: What was asked.
        reason: Why an answer of success cannot be read.
    """

    attempt: Attempt
    outcome: Outcome
    endpoint: Endpoint
    reason: str = ""

    def error(self) -> ApiError:
        """Make the error of a request that is not made again."""
        return free_error_for(
            self.attempt, self.outcome, self.endpoint, now=time.time(), reason=self.reason
        )

    @property
    def is_final(self) -> bool:
        """Whether asking later gives no other answer; what is not there may be there then."""
        is_missing = isinstance(self.attempt, Reply) and self.attempt.status == 404
        return self.outcome is Outcome.REJECTED and not is_missing

    @property
    def seconds_to_wait(self) -> float:
        """What the server asks for, where it does."""
        if not isinstance(self.attempt, Reply):
            return 0.0
        return min(self.attempt.seconds_to_wait(time.time()) or 0.0, _LONGEST_WAIT)

    def again(self, tries: int, retry: RetryPolicy) -> Again | None:
        """Decide whether to make another one."""
        return next_free_try(
            self.attempt,
            self.outcome,
            tries=tries,
            policy=retry,
            jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
            now=time.time(),
        )


@attrs.frozen
class Questions:
    """Asks one endpoint.

    Attributes:
        transport: Sends the requests.
        gate: Lets them leave one at a time.
        retry: Which failures may be sent again.
    """

    transport: Transport
    gate: Gate
    retry: RetryPolicy

    async def ask(
        self,
        send: Send,
        endpoint: Endpoint,
        read: Callable[[Envelope], T],
        *,
        may_repeat: Callable[[], bool] = lambda: True,
    ) -> T:
        """Make a request, again where that may help, and return what is read of its answer.

        Args:
            send: Makes it.
            endpoint: What is asked, as errors name it.
            read: Reads an accepting envelope; raises `Malformed` where it cannot.
            may_repeat: Whether there is still something to send.

        Raises:
            ApiError: If there is no usable answer.
            ClientClosed: If the client is closed meanwhile.
            StoreError: If the shared schedule cannot be reached.
        """
        tries, at_head = Counter[Outcome](), False
        while True:
            found, finding = await self.ask_once(send, endpoint, read, at_head=at_head)
            if found is not None:
                return found
            tries[finding.outcome] += 1
            again = finding.again(tries[finding.outcome], self.retry)
            if again is None or not may_repeat():
                raise finding.error()
            log.info("asking %s again in %.1f s: %s", endpoint, again.delay, finding.outcome.value)
            await self.gate.rest(again.delay)
            at_head = again.at_head

    async def ask_once(
        self,
        send: Send,
        endpoint: Endpoint,
        read: Callable[[Envelope], T],
        *,
        at_head: bool = False,
    ) -> tuple[T | None, Finding]:
        """Make a request, and return what is read of its answer, or why there is none."""
        self.transport.check_usable()
        turn = await self.gate.enter(at_head=at_head)
        try:
            attempt = await send(turn)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await turn.unanswered(sent=turn.has_left)
            raise
        outcome = classify(attempt)
        await end_turn(turn, attempt, outcome)
        if outcome is not Outcome.ACCEPTED:
            return None, Finding(attempt, outcome, endpoint)
        assert isinstance(attempt, Reply)  # noqa: S101 - tells type checkers
        assert attempt.envelope is not None  # noqa: S101 - tells type checkers
        try:
            return read(attempt.envelope), Finding(attempt, outcome, endpoint)
        except Malformed as error:
            return None, Finding(attempt, Outcome.UNKNOWN, endpoint, str(error))
