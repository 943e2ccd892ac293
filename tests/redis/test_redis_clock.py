"""What is known here of the server's clock."""

import pytest

from mavi_async.redis._clock import ServerClock


def test_the_quickest_answer_tells_the_most() -> None:
    """Half its time is how far it can be off."""
    clock = ServerClock()
    clock.note(100.0, called_at=4.9, heard_at=5.1)
    clock.note(101.0, called_at=5.8, heard_at=6.9)

    assert pytest.approx(5.0) == clock.here(100.0)


def test_clocks_that_drift_apart_are_followed() -> None:
    """A little is no reason to believe a slow answer alone."""
    clock = ServerClock()
    clock.note(100.0, called_at=4.999, heard_at=5.001)
    clock.note(101.0, called_at=6.005, heard_at=6.905)
    assert pytest.approx(5.0) == clock.here(100.0)
    for each in range(1, 17):
        clock.note(100.0 + each, called_at=5.005 + each, heard_at=5.009 + each)

    assert pytest.approx(5.007) == clock.here(100.0)


def test_a_clock_that_was_set_is_learnt_anew() -> None:
    """Or everybody would wait for an hour that is over."""
    clock = ServerClock()
    clock.note(100.0, called_at=4.9, heard_at=5.1)
    clock.note(50.0, called_at=6.0, heard_at=6.4)

    assert pytest.approx(6.2) == clock.here(50.0)
