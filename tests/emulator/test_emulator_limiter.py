"""The rate limits, on a clock that the tests hold."""

import pytest

from mavi_async.emulator._limiter import LIMITER_KINDS, LimiterKind, make_limiter

RATES = [0.3, 1.0, 2.5, 20.0]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", LIMITER_KINDS)
def test_an_even_pace_passes(kind: LimiterKind, rate: float) -> None:
    """Who keeps the interval, by a hair, is never refused, whatever the rate."""
    limiter = make_limiter(kind, rate)
    interval = (1 + 1e-9) / rate

    assert all(limiter.accepts(100 + index * interval) for index in range(500))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", LIMITER_KINDS)
def test_a_flood_passes_at_the_rate(kind: LimiterKind, rate: float) -> None:
    """Who sends all the time gets the rate, and at most one burst more."""
    limiter = make_limiter(kind, rate)
    seconds, step = 200, 1 / 128
    passed = sum(limiter.accepts(index * step) for index in range(int(seconds / step)))
    burst = {"strict": 1, "bucket2": 2}.get(kind, max(1, rate) + 1)

    assert rate * seconds * 0.85 <= passed <= rate * seconds + burst


def test_strict_gives_the_next_token_an_interval_after_the_last_accepted() -> None:
    """Refused requests move nothing."""
    limiter = make_limiter("strict", 4)
    times = [10.0, 10.125, 10.2499, 10.25, 10.375, 10.5, 12.0, 12.2, 12.25]

    assert [limiter.accepts(time) for time in times] == [
        True,
        False,
        False,
        True,
        False,
        True,
        True,
        False,
        True,
    ]


def test_bucket2_tolerates_a_pair() -> None:
    """Two at once pass, a third does not; a token comes back every interval."""
    limiter = make_limiter("bucket2", 4)
    times = [10.0, 10.0, 10.0, 10.25, 10.25, 11.0, 11.0, 11.0]

    assert [limiter.accepts(time) for time in times] == [
        True,
        True,
        False,
        True,
        False,
        True,
        True,
        False,
    ]


def test_fixed_counts_from_each_multiple_of_its_window() -> None:
    """Two full windows may meet: the weakness of this kind."""
    limiter = make_limiter("fixed", 2)
    times = [10.9, 10.95, 10.99, 11.0, 11.01, 11.02, 12.0]

    assert [limiter.accepts(time) for time in times] == [True, True, False, True, True, False, True]


def test_fixed_stretches_its_window_for_broken_rates() -> None:
    """2.5 a second is 3 in 1.2 seconds."""
    limiter = make_limiter("fixed", 2.5)
    times = [0.0, 0.1, 0.2, 1.1, 1.21]

    assert [limiter.accepts(time) for time in times] == [True, True, True, False, True]


def test_sliding_looks_back_one_window_from_now() -> None:
    """Two full windows may not meet."""
    limiter = make_limiter("sliding", 2)
    times = [10.5, 10.75, 11.0, 11.25, 11.5, 11.625, 11.75]

    assert [limiter.accepts(time) for time in times] == [
        True,
        True,
        False,
        False,
        True,
        False,
        True,
    ]
