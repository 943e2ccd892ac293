"""Which attempts are made again, when, and how often at most."""

from collections import Counter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavi_async._answers import Attempt, Failure, Outcome, Reply, classify
from mavi_async._retry import TRIES, Again, RetryPolicy, next_free_try, next_try

ATTEMPTS: dict[Outcome, Attempt] = {
    Outcome.ACCEPTED: Reply(200, b'{"code": "0000"}'),
    Outcome.NOT_SENT: Failure("ConnectTimeout", sent=False),
    Outcome.LIMITED: Reply(429),
    Outcome.MAYBE_LIMITED: Reply(400, b'{"code": 400, "msg": "Request has exceeded the limit."}'),
    Outcome.TRANSIENT: Reply(408),
    Outcome.REJECTED: Reply(404),
    Outcome.UNKNOWN: Failure("ReadTimeout", sent=True),
}
POLICIES: tuple[RetryPolicy, ...] = get_args(RetryPolicy)
TRIES_IN_ALL: dict[RetryPolicy, dict[Outcome, int]] = {
    "safe": {
        Outcome.ACCEPTED: 1,
        Outcome.NOT_SENT: 6,
        Outcome.LIMITED: 10,
        Outcome.MAYBE_LIMITED: 3,
        Outcome.TRANSIENT: 2,
        Outcome.REJECTED: 1,
        Outcome.UNKNOWN: 1,
    },
    "never": dict.fromkeys(Outcome, 1),
    "allow_duplicates": {
        Outcome.ACCEPTED: 1,
        Outcome.NOT_SENT: 6,
        Outcome.LIMITED: 10,
        Outcome.MAYBE_LIMITED: 3,
        Outcome.TRANSIENT: 2,
        Outcome.REJECTED: 1,
        Outcome.UNKNOWN: 6,
    },
}


def again(
    attempt: Attempt, tries: int = 1, policy: RetryPolicy = "safe", jitter: float = 1.0
) -> Again | None:
    """The decision at the beginning of time."""
    return next_try(attempt, tries=tries, policy=policy, jitter=jitter, now=0.0)


def test_the_samples_are_what_they_stand_for() -> None:
    """Every outcome has its attempt, and a number of tries."""
    assert {outcome: outcome for outcome in Outcome} == {
        outcome: classify(attempt) for outcome, attempt in ATTEMPTS.items()
    }
    assert set(Outcome) == set(TRIES)


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("policy", POLICIES)
def test_each_outcome_is_tried_as_often_as_the_policy_allows(
    policy: RetryPolicy, outcome: Outcome
) -> None:
    """The last try that the table allows is final, the one before it is not."""
    most = TRIES_IN_ALL[policy][outcome]

    tried_again = [again(ATTEMPTS[outcome], tries, policy) is not None for tries in range(1, 13)]

    assert [tries < most for tries in range(1, 13)] == tried_again


BILLED_TWICE = {
    "read error": Failure("ReadError", sent=True),
    "204": Reply(204),
    "HTML in a 200": Reply(200, b"<html>"),
    "500": Reply(500),
    "502": Reply(502),
    "503": Reply(503),
    "504": Reply(504),
    "999": Reply(999),
    "500 in a 200": Reply(200, b'{"code": 500}'),
    "0502 in a 200": Reply(200, b'{"code": "0502"}'),
    "504 in a 200": Reply(200, b'{"code": 504}'),
}


@pytest.mark.parametrize("attempt", BILLED_TWICE.values(), ids=BILLED_TWICE)
def test_what_may_have_created_a_job_is_never_sent_again(attempt: Attempt) -> None:
    """But where the caller takes the risk of paying twice."""
    assert again(attempt) is None
    assert again(attempt, policy="never") is None
    assert again(attempt, policy="allow_duplicates") is not None


REFUSED = {
    "307": Reply(307),
    "401": Reply(401),
    "404": Reply(404),
    "9009 in a 200": Reply(200, b'{"code": "9009"}'),
    "accepted, unreadable": Reply(200, b'{"code": 200, "data": {"task_id": 5}}'),
}


@pytest.mark.parametrize("attempt", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_clear_answer_is_final(attempt: Attempt, policy: RetryPolicy) -> None:
    """No policy asks again where the answer would be the same, or the job exists."""
    assert again(attempt, policy=policy) is None


@pytest.mark.parametrize(
    ("retry_after", "delay"),
    [
        (None, 0.0),
        ("0", 0.0),
        ("2.5", 2.5),
        ("60", 60.0),
        ("61", 60.0),
        ("1e9", 60.0),
        ("-1", 0.0),
        ("inf", 0.0),
        ("nan", 0.0),
        ("garbage", 0.0),
        ("Thu, 01 Jan 1970 00:00:20 GMT", 20.0),
        ("Thu, 01 Jan 2037 00:00:00 GMT", 60.0),
    ],
)
@pytest.mark.parametrize("outcome", [Outcome.LIMITED, Outcome.MAYBE_LIMITED])
def test_over_the_limit_means_back_to_the_head(
    outcome: Outcome, retry_after: str | None, delay: float
) -> None:
    """After as long as the server asks, within reason; the pacing does the rest."""
    sample = ATTEMPTS[outcome]
    assert isinstance(sample, Reply)
    attempt = Reply(sample.status, sample.body, retry_after)

    assert Again(delay, at_head=True) == again(attempt)


@pytest.mark.parametrize(("tries", "longest"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 16.0)])
def test_the_back_off_doubles(tries: int, longest: float) -> None:
    """From one second; jitter takes up to half of it; the request queues up again."""
    attempt = ATTEMPTS[Outcome.NOT_SENT]

    assert Again(longest, at_head=False) == again(attempt, tries, jitter=1.0)
    assert Again(longest / 2, at_head=False) == again(attempt, tries, jitter=0.0)
    assert Again(longest * 0.75, at_head=False) == again(attempt, tries, jitter=0.5)


def test_the_back_off_ends_at_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if more tries were allowed than are."""
    monkeypatch.setitem(TRIES, Outcome.NOT_SENT, 2_000)
    delays = [again(ATTEMPTS[Outcome.NOT_SENT], tries) for tries in (6, 7, 1_000)]

    assert [Again(32.0, at_head=False)] * 3 == delays


@given(st.lists(st.sampled_from(Outcome)), st.sampled_from(POLICIES), st.floats(0, 1))
def test_the_tries_are_bounded(outcomes: list[Outcome], policy: RetryPolicy, jitter: float) -> None:
    """Whatever happens in whichever order, the tries and every delay are bounded."""
    tries = Counter[Outcome]()
    for outcome in outcomes:
        tries[outcome] += 1
        decision = again(ATTEMPTS[outcome], tries[outcome], policy, jitter)
        if decision is None:
            break
        assert 0 <= decision.delay <= 60

    assert tries <= Counter(TRIES_IN_ALL[policy])


@given(st.lists(st.sampled_from(Outcome)))
def test_at_most_one_try_may_have_created_a_job(outcomes: list[Outcome]) -> None:
    """The safe policy ends with the first attempt whose outcome is not known."""
    tries = Counter[Outcome]()
    for outcome in outcomes:
        tries[outcome] += 1
        if again(ATTEMPTS[outcome], tries[outcome]) is None:
            break

    assert tries[Outcome.UNKNOWN] + tries[Outcome.ACCEPTED] <= 1


FREE_TRIES_IN_ALL: dict[Outcome, int] = {
    Outcome.ACCEPTED: 1,
    Outcome.NOT_SENT: 6,
    Outcome.LIMITED: 10,
    Outcome.MAYBE_LIMITED: 3,
    Outcome.TRANSIENT: 4,
    Outcome.REJECTED: 1,
    Outcome.UNKNOWN: 4,
}


def free_again(
    attempt: Attempt,
    tries: int,
    policy: RetryPolicy = "safe",
    *,
    jitter: float = 1.0,
    is_paced: bool = True,
) -> Again | None:
    """Decide about a free request."""
    outcome = classify(attempt)
    return next_free_try(
        attempt, outcome, tries=tries, policy=policy, jitter=jitter, now=0.0, is_paced=is_paced
    )


@pytest.mark.parametrize("outcome", Outcome)
def test_tries_of_what_bills_nothing(outcome: Outcome) -> None:
    """Also what may have arrived is sent again, unless nothing shall be."""
    attempt = ATTEMPTS[outcome]
    tries = [free_again(attempt, tries) is not None for tries in range(1, 12)]

    assert FREE_TRIES_IN_ALL[outcome] - 1 == tries.index(False) == sum(tries)
    assert free_again(attempt, 1, "never") is None


def test_the_pauses_of_what_bills_nothing() -> None:
    """They grow, are at least what the server asks for; who was over the limit goes first."""
    assert [Again(1.0, at_head=False), Again(2.0, at_head=False), Again(4.0, at_head=False)] == [
        free_again(Failure("ReadTimeout", sent=True), tries) for tries in (1, 2, 3)
    ]
    assert Again(0.5, at_head=False) == free_again(Failure("", sent=False), 1, jitter=0.0)
    assert Again(7.0, at_head=False) == free_again(Reply(503, retry_after="7"), 1)
    assert Again(60.0, at_head=True) == free_again(Reply(429, retry_after="1e9"), 1)
    assert Again(0.0, at_head=True) == free_again(Reply(429), 1)


def test_a_refusal_where_no_queue_spaces_the_requests() -> None:
    """Somebody else's limit is respected by pauses alone: as long as asked, or growing."""
    pauses = [free_again(Reply(429), tries, is_paced=False) for tries in range(1, 8)]

    assert [
        Again(seconds, at_head=False) for seconds in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 32.0)
    ] == pauses
    assert Again(7.0, at_head=False) == free_again(Reply(429, retry_after="7"), 1, is_paced=False)
    assert Again(2.0, at_head=False) == free_again(Reply(429, retry_after="1"), 2, is_paced=False)
