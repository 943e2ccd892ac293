"""Growing pauses."""

from itertools import islice

import pytest

from mavi_async._backoff import pauses


def test_pauses_grow_to_a_limit() -> None:
    """By half each, up to a quarter shorter or longer, and never more than a quarter over it."""
    found = list(islice(pauses(1.0, 4.0), 50))

    for pause, middle in zip(found, [1.0, 1.5, 2.25, 3.375, *[4.0] * 46], strict=True):
        assert pause == pytest.approx(middle, rel=0.25)


def test_processes_do_not_look_in_step() -> None:
    """No two of them pause alike."""
    assert 1 < len({next(pauses(1.0, 1.0)) for _ in range(10)})
