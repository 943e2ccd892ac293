"""Results drawn in characters: pure, so every edge is tried."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from mavi_async import Diarization, SpeakerSegment, Usage
from mavi_async.cli._timeline import Timeline, draw


def result(*segments: tuple[float, float, str], duration: float | None = None) -> Diarization:
    """A result of some segments."""
    return Diarization.from_segments(
        [SpeakerSegment(*segment) for segment in segments], usage=Usage(duration=duration)
    )


def plain(lines: list[Text]) -> list[str]:
    """The lines without their colours."""
    return [line.plain for line in lines]


def lanes(diarization: Diarization, *, width: int = 60, ascii_only: bool = False) -> list[str]:
    """The lines between heading and axis."""
    return plain(draw(diarization, "re_1", width=width, ascii_only=ascii_only))[1:-1]


def test_a_conversation() -> None:
    """Everything is in its place: heading, lanes, talk time, axis."""
    diarization = result((0, 10, "A"), (10, 20, "B"), (20, 25, "A"), (24, 40, "B"))

    lines = [line.rstrip() for line in plain(draw(diarization, "re_1", width=57))]

    assert lines == [
        "re_1  0:40, 2 speakers, 1.0 s of overlap ▓",
        "  A ██████████╌╌╌╌╌╌╌╌╌╌████▓╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌    0:15  38%",
        "  B ╌╌╌╌╌╌╌╌╌╌██████████╌╌╌╌▓███████████████    0:26  65%",
        "    ╵0:00          ╵0:15          ╵0:30",
    ]


def test_overlap_is_hatched_in_both_lanes() -> None:
    """Even an overlap that is shorter than a column shows for everybody who is part of it."""
    first, third, second = lanes(result((0, 50.2, "A"), (50, 100, "B"), (1, 5, "C")))

    assert "▓" in first
    assert first.index("▓", 15) == second.index("▓")
    assert "▓" in third


def test_an_overlap_too_short_to_notice_is_not_hatched() -> None:
    """Ten milliseconds in an hour are no hatched minute."""
    assert not any("▓" in lane for lane in lanes(result((0, 1800.01, "A"), (1800, 3600, "B"))))


def test_the_shortest_segment_shows() -> None:
    """A millisecond in three hours is half a column."""
    first, second = lanes(result((0, 10_800, "A"), (5400, 5400.001, "B")))

    assert 1 == second.count("▓") + second.count("▌") + second.count("▐")
    assert "3:00:00 100%" in first


def test_ascii() -> None:
    """A terminal without block characters gets others."""
    lines = plain(draw(result((0, 9, "A"), (8, 20, "B")), "re_1", width=60, ascii_only=True))

    assert all(line.isascii() for line in lines)
    assert "#" in lines[1]
    assert "%" in lines[1][:40]


@pytest.mark.parametrize("width", [0, 1, 40, 57, 80, 110, 400])
@pytest.mark.parametrize("duration", [None, 0.001, 1.0, 61.0, 10_800.0, 1e6, 1e300])
def test_no_line_is_wider_than_asked(width: int, duration: float | None) -> None:
    """Whatever the width and length; below 40 columns it is 40."""
    diarization = result((0, 0.5, "SPEAKER_00"), (0.2, 0.9, "SPEAKER_01"), duration=duration)
    lines = draw(diarization, "re_657929111888723968", width=width)

    assert max(line.cell_len for line in lines) <= max(40, width)


def test_nobody_speaks() -> None:
    """No segments are no error."""
    assert ["re_1  0:05, 0 speakers", "  nobody speaks in it"] == plain(
        draw(result(duration=5.0), "re_1", width=80)
    )


def test_twenty_speakers_have_a_lane_each() -> None:
    """All are shown, in order of first speech."""
    drawn = lanes(result(*((n, n + 0.9, f"SPEAKER_{n:02}") for n in range(20))))

    assert [f"SPEAKER_{n:02}" for n in range(20)] == [lane.split()[0] for lane in drawn]


def test_a_thousand_speakers_are_counted() -> None:
    """The 24 who speak most have a lane, the others a line."""
    drawn = lanes(result(*((n, n + 0.5 + n / 9999, f"S{n}") for n in range(1000))))

    assert 25 == len(drawn)
    assert "  and 976 more who speak less" == drawn[-1]


HOSTILE = [
    "\x1b[2J\x1b[31mSPEAKER",
    "[bold red]x[/] [link=https://example.com]y",
    "\u202eGNP.exe",
    "שלום עולם",
    "👩‍👩‍👧‍👦" * 20,
    "漢字" * 40,
    "a" + "\u0301" * 1000,
    "N" * 1_000_000,
    "\x1b" * 1_000_000,
    "\ud800",
    "",
    "line\nbreak\r\x0b\x85\u2028",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names(name: str) -> None:
    """A name takes its place and nothing else, as a speaker and as a recording."""
    diarization = result((0, 5, name), (5, 9, "B"))
    lines = draw(diarization, name, width=80)
    printed = io.StringIO()
    Console(file=printed, width=80, force_terminal=False, markup=True).print(
        Timeline(name, diarization)
    )

    assert 4 == len(lines)
    assert max(line.cell_len for line in lines) <= 80
    assert {True} == {character.isprintable() for line in lines for character in line.plain}
    assert 4 == len(printed.getvalue().splitlines())


def test_colours_are_those_of_the_pictures() -> None:
    """A label has one colour in all recordings, ten have ten, and then they are used again."""

    def styles(*labels: str) -> list[object]:
        talk = result(*((n, n + 1.0, label) for n, label in enumerate(labels)))
        return [line.spans[0].style for line in draw(talk, "re_1", width=60)[1:-1]]

    ten = styles(*(f"SPEAKER_{n:02}" for n in range(10)))

    assert styles("SPEAKER_03") == ten[3:4]
    assert 10 == len(set(ten))
    assert ten == styles(*(f"S{n}" for n in range(20)))[10:]
    assert 4 == len(set(styles("Ann", "Bob", "Zoë", "\ud800")))


def test_segments_out_of_range() -> None:
    """A start before zero and an end after the duration stay inside the lane."""
    before = lanes(result((-5, 1, "A"), (9, 20, "A"), duration=10))

    assert [60] == [len(lane) for lane in before]
    assert before == lanes(result((0, 1, "A"), (9, 20, "A"), (-5, -1, "B"), duration=10))
