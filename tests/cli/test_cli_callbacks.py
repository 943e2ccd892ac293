"""Callbacks that are nobody's: listed, saved, and fed again."""

import io
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavi_async import TaskStore
from mavi_async.cli._letters import Letter, read_lines, unpack

if TYPE_CHECKING:
    from tests.cli.conftest import Shelf, WithStore

Run = Callable[..., subprocess.CompletedProcess[str]]

HOSTILE = '{"code": "0001", "message": "\x7f\u202e[red]\\u001b[2J", "task_id": "t1"} '.encode()
OTHER = b'{"code":"0000","task_id":"t1"}'


@pytest.fixture
def bodies(with_store: "WithStore") -> list[bytes]:
    """What is in the store: a callback that nobody submitted, and two that contradict it."""
    bodies = [HOSTILE, OTHER, b"\xff\x00 not even text"]

    async def fill(store: TaskStore) -> None:
        for body in bodies:
            await store.put_callback("t1", body, seen=False)

    with_store(fill)
    return bodies


def test_list(call: Run, bodies: list[bytes], shelf: "Shelf") -> None:
    """Each has its size and what it holds, and steers nothing."""
    ended = call("callbacks")

    assert (0, "") == (ended.returncode, ended.stderr)
    for words in (
        "unmatched: 2 callbacks of jobs that nobody submitted through this store\n",
        f"{len(HOSTILE)} B a failure: MAVI could not do the job: [red] [2J\n",
        f"{shelf.orphaned} ",
        "a result: 1:00, speakers: 1\n",
        "conflict: 2 callbacks that contradict an earlier one, which counts\n",
        f"{len(OTHER)} B no speaker result: another kind of job\n",
    ):
        assert words in re.sub(" +", " ", ended.stdout)


def test_a_long_list(call: Run, with_store: "WithStore") -> None:
    """The latest are shown, and how many more there are."""

    async def fill(store: TaskStore) -> None:
        for number in range(23):
            await store.put_callback(f"t{number}", b"{}", seen=False)

    with_store(fill)
    some, everything = call("callbacks").stdout, call("callbacks", "--all").stdout

    assert "unmatched: 23" in some
    assert "  and 3 older: --all\n" in some
    assert ("  t2  " in some, "  t2  " in everything) == (False, True)
    assert "keep a copy: mavi-async callbacks --save FILE\n" in some


def test_list_for_programs(call: Run, bodies: list[bytes]) -> None:
    """An object a line, without the bodies."""
    documents = [json.loads(line) for line in call("callbacks", "--json").stdout.splitlines()]

    assert ["unmatched", "conflict", "conflict"] == [each["kind"] for each in documents]
    assert [len(body) for body in bodies] == [each["size"] for each in documents]


@pytest.mark.skipif(os.name == "nt", reason="permissions are another thing there")
def test_saved_bytes_come_back(call: Run, bodies: list[bytes], tmp_path: Path) -> None:
    """The file is its owner's alone, and holds exactly what was received, whatever that was."""
    path = tmp_path / "saved.jsonl"
    ended = call("callbacks", "--save", str(path))
    with path.open("rb") as file:
        kept = [unpack(line) for _, line in read_lines(file)]

    assert 0 == ended.returncode
    assert "Callbacks saved: 3. They are still in the store.\n" == ended.stderr
    assert bodies == kept
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_a_file_that_is_there_is_not_overwritten(
    call: Run, bodies: list[bytes], tmp_path: Path
) -> None:
    """It may be the only copy of something."""
    path = tmp_path / "saved.jsonl"
    path.write_text("mine")
    ended = call("callbacks", "--save", str(path))

    assert 2 == ended.returncode
    assert f"mavi-async: {path} exists: save to another file\n" == ended.stderr
    assert "mine" == path.read_text()
    assert "cannot write" in call("callbacks", "--save", str(tmp_path / "no" / "x")).stderr


def test_through_a_pipe(
    run: Run, environment: dict[str, str], bodies: list[bytes], tmp_path: Path
) -> None:
    """What one store saves, another one takes from its standard input."""
    saved = run("callbacks", "--save", "-")
    ended = subprocess.run(
        [sys.executable, "-m", "mavi_async.cli", "replay", "-"],
        env={**environment, "MAVI_STORE": str(tmp_path / "other.sqlite3")},
        input=saved.stdout,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert 3 == len(saved.stdout.splitlines())
    assert 1 == ended.returncode
    assert "line 3 is no callback: not valid UTF-8\n" in ended.stderr
    assert "stored: 1 (kept)\n" in ended.stderr


@given(body=st.binary(max_size=50) | st.text(max_size=50).map(str.encode))
def test_any_bytes_come_back(body: bytes) -> None:
    """A line holds every body, alone or among others."""
    kind: Literal["unmatched"] = "unmatched"
    line = Letter(kind, "t1", 1.5, body).to_line() + "\n"

    assert line.isascii()
    for count in (1, 2):
        read = list(read_lines(io.BytesIO(count * line.encode())))
        assert [(number, body) for number in range(1, count + 1)] == [
            (number, unpack(text)) for number, text in read
        ]


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (OTHER, [(1, OTHER)]),
        (OTHER + b"\r\n", [(1, OTHER)]),
        (b'{\n  "task_id": "t1"\n}\n', [(1, b'{\n  "task_id": "t1"\n}')]),
        (b'{\n"task_id":"t1"} \n', [(1, b'{\n"task_id":"t1"} ')]),
        (OTHER + b"\n\n" + OTHER + b"\n", [(1, OTHER), (3, OTHER)]),
        (b"nonsense\n" + OTHER + b"\n", [(1, b"nonsense"), (2, OTHER)]),
        (b"", []),
        (b"\n \n", []),
    ],
)
def test_files(content: bytes, read: list[tuple[int, bytes]]) -> None:
    """A file is one callback or a callback on each line, with or without ends of lines."""
    assert read == list(read_lines(io.BytesIO(content)))


def changed(line: str, **fields: object) -> str:
    """A saved callback after somebody's filter; a field that is now `None` is left out."""
    document = {**json.loads(line), **fields}
    return json.dumps({name: value for name, value in document.items() if value is not None})


@pytest.mark.parametrize(
    "fields",
    [
        {"note": "mine", "code": "0000"},
        {"format": None},
        {"kind": None, "received_at": None, "task_id": None},
    ],
    ids=["more", "no format", "less"],
)
def test_a_saved_callback_that_was_changed(
    call: Run, shelf: "Shelf", tmp_path: Path, fields: dict[str, object]
) -> None:
    """As long as its body is there, that is what is fed."""
    path, task_id = tmp_path / "saved.jsonl", shelf.pending.task_id
    line = Letter("unmatched", task_id, 1.5, shelf.body(task_id)).to_line()
    path.write_text(changed(line, **fields))
    ended = call("replay", str(path))

    assert (0, "stored: 1 (kept)\n") == (ended.returncode, ended.stderr)
    assert "re_pending  1:00, 1 speaker" in call("show", task_id).stdout


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"body": None}, "$.body: expected a string, got nothing"),
        ({"body": {"code": "0000"}}, "$.body: expected a string, got an object"),
        ({"body": "\ud800"}, "$.body: the bytes of the callback do not come back"),
        ({"body_base64": "?"}, "$.body_base64: the bytes of the callback do not come back"),
        ({"body": "nonsense"}, "not JSON: Expecting value at character 0"),
        (
            {"format": "mavi-async callback 2", "code": "0000"},
            "$.format: only 'mavi-async callback 1' is known to this version of mavi-async",
        ),
        ({"format": 1}, "$.format: only 'mavi-async callback 1' is known to this version of "),
        (
            {"format": None, "kind": None},
            "$.code: every callback of MAVI has one, and this has none",
        ),
    ],
)
def test_a_saved_callback_that_was_broken(
    call: Run, shelf: "Shelf", tmp_path: Path, fields: dict[str, object], why: str
) -> None:
    """It is never taken for the callback of its job, which goes on waiting for the genuine one."""
    path, task_id = tmp_path / "saved.jsonl", shelf.pending.task_id
    genuine = Letter("unmatched", task_id, 1.5, shelf.body(task_id)).to_line()
    path.write_text(changed(genuine, **fields) + "\n" + genuine + "\n")
    ended = call("replay", str(path))

    assert 1 == ended.returncode
    assert f"line 1 is no callback: {why}" in ended.stderr
    assert "malformed: 1 (no callback; not kept)\nstored: 1 (kept)\n" in ended.stderr
    assert "re_pending  1:00, 1 speaker" in call("show", task_id).stdout


def test_replay(call: Run, with_store: "WithStore", bodies: list[bytes], tmp_path: Path) -> None:
    """What is new is kept, what was there is not, and doing it twice changes nothing."""
    path = tmp_path / "bodies.jsonl"
    path.write_bytes(HOSTILE + b"\n" + b'{"code":1,"task_id":"t1"}\n{"code":1,"task_id":"t2"}\n')
    first, again = call("replay", str(path)), call("replay", str(path))
    unmatched = with_store(lambda store: store.list_unmatched())

    assert (0, "") == (first.returncode, first.stdout)
    assert [
        "task t1 got a second, different callback: the first one counts",
        "conflict: 1 (another one was here before, which counts; kept aside)",
        "duplicate: 1 (the same was here before)",
        "stored: 1 (kept)",
    ] == first.stderr.splitlines()
    assert "duplicate: 2" in again.stderr
    assert ["t1", "t2"] == [each.task_id for each in unmatched]
    assert 3 == len(with_store(lambda store: store.list_aside()))


def test_replaying_nonsense(call: Run, with_store: "WithStore", tmp_path: Path) -> None:
    """Each bad line is named, the good ones are kept, and the exit code is 1."""
    path = tmp_path / "bodies.jsonl"
    path.write_bytes(
        b'{"code":1,"task_id":"t1"}\n\x1b[2J\n\n{"task_id":7}\n{"code":1,"task_id":"t2"}\n'
    )
    ended = call("replay", str(path))
    unmatched = with_store(lambda store: store.list_unmatched())

    assert 1 == ended.returncode
    assert [
        "line 2 is no callback: not JSON: Expecting value at character 0",
        "line 4 is no callback: $.task_id: expected a string, got a number",
        "malformed: 2 (no callback; not kept)",
        "stored: 2 (kept)",
    ] == ended.stderr.splitlines()
    assert ["t1", "t2"] == [each.task_id for each in unmatched]


def test_replaying_for_a_job(call: Run, shelf: "Shelf", tmp_path: Path) -> None:
    """The callback of a pending job makes its result available."""
    path = tmp_path / "body.json"
    path.write_bytes(shelf.body(shelf.pending.task_id))

    assert 0 == call("replay", str(path)).returncode
    assert "re_pending  1:00, 1 speaker" in call("show", shelf.pending.task_id).stdout


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [("missing", 2, "cannot read"), (".", 2, "cannot read"), ("empty", 0, "There is nothing in")],
)
def test_files_that_hold_nothing(
    call: Run, tmp_path: Path, name: str, code: int, words: str
) -> None:
    """What cannot be read is an error, an empty file is none."""
    (tmp_path / "empty").touch()
    ended = call("replay", str(tmp_path / name))

    assert code == ended.returncode
    assert words in ended.stderr
