"""Results from callbacks and records, and in the hands of other libraries."""

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from matplotlib.figure import Figure

from mavi_async import (
    ConfigurationError,
    Diarization,
    MalformedResult,
    SpeakerSegment,
    TaskFailed,
    Usage,
)

if TYPE_CHECKING:
    from tests.results.conftest import Make

CALLBACK = {
    "code": "0000",
    "message": "SUCCESS",
    "data": {
        "data": {
            "data": [
                {"start": 2.5, "end": 4.0, "speaker": "SPEAKER_06"},
                {"start": 0.03, "end": 2.5, "speaker": "SPEAKER_00"},
            ],
            "usage_metadata": {"duration": 4.2, "model": "pyannote"},
        },
        "msg": "ok",
        "success": True,
    },
    "task_id": "ec2449885ba84c4f943a80ff0633158e",
}
BODY = json.dumps(CALLBACK).encode()
# The second one with the same bounds is what pyannote drops without a track of its own.
ODD = Diarization.from_segments(
    [
        SpeakerSegment(0.0, 1.0, "$x^{$ & \t\u202e"),
        SpeakerSegment(0.0, 1.0, "half \ud800"),
        SpeakerSegment(1.0, 2.5, "=1+1"),
        SpeakerSegment(1.0, 2.0, ""),
    ],
    uri="re_1",
)
NOBODY = Diarization(())


@pytest.mark.parametrize("body", [BODY, BODY.decode(), CALLBACK], ids=["bytes", "text", "document"])
def test_a_saved_callback_is_read(body: bytes | str | Mapping[str, object]) -> None:
    """In whichever form it was saved; the recording is named after the job unless one says."""
    result = Diarization.from_callback(body)

    assert ["SPEAKER_00", "SPEAKER_06"] == [segment.speaker for segment in result]
    assert (CALLBACK["task_id"], CALLBACK["task_id"]) == (result.task_id, result.uri)
    assert Usage(4.2, "pyannote") == result.usage
    assert Diarization.from_callback(result.raw) == result
    assert "talk" == Diarization.from_callback(body, uri="talk").uri


def test_a_saved_failure_is_one() -> None:
    """As it was when it was awaited."""
    body = json.dumps({"code": "0500", "message": "no audio", "task_id": "t"})

    with pytest.raises(TaskFailed, match="no audio"):
        Diarization.from_callback(body)


@pytest.mark.parametrize(
    ("body", "path", "why"),
    [
        (b"%PDF-1.7", "$", "not JSON"),
        ("\ud800", "$", "not valid UTF-8"),
        ([1], "$", "expected bytes, text or a mapping, got list"),
        (b"[]", "$", "expected an object"),
        (b'{"code": "0000"}', "$.task_id", "expected a string"),
        (b'{"code": "0000", "task_id": "t", "data": {}}', "$.data.data", "missing"),
    ],
)
def test_what_is_no_callback_says_where(body: bytes, path: str, why: str) -> None:
    """The path, the reason and the body itself are in the error."""
    with pytest.raises(MalformedResult, match=why) as caught:
        Diarization.from_callback(body)

    assert path == caught.value.path
    assert (body if isinstance(body, bytes) else b"") == caught.value.raw


def test_records_are_read() -> None:
    """Any order, any kind of number, and whatever else they hold is left alone."""
    result = Diarization.from_records(
        [
            {"start": np.float32(2), "end": 3, "speaker": "b", "text": "yes"},
            {"start": 0, "end": 1.5, "speaker": "a", "duration": "?"},
            {"start": 1, "end": 1, "speaker": "a"},
        ],
        uri="talk",
        duration=10,
    )

    assert (SpeakerSegment(0.0, 1.5, "a"), SpeakerSegment(2.0, 3.0, "b")) == result.segments
    assert ("talk", 10, 1) == (result.uri, result.duration, result.dropped)
    assert {"start": 0.0, "end": 1.5, "duration": 1.5, "speaker": "a"} == result.to_records()[0]
    assert [float] == list({type(record["start"]) for record in result.to_records()})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"start": None}, "the start of record 1 is None: give a number of seconds"),
        ({"end": math.nan}, "the end of record 1 is nan"),
        ({"end": "5"}, "the end of record 1 is '5'"),
        ({"end": 10**9999}, "the end of record 1 is a huge number"),
        ({"speaker": 3}, "the speaker of record 1 is 3: give a text"),
        ({"speaker": None}, "the speaker of record 1 is None"),
    ],
)
def test_a_bad_record_is_named(change: Mapping[str, object], why: str) -> None:
    """By its number, with what is wrong."""
    good = {"start": 0, "end": 1, "speaker": "a"}

    with pytest.raises(ConfigurationError, match=why):
        Diarization.from_records([good, {**good, **change}])


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([(0.0, 1.0, "a")], "record 0 is of type tuple: give a dictionary with start, end and"),
        (pd.DataFrame({"start": [0.0]}), r"record 0 is 'start': give .* to_dict\('records'\)"),
    ],
    ids=["tuples", "data frame"],
)
def test_what_holds_no_records_says_what_would(
    records: Iterable[Mapping[str, object]], why: str
) -> None:
    """A data frame is walked through by its columns: the error knows the method that is meant."""
    with pytest.raises(ConfigurationError, match=why):
        Diarization.from_records(records)


def test_equal_bounds_have_tracks_of_their_own() -> None:
    """In pyannote's object both speakers are there."""
    annotation = ODD.to_pyannote()

    assert set(ODD.speakers) == set(annotation.labels())
    assert len(ODD) == len(list(annotation.itertracks()))
    assert not NOBODY.to_pyannote()


def test_tables() -> None:
    """A row a segment, also with names that no table holds, and with types where there is none."""
    names = ["$x^{$ & \t\u202e", "half \\ud800", "", "=1+1"]
    columns = ["start", "end", "duration", "speaker"]
    pandas, polars = ODD.to_pandas(), ODD.to_polars()

    assert columns == list(pandas.columns) == polars.columns
    assert names == pandas["speaker"].tolist() == polars["speaker"].to_list()
    assert [1.0, 1.0, 1.0, 1.5] == pandas["duration"].tolist() == polars["duration"].to_list()
    assert pandas.dtypes.to_dict() == NOBODY.to_pandas().dtypes.to_dict()
    assert polars.schema == NOBODY.to_polars().schema
    assert Diarization.from_records(pandas.to_dict("records")).segments[2:] == ODD.segments[2:]


def test_a_plot_has_a_lane_for_each() -> None:
    """Names are shown as they are, not taken for formulas, and it can be drawn."""
    ax = Figure().add_subplot()

    drawn = ODD.plot(ax)
    drawn.figure.canvas.draw()

    assert ax is drawn
    assert 4 == len(ax.collections)
    assert r"\$x^{\$ & " == ax.get_yticklabels()[0].get_text()[:10]
    assert (0.0, 2.5) == ax.get_xlim()


@pytest.mark.parametrize(("duration", "end"), [(1.0, 2.5), (30.0, 30.0), (None, 2.5)])
def test_a_plot_shows_all_that_is_said(duration: float | None, end: float) -> None:
    """It goes to the end of the recording or of the last segment, and begins at 0."""
    early = SpeakerSegment(-2.0, -1.0, "early")
    talk = Diarization.from_segments([*ODD, early], usage=Usage(duration=duration))

    ax = talk.plot(Figure().add_subplot())

    assert (0.0, end) == ax.get_xlim()
    assert ODD.num_speakers == len(ax.collections)


def test_a_plot_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place to draw, a figure is made; nobody speaking is no error."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    axes = [ODD.plot(), NOBODY.plot()]

    assert 2 == len(plt.get_fignums())
    assert [4, 0] == [len(ax.collections) for ax in axes]
    plt.close("all")


def test_who_overlaps_with_themselves_is_no_false_alarm(make: "Make") -> None:
    """Which pyannote alone would count twice."""
    truth = make("a ######")
    doubled = Diarization.from_segments([*truth, SpeakerSegment(1.0, 3.0, "a")])

    assert 0 == doubled.der(truth) == truth.der(doubled) == doubled.jer(truth)


def test_what_pyannote_takes_for_nothing_is_nothing() -> None:
    """A segment of up to a microsecond is said by nobody, and is no error where nobody hears it."""
    blink = Diarization.from_segments([SpeakerSegment(0.0, 1e-7, "a")])

    assert 0 == blink.der(blink) == blink.jer(blink)
    assert 0 == blink.jer(NOBODY) == NOBODY.jer(blink)


def test_error_rates_in_pictures(make: "Make") -> None:
    """Missed, false and confused seconds over those of the reference, whatever the names."""
    reference = make("""
        Ann ####....
        Bob ....####
    """)
    hypothesis = make("""
        x ###.....
        y ....#####
    """)

    assert pytest.approx(2 / 8) == hypothesis.der(reference)
    assert pytest.approx((1 / 4 + 1 / 5) / 2) == hypothesis.jer(reference)


def test_a_collar_is_a_total_width(make: "Make") -> None:
    """As in pyannote, 1 forgives half a second on either side of a bound."""
    reference, late = make("a .####."), make("a .####.").shift(0.5)

    assert 0 == late.der(reference, collar=1.0) < late.der(reference, collar=0.8)


@pytest.mark.parametrize(
    ("mine", "reference", "rate"),
    [(NOBODY, NOBODY, 0.0), (ODD, NOBODY, 1.0), (NOBODY, ODD, 1.0)],
    ids=["neither", "only heard", "only said"],
)
def test_silence_has_error_rates(mine: Diarization, reference: Diarization, rate: float) -> None:
    """Silence that is found is no error; else everything is one."""
    assert rate == mine.der(reference) == mine.jer(reference)


@pytest.mark.parametrize(
    ("module", "extra", "use"),
    [
        ("pyannote.core", "pyannote", lambda: NOBODY.to_pyannote()),
        ("pandas", "pandas", lambda: NOBODY.to_pandas()),
        ("polars", "polars", lambda: NOBODY.to_polars()),
        ("matplotlib.pyplot", "plot", lambda: NOBODY.plot()),
        ("pyannote.metrics.diarization", "metrics", lambda: NOBODY.der(NOBODY)),
        ("pyannote.metrics.diarization", "metrics", lambda: NOBODY.jer(NOBODY)),
    ],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, extra: str, use: Callable[[], object]
) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ConfigurationError) as caught:
        use()

    assert f'this needs {module}: pip install "mavi-async[{extra}]"' == str(caught.value)
    assert isinstance(caught.value.__cause__, ImportError)
