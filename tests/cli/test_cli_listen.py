"""`mavi-async listen`: a receiver on its own, and commands that have none."""

import os
import re
import signal
from typing import TYPE_CHECKING

import httpx
import pytest

from mavi_async.emulator import Emulator

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Shelf, Start


@pytest.mark.skipif(os.name == "nt", reason="no such signals there")
def test_a_receiver_for_others(
    start: "Start", call: "Run", settings: dict[str, str], emulator: Emulator, port: int, token: str
) -> None:
    """What it receives reaches a command without a receiver, and each callback is a line."""
    listening = start("listen", f"127.0.0.1:{port}", MAVI_CALLBACK_TOKEN=token)
    assert listening.stderr is not None
    while "Ctrl-C stops it" not in listening.stderr.readline():
        pass
    ended = call("speakers", "re_1", "--received-elsewhere", "--rate", "100", **settings)
    listening.send_signal(signal.SIGTERM)
    output, errors = listening.communicate(timeout=60)

    assert 0 == ended.returncode
    assert "re_1  " in ended.stdout
    assert "Watching the store: another process receives the callbacks.\n" in ended.stderr
    assert 0 == listening.returncode
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  [0-9a-f]{32}  stored.*  \S+ kB  a result: \d+:\d\d, speakers: \d\n",
        output,
    )
    assert errors.endswith("Callbacks received: 1\n")
    assert token not in output + errors


@pytest.mark.skipif(os.name == "nt", reason="no such signals there")
def test_what_comes_is_told_apart(start: "Start", port: int, token: str, shelf: "Shelf") -> None:
    """Known or not, repeated or contradicting; nothing of it steers the terminal."""
    listening = start("listen", f"127.0.0.1:{port}", MAVI_CALLBACK_TOKEN=token)
    assert listening.stderr is not None
    while "Ctrl-C stops it" not in listening.stderr.readline():
        pass
    url = f"http://127.0.0.1:{port}/mavi/callback/{token}"
    hostile = '{"code": "0001", "message": "\\u001b[2Jno", "task_id": "new"}'
    for task_id in (shelf.pending.task_id, shelf.pending.task_id, "other"):
        httpx.post(url, content=shelf.body(task_id)).raise_for_status()
    for body in (hostile, hostile.replace("no", "yes")):
        httpx.post(url, content=body).raise_for_status()
    listening.send_signal(signal.SIGINT)
    output, _ = listening.communicate(timeout=60)
    told = [line.split("  ")[2:] for line in output.splitlines()]

    assert ["stored", "duplicate", "stored, of a job not known yet"] == [
        each[0] for each in told[:3]
    ]
    assert "a result: 1:00, speakers: 1" == told[0][-1]
    assert ["stored, of a job not known yet", "conflict"] == [each[0] for each in told[3:]]
    assert "a failure: MAVI could not do the job: [2Jno" == told[3][-1]


def test_quiet_until_interrupted(start: "Start", port: int, token: str, shelf: "Shelf") -> None:
    """With ``--quiet`` standard output stays empty."""
    listening = start("listen", f"127.0.0.1:{port}", "--quiet", MAVI_CALLBACK_TOKEN=token)
    assert listening.stderr is not None
    while "Ctrl-C stops it" not in listening.stderr.readline():
        pass
    url = f"http://127.0.0.1:{port}/mavi/callback/{token}"
    httpx.post(url, content=shelf.body("new")).raise_for_status()
    listening.send_signal(signal.SIGINT)
    output, errors = listening.communicate(timeout=60)

    assert (0, "", "Callbacks received: 1\n") == (listening.returncode, output, errors[-22:])


def test_wrong_set_ups(call: "Run", settings: dict[str, str], emulator: Emulator) -> None:
    """A weak token, no such address, a store that is none; and neither or both ways to receive."""
    weak = call("listen", "127.0.0.1:0", MAVI_CALLBACK_TOKEN="short")
    nowhere = call("listen", "8080")
    no_store = call("listen", "127.0.0.1:0", "--store", "/dev/null/no")
    neither = call("speakers", "re_1", **settings)
    both = call("speakers", "re_1", "--listen", "127.0.0.1:0", "--received-elsewhere", **settings)

    assert [2] * 5 == [each.returncode for each in (weak, nowhere, no_store, neither, both)]
    assert "a callback token is 16 to 256" in weak.stderr
    assert "listen is HOST:PORT" in nowhere.stderr
    assert "results come nowhere else" in neither.stderr
    assert "not both" in both.stderr
    assert 0 == emulator.jobs_created
