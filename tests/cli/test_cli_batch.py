"""`mavi-async batch`: many recordings in, files out, paid for once."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import Diarization
from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.cli.conftest import FullDisk, Run, Shelf, Start


@pytest.fixture
def batch(
    call: "Run",
    settings: dict[str, str],
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> "Run":
    """Run ``mavi-async batch`` in a folder with three recordings of a minute."""
    monkeypatch.chdir(tmp_path)
    Path("talks/day2").mkdir(parents=True)
    for name in ("talks/a.wav", "talks/b.wav", "talks/day2/a.wav"):
        with wave.open(name, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(1)
            file.setframerate(100)
            file.writeframes(name.encode().ljust(6000))

    def batch(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        listen = ("--listen", f"127.0.0.1:{port}", "--rate", "100")
        return call("batch", *arguments, *listen, **{**settings, **extra})

    return batch


def written(folder: str = "out") -> set[str]:
    """The files below a folder."""
    return {
        path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()
    }


def test_a_folder(batch: "Run", emulator: Emulator) -> None:
    """Results are written under the names of the recordings, and told are estimate and bill."""
    ended = batch("talks", "--output", "out", "--format", "rttm", "--format", "svg")

    assert (0, "") == (ended.returncode, ended.stdout)
    assert {f"{name}.{kind}" for name in ("a", "b", "day2/a") for kind in ("rttm", "svg")} == (
        written()
    )
    assert "a" == Diarization.load("out/day2/a.rttm").uri
    assert "Recordings: 3. To be paid: about USD 0.18 for 0:03:00 of audio.\n" in ended.stderr
    assert re.search(r" s  talks/b\.wav  accepted as task [0-9a-f]{32}, waiting", ended.stderr)
    assert "  3  done\n3 of 3 recordings done.\n" in ended.stderr
    assert re.search(
        r"\nBilled, by what MAVI reports: 0:.* of audio, USD \d\.\d\d\.\n", ended.stderr
    )
    assert (3, 3) == (emulator.assets_created, emulator.jobs_created)


def test_again(batch: "Run", emulator: Emulator) -> None:
    """What was begun is not begun anew; resumed, it writes and pays for what is missing."""
    options = ("talks", "--output", "out")
    batch(*options)
    at = Path("out/b.rttm").stat().st_mtime_ns
    Path("out/a.rttm").unlink()
    refused = batch(*options)
    resumed = batch(*options, "--resume")
    other = batch("talks/b.wav", "--output", "out", "--name", "other")

    assert [2, 0, 0] == [each.returncode for each in (refused, resumed, other)]
    assert "was begun before, with 3 of these recordings: use --resume" in refused.stderr
    assert "submitted before, and not in that: 1.\n" in resumed.stderr
    assert "  1  done\n  2  written by an earlier run\n3 of 3 recordings done.\n" in resumed.stderr
    assert "; of that by this run 0:00:00 of audio, USD 0.00.\n" in resumed.stderr
    assert {"a.rttm", "b.rttm", "day2/a.rttm"} == written()
    assert at < Path("out/b.rttm").stat().st_mtime_ns
    assert 4 == emulator.jobs_created


def test_a_recording_that_changed(batch: "Run", emulator: Emulator) -> None:
    """It is another one, whose result is not there yet."""
    batch("talks", "--output", "out")
    Path("talks/a.wav").write_bytes(b"other")
    batch("talks", "--output", "out", "--resume")

    assert 4 == emulator.jobs_created


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("talks --max-cost 0.17", "it would cost about USD 0.18 for 0:03:00 of audio, more than"),
        ("list.csv --max-cost 9", "recordings of unknown length: 2; say with --assume-length how"),
        ("list.csv --max-cost 1.9 --assume-length 1000", "it would cost about USD 2.00"),
        ("talks --max-cost -1", "--max-cost is a non-negative number"),
        ("talks --format wav", "there is no format 'wav': use one of rttm"),
        ("talks --timeout nan", "--timeout is a finite number"),
        ("talks list.csv no.wav", "there is no file or folder 'no.wav'"),
        ("talks/a.wav talks/day2/a.wav", "talks/a.wav and talks/day2/a.wav would both be written"),
        ("talks --received-elsewhere", "not both"),
        ("talks --name x\ty", "a batch's name is 1 to 128 printable"),
    ],
)
def test_nothing_is_sent(options: str, words: str, batch: "Run", emulator: Emulator) -> None:
    """What is wrong, or costs too much, is found out before anything is uploaded."""
    Path("list.csv").write_text("asset_id\nre_1\nre_2\n")
    ended = batch(*options.split(" "), "--output", "out")

    assert (2, "") == (ended.returncode, ended.stdout)
    assert words in ended.stderr
    assert (0, 0) == (emulator.assets_created, emulator.jobs_created)


def test_within_the_cost(batch: "Run", emulator: Emulator) -> None:
    """A bound that holds, with what was assumed, changes nothing."""
    Path("list.csv").write_text("asset_id;name\nre_1;first\nre:2\n")
    ended = batch("list.csv", "--output", "out", "--max-cost", "2", "--assume-length", "1000")

    assert 0 == ended.returncode
    assert {"first.rttm", "re_2-e360b22f.rttm"} == written()
    assert 2 == emulator.jobs_created


def test_each_has_its_command(batch: "Run", call: "Run", emulator: Emulator) -> None:
    """What has no result is named with the command that settles it, and the others are done."""
    Path("list.csv").write_text("asset_id\nre_bad\nre_late\nre_lost\nre_good\n")
    emulator.inject(
        Fault("fail", asset_id="re_bad"),
        Fault("drop", asset_id="re_late"),
        Fault("500", asset_id="re_lost"),
    )
    ended = batch("list.csv", "--output", "out", "--timeout", "0.5", "--json")
    lines = {each["name"]: each for each in map(json.loads, ended.stdout.splitlines())}

    assert 1 == ended.returncode
    assert {"re_bad": "failed", "re_late": "pending", "re_lost": "unknown", "re_good": "done"} == {
        name: line["state"] for name, line in lines.items()
    }
    assert {"re_good.rttm"} == written()
    resume = lines["re_late"]["next"]
    assert resume.startswith("mavi-async batch list.csv --output out --listen")
    assert f"  to wait for them: {resume}\n" in ended.stderr
    forget = f"mavi-async forget {lines['re_lost']['intent_id']}"
    assert f"    if MAVI's console shows no such job: {forget}\n" in ended.stderr
    assert lines["re_bad"]["next"] == (
        f"mavi-async forget {lines['re_bad']['task_id']} --yes && {resume}"
    )
    assert "  1  done\n  1  refused\n  1  unknown\n  1  pending\n" in ended.stderr
    call(*shlex.split(forget)[1:], "--yes")
    call("forget", lines["re_bad"]["task_id"], "--yes")
    again = batch("list.csv", "--output", "out", "--resume", "--timeout", "0.5")
    assert {"re_good.rttm", "re_bad.rttm", "re_lost.rttm"} == written()
    assert "3 of 4 recordings done." in again.stderr


@pytest.mark.parametrize("why", ["key", "credits"])
def test_a_refusal_that_all_would_meet(batch: "Run", emulator: Emulator, why: str) -> None:
    """It stops the batch; only a wrong set-up is exit code 2."""
    if why == "credits":
        emulator.inject(Fault("402", times=None))
        ended = batch("talks", "--output", "out")
    else:
        ended = batch("talks", "--output", "out", MAVI_API_KEY="sk-mavi-another-key")

    assert {"key": 2, "credits": 1}[why] == ended.returncode
    assert "  to go on: mavi-async batch talks --output out" in ended.stderr or why == "key"
    assert "0 of 3 recordings done." in ended.stderr
    assert 0 == emulator.jobs_created


def test_a_full_disk(batch: "Run", call: "Run", emulator: Emulator, full_disk: "FullDisk") -> None:
    """The results are in the store, and the commands that are told write them."""
    with full_disk():
        ended = batch("talks/a.wav", "--output", "out")
    [export] = re.findall(
        r"No space left on device: mavi-async (export [0-9a-f]{32} --to rttm --output out/a\.rttm)",
        ended.stderr,
    )

    assert 1 == ended.returncode
    assert "not written: 1, the results are in the store\n" in ended.stderr
    assert "0 of 1 recordings done.\n" in ended.stderr
    assert set() == written()
    assert 0 == call(*export.split()).returncode
    assert {"a.rttm"} == written()
    assert 1 == emulator.jobs_created


@pytest.mark.skipif(os.name == "nt", reason="such names are none there")
def test_hostile_names(batch: "Run", emulator: Emulator) -> None:
    """Names that are no text, steer terminals, or look like options."""
    names = ("\x1b[2J\n\u202e.wav", "-x.wav", "\udcff.wav", "a b;c'\".wav", "é" * 120 + ".wav")
    Path("odd").mkdir()
    for name in names:
        Path("odd", name).write_bytes(name.encode("utf-8", "surrogateescape"))
    ended = batch("odd", "--output", "-out", "--json")
    outcomes = [json.loads(line) for line in ended.stdout.splitlines()]

    assert [True] * 5 == [each["ok"] for each in outcomes], outcomes
    assert {f"{name.removesuffix('.wav')}.rttm" for name in names} == written("-out")
    assert "\x1b" not in ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(
    start: "Start", batch: "Run", call: "Run", settings: dict[str, str], emulator: Emulator,
    port: int, shelf: "Shelf", number: signal.Signals,
) -> None:  # fmt: skip
    """Nothing more is submitted, what runs is named, and the command that is told goes on."""
    emulator.inject(Fault("drop"))
    options = ("talks", "--output", "out", "--listen", f"127.0.0.1:{port}")
    process = start("batch", *options, **settings)
    assert process.stderr is not None
    read = ""
    while "accepted as task" not in read:
        read += process.stderr.readline()
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    resume = shlex.join(["mavi-async", "batch", *options, "--format", "rttm", "--resume"])

    assert (130, "") == (process.returncode, output)
    assert "Stopping: nothing more is submitted" in errors
    assert re.search(r"still running at MAVI as task [0-9a-f]{32}\n  to wait for them: ", errors)
    assert f"  to go on: {resume}\n" in errors
    assert "not submitted: 2\n" in errors
    assert 1 == emulator.jobs_created
    if number is signal.SIGINT:
        # The callback that was dropped arrives after all, while nobody runs.
        [task_id] = re.findall("running at MAVI as task ([0-9a-f]{32})", errors)
        Path("callback.json").write_bytes(shelf.body(task_id))
        call("replay", "callback.json")
        resumed = batch("talks", "--output", "out", "--resume")
        assert "3 of 3 recordings done.\n" in resumed.stderr
        assert {"a.rttm", "b.rttm", "day2/a.rttm"} == written()
        assert 3 == emulator.jobs_created


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
def test_interrupted_twice(
    start: "Start", batch: "Run", settings: dict[str, str], emulator: Emulator, port: int
) -> None:
    """The first waits for the request that is under way, the second for nothing."""
    emulator.inject(Fault("hang", endpoint="speaker", after_bytes=0))
    options = ("talks/a.wav", "--output", "out", "--listen", f"127.0.0.1:{port}")
    process = start("batch", *options, **settings)
    assert process.stderr is not None
    while not emulator.submit_times:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    while "Once more ends it at once" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=9)

    assert 130 == process.returncode
    assert errors.startswith("Ended at once. To go on: mavi-async batch talks/a.wav")


def test_in_a_terminal(
    in_terminal: "Run", batch: "Run", settings: dict[str, str], port: int
) -> None:
    """Progress is redrawn in place and gone in the end; the report stays."""
    listen = ("--listen", f"127.0.0.1:{port}", "--rate", "10")
    ended = in_terminal("batch", "talks", "--output", "out", *listen, **settings)

    assert 0 == ended.returncode
    assert "\x1b[?25l" in ended.stdout
    assert ended.stdout.rindex("\x1b[?25h") > ended.stdout.rindex("\x1b[?25l")
    assert "of 3 recordings" in ended.stdout
    assert "accepted as task" not in ended.stdout
    assert "3 of 3 recordings done." in ended.stdout.replace("\r", "")
