"""Files that do not fit into memory."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from mavi_async.emulator import Emulator

GIB = 2**30


@pytest.mark.torture
@pytest.mark.parametrize("via", ["direct", "signed-url"])
def test_two_gigabytes_take_no_memory(via: str, tmp_path: Path, emulator: Emulator) -> None:
    """A sparse file of 2 GiB arrives whole, and the process grows by some pieces of it."""
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.truncate(2 * GIB)
    digest = hashlib.sha256()
    for _ in range(2 * GIB // 2**20):
        digest.update(bytes(2**20))
    script = Path(__file__).with_name("run_upload.py")
    run = subprocess.run(
        [sys.executable, str(script), emulator.base_url, emulator.api_key, str(path), via],
        capture_output=True,
        check=True,
        text=True,
    )
    grown = json.loads(run.stdout)["more_kib"]
    asset = cast("list[dict[str, object]]", emulator.state()["assets"])[-1]

    assert (2 * GIB, digest.hexdigest()) == (asset["size"], asset["sha256"])
    assert grown < 8 * 1024
