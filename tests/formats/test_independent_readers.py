"""What others read of what we write: real annotations, and names that try to break out."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from html import unescape
from pathlib import Path
from typing import TypeAlias

import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pytest
import srt  # type: ignore[import-untyped]  # it has no types
import webvtt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from praatio import textgrid  # type: ignore[import-untyped]  # it has no types
from praatio.utilities.constants import Interval  # type: ignore[import-untyped]
from pyannote.database.util import load_lab, load_rttm, load_uem

from mavi_async._diarization import Diarization
from mavi_async._segments import SpeakerSegment
from mavi_async.formats import FORMATS
from mavi_async.formats._lab import write_lab
from mavi_async.formats._rttm import write_rttm
from mavi_async.formats._uem import write_uem

# Start, end and speaker, in milliseconds.
Rows: TypeAlias = list[tuple[int, int, str]]

BREAKING_OUT = [
    "",
    " ",
    "SPEAKER_00",
    "a b",
    "a_b",
    "a\tb",
    "a\r\nb\n\nc",
    "x\n\n00:00:00.000 --> 00:00:09.000\ny",
    "\n2\n00:00:01,000 --> 00:00:02,000\nthere",
    "-->",
    "a--",
    "</v><script>&amp;&lt;",
    "<b>{\\an8}",
    ";; no comment",
    "# nor here",
    '"',
    '"" x = "',
    "'",
    "\\",
    "=cmd|'/C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "'=1",
    "''=1",
    "\uff1d1",
    "a,b;c",
    "\x1b[31mred\x9b0m",
    "\x00",
    "\ud800",
    "\udfff",
    "\ufeff",
    "\u2028\x85\x0b\x0c\x1c",
    "\u202eesrever",
    "\u200f\u05d0",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u5c71\u3000\u7530",
    "<NA>",
    "1 2",
    "x" * 1_000_000,
]
NAMES = st.sampled_from(BREAKING_OUT) | st.text(
    st.sampled_from("a \t\n\r\"'\\<>&;#=,!|-[]{}\x00\x1b\x85\u2028\u3000\ufeff\ud800"), max_size=8
)


@st.composite
def results(draw: st.DrawFn) -> Diarization:
    """Results of a few segments, in which some are very short and some overlap."""
    names = draw(st.lists(NAMES, min_size=1, max_size=5))
    moments = st.integers(0, 20_000).map(lambda tenths: tenths / 10_000) | st.floats(0, 9_999)
    rows = [
        SpeakerSegment(start, start + draw(st.sampled_from([1e-5, 0.0004, 0.5, 2.0])), name)
        for name in names
        for start in draw(st.lists(moments, min_size=1, max_size=2))
    ]
    return Diarization.from_segments(rows, uri=draw(NAMES))


def in_milliseconds(rows: Iterable[tuple[float, float, str]]) -> Rows:
    """Rows as comparable numbers, in order."""
    return sorted((round(start * 1000), round(end * 1000), name) for start, end, name in rows)


def rows_of(diarization: Diarization) -> Rows:
    """What is to be read."""
    return in_milliseconds((s.start, s.end, s.speaker) for s in diarization)


def read_with_pyannote(text: str) -> Rows:
    """RTTM, of one or more recordings."""
    annotations = load_rttm(io.StringIO(text)).values()  # type: ignore[no-untyped-call]  # it has no types
    return in_milliseconds(
        (turn.start, turn.end, str(annotation[turn, track]))
        for annotation in annotations
        for turn, track in (each[:2] for each in annotation.itertracks())
    )


def read_lab_with_pyannote(text: str) -> Rows:
    """LAB."""
    annotation = load_lab(io.StringIO(text))
    tracks = [track[:2] for track in annotation.itertracks()]
    return in_milliseconds((turn.start, turn.end, str(annotation[turn, n])) for turn, n in tracks)


def read_with_webvtt(text: str) -> Rows:
    """WebVTT, where the voice and the text are the same."""
    captions = webvtt.from_string(text).captions
    assert [unescape(each.voice or "") for each in captions] == [unescape(c.text) for c in captions]
    return in_milliseconds(
        (each.start_in_seconds + int(each.start[-3:]) / 1000,
         each.end_in_seconds + int(each.end[-3:]) / 1000, unescape(each.text))
        for each in captions
    )  # fmt: skip


def read_with_srt(text: str) -> Rows:
    """SRT, which must not need any mercy."""
    cues = list(srt.parse(text, ignore_errors=False))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    assert all(re.fullmatch(r"\[.+\]", cue.content) for cue in cues)
    return in_milliseconds(
        (cue.start.total_seconds(), cue.end.total_seconds(), cue.content[1:-1]) for cue in cues
    )


def read_with_csv(text: str) -> Rows:
    """CSV, without a cell that a spreadsheet would compute."""
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert all(set(row) == {"start", "end", "duration", "speaker"} for row in rows)
    assert len(text.split("\n")) == len(rows) + 2
    assert not any(re.match(r"[=+\-@\t\r\n\uff1d]", row["speaker"]) for row in rows)
    return in_milliseconds((float(row["start"]), float(row["end"]), row["speaker"]) for row in rows)


def read_with_json(text: str) -> Rows:
    """JSON lines, however lines are told apart."""
    rows = [json.loads(line) for line in text.splitlines()]
    return in_milliseconds((row["start"], row["end"], row["speaker"]) for row in rows)


def read_columns(text: str) -> Rows:
    """Labels with tabs between."""
    rows = [line.split("\t") for line in text.splitlines()]
    return in_milliseconds((float(start), float(end), name) for start, end, name in rows)


def read_with_praatio(text: str, folder: Path) -> Rows:
    """TextGrid, of which each tier covers all the time without gaps."""
    path = folder / "one.TextGrid"
    path.write_text(text, encoding="utf-8")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
    rows: list[tuple[float, float, str]] = []
    for tier in grid.tiers:
        entries = [each for each in tier.entries if isinstance(each, Interval)]
        bounds = [(each.start, each.end) for each in entries]
        assert [0, *(end for _, end in bounds)] == [
            *(start for start, _ in bounds),
            grid.maxTimestamp,
        ]
        rows += [(each.start, each.end, tier.name) for each in entries if each.label]
    return in_milliseconds(rows)


READERS: dict[str, Callable[[str], Rows]] = {
    "rttm": read_with_pyannote,
    "lab": read_lab_with_pyannote,
    "vtt": read_with_webvtt,
    "srt": read_with_srt,
    "csv": read_with_csv,
    "jsonl": read_with_json,
    "audacity": read_columns,
}


@pytest.mark.parametrize("name", sorted(set(READERS) - {"rttm", "lab"}))
def test_real_annotations_are_read_by_others(recordings: list[Diarization], name: str) -> None:
    """All 216 real annotations are read by another library as they are, to the millisecond."""
    format_ = FORMATS[name]

    assert 216 == len(recordings)
    for each in recordings:
        assert rows_of(each) == READERS[name](format_.write(each))


def test_real_annotations_are_scored(recordings: list[Diarization]) -> None:
    """Pyannote reads all real annotations, in one file, as RTTM and UEM."""
    everything = sorted(row for each in recordings for row in rows_of(each))
    ends = {each.uri: round(each.duration, 3) for each in recordings}

    assert everything == read_with_pyannote("".join(map(write_rttm, recordings)))
    text = io.StringIO("".join(map(write_uem, recordings)))
    timelines = load_uem(text)  # type: ignore[no-untyped-call]  # it has no types
    assert ends == {uri: round(each.extent().end, 3) for uri, each in timelines.items()}
    assert rows_of(recordings[0]) == read_lab_with_pyannote(write_lab(recordings[0]))


def test_real_annotations_are_opened_by_praat(
    recordings: list[Diarization], tmp_path: Path
) -> None:
    """Praatio reads TextGrids of the crowded and of the long among the real annotations."""
    for each in [*sorted(recordings, key=len)[-8:], *recordings[:8]]:
        read = read_with_praatio(FORMATS["textgrid"].write(each), tmp_path)

        assert rows_of(each.support()) == read


def test_data_frames(recordings: list[Diarization]) -> None:
    """Pandas reads the same numbers, to the last digit, from CSV and from JSON lines."""
    each = recordings[0]
    expected = [[s.start, s.end, s.duration, s.speaker] for s in each]
    table = pd.read_csv(io.StringIO(FORMATS["csv"].write(each)))
    rows = pd.read_json(io.StringIO(FORMATS["jsonl"].write(each)), lines=True, precise_float=True)

    assert expected == table.to_numpy().tolist()
    assert ["start", "end", "duration", "speaker"] == list(table) == list(rows)
    assert expected == rows.to_numpy().tolist()


def test_names_that_look_like_nothing_are_names() -> None:
    """We read them back as they are from every format; pandas does where it is told to."""
    names = ["NA", "N/A", "nan", "NaN", "null", "None", "NONE", "n/a", "#N/A"]
    talk = Diarization.from_segments(
        SpeakerSegment(float(n), n + 1.0, name) for n, name in enumerate(names)
    )
    table = pd.read_csv(io.StringIO(FORMATS["csv"].write(talk)), keep_default_na=False)

    assert names == table["speaker"].tolist()
    for each in FORMATS.values():
        if each.read is not None and each.name not in ("rttm", "lab"):
            assert tuple(names) == each.read(each.write(talk), None).speakers, each.name
    for each in (FORMATS["rttm"], FORMATS["lab"]):
        assert each.read is not None
        assert (*names[:-1], "_#N/A") == each.read(each.write(talk), None).speakers


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(result=results())
def test_no_name_breaks_out(result: Diarization, tmp_path: Path) -> None:
    """Whatever the names, others read one row for each segment, and tell speakers apart."""
    for name, read in READERS.items():
        text = FORMATS[name].write(result)
        text.encode()
        rows = read(text)

        assert len(result) == len(rows), name
        assert result.num_speakers == len({speaker for _, _, speaker in rows}), name
        assert all(end > start for start, end, _ in rows) or name in ("csv", "jsonl", "audacity")
    grid = read_with_praatio(FORMATS["textgrid"].write(result), tmp_path)
    assert result.num_speakers == len({speaker for *_, speaker in grid})
    assert len(write_uem(result).split()) == 4


@pytest.mark.parametrize("name", BREAKING_OUT)
def test_each_such_name_is_one_speaker(name: str, tmp_path: Path) -> None:
    """Each name by itself, for the recording too, is one row in between of two others."""
    result = Diarization.from_segments(
        [SpeakerSegment(0, 1, "ann"), SpeakerSegment(1, 2, name), SpeakerSegment(2, 3, "bob")],
        uri=name,
    )
    expected = [(0, 1000, "ann"), (2000, 3000, "bob")]

    for reader in (*READERS, "textgrid"):
        text = FORMATS[reader].write(result)
        rows = READERS[reader](text) if reader in READERS else read_with_praatio(text, tmp_path)
        assert expected == [row for row in rows if row[0] != 1000], reader
        assert [(1000, 2000)] == [row[:2] for row in rows if row[0] == 1000], reader
        # No line but those that the segments have; nothing for a terminal to obey.
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]", text)
