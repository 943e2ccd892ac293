"""What is meant by a name, and what is read from there."""

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import Diarization, TaskStore
from mavi_async._errors import ConfigurationError
from mavi_async.cli._sources import kind_of

if TYPE_CHECKING:
    from tests.cli.conftest import Shelf, WithStore

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Let something come on standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("-", "input"),
        ("aa2b379a1fd245e39ddc42b7fba932d3", "task"),
        ("a_folder", "task"),
        ("no file", "task"),
        ("x" * 5000, "task"),
        ("a_file", "file"),
        ("talk.rttm", "file"),
        (".", "file"),
        ("../etc", "file"),
        ("x/y", "file"),
    ],
)
def test_what_is_meant(name: str, kind: str, here: Path) -> None:
    """What exists, or has a dot or a slash, is a file; a folder is no result."""
    (here / "a_file").write_text("")
    (here / "a_folder").mkdir()

    assert kind == kind_of(name)


@pytest.mark.parametrize("name", ["--jsn", "-x", "--"])
def test_a_mistyped_option_is_no_result(name: str) -> None:
    """It is said to be unknown, and how a file of that name can be meant."""
    with pytest.raises(ConfigurationError, match=f"unknown option: {name}; .* is ./{name}$"):
        kind_of(name)


def test_all_that_holds_a_result(
    call: Run, shelf: "Shelf", here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job, and each file that came of it in one way or another, is the same result."""
    done = shelf.done.task_id
    body = shelf.body(shelf.orphaned)
    rttm = call("export", done, "--to", "rttm").stdout
    printed = call("show", done, "--json").stdout
    (here / "talk").write_text(rttm)
    (here / "body").write_bytes(body)
    (here / "pretty.json").write_text(json.dumps(json.loads(body), indent=1))
    (here / "printed.jsonl").write_text(printed)
    (here / "result.json").write_text(call("export", done, "--to", "json").stdout)
    (here / "segments.jsonl").write_text(call("export", done, "--to", "jsonl").stdout)
    (here / "speech.csv").write_text(call("export", done, "--to", "csv").stdout)
    assert 0 == call("callbacks", "--save", "saved.jsonl").returncode
    segments = Diarization.from_rttm(rttm).segments

    assert 60 == segments[0].end
    for path in here.iterdir():
        feed(monkeypatch, path.read_bytes())
        ended = call("export", path.name, "--to", "json")
        piped = call("export", "-", "--to", "json", *(("--from", "csv") * ("csv" in path.name)))

        assert (0, "") == (ended.returncode, ended.stderr)
        assert segments == Diarization.from_json(ended.stdout).segments
        assert (0, "") == (piped.returncode, piped.stderr)
        assert segments == Diarization.from_json(piped.stdout).segments


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("talk.rttm", "re_1"),
        ("body.json", "f" * 32),
        ("bare.csv", "bare"),
        ("-", "standard input"),
    ],
)
def test_what_a_recording_is_called(
    name: str, uri: str, call: Run, shelf: "Shelf", here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the file says, or else as the file is called; and by ``--uri`` as one likes."""
    csv = "start,end,speaker\n0,5,A\n"
    (here / "talk.rttm").write_text("SPEAKER re_1 1 0 5 <NA> <NA> A <NA> <NA>\n")
    (here / "body.json").write_bytes(shelf.body(shelf.orphaned))
    (here / "bare.csv").write_text(csv)
    feed(monkeypatch, csv.encode())
    drawn = call("show", name).stdout
    feed(monkeypatch, csv.encode())
    renamed = call("show", name, "--uri", "my talk").stdout

    assert drawn.startswith(f"{uri}  ")
    assert renamed.startswith("my talk  ")


def test_a_job_may_be_called_otherwise(call: Run, shelf: "Shelf") -> None:
    """The name is also the one in the file that is made of it."""
    ended = call("export", shelf.done.task_id, "--to", "uem", "--uri", "town")

    assert "town 1 0.000 60.000\n" == ended.stdout


def test_several_recordings(call: Run, shelf: "Shelf", here: Path) -> None:
    """None is guessed at; they are listed, and one can be named."""
    rttm = "".join(f"SPEAKER re_{n} 1 {n} 5 <NA> <NA> A <NA> <NA>\n" for n in range(1, 3))
    (here / "all.rttm").write_text(rttm)
    ended = call("show", "all.rttm")
    second = call("export", "all.rttm", "--uri", "re_2", "--to", "rttm")
    third = call("export", "all.rttm", "--uri", "re_3", "--to", "rttm")

    assert (2, "") == (ended.returncode, ended.stdout)
    assert (
        "'all.rttm': the RTTM text holds 2 recordings (re_1, re_2): "
        "say which one to read with --uri\n"
    ) == ended.stderr
    assert "SPEAKER re_2 1 2.000 5.000 <NA> <NA> A <NA> <NA>\n" == second.stdout
    assert 2 == third.returncode
    assert "'all.rttm': the RTTM text holds no recording 're_3': --uri is one of re_1, re_2" in (
        third.stderr
    )


def test_several_results(call: Run, shelf: "Shelf", here: Path) -> None:
    """What was printed for several jobs is a file of several recordings, too."""
    both = (shelf.arrived.task_id, shelf.done.task_id)
    (here / "lines.jsonl").write_text(call("show", *both, "--json").stdout)
    ended = call("show", "lines.jsonl")

    assert (
        "'lines.jsonl': it holds 2 results (re_arrived, re_done): "
        "say which one to read with --uri\n"
    ) == ended.stderr
    assert call("show", "lines.jsonl", "--uri", "re_done").stdout.startswith("re_done  1:00")
    assert ("'lines.jsonl': it holds no 're_x': --uri is one of re_arrived, re_done\n") == call(
        "show", "lines.jsonl", "--uri", "re_x"
    ).stderr


def test_callbacks_that_contradict_each_other(
    call: Run, shelf: "Shelf", here: Path, with_store: "WithStore"
) -> None:
    """Of two results of one job none is chosen in silence."""
    other = shelf.body("t1").replace(b"60", b"61")

    async def put(store: TaskStore) -> None:
        for body in (shelf.body("t1"), other, other.replace(b"61", b"62")):
            await store.put_callback("t1", body, seen=False)

    with_store(put)
    call("callbacks", "--save", "saved.jsonl")
    ended = call("show", "saved.jsonl", "--uri", "t1")

    assert 2 == ended.returncode
    assert "it holds several results of 't1', in lines " in ended.stderr
    assert "put the one you mean into a file of its own\n" in ended.stderr


BODY = '{"code": "0000", "task_id": "t1", "data": {"data": {"data": []}}}'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "'f': there is nothing in it"),
        (b"\xff", "'f': line 1 is not UTF-8 text"),
        (b"hello\n", "'f': neither its name nor its first line tells the format: name one of"),
        (b"{}", "'f': the JSON text is neither a result that was saved, nor a callback"),
        (BODY.encode() + b"\n{}\n", "'f': line 2 is neither a result nor a callback"),
        (BODY.encode() + b"\nhello\n", "'f': line 2 is neither a result nor a callback"),
        (b'{"code": "0000", "task_id": 5}', "'f': line 1 is no callback: $.task_id: expected a"),
        (b'{"kind": "x", "received_at": 1}', "'f': line 1 is no callback: $.body: expected a"),
        (
            b'{"ok": false, "asset_id": "re_1", "message": "no speech"}',
            "'f': re_1 has no result; the job failed: no speech",
        ),
    ],
)
def test_what_is_no_result(content: bytes, words: str, call: Run, here: Path) -> None:
    """The message says what is wrong, and where."""
    (here / "f").write_bytes(content)
    ended = call("export", "f", "--to", "vtt")

    assert (2, "") == (ended.returncode, ended.stdout)
    assert ended.stderr.startswith("mavi-async: ")
    assert words in ended.stderr


def test_what_is_wrong_on_standard_input(call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not told of a file that nobody knows."""
    feed(monkeypatch, b"SPEAKER re_1 1 x 5 <NA> <NA> A <NA> <NA>\n")
    ended = call("show", "-")

    assert "standard input: line 1 of the RTTM text: the start 'x' is not a number" in ended.stderr


def test_too_large(call: Run, here: Path) -> None:
    """What can be no result is not read into memory."""
    with (here / "f").open("wb") as file:
        file.truncate(2**36)

    assert "'f' is larger than 64 MiB, which no result is\n" in call("show", "f").stderr


MISSING = [
    ("nope", 1, "no callback of task nope is here, and no file of that name\n"),
    ("a" * 32, 1, f"task {'a' * 32} is here yet; to wait for it: mavi-async resume\n"),
    ("no task", 2, "'no task' is neither a file that is here nor a task id: task_id is 1 to 128"),
    ("nope.rttm", 2, "cannot read 'nope.rttm': No such file or directory\n"),
    (".", 2, "cannot read '.': Is a directory\n"),
    ("\0.rttm", 2, "cannot read '\\x00.rttm': embedded null byte\n"),
    ("--jsn", 2, "unknown option: --jsn; a file of that name is ./--jsn\n"),
]


@pytest.mark.parametrize("command", [("show",), ("export", "--to", "vtt"), ("score", "r.rttm")])
def test_what_is_not_there(command: tuple[str, ...], call: Run, shelf: "Shelf", here: Path) -> None:
    """All three commands tell the same of it."""
    (here / "r.rttm").write_text("SPEAKER re_1 1 0 5 <NA> <NA> A <NA> <NA>\n")
    for name, code, words in MISSING:
        ended = call(*command, name)

        assert (code, "") == (ended.returncode, ended.stdout)
        assert words in ended.stderr


def test_no_store_is_made(call: Run, store_path: Path, here: Path) -> None:
    """Files need none, and a job that cannot be found makes none."""
    (here / "r.rttm").write_text("SPEAKER re_1 1 0 5 <NA> <NA> A <NA> <NA>\n")
    ended = call("show", "nope", "r.rttm")

    assert 1 == ended.returncode
    assert f"there is no file nope, and nothing has been kept in {store_path} yet\n" == ended.stderr
    assert ended.stdout.startswith("re_1  0:05, 1 speaker\n")
    assert not store_path.parent.exists()


def test_a_failure_in_a_file(call: Run, here: Path, shelf: "Shelf") -> None:
    """It is told as one of the store is, and changes nothing there."""
    failure = {"code": "0001", "message": "no speech", "data": None, "task_id": shelf.done.task_id}
    (here / "failed.json").write_text(json.dumps(failure))
    for command in (("show",), ("export", "--to", "vtt"), ("score", "failed.json")):
        ended = call(*command, "failed.json")

        assert (1, "") == (ended.returncode, ended.stdout)
        name = "failed.json" if command[0] == "score" else shelf.done.task_id
        assert ended.stderr.startswith(f"failed: {name}: ")
        assert "MAVI could not do the job: no speech" in ended.stderr


def test_a_failure_in_the_store(call: Run, shelf: "Shelf", with_store: "WithStore") -> None:
    """It is told of the recording, also to programs, and counts as handed out."""
    task_id = shelf.pending.task_id
    body = json.dumps({"code": "0001", "message": "no speech", "task_id": task_id}).encode()

    async def put(store: TaskStore) -> None:
        await store.put_callback(task_id, body, seen=False)

    with_store(put)
    ended = call("show", task_id, "--json")
    document = json.loads(ended.stdout)

    assert 1 == ended.returncode
    assert "failed: re_pending: MAVI could not do the job: no speech" in ended.stderr
    assert ("re_pending", task_id) == (document["asset_id"], document["task_id"])
    assert (False, "TaskFailed") == (document["ok"], document["error"])
    assert '"pending"' not in call("tasks", "--json").stdout
