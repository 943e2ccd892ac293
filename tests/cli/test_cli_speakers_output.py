"""Results of jobs written to files: decided before anything is paid for, and never lost."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import Diarization
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.cli.conftest import FullDisk

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def speakers(
    call: Run, settings: dict[str, str], port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run ``mavi-async speakers`` in a folder of its own."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def speakers(*arguments: str) -> subprocess.CompletedProcess[str]:
        listen = ("--listen", f"127.0.0.1:{port}", "--rate", "100")
        return call("speakers", *arguments, *listen, **settings)

    return speakers


def test_one_file(speakers: Run) -> None:
    """The suffix names the format; nothing is drawn, and where it is is told."""
    ended = speakers("re_1", "--output", "town.rttm")
    result = Diarization.load("town.rttm")

    assert (0, "") == (ended.returncode, ended.stdout)
    assert "re_1: written to town.rttm\n" in ended.stderr
    assert ("re_1", True) == (result.uri, bool(result))


def test_a_folder(speakers: Run, emulator: Emulator) -> None:
    """Each recording has its file, but for those that failed; another run replaces them."""
    emulator.inject(Fault("fail", asset_id="re_bad"))
    ended = speakers("re_1", "re_bad", "re/../2", "--output", "out", "--to", "vtt")
    files = {path.name for path in Path("out").iterdir()}
    Path("out/re_1.vtt").write_text("by hand")
    again = speakers("re_1", "re/../2", "--output", "out/", "--to", "vtt")

    assert (1, "") == (ended.returncode, ended.stdout)
    assert "2 of 3 recordings done." in ended.stderr
    assert {"re_1.vtt", "re_2-ace1c233.vtt"} == files
    assert 0 == again.returncode
    assert Path("out/re_1.vtt").read_text().startswith("WEBVTT")
    assert 3 == emulator.jobs_created


def test_lines_as_well(speakers: Run) -> None:
    """Programs get both."""
    ended = speakers("re_1", "--output", "town.json", "--json")

    assert 0 == ended.returncode
    assert Diarization.load("town.json").task_id == json.loads(ended.stdout)["task_id"]


def test_a_pipe(speakers: Run) -> None:
    """A single result may go to standard output in any format."""
    ended = speakers("re_1", "--output", "-", "--to", "rttm")

    assert ended.stdout.startswith("SPEAKER re_1 1 ")
    assert set(ended.stdout.splitlines()) == set(
        Diarization.from_rttm(ended.stdout).to_rttm().splitlines()
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("re_1 --to rttm", "--to is the format of --output: name a file or a folder, too"),
        ("re_1 --output - --to rttm --json", "--json and --output - would both write to standard"),
        ("re_1 --output town", "the suffix of 'town' names no format: use one of .rttm, "),
        ("re_1 --output no/town.rttm", "cannot write 'no/town.rttm': there is no folder 'no': cr"),
        ("re_1 --output . ", "name a format with --to: one of rttm, "),
        ("re_1 re_2 --output town.rttm", "'town.rttm' is one, and there are 2 recordings: give a"),
        ("re_1 re_2 --output no/out --to vtt", "cannot write 'no/out': No such file or directory"),
    ],
)
def test_nothing_is_paid_for(arguments: str, words: str, speakers: Run, emulator: Emulator) -> None:
    """What cannot be written is found out before anything is submitted."""
    ended = speakers(*arguments.split())

    assert (2, "") == (ended.returncode, ended.stdout)
    assert ended.stderr.startswith("mavi-async: ")
    assert words in ended.stderr
    assert 0 == emulator.jobs_created


def test_what_may_not_be_written_is_not_paid_for(
    speakers: Run, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither into a folder of somebody else's."""
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    ended = speakers("re_1", "--output", "town.rttm")

    assert 2 == ended.returncode
    assert "cannot write 'town.rttm': you may not write there\n" in ended.stderr
    assert 0 == emulator.jobs_created


def test_a_full_disk_loses_nothing(speakers: Run, call: Run, full_disk: "FullDisk") -> None:
    """The result is in the store, and the command that is told writes it."""
    with full_disk():
        ended = speakers("re_1", "--output", "town.rttm")
    [again] = re.findall(
        r"^re_1: cannot write 'town.rttm': No space left on device; the result is in the store: "
        r"mavi-async (export [0-9a-f]{32} --to rttm --output) FILE$",
        ended.stderr,
        re.MULTILINE,
    )

    assert (1, "") == (ended.returncode, ended.stdout)
    assert "Results that could not be written, and are in the store: 1\n" in ended.stderr
    assert [] == list(Path().iterdir())
    assert 0 == call(*again.split(), "town.rttm").returncode
    assert "re_1" == Diarization.load("town.rttm").uri
