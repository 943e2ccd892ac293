"""Adopting callbacks and forgetting jobs: decisions that are taken by hand."""

import json
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from mavi_async import TaskStore
from mavi_async.stores import IntentState

if TYPE_CHECKING:
    from tests.cli.conftest import Shelf, WithStore

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_adopt(call: Run, shelf: "Shelf", with_store: "WithStore") -> None:
    """The callback becomes the submission's, and its result is there to be fetched."""
    ended = call("adopt", shelf.unknown.intent_id, shelf.orphaned)
    job = with_store(lambda store: store.get_submission(shelf.orphaned))

    assert 0 == ended.returncode
    assert (
        f"Task {shelf.orphaned} is the job of re_unknown. Its result: mavi-async resume\n"
        == ended.stderr
    )
    assert job is not None
    assert ("re_unknown", "studio") == (job.asset_id, job.account)


def test_nothing_to_adopt(call: Run, shelf: "Shelf", with_store: "WithStore") -> None:
    """Each reason is said, and nothing changes."""
    unknown, sending = shelf.unknown.intent_id, shelf.sending.intent_id
    reasons = {
        ("nobody", shelf.orphaned): "there is no submission nobody in this store",
        (sending, shelf.orphaned): "re_sending is being submitted",
        (unknown, shelf.done.task_id): f"task {shelf.done.task_id} is the job of re_done",
        (unknown, "t404"): "no callback of task t404 is in this store",
    }
    for (intent_id, task_id), reason in reasons.items():
        ended = call("adopt", intent_id, task_id)

        assert 1 == ended.returncode
        assert ended.stderr.startswith(f"nothing was changed: {reason}")
        assert "What is here: mavi-async tasks\n" in ended.stderr
        assert "To feed a callback that you have: mavi-async replay FILE\n" in ended.stderr
    assert [shelf.orphaned] == [
        each.task_id for each in with_store(lambda store: store.list_unmatched())
    ]


def test_adopting_twice(call: Run, shelf: "Shelf") -> None:
    """The second time there is nothing to do, and the answer is the same."""
    first, second = (call("adopt", shelf.unknown.intent_id, shelf.orphaned) for _ in range(2))

    assert (0, 0) == (first.returncode, second.returncode)
    assert first.stderr == second.stderr


def test_the_callback_of_another_kind_of_job(
    call: Run, shelf: "Shelf", with_store: "WithStore"
) -> None:
    """It cannot be the result of a speaker job, whatever somebody takes it for."""

    async def put(store: TaskStore) -> None:
        body = b'{"code": "0000", "data": {"status": "\\u001b[2JSUCCESS"}, "task_id": "clip"}'
        await store.put_callback("clip", body, seen=False)

    with_store(put)
    ended = call("adopt", shelf.unknown.intent_id, "clip")

    assert 1 == ended.returncode
    assert "the callback of task clip does not answer a speaker job" in ended.stderr


def test_forgetting_is_said_first(call: Run, shelf: "Shelf") -> None:
    """Without --yes it says what would be lost, and the command that does it."""
    ids = [shelf.unknown.intent_id, shelf.pending.task_id, shelf.done.task_id, shelf.orphaned]
    before = call("tasks", "--json").stdout
    ended = call("forget", *ids)

    assert 1 == ended.returncode
    for words in (
        "a submission of re_unknown that may have created a job, which is paid for\n",
        "re_pending, which is still at MAVI and is paid for\n",
        "the result of re_done; a run for it would be paid for again\n",
        "the callback of a job that nobody here submitted\n",
        f"Nothing was changed. To do it: mavi-async forget {' '.join(ids)} --yes\n",
    ):
        assert words in ended.stderr
    assert before == call("tasks", "--json").stdout


def test_forget(call: Run, shelf: "Shelf", with_store: "WithStore") -> None:
    """Jobs go with their results, and an unknown submission frees its idempotency key."""
    ids = [shelf.unknown.intent_id, shelf.pending.task_id, shelf.done.task_id, shelf.orphaned]
    ended = call("forget", *ids, "--yes")
    left = [json.loads(line)["state"] for line in call("tasks", "--json").stdout.splitlines()]
    intent = with_store(lambda store: store.find_intent("studio", "key"))

    assert 0 == ended.returncode
    assert 4 == ended.stderr.count("forgotten: ")
    assert ["sending", "arrived"] == left
    assert intent is not None
    assert IntentState.NOT_SENT is intent.state


def test_what_cannot_be_forgotten(call: Run, shelf: "Shelf") -> None:
    """Each is kept for a reason that is said; the others are forgotten all the same."""
    ended = call("forget", shelf.sending.intent_id, "\x1b[2J", "t404", shelf.done.task_id, "--yes")

    assert 1 == ended.returncode
    assert f"kept: {shelf.sending.intent_id}: re_sending is being submitted" in ended.stderr
    assert "kept: [2J is neither a task id nor an intent id\n" in ended.stderr
    assert "kept: nothing is here under t404\n" in ended.stderr
    assert f"forgotten: {shelf.done.task_id}: the result of re_done" in ended.stderr


def test_submissions_that_are_settled(call: Run, shelf: "Shelf", with_store: "WithStore") -> None:
    """One that is known by its job is forgotten by that; one that failed is in nobody's way."""

    async def settle(store: TaskStore) -> None:
        await store.update_intent(shelf.unknown.intent_id, IntentState.NOT_SENT)
        await store.update_intent(shelf.sending.intent_id, IntentState.ACCEPTED, task_id="t9")

    with_store(settle)
    ended = call("forget", shelf.unknown.intent_id, shelf.sending.intent_id, "--yes")

    assert 1 == ended.returncode
    assert "nothing came of re_unknown" in ended.stderr
    assert "task t9 is the job of re_sending\n" in ended.stderr


@pytest.mark.parametrize("command", [("adopt", "i1", "t1"), ("forget", "t1")])
def test_without_a_store(call: Run, command: tuple[str, ...]) -> None:
    """There is nothing to decide about."""
    ended = call(*command)

    assert 1 == ended.returncode
    assert "Nothing has been kept in " in ended.stderr
