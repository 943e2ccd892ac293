"""The methods of a result that lead to its formats."""

import inspect
from pathlib import Path

import pytest

from mavi_async import ConfigurationError, Diarization, SpeakerSegment, Usage
from mavi_async.formats import FORMATS

TALK = Diarization.from_segments(
    [SpeakerSegment(0.0, 2.25, "Ann Lee"), SpeakerSegment(1.5, 4.0, "Bob")],
    uri="talk",
    usage=Usage(5.0, "pyannote"),
)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_has_its_method(name: str) -> None:
    """It writes what the format's writer does, which it offers all options of."""
    method = getattr(TALK, f"to_{name}")
    options = list(inspect.signature(FORMATS[name].write).parameters)[1:]

    assert FORMATS[name].write(TALK) == method()
    assert options == list(inspect.signature(method).parameters)


def test_options_arrive() -> None:
    """Each where it belongs."""
    assert "SPEAKER x 1 0.0 2.2 <NA> <NA> Ann_Lee" in TALK.to_rttm(uri="x", decimals=1)
    assert "x 1 0.0 5.0\n" == TALK.to_uem(uri="x", decimals=1)
    assert "1.5 4.0 Bob\n" in TALK.to_lab(decimals=1)
    assert "00:00:02.250 --> 00:00:04.000\n<v Bob>" in TALK.to_vtt(exclusive=True)
    assert "00:00:02,250 --> 00:00:04,000\n[Bob]" in TALK.to_srt(exclusive=True)
    assert '"raw": ""' in TALK.to_json(include_raw=True)
    assert "Board meeting" in TALK.to_svg(width=400, title="Board meeting")
    assert "talk.flac" in TALK.to_html(audio_src="talk.flac", title="Board meeting")


def test_texts_go_round() -> None:
    """JSON is the whole result, RTTM its segments; either may be given another name."""
    assert TALK == Diarization.from_json(TALK.to_json())
    assert TALK.rename({"Ann Lee": "Ann_Lee"}).segments == (
        Diarization.from_rttm(TALK.to_rttm(), uri="talk").segments
    )
    assert "other" == Diarization.from_json(TALK.to_json(), uri="other").uri


def test_files_go_round(tmp_path: Path) -> None:
    """The suffix names the format, or an argument does."""
    TALK.save(tmp_path / "talk.json")
    TALK.save(tmp_path / "talk.txt", "csv")

    assert TALK == Diarization.load(tmp_path / "talk.json")
    assert TALK.segments == Diarization.load(tmp_path / "talk.txt", "csv").segments
    assert "x" == Diarization.load(tmp_path / "talk.json", uri="x").uri
    with pytest.raises(ConfigurationError, match="rttm"):
        TALK.save(tmp_path / "talk.docx")


def test_records_and_lines_are_the_same() -> None:
    """What is streamed as JSON lines is what `to_records` returns."""
    lines = TALK.to_jsonl().splitlines()

    assert [Diarization.from_json(f"[{line}]").to_records()[0] for line in lines] == (
        TALK.to_records()
    )
