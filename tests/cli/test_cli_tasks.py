"""What the store holds, listed, and results that are in it, shown once more."""

import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from mavi_async import TaskStore
from mavi_async.stores import Submission

if TYPE_CHECKING:
    from tests.cli.conftest import Shelf, WithStore

Run = Callable[..., subprocess.CompletedProcess[str]]


def lines(ended: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    """The objects that a command wrote."""
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_each_state_has_its_next_command(call: Run, shelf: "Shelf") -> None:
    """A program gets every job with the exact command to go on with."""
    ended = call("tasks", "--json")
    intent, task = shelf.unknown.intent_id, shelf.orphaned

    assert (0, "") == (ended.returncode, ended.stderr)
    assert [
        ("sending", "re_sending", "mavi-async tasks"),
        ("unknown", "re_unknown", f"mavi-async adopt {intent} {task}"),
        ("orphaned", None, f"mavi-async adopt {intent} {task}"),
        ("pending", "re_pending", "mavi-async resume"),
        ("arrived", "re_arrived", "mavi-async resume"),
        ("done", "re_done", f"mavi-async show {shelf.done.task_id}"),
    ] == [(each["state"], each["asset_id"], each["next"]) for each in lines(ended)]


def test_people_get_tables(call: Run, shelf: "Shelf") -> None:
    """Ids, ages and recordings, and below each table what one can do."""
    ended = call("tasks")

    assert 0 == ended.returncode
    for words in (
        "unknown: 1  sent, and the answer never came: a job may exist and be billed",
        f"2 min  {shelf.unknown.intent_id}  re_unknown",
        f"5 min  {shelf.pending.task_id}  re_pending",
        f"2 h  {shelf.done.task_id}  re_done",
        f"console shows no such job: mavi-async forget {shelf.unknown.intent_id}",
        f"look at it: mavi-async show {shelf.orphaned}",
        "get the results: mavi-async resume --listen HOST:PORT",
    ):
        assert words in ended.stdout


def test_in_a_terminal(in_terminal: Run, shelf: "Shelf") -> None:
    """The columns are aligned, and what to do stands out."""
    ended = in_terminal("tasks", columns=160)
    text = re.sub(r"\x1b\[[0-9;]*m", "", ended.stdout)

    assert 0 == ended.returncode
    assert "\x1b[1munknown: 1\x1b[0m" in ended.stdout
    assert re.search(rf"^  2 min  {shelf.unknown.intent_id}  re_unknown *\r$", text, re.MULTILINE)
    assert re.search(rf"^  2 h  {shelf.done.task_id}  re_done *\r$", text, re.MULTILINE)


def test_what_is_never_called_back(call: Run, shelf: "Shelf", with_store: "WithStore") -> None:
    """A recording that was to be done at once has no callback to wait for or to adopt."""
    intent = attrs.evolve(
        shelf.unknown, endpoint="/transcriptions/sync-generate-speaker", idempotency_key=None
    )
    with_store(lambda store: store.begin_intent(intent))
    unknown = next(each for each in lines(call("tasks", "--json")) if each["state"] == "unknown")
    text = call("tasks").stdout
    ended = call("adopt", intent.intent_id, shelf.orphaned)

    assert f"mavi-async forget {intent.intent_id}" == unknown["next"]
    assert "mavi-async adopt" not in text
    assert 1 == ended.returncode
    assert "re_unknown was to be done at once: it is never called back\n" in ended.stderr


def test_of_one_account(call: Run, shelf: "Shelf") -> None:
    """Callbacks that nobody knows are nobody's."""
    ended = call("tasks", "--json", "--account", "other")

    assert ["re_done"] == [each["asset_id"] for each in lines(ended)]


def test_a_named_store_is_named_again(call: Run, store_path: Path, shelf: "Shelf") -> None:
    """The next command goes on with the same file, also where its name has spaces."""
    folder = store_path.parent.rename(store_path.parent.with_name("my store"))
    path = folder / store_path.name
    commands = {each["next"] for each in lines(call("tasks", "--json", "--store", str(path)))}

    assert f"mavi-async resume --store '{path}'" in commands


def test_old_jobs_are_counted(call: Run, with_store: "WithStore") -> None:
    """Of a thousand results the latest are shown, unless all are asked for."""

    async def fill(store: TaskStore) -> None:
        for number in range(30):
            job = Submission(f"t{number}", "a", f"re_{number}", time.time())
            await store.put_submission(job)
            await store.put_callback(f"t{number}", b"{}", seen=False)
        await store.mark_collected([f"t{number}" for number in range(30)])

    with_store(fill)
    text, shown = call("tasks").stdout, lines(call("tasks", "--json"))

    assert "done: 30" in text
    assert "and 10 older: --all" in text
    assert [f"re_{number}" for number in range(10, 30)] == [each["asset_id"] for each in shown]
    assert 30 == len(lines(call("tasks", "--json", "--all")))
    assert "t0   re_0" in call("tasks", "--all").stdout


def test_hostile_names(call: Run, with_store: "WithStore") -> None:
    """Whatever somebody wrote into the file, it neither steers the terminal nor breaks a line."""

    async def fill(store: TaskStore) -> None:
        await store.put_submission(Submission("t1", "a", "\x1b[2J[red]re\r\n_1\u202e", time.time()))

    with_store(fill)

    assert "[2J[red]re _1\n" in call("tasks").stdout
    assert r"\u001b[2J[red]re\r\n_1\u202e" in call("tasks", "--json").stdout


@pytest.mark.parametrize("command", [("tasks",), ("tasks", "--json"), ("callbacks",)])
def test_nothing_yet(call: Run, store_path: Path, command: tuple[str, ...]) -> None:
    """Looking makes no file, and says which one there is not."""
    ended = call(*command)

    assert (0, "") == (ended.returncode, ended.stdout)
    assert f"Nothing has been kept in {store_path} yet.\n" == ended.stderr
    assert not store_path.exists()


def test_an_empty_store(call: Run, with_store: "WithStore", store_path: Path) -> None:
    """It is said to be empty."""

    async def open_it(store: TaskStore) -> None:
        await store.expire()

    with_store(open_it)

    assert f"No jobs in {store_path}.\n" == call("tasks").stderr


def test_what_is_no_store(call: Run, store_path: Path) -> None:
    """The error says what to do, and the file stays as it is."""
    store_path.parent.mkdir()
    store_path.write_text("notes of somebody's\n" * 100)
    ended = call("tasks")

    assert 2 == ended.returncode
    assert ended.stderr.startswith(f"mavi-async: the store {store_path} failed")
    assert "give another path" in ended.stderr
    assert store_path.read_text().startswith("notes")


@pytest.mark.skipif(os.name == "nt", reason="permissions are another thing there")
def test_the_default_place_is_the_users_alone(call: Run, tmp_path: Path) -> None:
    """Without a name it is a file in the data folder that nobody else may enter."""
    path = tmp_path / "data" / "mavi_async" / "tasks.sqlite3"
    body = tmp_path / "body.json"
    body.write_bytes(b'{"code": "0000", "task_id": "t1"}')

    assert 0 == call("replay", str(body), MAVI_STORE="").returncode
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)


def test_show(call: Run, shelf: "Shelf") -> None:
    """A result is printed again, and one that nobody had yet then counts as handed out."""
    ended = call("show", shelf.arrived.task_id, shelf.done.task_id)
    states = {each["asset_id"]: each["state"] for each in lines(call("tasks", "--json"))}

    assert (0, "") == (ended.returncode, ended.stderr)
    assert "re_arrived  1:00, 1 speaker\n" in ended.stdout
    assert "re_done  1:00, 1 speaker\n" in ended.stdout
    assert "done" == states["re_arrived"]


def test_show_an_orphaned_callback(call: Run, shelf: "Shelf") -> None:
    """It is shown under its job's name, and stays nobody's."""
    [document] = lines(call("show", shelf.orphaned, "--json"))
    states = [each["state"] for each in lines(call("tasks", "--json"))]

    assert shelf.orphaned == document["asset_id"]
    assert "orphaned" in states


def test_show_hostile_names(call: Run, with_store: "WithStore", shelf: "Shelf") -> None:
    """For programs everything is ASCII, for people nothing steers the terminal."""
    body = shelf.body("t1").replace(b"SPEAKER_07", "\u202e[red]Zoë\x9b2J".encode())

    async def put(store: TaskStore) -> None:
        await store.put_callback("t1", body, seen=False)

    with_store(put)
    document, drawn = call("show", "t1", "--json").stdout, call("show", "t1").stdout

    assert document.isascii()
    assert "\u202e[red]Zoë\x9b2J" == json.loads(document)["segments"][0]["speaker"]
    assert "  [red]Zoë2J " in drawn


def test_show_what_is_not_there(call: Run, shelf: "Shelf", with_store: "WithStore") -> None:
    """What is missing or failed is a line, and exit code 1; the others are shown."""
    body = b'{"code": "0001", "message": "\\u001b[2J[red]no", "task_id": "t1"}'

    async def put(store: TaskStore) -> None:
        await store.put_callback("t1", body, seen=False)

    with_store(put)
    ended = call("show", shelf.pending.task_id, "t1", shelf.done.task_id)

    assert 1 == ended.returncode
    assert (
        f"no callback of task {shelf.pending.task_id} is here yet; "
        "to wait for it: mavi-async resume\n"
    ) in ended.stderr
    assert "failed: t1: MAVI could not do the job: [2J[red]no" in ended.stderr
    assert "re_done" in ended.stdout
