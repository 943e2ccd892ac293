"""Reading what we wrote, what others wrote, and what is wrong with a file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment
from mavi_async.formats import FORMATS, format_named

PRAAT_SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
3.5
<exists>
2
"IntervalTier"
"ann ""a"" b"
0
3.5
3
0
1
""
1
2.5
"hello
there"
2.5
3.5
" "
"TextTier"
"clicks" ! of the "mouse"
0
3.5
1
2
"click"
""".replace("\n", "\r\n")

TEAMS = """WEBVTT - a meeting
Kind: captions

NOTE not --
heard

STYLE
::cue { color: red }

8f1-0
00:01.250 --> 00:02.500 align:start
<v Ann &amp; Co.>Good morning
everybody</v>

00:00:03.000 --> 00:00:04.000
<v.loud Bob>Hi</v> <v Ann &amp; Co.>Hello <i>again</i></v>
"""


@pytest.mark.parametrize("name", sorted(name for name, each in FORMATS.items() if each.read))
def test_real_annotations_round_trip(recordings: list[Diarization], name: str) -> None:
    """What is read is what was written, for each format that is read; TextGrids join overlaps."""
    format_ = format_named(name)
    assert format_.read is not None

    for each in recordings[:40]:
        again = format_.read(format_.write(each), each.uri)
        expected = each.support() if name == "textgrid" else each
        assert rounded(expected) == rounded(again)
        assert each.uri == again.uri


def rounded(result: Diarization) -> list[tuple[float, float, str]]:
    """Segments at three decimals."""
    return sorted((round(s.start, 3), round(s.end, 3), s.speaker) for s in result)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(1e-9, 1e3), st.text("ab =+-@'\",", max_size=3)),
        max_size=6,
    )
)
def test_csv_and_json_lines_keep_every_digit(rows: list[tuple[float, float, str]]) -> None:
    """Their numbers are the same to the last bit, and so are names on one line."""
    result = Diarization.from_segments(
        SpeakerSegment(start, start + duration, f"x{name}x") for start, duration, name in rows
    )
    bounds = [(segment.start, segment.end) for segment in result]

    for name in ("csv", "jsonl"):
        read = FORMATS[name].read
        assert read is not None
        again = read(FORMATS[name].write(result), None)
        assert bounds == [(segment.start, segment.end) for segment in again]
        assert result.num_speakers == again.num_speakers
        if name == "jsonl":
            assert result.segments == again.segments


def read(name: str, text: str) -> Diarization:
    """Read a text."""
    reader = FORMATS[name].read
    assert reader is not None
    return reader(text, None)


def test_textgrids_of_praat() -> None:
    """The short form is read; point tiers, comments and blank labels are not speech."""
    result = read("textgrid", PRAAT_SHORT)

    assert [SpeakerSegment(1, 2.5, 'ann "a" b')] == list(result)
    assert 3.5 == result.duration
    assert 0 == len(read("textgrid", PRAAT_SHORT.replace("<exists>", "<absent>")))


def test_transcripts_of_meetings() -> None:
    """Each voice of a cue speaks, once; notes, styles, settings and identifiers are skipped."""
    assert [
        SpeakerSegment(1.25, 2.5, "Ann & Co."),
        SpeakerSegment(3, 4, "Ann & Co."),
        SpeakerSegment(3, 4, "Bob"),
    ] == list(read("vtt", "\ufeff" + TEAMS.replace("\n", "\r\n")))


def test_labels_of_audacity() -> None:
    """Frequencies are skipped, points are dropped; what comes after two tabs is the label."""
    result = read("audacity", "0.5\t1.5\t Ann B. \r\n\\\t100\t200\r\n2\t2\tclick\r\n")

    assert [SpeakerSegment(0.5, 1.5, "Ann B.")] == list(result)
    assert 1 == result.dropped


def test_columns_in_any_order() -> None:
    """CSV of others has other columns, too, in any order, and blank lines at the end."""
    text = '\ufeffSpeaker,note, End ,start\r\n"a,b","x\ny",2,1e0\r\n,,,\r\n\r\n'

    assert [SpeakerSegment(1, 2, "a,b")] == list(read("csv", text))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("lab", "0 1 a\n0 1", "line 2 of the LAB text: expected start, end and speaker"),
        ("lab", "0 -1 a", "line 1 of the LAB text: the end '-1' is not a number of seconds"),
        ("lab", "0 1e10 a", "the end '1e10'"),
        ("lab", "0 1_0 a", "the end '1_0'"),
        ("lab", "0 \u0661 a", r"the end '\\u0661'"),
        ("lab", "\n\n2 1 a", "line 3 of the LAB text: it ends at 1, before its start at 2"),
        ("audacity", "0\t1\ta\n0 1 a", "line 2 of the Audacity text: expected start, end"),
        ("audacity", "0\t1\t ", "line 1 of the Audacity text"),
        ("audacity", "0,5\t1,5\ta", "the start '0,5' is not a number"),
        ("csv", "", "line 1 of the CSV text: there is no column start"),
        ("csv", "0,1,ann\n", "there is no column start: the first line names start, end"),
        ("csv", "start;end;speaker\n", "with commas between"),
        ("csv", "start,end,speaker\n0,1,a\n0,1\n", "line 3 of the CSV text: expected 3 cells"),
        ("csv", "start,end,speaker\n0,nan,a\n", "line 2 of the CSV text: 'nan' is not a number"),
        ("csv", 'start,end,speaker\n0,"1" x,a\n', "line 2 of the CSV text: this is not CSV"),
        ("csv", f"start,end,speaker\n0,1,{'x' * 200_000}\n", "line 2 .* larger than field limit"),
        ("jsonl", '{"start":0,"end":1,"speaker":"a"}\n{"start":0}', "line 2: the speaker is"),
        ("jsonl", "{}\n", "line 1: the speaker is nothing, not a text"),
        ("jsonl", "\n{", "line 2 is not JSON: .* at column 2"),
        ("jsonl", "[1]", "line 1: expected an object with start, end and speaker"),
        ("jsonl", '{"start":0,"end":1e999,"speaker":"a"}', "the end is a number, not a finite"),
        ("jsonl", f'{{"start":1{"0" * 400},"end":2,"speaker":"a"}}', "the start is a number, not"),
        ("jsonl", '{"start":true,"end":2,"speaker":"a"}', "the start is a boolean"),
        ("jsonl", '{"start":"1","end":2,"speaker":"a"}', "the start is '1', not a finite"),
        ("jsonl", '{"start":NaN,"end":2,"speaker":"a"}', "line 1 is not JSON: NaN"),
        ("vtt", "", "line 1 of the WebVTT text: expected WEBVTT"),
        ("vtt", "WEBVTTX\n", "line 1 of the WebVTT text: expected WEBVTT"),
        ("vtt", "WEBVTT\n\n00:00:01,000 --> 00:00:02,000\n", "line 3 of the WebVTT text: expected"),
        ("vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nhi\n\n<v A>", "line 3 .* does not say who"),
        ("vtt", "WEBVTT\n\n00:02.000 --> 00:01.000\n<v A>", "line 3 .* it ends at 1, before"),
        ("textgrid", "", "line 1 of the TextGrid text: expected a text in quotes"),
        ("textgrid", '"ooTextFile"\n"Pitch"', 'line 2 .* expected File type = "ooTextFile"'),
        ("textgrid", PRAAT_SHORT[:-40], "expected a "),
        ("textgrid", PRAAT_SHORT.replace("\r\n3\r\n", "\r\nx\r\n3.0\r\n"), "line 13 .* whole"),
        ("textgrid", PRAAT_SHORT.replace('"TextTier"', '"Tier"'), "line 24 .* expected a tier"),
        ("textgrid", PRAAT_SHORT.replace("\r\n2.5\r\n", "\r\n-2.5\r\n", 1), "the xmax '-2.5'"),
        ("textgrid", PRAAT_SHORT.replace("\r\n2.5\r\n", "\r\n0.5\r\n", 1), "before its start"),
        ("textgrid", PRAAT_SHORT.replace("\r\n1\r\n", '\r\n"1"\r\n', 1), "expected a number"),
    ],
)
def test_a_bad_place_is_named(name: str, text: str, message: str) -> None:
    """The error says which line is wrong, and what it should be."""
    with pytest.raises(ConfigurationError, match=message):
        read(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "<v " * 300_000),
        ("vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v" + " " * 300_000),
        ("vtt", "WEBVTT\n\n00:01.000 -->" + " " * 300_000 + "x"),
        ("textgrid", PRAAT_SHORT[:-4] + '"' * 500_000),
        ("textgrid", PRAAT_SHORT.replace("2.5", "2" * 500_000)),
        ("csv", "start,end,speaker\n" + '"x",' * 300_000),
        ("rttm", "SPEAKER " * 300_000),
    ],
)
def test_no_text_takes_ages(name: str, text: str) -> None:
    """Texts that make a careless search start over at each of their characters are refused."""
    with pytest.raises(ConfigurationError):
        read(name, text)
