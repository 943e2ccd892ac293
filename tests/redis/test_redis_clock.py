"""What is known here of the server's clock."""

import pytest

from mavi_async.redis._clock import ServerClock


def test_the_quickest_answers_tell_the_most() -> None:
    """One that was given between 4.9 and 5.2 and one between 5.0 and 5.4 leave 5.0 to 5.2."""
    clock = ServerClock()
    clock.note(100.0, called_at=4.9, heard_at=5.2)
    assert pytest.approx(5.05) == clock.here(100.0)
    clock.note(101.0, called_at=6.0, heard_at=6.4)

    assert pytest.approx(5.1) == clock.here(100.0)


def test_a_clock_that_was_set_is_learnt_anew() -> None:
    """What contradicts all before it counts alone."""
    clock = ServerClock()
    clock.note(100.0, called_at=4.9, heard_at=5.2)
    clock.note(50.0, called_at=6.0, heard_at=6.2)

    assert pytest.approx(6.1) == clock.here(50.0)


def test_what_was_long_ago_counts_no_more() -> None:
    """Clocks drift apart."""
    clock = ServerClock()
    clock.note(0.0, called_at=-0.001, heard_at=0.001)
    for each in range(1, 17):
        clock.note(each, called_at=each - 0.1, heard_at=each + 0.3)

    assert pytest.approx(20.1) == clock.here(20.0)
