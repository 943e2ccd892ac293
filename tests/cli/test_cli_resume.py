"""Going on after the process ended: killed, interrupted, or out of time."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import Diarization, TaskStore
from mavi_async._secret import ApiKey
from mavi_async.emulator import Emulator, Fault
from mavi_async.stores import Intent, IntentState, Submission

if TYPE_CHECKING:
    from tests.cli.conftest import Shelf, WithStore

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="killing is another thing there")


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    """The line of standard error that contains something."""
    assert process.stderr is not None
    read = []
    for line in process.stderr:
        read.append(line)
        if wanted in line:
            return line
    raise AssertionError(f"it ended without {wanted!r}: {read}")


def post(port: int, token: str, body: bytes) -> None:
    """Call back, as MAVI does."""
    url = f"http://127.0.0.1:{port}/mavi/callback/{token}"
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
        assert 200 == answer.status


@pytest.fixture
def key(settings: dict[str, str]) -> ApiKey:
    return ApiKey(settings["MAVI_API_KEY"])


@pytest.fixture
def killed(
    start: Start, settings: dict[str, str], emulator: Emulator, port: int
) -> tuple[str, ...]:
    """The command line of a run that was killed between submit and callback, and its job."""
    emulator.inject(Fault("drop"))
    command = ("speakers", "re_1", "--listen", f"127.0.0.1:{port}", "--rate", "100")
    process = start(*command, **settings)
    [task_id] = re.findall("task ([0-9a-f]{32})", read_until(process, "accepted as task"))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return (task_id, *command)


def test_killed_between_submit_and_callback(
    start: Start,
    settings: dict[str, str],
    emulator: Emulator,
    port: int,
    token: str,
    killed: tuple[str, ...],
    shelf: "Shelf",
) -> None:
    """Another run receives the callback and prints the result; there is one job."""
    resumed = start("resume", "--listen", f"127.0.0.1:{port}", **settings)
    read_until(resumed, "re_1 ")
    post(port, token, shelf.body(killed[0]))
    output, errors = resumed.communicate(timeout=60)

    assert (0, 1) == (resumed.returncode, emulator.jobs_created)
    assert "re_1  1:00, 1 speaker\n" in output
    assert "1 of 1 recordings done.\n" in errors


def test_the_same_command_again(
    run: Run,
    settings: dict[str, str],
    emulator: Emulator,
    killed: tuple[str, ...],
    with_store: "WithStore",
    shelf: "Shelf",
) -> None:
    """What was submitted is not paid for again, neither before nor after its result is there."""
    task_id, *command = killed

    async def put(store: TaskStore) -> None:
        await store.put_callback(task_id, shelf.body(task_id), seen=False)

    with_store(put)
    ended = [run(*command, **settings) for _ in range(2)]

    assert 1 == emulator.jobs_created
    for each in ended:
        assert 0 == each.returncode
        assert "re_1  1:00, 1 speaker\n" in each.stdout
        assert f"task {task_id}: submitted by an earlier run, which is not paid" in each.stderr


def test_the_age_of_an_earlier_job(
    start: Start,
    settings: dict[str, str],
    key: ApiKey,
    port: int,
    token: str,
    with_store: "WithStore",
    shelf: "Shelf",
) -> None:
    """A day later, its callback comes a day after its submit."""
    submitted_at = time.time() - 100_000
    job = Submission("t1", key.account(), "re_1", submitted_at)
    sending = IntentState.SENDING
    intent = Intent("i1", job.account, "re_1", sending, submitted_at, time.time() + 9, "cli:re_1")

    async def fill(store: TaskStore) -> None:
        await store.begin_intent(intent)
        await store.put_submission(job, intent_id="i1")

    with_store(fill)
    process = start("speakers", "re_1", "--listen", f"127.0.0.1:{port}", **settings)
    read_until(process, "submitted by an earlier run")
    post(port, token, shelf.body("t1"))
    output, errors = process.communicate(timeout=60)

    assert "re_1  1:00, 1 speaker\n" in output
    assert re.search(r"callback 100\d{3}\.\d s after its submit", errors)


def test_results_into_files(
    call: Run,
    settings: dict[str, str],
    key: ApiKey,
    with_store: "WithStore",
    shelf: "Shelf",
    tmp_path: Path,
) -> None:
    """As of `speakers`; a recording with two jobs has two files, and its name in the lines."""
    jobs = [Submission(f"{n}" * 32, key.account(), "re_1", time.time()) for n in range(2)]

    async def fill(store: TaskStore) -> None:
        for job in jobs:
            await store.put_submission(job)
            await store.put_callback(job.task_id, shelf.body(job.task_id), seen=False)

    with_store(fill)
    refused = call("resume", "--timeout", "0", "--output", str(tmp_path / "x.rttm"), **settings)
    folder = ("--output", str(tmp_path / "out"), "--to", "rttm", "--json")
    ended = call("resume", "--timeout", "0", *folder, **settings)
    nothing = call("resume", "--timeout", "0", "--to", "rttm", **settings)

    assert (2, "") == (refused.returncode, refused.stdout)
    assert "is one, and there are 2 recordings: give a folder for them" in refused.stderr
    assert 0 == ended.returncode
    assert ["re_1"] * 2 == [json.loads(line)["asset_id"] for line in ended.stdout.splitlines()]
    assert 2 == len([Diarization.load(path) for path in (tmp_path / "out").glob("re_1_*.rttm")])
    assert (2, "") == (nothing.returncode, nothing.stdout)
    assert "--to is the format of --output" in nothing.stderr


def test_again_on_purpose(
    run: Run, settings: dict[str, str], emulator: Emulator, port: int
) -> None:
    """A failed job stays failed until it is asked for once more; that one then counts."""
    emulator.inject(Fault("fail"))
    command = ("speakers", "re_1", "--listen", f"127.0.0.1:{port}", "--rate", "100")
    failed, same = run(*command, **settings), run(*command, **settings)
    assert (1, 1, 1) == (failed.returncode, same.returncode, emulator.jobs_created)
    assert "speakers --again" in failed.stderr

    once_more, then = run(*command, "--again", **settings), run(*command, **settings)

    assert (0, 0, 2) == (once_more.returncode, then.returncode, emulator.jobs_created)
    assert once_more.stdout == then.stdout


def test_what_came_meanwhile(
    call: Run, settings: dict[str, str], key: ApiKey, with_store: "WithStore", shelf: "Shelf"
) -> None:
    """It is printed at once, also in a process that receives nothing, and only once."""

    async def fill(store: TaskStore) -> None:
        for task_id, asset_id in (("t1", "re_1"), ("t2", "re_2"), ("t3", "re_1")):
            await store.put_submission(Submission(task_id, key.account(), asset_id, time.time()))
        for task_id in ("t1", "t3"):
            await store.put_callback(task_id, shelf.body(task_id), seen=False)

    with_store(fill)
    first = call("resume", "--json", "--timeout", "0", **settings)
    second = call("resume", "--timeout", "0", **settings)
    documents = [json.loads(line) for line in first.stdout.splitlines()]

    assert 1 == first.returncode
    assert {("re_1", "t1", True), ("re_1", "t3", True), ("re_2", "t2", False)} == {
        (each["asset_id"], each["task_id"], each["ok"]) for each in documents
    }
    assert "Jobs of another account: 2. With its key" in first.stderr
    assert "mavi-async resume --account studio\n" in first.stderr
    assert "2 of 3 recordings done.\n" in first.stderr
    assert "0 of 1 recordings done.\n" in second.stderr
    assert "To wait again for what still runs: mavi-async resume\n" in second.stderr


def test_a_named_account(call: Run, settings: dict[str, str], shelf: "Shelf") -> None:
    """The jobs of a service that names its account are found by that name."""
    ended = call("resume", "--timeout", "0", "--account", "studio", **settings)

    assert 1 == ended.returncode
    assert "re_arrived  1:00, 1 speaker" in ended.stdout
    assert "failed: re_pending: no callback within 0 s" in ended.stderr


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_a_timeout_that_is_none(call: Run, settings: dict[str, str], value: str) -> None:
    """It is found out at once, whether there are jobs or not."""
    ended = call("resume", "--timeout", value, **settings)

    assert 2 == ended.returncode
    assert "mavi-async: --timeout is a " in ended.stderr


def test_nothing_to_resume(call: Run, settings: dict[str, str]) -> None:
    """That is no error."""
    ended = call("resume", **settings)

    assert (0, "") == (ended.returncode, ended.stdout)
    assert "No job waits for its callback in " in ended.stderr


def test_resume_needs_a_key(call: Run) -> None:
    """It tells whose jobs they are."""
    ended = call("resume")

    assert 2 == ended.returncode
    assert "MAVI_API_KEY" in ended.stderr


def test_interrupted(start: Start, settings: dict[str, str], shelf: "Shelf") -> None:
    """It names what still runs, and how to go on."""
    process = start("resume", "--account", "studio", **settings)
    read_until(process, "re_pending")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert 130 == process.returncode
    assert f"still running at MAVI: re_pending as task {shelf.pending.task_id}\n" in errors
    assert "Stopped. To go on waiting for them: mavi-async resume\n" in errors


def test_interrupted_while_another_run_submits(
    start: Start, settings: dict[str, str], key: ApiKey, port: int, with_store: "WithStore"
) -> None:
    """Nothing of this run may be running at MAVI, and it says so."""
    now, sending = time.time(), IntentState.SENDING
    others = Intent("e" * 32, key.account(), "re_1", sending, now, now + 1e6, "cli:re_1")
    with_store(lambda store: store.begin_intent(others))
    process = start("speakers", "re_1", "--listen", f"127.0.0.1:{port}", **settings)
    read_until(process, "re_1  another run submits it")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert 130 == process.returncode
    assert "being submitted by another run: re_1\nStopped.\n" == errors


def test_a_refused_key_stops_the_rest(
    call: Run, settings: dict[str, str], emulator: Emulator, port: int
) -> None:
    """All would be refused: nothing more is sent, and each is reported."""
    emulator.inject(Fault("402", asset_id="re_2"))
    names = [f"re_{number}" for number in range(1, 10)]
    ended = call("speakers", *names, "--listen", f"127.0.0.1:{port}", "--rate", "1", **settings)

    assert 1 == ended.returncode
    assert "re_1  " in ended.stdout
    assert 1 == emulator.jobs_created
    assert 2 == len(emulator.submit_times)
    assert "Not submitted after that: 7\n" in ended.stderr
    assert "1 of 9 recordings done.\n" in ended.stderr


def test_a_refusal_in_json(
    call: Run, settings: dict[str, str], emulator: Emulator, port: int
) -> None:
    """Programs get a line for each recording, at once, and exit code 2 for a wrong set-up."""
    emulator.webhook_url = None
    listen = ("--listen", f"127.0.0.1:{port}")
    # The queue is minutes long: nobody waits for a turn that is of no use.
    ended = call(
        "speakers", "re_1", "re_2", "re_3", "--json", "--rate", "0.005", *listen, **settings
    )
    documents = {each["asset_id"]: each for each in map(json.loads, ended.stdout.splitlines())}

    assert 2 == ended.returncode
    assert ["WebhookNotConfigured", "NotSubmitted", "NotSubmitted"] == [
        documents[name]["error"] for name in ("re_1", "re_2", "re_3")
    ]
    assert "not submitted, since MAVI refused re_1" in documents["re_3"]["message"]


def test_an_unknown_outcome(
    call: Run, settings: dict[str, str], emulator: Emulator, port: int
) -> None:
    """It is not submitted again by the same command, and the way out is named."""
    emulator.inject(Fault("reset"))
    arguments = ("re_1", "--listen", f"127.0.0.1:{port}", "--rate", "100")
    ended = [call("speakers", *arguments, **settings) for _ in range(2)]

    assert [1, 1] == [each.returncode for each in ended]
    assert 1 == len(emulator.submit_times)
    for each in ended:
        assert "What may be running at MAVI, and what to do about it: mavi-async tasks\n" in (
            each.stderr
        )
    assert "an earlier submission with this idempotency key was sent" in ended[1].stderr
