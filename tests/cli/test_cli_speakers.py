"""Speaker jobs from the command line, against an emulator in this process."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable

import pytest

from mavi_async.emulator import Emulator, Fault

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
Speakers = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def speakers(call: Run, settings: dict[str, str], port: int) -> Speakers:
    """Run ``mavi-async speakers``, with a receiver where the webhook leads."""

    def speakers(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        listen = ("--listen", f"127.0.0.1:{port}", "--rate", "100")
        return call("speakers", *arguments, *listen, **{**settings, **extra})

    return speakers


def test_text(speakers: Speakers, token: str) -> None:
    """Results on standard output, everything else on standard error, and the token nowhere."""
    ended = speakers("re_1", "re_2", "re_1")

    assert 0 == ended.returncode
    for name in ("re_1", "re_2"):
        assert 1 == len(re.findall(rf"^{name}  \d+:\d\d, \d speakers", ended.stdout, re.MULTILINE))
    assert "SPEAKER_00" in ended.stdout
    assert "task" not in ended.stdout
    assert "https://YOUR-HOST/mavi/callback/<your token>" in ended.stderr
    assert "2 of 2 recordings done.\n" in ended.stderr
    assert token not in ended.stderr + ended.stdout


def test_json(speakers: Speakers, emulator: Emulator) -> None:
    """One object a line, with everything that the result has."""
    ended = speakers("re_1", "re_2", "--json")
    documents = {each["asset_id"]: each for each in map(json.loads, ended.stdout.splitlines())}

    assert 0 == ended.returncode
    assert {"re_1", "re_2"} == set(documents)
    assert 2 == emulator.jobs_created
    document = documents["re_1"]
    assert document["ok"] is True
    assert re.fullmatch("[0-9a-f]{32}", document["task_id"])
    assert {"start", "end", "speaker"} == set(document["segments"][0])
    assert set(document["talk_time"]) == {each["speaker"] for each in document["segments"]}


def test_a_failure_hides_no_success(speakers: Speakers, emulator: Emulator) -> None:
    """The results are there, the error is a line, and the exit code is 1."""
    emulator.inject(Fault("fail", asset_id="re_bad"))
    ended = speakers("re_1", "re_bad", "re_2")

    assert 1 == ended.returncode
    assert "re_1  " in ended.stdout
    assert "re_2  " in ended.stdout
    assert "re_bad" not in ended.stdout
    assert 1 == len(re.findall(r"^failed: re_bad: .*code='0001'", ended.stderr, re.MULTILINE))
    assert "2 of 3 recordings done." in ended.stderr


def test_a_failure_in_json(speakers: Speakers, emulator: Emulator) -> None:
    """Programs see errors where they see results."""
    emulator.inject(Fault("fail", asset_id="re_bad"))
    ended = speakers("re_bad", "--json")
    document = json.loads(ended.stdout)

    assert 1 == ended.returncode
    assert (False, "TaskFailed") == (document["ok"], document["error"])
    assert re.fullmatch("[0-9a-f]{32}", document["task_id"])


def test_a_name_that_is_no_asset_id(speakers: Speakers) -> None:
    """It costs the others nothing."""
    ended = speakers("re_1", "not an id")

    assert 1 == ended.returncode
    assert "failed: not an id: asset_id is 1 to 256 printable" in ended.stderr
    assert "re_1  " in ended.stdout


def test_a_timeout(speakers: Speakers, emulator: Emulator) -> None:
    """The error says that the job still runs, and which it is."""
    emulator.inject(Fault("drop"))
    ended = speakers("re_1", "--timeout", "0.1")

    assert 1 == ended.returncode
    assert re.search(r"no callback within 0\.1 s; .*task_id='[0-9a-f]{32}'", ended.stderr)


def test_hostile_texts(speakers: Speakers, emulator: Emulator) -> None:
    """Neither a speaker's name nor an error message steers the terminal."""
    segments = [{"start": 0, "end": 9, "speaker": "\x1b[2J[red]Zoë\u202e"}]
    body = {"code": "0000", "message": "ok", "task_id": "$TASK_ID"}
    result = {"data": {"data": {"data": segments}, "success": True}}
    failure = {"data": None, "code": "0001", "message": "\x1b]0;owned\x07[red]no"}
    emulator.inject(
        Fault("malformed", asset_id="re_1", body=json.dumps({**body, **result})),
        Fault("malformed", asset_id="re_2", body=json.dumps({**body, **failure})),
    )
    ended = speakers("re_1", "re_2")

    assert 1 == ended.returncode
    assert "  [2J[red]Zoë " in ended.stdout
    assert "[red]no" in ended.stderr
    assert "\x07" not in ended.stderr


def test_a_wrong_key(speakers: Speakers, emulator: Emulator) -> None:
    """The set-up is wrong: exit code 2, and no job."""
    ended = speakers("re_1", MAVI_API_KEY="sk-mavi-another-key")

    assert 2 == ended.returncode
    assert "401" in ended.stderr
    assert "sk-mavi-another-key" not in ended.stderr
    assert 0 == emulator.jobs_created


def test_no_webhook(speakers: Speakers, emulator: Emulator) -> None:
    """MAVI refuses, and the message says what to do."""
    emulator.webhook_url = None
    ended = speakers("re_1")

    assert 2 == ended.returncode
    assert "webhook" in ended.stderr.lower()


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ({"MAVI_API_KEY": "with a space"}, "the API key is 8 to 512 printable"),
        ({"MAVI_CALLBACK_TOKEN": "short"}, "a callback token is 16 to 256"),
        ({"MAVI_BASE_URL": "http://example.com"}, "base_url is http"),
        ({"MAVI_BASE_URL": "nonsense"}, "base_url is a URL"),
    ],
)
def test_a_wrong_set_up(
    speakers: Speakers, emulator: Emulator, extra: dict[str, str], word: str
) -> None:
    """One line says what is wrong, before anything is sent."""
    ended = speakers("re_1", **extra)

    assert 2 == ended.returncode
    assert word in ended.stderr
    assert 0 == emulator.jobs_created


@pytest.mark.parametrize(
    ("option", "value", "must"),
    [
        ("--timeout", "-1", "a non-negative number"),
        ("--timeout", "nan", "a finite number"),
        ("--timeout", "inf", "a finite number"),
        ("--rate", "0", "a positive number"),
        ("--rate", "nan", "a finite number"),
    ],
)
def test_a_number_that_is_none(
    call: Run, settings: dict[str, str], emulator: Emulator, option: str, value: str, must: str
) -> None:
    """It is found out before anything is submitted, and paid for."""
    ended = call("speakers", "re_1", "--listen", "127.0.0.1:0", option, value, **settings)

    assert (2, f"mavi-async: {option} is {must}\n") == (ended.returncode, ended.stderr)
    assert 0 == emulator.jobs_created


def test_no_key(call: Run) -> None:
    """The message names the variable."""
    ended = call("speakers", "re_1", "--listen", "127.0.0.1:0")

    assert 2 == ended.returncode
    assert "MAVI_API_KEY" in ended.stderr


@pytest.mark.parametrize(
    "address",
    ["8080", "localhost", ":8080", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999",
     "127.0.0.1:9999999999", "127.0.0.1:²", "256.1.1.1:80", "192.0.2.1:0", "[::g]:0",
     "no..host:0", "x" * 300 + ":0"],
)  # fmt: skip
def test_a_wrong_address(call: Run, settings: dict[str, str], address: str) -> None:
    """What cannot be listened on is said to be so."""
    ended = call("speakers", "re_1", "--listen", address, **settings)

    assert 2 == ended.returncode
    assert "listen" in ended.stderr


def test_a_port_that_is_taken(call: Run, settings: dict[str, str], emulator: Emulator) -> None:
    """It is found out before anything is submitted."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = call("speakers", "re_1", "--listen", address, **settings)

    assert 2 == ended.returncode
    assert f"cannot listen on {address}" in ended.stderr
    assert 0 == emulator.jobs_created


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    """What a process writes to standard error, up to a line that contains something."""
    assert process.stderr is not None
    read = ""
    for line in process.stderr:
        read += line
        if wanted in line:
            break
    return read


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(
    start: Start, settings: dict[str, str], emulator: Emulator, port: int, number: signal.Signals
) -> None:
    """What still runs at MAVI is named, so that nothing that is paid for is lost."""
    emulator.inject(Fault("drop", times=None))
    listen = ("--listen", f"127.0.0.1:{port}", "--rate", "0.1")
    process = start("speakers", "re_1", "re_2", *listen, **settings)
    accepted = read_until(process, "accepted as task")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    [task_id] = re.findall("accepted as task ([0-9a-f]{32})", accepted)

    assert (130, "") == (process.returncode, output)
    assert f"still running at MAVI: re_1 as task {task_id}\n" in errors
    assert "Recordings that were not submitted: 1\n" in errors
    listen_again = " ".join(listen[:2])
    assert f"Stopped. To go on waiting for them: mavi-async resume {listen_again}\n" in errors
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
def test_a_made_token_is_shown_and_works(
    start: Start, settings: dict[str, str], emulator: Emulator, port: int
) -> None:
    """Without a token one is made; the URL with it is what the webhook has to be."""
    emulator.inject(Fault("delay", seconds=0.0))
    del settings["MAVI_CALLBACK_TOKEN"]
    emulator.webhook_url = f"http://127.0.0.1:{port}/mavi/callback/not-the-token-at-all"
    process = start("speakers", "re_1", "--listen", f"127.0.0.1:{port}", **settings)
    shown = read_until(process, "YOUR-HOST")
    [path] = re.findall("https://YOUR-HOST(/mavi/callback/[0-9A-Za-z_-]{43})", shown)
    emulator.webhook_url = f"http://127.0.0.1:{port}{path}"
    output, _ = process.communicate(timeout=60)

    assert 0 == process.returncode
    assert "re_1  " in output


def test_a_made_token_is_needed_again(
    call: Run, settings: dict[str, str], emulator: Emulator, port: int
) -> None:
    """Who goes on later is told to keep it: another one would not be where MAVI posts to."""
    emulator.inject(Fault("drop"))
    del settings["MAVI_CALLBACK_TOKEN"]
    ended = call("speakers", "re_1", "--listen", f"127.0.0.1:{port}", "--timeout", "0", **settings)

    assert f"To wait again for what still runs: mavi-async resume --listen 127.0.0.1:{port}\n" in (
        ended.stderr
    )
    assert "Set MAVI_CALLBACK_TOKEN before: to the end of the URL shown above.\n" in ended.stderr


def test_in_a_terminal(in_terminal: Run, settings: dict[str, str], port: int) -> None:
    """Progress is redrawn, and gives way to each result."""
    ended = in_terminal(
        "speakers", "re_1", "re_2", "--listen", f"127.0.0.1:{port}", "--rate", "20", **settings
    )

    assert 0 == ended.returncode
    assert "\x1b[?25l" in ended.stdout
    assert ended.stdout.rindex("\x1b[?25h") > ended.stdout.rindex("\x1b[?25l")
    assert 2 == len(re.findall(r"re_\d(?:\x1b\[[0-9;]*m)*  .*\d:\d\d, \d speakers", ended.stdout))
    assert "2 of 2 recordings done." in ended.stdout


def test_ipv6(call: Run, settings: dict[str, str], emulator: Emulator, token: str) -> None:
    """An address in brackets is one of IPv6."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
            port = listener.getsockname()[1]
    except OSError:
        pytest.skip("no IPv6 here")
    emulator.webhook_url = f"http://[::1]:{port}/mavi/callback/{token}"
    ended = call("speakers", "re_1", "--listen", f"[::1]:{port}", **settings)

    assert 0 == ended.returncode
