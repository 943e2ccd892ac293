"""Reading RTTM."""

from fractions import Fraction
from pathlib import Path

import pytest

from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment
from mavi_async.formats._rttm import read_rttm


def test_reads_what_the_standard_allows() -> None:
    """Nine or ten fields, comments, other types, any channel and any order are all RTTM."""
    text = (
        "\ufeff;; made by hand\r\n"
        "SPKR-INFO talk 1 <NA> <NA> <NA> unknown ann <NA> <NA>\r\n"
        "SPEAKER talk <NA> 2.5 1 <NA> <NA> bob <NA>\r\n"
        "\r\n"
        "  SPEAKER talk 1 0.25 1.5 <NA> <NA> ann <NA> <NA>\n"
    )

    result = read_rttm(text)

    assert result.uri == "talk"
    assert [SpeakerSegment(0.25, 1.75, "ann"), SpeakerSegment(2.5, 3.5, "bob")] == list(result)


def test_nothing_said_is_no_error() -> None:
    """A file without SPEAKER lines is a recording in which nobody speaks."""
    assert list(read_rttm(";; silence\n")) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("SPEAKER talk 1 0 1 <NA> <NA> ann", "expected 9 or 10 fields, found 8"),
        ("SPEAKER talk 1 0 1 <NA> <NA> ann <NA> <NA> x", "expected 9 or 10 fields, found 11"),
        ("SPEAKER talk 1 soon 1 <NA> <NA> ann <NA>", "the start 'soon'"),
        ("SPEAKER talk 1 -1 1 <NA> <NA> ann <NA>", "the start '-1'"),
        ("SPEAKER talk 1 0 nan <NA> <NA> ann <NA>", "the duration 'nan'"),
        ("SPEAKER talk 1 0 inf <NA> <NA> ann <NA>", "the duration 'inf'"),
        ("1 00:00:01,000 --> 00:00:02,000", "'1' is no RTTM type"),
    ],
)
def test_a_bad_line_is_named(line: str, why: str) -> None:
    """The error says which line it is, and what is wrong with it."""
    with pytest.raises(ConfigurationError) as caught:
        read_rttm(f";; comment\n{line}\n")

    assert "line 2 of the RTTM text" in str(caught.value)
    assert why in str(caught.value)


def test_recordings_are_not_mixed() -> None:
    """Of several recordings one must be named."""
    text = "SPEAKER a 1 0 1 <NA> <NA> x <NA>\nSPEAKER b 1 5 1 <NA> <NA> y <NA>\n"

    with pytest.raises(ConfigurationError, match=r"2 recordings \(a, b\): .* with `uri`"):
        read_rttm(text)
    with pytest.raises(ConfigurationError, match="no recording 'c': `uri` is one of a, b"):
        read_rttm(text, uri="c")

    assert [SpeakerSegment(5, 6, "y")] == list(read_rttm(text, uri="b"))
    assert read_rttm("", uri="c").uri == "c"


def test_one_recording_may_be_called_anything() -> None:
    """Where there is no choice, `uri` is a name, as it is in all other formats."""
    result = read_rttm("SPEAKER a 1 0 1 <NA> <NA> x <NA>\n", uri="b c")

    assert ("b c", 1) == (result.uri, len(result))
    assert read_rttm("SPEAKER <NA> 1 0 1 <NA> <NA> x <NA>\n").uri is None


def test_an_end_is_the_sum_of_what_is_written(shared_data: Path) -> None:
    """To the last bit, so that whoever begins at that time in the text neither overlaps nor waits.

    As floats, 0.1 and 0.2 are more than 0.3; so are the sums in 29 of the real annotations.
    """
    odd = [("0.1", "0.2"), ("1e-999999999999", "1"), ("+.5", "1E0"), ("1e9", "1e-5000"), ("7", "0")]
    text = "".join(f"SPEAKER talk 1 {a} {b} <NA> <NA> ann <NA>\n" for a, b in odd)
    files = sorted(shared_data.glob("rttm/voxconverse_dev/*.rttm"))

    assert [0.3, 1.0, 1.5] == sorted(segment.end for segment in read_rttm(text))
    for path in files:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        ends = sorted(float(Fraction(row[3]) + Fraction(row[4])) for row in rows)
        result = read_rttm(path.read_text(encoding="utf-8"))

        assert ends == sorted(segment.end for segment in result)
        assert all(overlap.duration > 1e-9 for overlap in result.overlaps())


def test_real_annotations(shared_data: Path) -> None:
    """Every line of the reference files becomes a segment."""
    files = sorted(shared_data.glob("rttm/**/*.rttm"))
    texts = [path.read_text(encoding="utf-8") for path in files]

    assert len(files) > 200
    assert [text.count("SPEAKER") for text in texts] == [len(read_rttm(text)) for text in texts]
