"""Whether an attempt is made again, and when: a table for billed requests, one for free ones."""

from typing import Final, Literal

import attrs

from mavi_async._answers import Attempt, Outcome, Reply, classify

__all__ = ["Again", "RetryPolicy", "next_free_try", "next_try"]

RetryPolicy = Literal["safe", "never", "allow_duplicates"]
"""Which failures are sent again.

``"safe"``: only those after which no job can exist. ``"never"``: none.
``"allow_duplicates"``: also those after which a job may exist; it *may bill twice*.
"""

TRIES: Final = {
    Outcome.ACCEPTED: 1,
    Outcome.NOT_SENT: 6,
    Outcome.LIMITED: 10,
    Outcome.MAYBE_LIMITED: 3,
    Outcome.TRANSIENT: 2,
    Outcome.REJECTED: 1,
    Outcome.UNKNOWN: 1,
}
"""How many tries may end in an outcome; it is final with the last of them.

Each outcome counts its own: what the rate refuses takes no try from what is ambiguous.
"""

FREE_TRIES: Final = {
    **TRIES,
    Outcome.TRANSIENT: 4,
    Outcome.UNKNOWN: 4,
}
"""The same for a request that bills nothing, whatever it may have left behind."""

_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 32.0
_LONGEST_RETRY_AFTER: Final = 60.0
_LIMITED: Final = (Outcome.LIMITED, Outcome.MAYBE_LIMITED)


@attrs.frozen
class Again:
    """Make another attempt.

    Attributes:
        delay: Seconds to wait before joining the queue.
        at_head: Whether to join it at its head: the request had its turn already.
    """

    delay: float
    at_head: bool


def next_try(
    attempt: Attempt, *, tries: int, policy: RetryPolicy, jitter: float, now: float
) -> Again | None:
    """Decide whether to make another attempt.

    Args:
        attempt: How the last one ended.
        tries: How many ended as this one did, itself included.
        policy: Which failures may be sent again.
        jitter: A random number from 0 to 1.
        now: Seconds since the epoch.
    """
    outcome = classify(attempt)
    if tries >= _most_tries(outcome, policy):
        return None
    if isinstance(attempt, Reply) and outcome in _LIMITED:
        return Again(_asked(attempt, now), at_head=True)
    return Again(_back_off(tries, jitter), at_head=False)


def next_free_try(
    attempt: Attempt,
    outcome: Outcome,
    *,
    tries: int,
    policy: RetryPolicy,
    jitter: float,
    now: float,
    is_paced: bool = True,
) -> Again | None:
    """Decide the same about a request that bills nothing.

    Args:
        attempt: How the last one ended.
        outcome: What that means.
        tries: How many ended as this one did, itself included.
        policy: Which failures may be sent again: none, or any, since none can bill twice.
        jitter: A random number from 0 to 1.
        now: Seconds since the epoch.
        is_paced: Whether a queue spaces the requests, the more so after a refusal.
    """
    if policy == "never" or tries >= FREE_TRIES[outcome]:
        return None
    asked = _asked(attempt, now) if isinstance(attempt, Reply) else 0.0
    if outcome in _LIMITED and is_paced:
        return Again(asked, at_head=True)
    return Again(max(asked, _back_off(tries, jitter)), at_head=False)


def _asked(reply: Reply, now: float) -> float:
    return min(reply.seconds_to_wait(now) or 0.0, _LONGEST_RETRY_AFTER)


def _back_off(tries: int, jitter: float) -> float:
    longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (tries - 1))
    return longest * (0.5 + 0.5 * jitter)


def _most_tries(outcome: Outcome, policy: RetryPolicy) -> int:
    if policy == "never":
        return 1
    if policy == "allow_duplicates" and outcome is Outcome.UNKNOWN:
        return TRIES[Outcome.NOT_SENT]
    return TRIES[outcome]
