"""The emulator from the command line."""

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


def until(lines: Iterator[str], wanted: str) -> list[str]:
    """The lines up to one that contains something."""
    read: list[str] = []
    for line in lines:
        read.append(line.rstrip("\n"))
        if wanted in line:
            break
    return read


def submit(base_url: str, key: str) -> str:
    """Submit a recording and return the code of the answer."""
    request = urllib.request.Request(
        f"{base_url}/transcriptions/async-generate-speaker",
        json.dumps({"asset_id": "re_1"}).encode(),
        {"Authorization": key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        code: str = json.load(answer)["code"]
        return code


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
def test_emulate(start: Start, port: int) -> None:
    """It prints what to export, serves, and ends with Ctrl-C."""
    key = "sk-mavi-made-up"
    webhook = "http://127.0.0.1:9/"
    process = start("emulate", "--port", str(port), "--api-key", key, "--webhook-url", webhook)
    assert process.stdout is not None
    lines = until(process.stdout, "Ctrl-C")
    base_url = f"http://127.0.0.1:{port}/serve/api/v2"
    assert f"export MAVI_BASE_URL={base_url}" in lines
    assert f"export MAVI_API_KEY={key}" in lines
    assert "0000" == submit(base_url, key)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert (0, "") == (process.returncode, errors)
    assert "jobs created: 1, requests rejected: 0" in output


def test_a_port_that_is_taken(run: Run) -> None:
    """It says which, and ends."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        ended = run("emulate", "--port", str(number))

    assert 2 == ended.returncode
    assert f"cannot listen on 127.0.0.1:{number}" in ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
def test_without_a_webhook(start: Start) -> None:
    """It says how to set one later."""
    process = start("emulate")
    assert process.stdout is not None
    text = "\n".join(until(process.stdout, "Ctrl-C"))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert "submits are refused until there is a webhook URL" in text
    assert "/_emulator/webhook" in text
