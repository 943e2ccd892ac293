"""What is posted to the webhook for one job, and in which order."""

import copy
import json

import attrs

from mavi_async.emulator._answers import (
    Dialect,
    callback_body,
    failed_callback_body,
    foreign_callback_body,
)
from mavi_async.emulator._conversation import Conversation
from mavi_async.emulator._faults import Fault

__all__ = ["Parcel", "pack"]


@attrs.frozen
class Parcel:
    """One body to deliver.

    Attributes:
        label: What it is: ``result``, ``conflict`` or ``foreign``.
        body: The content.
    """

    label: str
    body: bytes


def pack(
    dialect: Dialect, task_id: str, conversation: Conversation, faults: dict[str, Fault]
) -> list[list[Parcel]]:
    """Lay out the callbacks of one job.

    Returns:
        Batches to be sent one after another; what is inside a batch goes out at the same moment.
    """
    batches = [] if "drop" in faults else _own_batches(dialect, task_id, conversation, faults)
    if "foreign" in faults:
        _surround(batches, dialect, faults["foreign"].copies)
    return batches


def _own_batches(
    dialect: Dialect, task_id: str, conversation: Conversation, faults: dict[str, Fault]
) -> list[list[Parcel]]:
    good = callback_body(dialect, task_id, conversation)
    first = failed_callback_body(task_id) if "fail" in faults else good
    result = Parcel("result", _first_body(first, faults.get("malformed"), task_id))
    batches = [[result] * (faults["duplicate"].copies if "duplicate" in faults else 1)]
    if "conflict" in faults:
        batches.append([Parcel("conflict", _second_body(good, faults["conflict"], task_id))])
    return batches


def _first_body(document: dict[str, object], fault: Fault | None, task_id: str) -> bytes:
    if fault is None:
        return _encode(document)
    if fault.body is not None:
        return _own_body(fault.body, task_id)
    if fault.variant == "not_json":
        body = _encode(document)
        return body[: len(body) // 2]
    if fault.variant == "no_task_id":
        return _encode({name: value for name, value in document.items() if name != "task_id"})
    return _encode({**document, "data": {"data": {"data": "none"}, "msg": "", "success": True}})


def _second_body(good: dict[str, object], fault: Fault, task_id: str) -> bytes:
    """A body of the same task that decodes as well, and says something else."""
    if fault.body is not None:
        return _own_body(fault.body, task_id)
    other = copy.deepcopy(good)
    # Every field of the documented shape is there: this module's neighbour built it.
    result: dict[str, dict[str, float]] = other["data"]["data"]  # type: ignore[index]
    result["usage_metadata"]["duration"] += 1
    return _encode(other)


def _surround(batches: list[list[Parcel]], dialect: Dialect, copies: int) -> None:
    """Put half of the other jobs' callbacks before the result, half after."""
    others = [
        [Parcel("foreign", _encode(foreign_callback_body(dialect, number)))]
        for number in range(copies)
    ]
    half = (copies + 1) // 2
    batches[:0] = others[:half]
    batches.extend(others[half:])


def _own_body(text: str, task_id: str) -> bytes:
    return text.replace("$TASK_ID", task_id).encode()


def _encode(document: object) -> bytes:
    return json.dumps(document).encode()
