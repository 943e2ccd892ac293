"""What the page about the command line shows is what one gets."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import TaskStore
from mavi_async.stores import Submission

if TYPE_CHECKING:
    from tests.cli.conftest import WithStore

Run = Callable[..., subprocess.CompletedProcess[str]]

PAGE = Path(__file__).parent.parent.parent / "docs" / "cli.md"
TASK_ID = "aa2b379a1fd245e39ddc42b7fba932d3"
ROWS = [
    (0.5, 6.0, "SPEAKER_01"),
    (6.2, 9.0, "SPEAKER_01"),
    (8.5, 14.0, "SPEAKER_00"),
    (10.0, 10.4, "SPEAKER_01"),
    (15.5, 21.0, "SPEAKER_01"),
    (20.0, 26.0, "SPEAKER_00"),
]


def blocks(section: str) -> list[str]:
    """The console blocks of a section."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## `{section}`\n")
    return re.findall(r"```console\n(.*?)```", rest.partition("\n## ")[0], re.DOTALL)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_store: "WithStore") -> Path:
    """A folder and a store with what the page speaks of."""
    segments = [{"start": start, "end": end, "speaker": who} for start, end, who in ROWS]
    usage = {"duration": 30.0, "model": "pyannote", "output_tokens": 0, "prompt_tokens": 0}
    data = {"data": {"data": segments, "usage_metadata": usage}, "msg": "ok", "success": True}
    body = json.dumps({"code": "0000", "message": "SUCCESS", "data": data, "task_id": TASK_ID})

    async def fill(store: TaskStore) -> None:
        await store.put_submission(Submission(TASK_ID, "studio", "re_town_hall", 0.0))
        await store.put_callback(TASK_ID, body.encode(), seen=False)

    with_store(fill)
    truth = [(0.5, 9.0, "Ann"), (8.6, 14.0, "Bob"), (15.5, 20.5, "Ann"), (20.0, 26.0, "Bob")]
    for name, recordings in (("truth", ["town_hall"]), ("meetings", ["town_hall", "interview"])):
        lines = [
            f"SPEAKER {uri} 1 {start} {end - start:.1f} <NA> <NA> {who} <NA> <NA>\n"
            for uri in recordings
            for start, end, who in truth
        ]
        (tmp_path / f"{name}.rttm").write_text("".join(lines))
    (tmp_path / "town_hall.rttm").write_text((tmp_path / "truth.rttm").read_text())
    (tmp_path / "callback.json").write_text(body)
    (tmp_path / "town_hall.flac").write_bytes(b"fLaC")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("section", ["show", "export", "score"])
def test_a_page_tells_the_truth(section: str, call: Run, files: Path) -> None:
    """Each command of the page prints what stands below it, errors and all."""
    for block in blocks(section):
        commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        shown = ""
        for command in commands:
            ended = call(*shlex.split(command)[1:])
            shown += f"$ {command}\n" + ended.stdout.rstrip("\n") + "\n" * bool(ended.stdout)
            shown += ended.stderr

        assert block == re.sub(r" +$", "", shown, flags=re.MULTILINE)
