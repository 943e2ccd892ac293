"""Text made safe, and times made readable."""

import io

import pytest

from mavi_async.cli._text import age_text, clock_text, make_console, safe_text, size_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SPEAKER_00", "SPEAKER_00"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07x\x9b2J", "]0;titlex2J"),
        ("two\r\nlines\tand\x0btabs", "two lines and tabs"),
        ("\u202eevil\u2066 \u200bname\ufeff", "evil name"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("[bold]markup[/bold] :smile:", "[bold]markup[/bold] :smile:"),
        ("שלום 👩‍🚀", "שלום 👩🚀"),
        ("e" + "\u0301" * 50, "e\u0301\u0301"),
        ("", ""),
    ],
)
def test_nothing_steers_the_terminal(text: str, shown: str) -> None:
    """Letters of all scripts stay; escapes, directions, lines and heaps of marks go."""
    assert shown == safe_text(text)


def test_long_text_is_cut() -> None:
    """A megabyte becomes a line."""
    cut = safe_text("x" * 1_000_000, longest=50)

    assert "x" * 49 + "…" == cut


def test_text_that_shrinks_says_that_it_was_cut() -> None:
    """The ellipsis does not depend on what was left of the text."""
    assert "…" == safe_text("\x00" * 1_000_000 + "end", longest=50)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0:00"),
        (59.4, "0:59"),
        (59.6, "1:00"),
        (3599.9, "1:00:00"),
        (10_800, "3:00:00"),
        (1e9, "2.78e+05 h"),
        (1e300, "2.78e+296 h"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    """Minutes and seconds, hours where there are any, and never a line of digits."""
    assert text == clock_text(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_800, "2 days"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    """The largest unit of which there are two; a clock that was set back makes nothing negative."""
    assert text == age_text(seconds)


@pytest.mark.parametrize(
    ("count", "text"),
    [(999, "999 B"), (1500, "1.5 kB"), (16_000_000, "16.0 MB"), (10**9, "1.0 GB")],
)
def test_sizes(count: int, text: str) -> None:
    """Bytes are told in units of a thousand."""
    assert text == size_text(count)


def test_what_is_no_terminal_gets_no_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the environment asks for colours."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    stream = io.StringIO()
    make_console(stream).print("[red]text[/red] :smile:", style="bold red")

    assert "[red]text[/red] :smile:\n" == stream.getvalue()


def test_an_encoding_without_the_character_does_not_end_the_program() -> None:
    """A question mark stands in for it."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    make_console(stream).print("ok ✓")
    stream.flush()

    assert b"ok ?\n" == raw.getvalue()
