"""What is posted for one job."""

import json

import pytest

from mavi_async._segments import SpeakerSegment
from mavi_async.emulator import Fault
from mavi_async.emulator._conversation import Conversation
from mavi_async.emulator._parcels import Parcel, pack

TASK_ID = "0d2d50fbdd0c4597a6a45c0359a42d76"
CONVERSATION = Conversation((SpeakerSegment(0.5, 2.25, "SPEAKER_00"),), 20.5)
RESULT = {
    "code": "0000",
    "message": "SUCCESS",
    "data": {
        "data": {
            "data": [{"start": 0.5, "end": 2.25, "speaker": "SPEAKER_00"}],
            "usage_metadata": {
                "duration": 20.5,
                "model": "emulator",
                "output_tokens": 0,
                "prompt_tokens": 0,
            },
        },
        "msg": "Speech diarization completed successfully",
        "success": True,
    },
    "task_id": TASK_ID,
}


def pack_with(*faults: Fault) -> list[list[Parcel]]:
    """Pack in the dialect of the specification."""
    return pack("0000", TASK_ID, CONVERSATION, {fault.kind: fault for fault in faults})


def only_body(batches: list[list[Parcel]]) -> bytes:
    """The body of a job that sends one."""
    [[parcel]] = batches
    return parcel.body


def test_a_result_has_the_documented_shape() -> None:
    """Order of fields included."""
    assert json.dumps(RESULT) == only_body(pack_with()).decode()


def test_the_other_dialect_says_200() -> None:
    """As an integer."""
    body = only_body(pack("200", TASK_ID, CONVERSATION, {}))

    assert json.loads(body) == {**RESULT, "code": 200}


def test_fail() -> None:
    """A failed job says so twice, and has no segments."""
    body = json.loads(only_body(pack_with(Fault("fail"))))

    assert (body["code"], body["task_id"]) == ("0001", TASK_ID)
    assert body["data"] == {"data": None, "msg": "Speech diarization failed", "success": False}


def test_drop() -> None:
    """Nothing is sent, also not what would follow."""
    assert pack_with(Fault("drop"), Fault("conflict"), Fault("duplicate")) == []


def test_duplicate() -> None:
    """All copies are alike and leave together."""
    [batch] = pack_with(Fault("duplicate", copies=3))

    assert len(batch) == 3
    assert len(set(batch)) == 1


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (Fault("malformed"), json.dumps(RESULT)[: len(json.dumps(RESULT)) // 2]),
        (
            Fault("malformed", variant="no_task_id"),
            json.dumps({name: RESULT[name] for name in ("code", "message", "data")}),
        ),
        (
            Fault("malformed", variant="wrong_schema"),
            json.dumps({**RESULT, "data": {"data": {"data": "none"}, "msg": "", "success": True}}),
        ),
        (Fault("malformed", body='{"task_id": "$TASK_ID"}'), f'{{"task_id": "{TASK_ID}"}}'),
    ],
)
def test_malformed(fault: Fault, body: str) -> None:
    """Truncated, without its task, of another schema, or as the tester wants it."""
    assert body == only_body(pack_with(fault)).decode()


def test_conflict() -> None:
    """A second body of the same task decodes as well and says something else."""
    [[first], [second]] = pack_with(Fault("conflict"))
    expected = json.loads(json.dumps(RESULT))
    expected["data"]["data"]["usage_metadata"]["duration"] = 21.5

    assert json.loads(first.body) == RESULT
    assert expected == json.loads(second.body)
    assert (first.label, second.label) == ("result", "conflict")


def test_conflict_with_a_body_of_ones_own() -> None:
    """The task id is filled in."""
    [_, [second]] = pack_with(Fault("conflict", body="[$TASK_ID]"))

    assert f"[{TASK_ID}]" == second.body.decode()


def test_foreign() -> None:
    """Other jobs' callbacks come before and after, each with a task id of its own."""
    batches = pack_with(Fault("foreign", copies=3))
    task_ids = [json.loads(parcel.body)["task_id"] for [parcel] in batches]

    assert [parcel.label for [parcel] in batches] == ["foreign", "foreign", "result", "foreign"]
    assert task_ids[2] == TASK_ID
    assert len(set(task_ids)) == 4
