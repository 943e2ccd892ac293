"""Error rates: the same as of the package, with what they are made of."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import Diarization, SpeakerSegment

if TYPE_CHECKING:
    from tests.cli.conftest import Shelf

Run = Callable[..., subprocess.CompletedProcess[str]]


def talk(*segments: tuple[float, float, str]) -> Diarization:
    """A result of some segments."""
    return Diarization.from_segments([SpeakerSegment(*each) for each in segments], uri="talk")


# Of 20 s of speech, 2 s are missed, 1 s is invented, and 3 s are said to be somebody else's. Ann
# and x are not of one mind for 5 s of 13, Bob and y for 4 s of 11.
TRUTH = talk((0, 10, "Ann"), (10, 20, "Bob"))
GUESS = talk((2, 13, "x"), (13, 20, "y"), (20, 21, "y"))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a result and its reference."""
    (tmp_path / "truth.rttm").write_text(TRUTH.to_rttm())
    (tmp_path / "guess.json").write_text(GUESS.to_json())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scored(call: Run, *arguments: str) -> dict[str, float]:
    """The figures for programs."""
    ended = call("score", *arguments, "--json")

    assert (0, "") == (ended.returncode, ended.stderr)
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def test_for_people(call: Run) -> None:
    """Both rates, and the parts of the first; the result comes first, the reference second."""
    ended = call("score", "guess.json", "truth.rttm")

    assert (0, "") == (ended.returncode, ended.stderr)
    assert [
        "guess.json against truth.rttm  speakers: 2, in the reference 2",
        "  diarization error rate    30.00%  of 20.00 s of speech",
        "    missed                  10.00%  2.00 s",
        "    false alarm              5.00%  1.00 s",
        "    confusion               15.00%  3.00 s",
        "  Jaccard error rate        37.41%",
    ] == ended.stdout.splitlines()


def test_for_programs(call: Run) -> None:
    """Rates are shares, parts are seconds."""
    assert {
        "hypothesis": "guess.json",
        "reference": "truth.rttm",
        "collar": 0.0,
        "skip_overlap": False,
        "der": pytest.approx(0.3),
        "jer": pytest.approx((5 / 13 + 4 / 11) / 2),
        "missed": pytest.approx(2),
        "false_alarm": pytest.approx(1),
        "confusion": pytest.approx(3),
        "total": pytest.approx(20),
    } == scored(call, "guess.json", "truth.rttm")


def test_collar(call: Run) -> None:
    """It is the whole width, which the text spells out; the other rate does not know it."""
    found = scored(call, "guess.json", "truth.rttm", "--collar", "1")
    ended = call("score", "guess.json", "truth.rttm", "--collar", "1")

    assert pytest.approx(GUESS.der(TRUTH, collar=1.0)) == found["der"]
    assert (
        pytest.approx(1.5 + 0.5 + 2.5)
        == found["missed"] + found["false_alarm"] + (found["confusion"])
    )
    assert pytest.approx(GUESS.jer(TRUTH)) == found["jer"]
    assert ended.stdout.endswith(
        "\n  left out of the first rate: 0.5 s on either side of each bound\n"
    )


def test_overlap(call: Run, here: Path) -> None:
    """It counts, unless it is left out; that of a speaker with themselves never does."""
    truth = talk((0, 10, "Ann"), (8, 12, "Bob"))
    guess = talk((0, 10, "x"), (5, 10, "x"), (10, 12, "y"))
    (here / "both.rttm").write_text(truth.to_rttm())
    (here / "one.rttm").write_text(guess.to_rttm())
    counted = scored(call, "one.rttm", "both.rttm")
    left_out = scored(call, "one.rttm", "both.rttm", "--skip-overlap")
    ended = call("score", "one.rttm", "both.rttm", "--skip-overlap", "--collar", "0.1")

    assert pytest.approx(2 / 14) == counted["der"] == guess.der(truth)
    assert 0 == left_out["der"]
    assert pytest.approx(10) == left_out["total"]
    assert counted["jer"] == left_out["jer"] > 0
    assert "rate: 0.05 s on either side of each bound, and where several speak\n" in ended.stdout


def test_silence(call: Run, here: Path) -> None:
    """Nothing is divided by nothing, on whichever side nobody speaks."""
    (here / "silent.rttm").write_text("")
    invented = call("score", "guess.json", "silent.rttm").stdout.splitlines()
    both = scored(call, "silent.rttm", "silent.rttm")

    assert "  diarization error rate   100.00%  of 0.00 s of speech" == invented[1]
    assert "    false alarm                     19.00 s" == invented[3]
    assert (0, 0, 0) == (both["der"], both["jer"], both["total"])
    assert 1 == scored(call, "silent.rttm", "truth.rttm")["der"]


def test_a_job_against_one_of_many(call: Run, here: Path, shelf: "Shelf") -> None:
    """Which recording is meant says ``--uri``; what the result is called does not matter."""
    truth = talk((0, 60, "Ann"))
    (here / "all.rttm").write_text(TRUTH.to_rttm() + truth.to_rttm(uri="town"))
    (here / "guess.rttm").write_text(truth.to_rttm(uri="re_1"))
    unclear = call("score", shelf.done.task_id, "all.rttm")

    assert (2, "") == (unclear.returncode, unclear.stdout)
    assert "2 recordings (talk, town): say which one to read with --uri\n" in unclear.stderr
    for name in (shelf.arrived.task_id, "guess.rttm"):
        assert 0 == scored(call, name, "all.rttm", "--uri", "town")["der"]
    assert '"arrived"' in call("tasks", "--json").stdout


def test_a_format_by_name(call: Run, here: Path) -> None:
    """It is that of the file whose suffix does not tell, whichever of the two that is."""
    (here / "truth.ref").write_text(TRUTH.to_csv())
    (here / "truth").write_text(TRUTH.to_csv())
    expected = scored(call, "guess.json", "truth.rttm")["der"]

    assert expected == scored(call, "guess.json", "truth.ref", "--from", "csv")["der"]
    assert expected == scored(call, "guess.json", "truth", "--from", "csv")["der"]
    assert 0 == scored(call, "truth.ref", "truth.rttm", "--from", "csv")["der"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("- -", "only one of the two can come from standard input\n"),
        ("guess.json truth.rttm --collar -1", "--collar is -1.0: give a number of seconds, at le"),
        ("guess.json truth.rttm --collar inf", "--collar is inf: give a number of seconds"),
        ("guess.json", "reference"),
    ],
)
def test_wrong_usage(arguments: str, words: str, call: Run) -> None:
    """It is told, and nothing is printed."""
    ended = call("score", *arguments.split())

    assert (2, "") == (ended.returncode, ended.stdout)
    assert words in ended.stderr.replace("REFERENCE", "reference")


def test_without_the_extra(call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "pyannote.metrics.diarization", None)
    ended = call("score", "guess.json", "truth.rttm")

    assert (2, "") == (ended.returncode, ended.stdout)
    assert 'pip install "mavi-async[metrics]"\n' in ended.stderr


def test_hostile_names(call: Run, here: Path) -> None:
    """The name of a file does not steer the terminal."""
    name = "\x1b[2J\u202e[red]x.rttm"
    (here / name).write_text(TRUTH.to_rttm())

    assert "[2J[red]x.rttm against truth.rttm  " in call("score", name, "truth.rttm").stdout
    assert call("score", name, "truth.rttm", "--json").stdout.isascii()
