"""The demo, in a pipe and in a terminal."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mavi_async.cli._demo import _RECORDINGS

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

FAST = ("--rate", "20", "--callback-delay", "0.2")


def test_the_plain_demo(run: Run) -> None:
    """Without a terminal it is lines: every result, every odd callback, and what was measured."""
    ended = run("demo", *FAST)
    lines = ended.stdout.splitlines()

    assert (0, "") == (ended.returncode, ended.stderr)
    for name in _RECORDINGS:
        assert 1 == len(
            [line for line in lines if re.match(rf"{name}  \d+:\d\d, \d speaker", line)]
        )
    assert "callback came before the answer to its submit: kept, matched by task_id" in ended.stdout
    assert "callback came twice: the repeat was acknowledged and changed nothing" in ended.stdout
    assert re.search(r"callback \d\.\d s after its submit: late, on purpose", ended.stdout)
    assert re.fullmatch(
        r"6 jobs created at the server for 6 recordings, submitted within \d\.\d s "
        r"at 20 requests/s, (none|\d+) rejected\.",
        lines[-2],
    )
    assert "7 callbacks received, 6 results." == lines[-1]


def test_the_environment_does_not_matter(run: Run) -> None:
    """Neither a key, a URL nor a proxy that is set leads it off this machine."""
    nowhere = "http://127.0.0.1:9"
    extra = dict.fromkeys(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"], nowhere)
    ended = run("demo", *FAST, "--count", "1", MAVI_API_KEY="x", MAVI_BASE_URL=nowhere, **extra)

    assert 0 == ended.returncode
    assert "1 jobs created at the server for 1 recordings" in ended.stdout


def test_replay(run: Run, tmp_path: Path) -> None:
    """Annotations of a folder take the place of inventions; their names are no markup."""
    for name in "abc":
        (tmp_path / f"{name}.rttm").write_text(
            f"SPEAKER {name} 1 0.0 5.0 <NA> <NA> \x1b[31m[bold]Zoë <NA> <NA>\n"
            f"SPEAKER {name} 1 4.0 6.0 <NA> <NA> SPEAKER_01 <NA> <NA>\n",
            encoding="utf-8",
        )
    ended = run("demo", *FAST, "--replay", str(tmp_path), "--count", "2")

    assert 0 == ended.returncode
    assert 2 == ended.stdout.count("0:10, 2 speakers, 1.0 s of overlap ▓")
    assert "  [31m[bold]Zoë " in ended.stdout
    assert "2 jobs created at the server for 2 recordings" in ended.stdout


def test_a_recording_that_cannot_be_submitted(run: Run, tmp_path: Path) -> None:
    """It fails, the others do not, and the exit code says so."""
    for name in ("fine", "not fine"):
        (tmp_path / f"{name}.rttm").write_text("SPEAKER x 1 0 5 <NA> <NA> A <NA> <NA>\n")
    ended = run("demo", *FAST, "--replay", str(tmp_path))

    assert 1 == ended.returncode
    assert "fine  0:05, 1 speaker\n" in ended.stdout
    assert "asset_id is 1 to 256 printable ASCII characters" in ended.stdout
    assert "1 jobs created at the server for 2 recordings" in ended.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes break in another way there")
def test_a_reader_who_leaves(start: Start) -> None:
    """It is no error: what was begun is finished."""
    process = start("demo", *FAST)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()

    assert (0, "") == (process.wait(60), errors)


@pytest.mark.parametrize("columns", [80, 110])
def test_the_live_demo(in_terminal: Run, columns: int) -> None:
    """In a terminal it is redrawn in place, in colour, and no line is broken by its width."""
    ended = in_terminal("demo", *FAST, columns=columns)

    assert 0 == ended.returncode
    assert "Traceback" not in ended.stdout
    assert "\x1b[?25l" in ended.stdout, "the cursor is hidden while it is redrawn"
    assert ended.stdout.rindex("\x1b[?25h") > ended.stdout.rindex("\x1b[?25l")
    assert "queued for a slot" in ended.stdout
    assert "\x1b[38;5;" in ended.stdout
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", ended.stdout)
    assert [] == [line for line in re.split(r"[\r\n]+", text) if len(line) > columns]
    assert "6 jobs created at the server for 6 recordings" in " ".join(text.split())


def test_no_color(in_terminal: Run) -> None:
    """NO_COLOR takes the colours away, not the redrawing."""
    ended = in_terminal("demo", *FAST, NO_COLOR="1")

    assert 0 == ended.returncode
    assert "\x1b[?25l" in ended.stdout
    assert not re.search(r"\x1b\[[0-9;]*[34]8;", ended.stdout)
    assert not re.search(r"\x1b\[(\d+;)*(3|4|9|10)[0-7](;\d+)*m", ended.stdout)


def test_a_dumb_terminal(in_terminal: Run) -> None:
    """It gets lines."""
    ended = in_terminal("demo", *FAST, TERM="dumb")

    assert 0 == ended.returncode
    assert "\x1b" not in ended.stdout
    assert "being submitted" in ended.stdout


def test_the_picture(run: Run, tmp_path: Path) -> None:
    """It shows what was printed, in colour, and fetches nothing from anywhere."""
    path = tmp_path / "demo.svg"
    ended = run("demo", *FAST, "--save-svg", str(path))
    svg = path.read_text(encoding="utf-8")

    assert 0 == ended.returncode
    assert svg.startswith("<svg")
    assert "@font-face" not in svg
    assert "url(http" not in svg
    for name in _RECORDINGS:
        assert name in svg
