"""`mavi-async upload`: files in, asset ids out."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async.emulator import Emulator, Fault

if TYPE_CHECKING:
    from tests.cli.conftest import Run

RATE = ("--rate", "100")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two recordings, and a file that is none."""
    paths = [tmp_path / name for name in ("talk.flac", "other.ogg", "notes.txt")]
    for path in paths:
        path.write_bytes(b"x" * 1000)
    return [str(path) for path in paths]


def test_asset_ids_are_printed(
    call: "Run", settings: dict[str, str], files: list[str], emulator: Emulator
) -> None:
    """One line for each file on standard output, everything else on standard error."""
    ended = call("upload", *files[:2], files[0], *RATE, **settings)
    printed = dict(line.split("  ")[::-1] for line in ended.stdout.splitlines())

    assert 0 == ended.returncode
    assert set(files[:2]) == set(printed)
    assert all(re.fullmatch(r"re_\d{18}", asset_id) for asset_id in printed.values())
    assert f"talk.flac: uploaded as {printed[files[0]]}\n" in ended.stderr
    assert "usable" not in ended.stderr
    assert ended.stderr.endswith("2 of 2 files uploaded.\n")
    assert 2 == emulator.assets_created


@pytest.mark.parametrize("via", ["direct", "signed-url"])
def test_waiting(
    call: "Run", settings: dict[str, str], files: list[str], emulator: Emulator, via: str
) -> None:
    """With ``--wait`` it ends when jobs can be made of each, and says so to programs too."""
    emulator.inject(Fault("status", upload_status="UPLOADING"))
    ended = call("upload", files[0], "--wait", "--json", "--via", via, *RATE, **settings)
    document = json.loads(ended.stdout)

    assert (0, "SUCCESS", True) == (ended.returncode, document["upload_status"], document["ok"])
    assert files[0] == document["file"]
    assert "talk.flac: usable\n" in ended.stderr


def test_one_that_fails_stops_no_other(
    call: "Run", settings: dict[str, str], files: list[str], emulator: Emulator
) -> None:
    """It is named, and the exit code tells."""
    emulator.inject(Fault("status"))
    ended = call("upload", files[0], files[2], "--wait", "--json", *RATE, **settings)
    documents = {each["file"]: each for each in map(json.loads, ended.stdout.splitlines())}

    assert 1 == ended.returncode
    assert {files[0]: "AssetFailed", files[2]: "ConfigurationError"} == {
        file: document["error"] for file, document in documents.items()
    }
    assert "failed: notes.txt: MAVI does not take" in ended.stderr
    assert ended.stderr.endswith("0 of 2 files uploaded.\n")


def test_a_wrong_set_up(call: "Run", settings: dict[str, str], files: list[str]) -> None:
    """A missing file, a wrong key and options that are none: 2, and why."""
    missing = call("upload", "nowhere.flac", *RATE, **settings)
    key = call("upload", files[0], *RATE, **{**settings, "MAVI_API_KEY": "sk-mavi-another"})
    option = call("upload", files[0], "--rate", "0", **settings)

    assert [2, 2, 2] == [missing.returncode, key.returncode, option.returncode]
    assert "No such file" in missing.stderr
    assert "check the API key" in key.stderr
    assert "--rate is a positive number" in option.stderr


def test_bars_in_a_terminal(in_terminal: "Run", settings: dict[str, str], files: list[str]) -> None:
    """They move in place, and give way to the results."""
    ended = in_terminal("upload", *files[:2], "--wait", *RATE, **settings)

    assert 0 == ended.returncode
    assert "\x1b[?25l" in ended.stdout
    assert ended.stdout.rindex("\x1b[?25h") > ended.stdout.rindex("\x1b[?25l")
    assert "usable" in ended.stdout
    assert 2 == len(set(re.findall(r"(re_\d{18})  /", ended.stdout)))
