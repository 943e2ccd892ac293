"""Planning faults."""

import pytest

from mavi_async._errors import ConfigurationError
from mavi_async.emulator import Fault
from mavi_async.emulator._faults import FaultPlan, read_faults


def test_faults_are_used_up_in_order() -> None:
    """Each submit takes the oldest fault, as often as it says."""
    plan = FaultPlan()
    plan.add(Fault("429", times=2), Fault("503"))

    assert [fault and fault.kind for fault in (plan.take_submit("re_1") for _ in range(4))] == [
        "429",
        "429",
        "503",
        None,
    ]
    assert len(plan) == 0


def test_a_fault_may_wait_for_its_asset() -> None:
    """Faults of one asset are passed over by others."""
    plan = FaultPlan()
    mine, anybodys = Fault("500", asset_id="re_1"), Fault("401")
    plan.add(mine, anybodys)

    assert anybodys == plan.take_submit("re_2")
    assert plan.take_submit("re_2") is None
    assert mine == plan.take_submit("re_1")


def test_a_fault_may_last() -> None:
    """Without a number of times it stays until the plan is cleared."""
    plan = FaultPlan()
    plan.add(Fault("drop", times=None))

    assert [len(plan.take_callback("re_1")) for _ in range(3)] == [1, 1, 1]

    plan.clear()

    assert plan.take_callback("re_1") == {}


def test_callback_faults_combine() -> None:
    """A job takes one of each callback kind, and none of the submit's."""
    plan = FaultPlan()
    first, second, other = Fault("delay", seconds=1), Fault("delay", seconds=2), Fault("early")
    plan.add(Fault("429"), first, second, other)

    assert {"delay": first, "early": other} == plan.take_callback("re_1")
    assert {"delay": second} == plan.take_callback("re_1")
    assert len(plan) == 1


def test_reads_one_fault_or_several() -> None:
    """JSON has the same names as the record."""
    assert [Fault("answer", status=307, headers={"location": "/x"})] == read_faults(
        {"kind": "answer", "status": 307, "headers": {"location": "/x"}}
    )
    assert [Fault("drop", times=None), Fault("429", retry_after="2")] == read_faults(
        [{"kind": "drop", "times": None}, {"kind": "429", "retry_after": "2"}]
    )


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("429", "a fault is an object"),
        ({}, "a fault needs a 'kind', one of 400"),
        ({"kind": "explode"}, "'kind' must be one of 400"),
        ({"kind": ["429"]}, "'kind' must be one of 400"),
        ({"kind": "429", "retries": 2}, "a fault has no 'retries'; it has after_bytes"),
        ({"kind": "429", "asset_id": 7}, "'asset_id' must be text"),
        ({"kind": "429", "times": 0}, "'times' must be a whole number from 1"),
        ({"kind": "429", "times": True}, "'times' must be a whole number from 1"),
        ({"kind": "429", "retry_after": "1\r\nx: y"}, "'retry_after' must be one line"),
        ({"kind": "delay", "seconds": -1}, "'seconds' must be 0 to"),
        ({"kind": "delay", "seconds": "1"}, "'seconds' must be 0 to"),
        ({"kind": "duplicate", "copies": 0}, "'copies' must be"),
        ({"kind": "reset", "creates_job": 1}, "'creates_job' must be true or false"),
        ({"kind": "reset", "after_bytes": -1}, "'after_bytes' must be"),
        ({"kind": "malformed", "variant": "odd"}, "'variant' must be one of no_task_id"),
        ({"kind": "answer", "status": 99}, "'status' must be 100 to 999"),
        ({"kind": "answer", "headers": ["x"]}, "'headers' must"),
        ({"kind": "answer", "headers": {"x": "a\nb"}}, "'headers' must be names and values"),
        ({"kind": "answer", "body": 1}, "'body' must be text"),
    ],
)
def test_says_what_is_wrong_with_a_fault(document: object, why: str) -> None:
    """A fault that could not be carried out is refused where it is made."""
    with pytest.raises(ConfigurationError) as caught:
        read_faults(document)

    assert why in str(caught.value)
