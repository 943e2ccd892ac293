"""What others wrote, and lengths of time, as pictures show them."""

import pytest

from mavi_async.formats._lanes import shares, ticks
from mavi_async.formats._shown import clock, length, percent, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann", "Ann"),
        (" a\tb\r\nc ", "a b c"),
        ("", "(no name)"),
        ("\n", "(no name)"),
        ("a\x00\x1b[1m", "a\ufffd\ufffd[1m"),
        ("\u202eevil\u2069", "\ufffdevil\ufffd"),
        ("\ud800\ufffe", "\ufffd\ufffd"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        (" " * 10**6 + "x", "…"),
    ],
)
def test_names(text: str, expected: str) -> None:
    """A name is one line of at most 200 characters, and what would steer is seen to be there."""
    assert expected == shown(text)


@pytest.mark.parametrize(
    ("seconds", "decimals", "expected"),
    [
        (0, 0, "0:00"),
        (-3, 0, "0:00"),
        (59.6, 0, "1:00"),
        (3599.96, 1, "1:00:00.0"),
        (61.25, 2, "1:01.25"),
        (360_000, 0, "100:00:00"),
        (1e300, 0, "2.78e+296 h"),
    ],
)
def test_clock(seconds: float, decimals: int, expected: str) -> None:
    """Rounding carries over, so that there is never a sixtieth second."""
    assert expected == clock(seconds, decimals=decimals)


def test_lengths_and_shares() -> None:
    """What is short has a decimal, and what is little is not nothing."""
    assert ["0.0 s", "59.9 s", "1:00"] == [length(0), length(59.94), length(59.96)]
    assert ["0%", "<1%", "1%", "100%"] == [percent(share) for share in (0, 0.005, 0.006, 1)]


def test_ticks_are_round() -> None:
    """There are as many as there is room for, at times that people count in."""
    assert [0, 10, 20, 30, 40, 50] == ticks(55.5, 6)
    assert [0, 600, 1200] == ticks(1700, 4)
    assert 5 == len(ticks(1e7, 4))


def test_shares_of_columns() -> None:
    """A column has the share of its own time; what lies outside of all is left out."""
    assert pytest.approx([0.5, 1, 0.25, 0]) == shares([(1, 4), (4, 4.5), (-3, -1)], 8, 4)
