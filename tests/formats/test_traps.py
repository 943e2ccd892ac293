"""The traps of each format, and what is written instead of falling into them."""

import re

import pytest

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment, Usage
from mavi_async.formats import FORMATS
from mavi_async.formats._audacity import write_audacity
from mavi_async.formats._csv import read_csv, write_csv
from mavi_async.formats._lab import write_lab
from mavi_async.formats._names import distinct, one_line, token
from mavi_async.formats._rttm import read_rttm, write_rttm
from mavi_async.formats._srt import write_srt
from mavi_async.formats._textgrid import read_textgrid, write_textgrid
from mavi_async.formats._uem import write_uem
from mavi_async.formats._vtt import read_vtt, write_vtt

NOBODY = Diarization(())
INTERRUPTED = Diarization.from_segments(
    [SpeakerSegment(0, 10, "ann"), SpeakerSegment(4, 5, "bob"), SpeakerSegment(8, 12, "bob")]
)


def talk(*rows: tuple[float, float, str], uri: str = "talk") -> Diarization:
    """A result of a few segments."""
    return Diarization.from_segments([SpeakerSegment(*row) for row in rows], uri=uri)


def lasting(result: Diarization, duration: float) -> Diarization:
    """A result of a recording of this length."""
    return Diarization.from_segments(result, uri=result.uri, usage=Usage(duration=duration))


def test_rttm_has_ten_fields() -> None:
    """A line has start and duration, not end, and the name of the recording."""
    line = "SPEAKER talk 1 1.500 2.000 <NA> <NA> ann <NA> <NA>\n"

    assert line == write_rttm(talk((1.5, 3.5, "ann")))
    assert line.replace("talk", "x_y") == write_rttm(talk((1.5, 3.5, "ann")), uri="x y")
    assert line.replace("talk", "recording") == write_rttm(talk((1.5, 3.5, "ann"), uri=""))
    assert line.replace(".500", ".50").replace(".000", ".00") == write_rttm(
        talk((1.5, 3.5, "ann")), decimals=2
    )
    assert "SPEAKER talk 1 2 2 " in write_rttm(talk((1.5, 3.5, "ann")), decimals=0)


@pytest.mark.parametrize(
    ("start", "end", "written"),
    [
        (0.0006, 0.0014, "0.001 0.001"),  # shorter than the unit, between two of them
        (0.0001, 0.0004, "0.000 0.001"),  # rounds to nothing
        (0.9996, 1.9994, "1.000 0.999"),  # not 1.000, as its rounded length is
        (-1.0, 0.5, "0.000 0.500"),
        (-0.5, 0.0001, "0.000 0.001"),
    ],
)
def test_bounds_are_rounded_and_the_duration_is_their_difference(
    start: float, end: float, written: str
) -> None:
    """No duration is 0, segments that touch still do, and nothing lies before 0."""
    text = write_rttm(talk((start, end, "a"), (end, end + 1, "b")))

    assert written == " ".join(text.split()[3:5])


def test_what_touches_still_does() -> None:
    """Rounding opens no gap between segments that touch, and no overlap."""
    thirds = [number / 3 for number in range(200)]
    text = write_rttm(talk(*zip(thirds, thirds[1:], "ab" * 100, strict=False)))
    bounds = [(segment.start, segment.end) for segment in read_rttm(text)]

    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]


def test_nothing_is_before_the_start() -> None:
    """What lies wholly before 0 is in no file but in those that hold a result exactly."""
    early = talk((-3, -1, "a"), (-1, 0, "a"))

    assert ["csv", "json", "jsonl"] == sorted(
        name
        for name, each in FORMATS.items()
        if each.read and len(each.read(each.write(early), None)) == 2
    )
    assert write_vtt(early) == "WEBVTT\n"
    assert write_srt(early) == write_rttm(early) == write_lab(early) == write_audacity(early) == ""


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"html", "svg"}))
def test_silence_can_be_written(name: str) -> None:
    """A recording in which nobody speaks is a file, and reads back as one."""
    each = FORMATS[name]
    text = each.write(NOBODY)

    assert each.read is None or len(each.read(text, None)) == 0


def test_uem_covers_the_recording() -> None:
    """It goes to the end of the recording, or the last end if that is later, and is never empty."""
    long = Diarization.from_segments(INTERRUPTED, uri="a b", usage=Usage(duration=99.5))
    short = Diarization.from_segments(INTERRUPTED, uri="a", usage=Usage(duration=3))

    assert write_uem(long) == "a_b 1 0.000 99.500\n"
    assert write_uem(short, uri="b", decimals=1) == "b 1 0.0 12.0\n"
    assert write_uem(NOBODY) == "recording 1 0.000 0.001\n"


@pytest.mark.parametrize("decimals", [-1, 10])
def test_decimals_have_bounds(decimals: int) -> None:
    """More than nanoseconds, or less than seconds, are refused."""
    with pytest.raises(
        ConfigurationError, match=f"decimals is {decimals}: give a whole number from 0"
    ):
        write_rttm(INTERRUPTED, decimals=decimals)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"html", "svg", "csv"}))
def test_no_format_holds_infinity(name: str) -> None:
    """The error says what to do about a segment without an end."""
    with pytest.raises(ConfigurationError, match=r"`clip\(duration\)` the result first"):
        FORMATS[name].write(talk((0, float("inf"), "a")))


def test_subtitles_have_hours() -> None:
    """Times have hours of at least two digits; SRT has a comma where WebVTT has a point."""
    late = talk((3599.9996, 3661.001, "a"), (360_000, 360_001.5, "b"))

    assert write_vtt(late).split("\n")[2] == "01:00:00.000 --> 01:01:01.001"
    assert write_srt(late).split("\n")[1] == "01:00:00,000 --> 01:01:01,001"
    assert write_srt(late).split("\n")[5] == "100:00:00,000 --> 100:00:01,500"


def test_exclusive_subtitles_show_one_speaker_at_a_time() -> None:
    """Nothing overlaps then, also not for the millisecond that a cue has at least."""
    hasty = talk((0, 1.0001, "a"), (0.5, 1.0004, "b"), (1.0004, 1.0006, "c"), (1.0006, 2, "a"))
    cues = ["00:00:00.000 --> 00:00:10.000", "00:00:10.000 --> 00:00:12.000"]

    assert cues == re.findall(r".* --> .*", write_vtt(INTERRUPTED, exclusive=True))
    assert write_srt(INTERRUPTED).count("-->") == 3
    assert write_srt(INTERRUPTED, exclusive=True).count("-->") == 2
    assert write_srt(hasty, exclusive=True) == (
        "1\n00:00:00,000 --> 00:00:01,000\n[a]\n"
        "\n2\n00:00:01,000 --> 00:00:01,001\n[c]\n"
        "\n3\n00:00:01,001 --> 00:00:02,000\n[a]\n"
    )


def test_a_name_makes_no_arrow() -> None:
    """Of ``--`` and the end of its tag, which would end the cue; elsewhere it stays as it is."""
    names = ["a--", "---", "a-", "a--b"]
    text = write_vtt(talk(*((number, number + 1, name) for number, name in enumerate(names))))

    assert 4 == text.count("-->")
    assert "<v a-&#45;>" in text
    assert "<v a--b>" in text
    assert names == [segment.speaker for segment in read_vtt(text)]


def test_tiers_are_without_gaps_and_overlaps() -> None:
    """Overlaps of a speaker are joined, silence is empty intervals, all tiers are equally long."""
    restless = talk((-1, 1, "a"), (0.5, 2, "a"), (3, 9, 'b "x"'), (-5, -4, "c"))
    result = lasting(restless, 4.0)
    text = write_textgrid(result)

    assert ["0", "9"] * 4 == re.findall(r"^(?: {8})?xm(?:in|ax) = (.*)", text, re.MULTILINE)
    assert [(0, 2, "a"), (3, 9, 'b "x"')] == [
        (s.start, s.end, s.speaker) for s in read_textgrid(text)
    ]
    assert 'text = "b ""x"""' in text
    assert 9 == read_textgrid(text).duration
    assert text.count("intervals [") == 2 + 2 + 1


def test_praat_needs_a_tier() -> None:
    """Where nobody speaks there is an empty one, of the length of the recording."""
    text = write_textgrid(lasting(NOBODY, 5.5))

    assert 'name = "nobody"' in text
    assert "size = 1" in text
    assert 5.5 == read_textgrid(text).duration


@pytest.mark.parametrize("first", "=+-@\uff1d\uff0b\uff0d\uff20")
def test_a_spreadsheet_computes_nothing(first: str) -> None:
    """What begins like a formula gets a quote in front, which reading takes away, and only that."""
    names = [f"{first}1", f"'{first}1", f"''{first}1", "'n", "SPEAKER_00"]
    result = talk(*((number, number + 1, name) for number, name in enumerate(names)))
    text = write_csv(result)

    assert [f"'{first}1", f"''{first}1", f"'''{first}1", "'n", "SPEAKER_00"] == [
        line.split(",")[3] for line in text.split("\n")[1:-1]
    ]
    assert names == [segment.speaker for segment in read_csv(text)]


@pytest.mark.parametrize(
    ("name", "line", "word"),
    [
        ("", "(no name)", "(no_name)"),
        (" a \t\n b ", "a b", "a_b"),
        ("a\u2028b\u2029c\x85d\x1ce", "a b c d e", "a_b_c_d_e"),
        ("a\u3000b\xa0c", "a\u3000b\xa0c", "a_b_c"),
        ("\x1b[1m\x00\ud800", "\ufffd[1m\ufffd\ufffd", "\ufffd[1m\ufffd\ufffd"),
        ('say "x"', 'say "x"', "say_'x'"),
        (";;x", ";;x", "_;;x"),
        ("#x", "#x", "_#x"),
        ("<NA>", "<NA>", "_<NA>"),
        ("x" * 1001, "x" * 999 + "…", "x" * 999 + "…"),
        ("x" * 1000, "x" * 1000, "x" * 1000),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ],
)
def test_names_that_do_not_fit(name: str, line: str, word: str) -> None:
    """They are replaced visibly, and only where they must be."""
    assert line == one_line(name)
    assert word == token(name)


def test_speakers_who_differ_stay_different() -> None:
    """A name that fits is kept, whoever comes first; the others get numbers."""
    names = distinct(["a b", "a\tb", "a_b", "a_b_2", "c", "a  b"], token)

    assert {
        "a b": "a_b_3",
        "a\tb": "a_b_4",
        "a_b": "a_b",
        "a_b_2": "a_b_2",
        "c": "c",
        "a  b": "a_b_5",
    } == names


def test_many_names_that_become_one() -> None:
    """Telling them apart takes a number each, not a search through all numbers."""
    names = distinct((f"a{chr(0xD800 + number)}" for number in range(2000)), one_line)

    assert 2000 == len(set(names.values()))
    assert "a\ufffd_2000" in names.values()
