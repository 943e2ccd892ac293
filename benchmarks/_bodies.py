"""Callback bodies as MAVI sends them, of any size."""

import json
import random

__all__ = ["TASK_ID_BYTES", "callback_body", "patch"]

TASK_ID_BYTES = 32
_PLACE = "0" * TASK_ID_BYTES


def callback_body(segments: int) -> bytes:
    """Write the callback of a recording of so many segments; its task id is all zeros."""
    dice = random.Random(segments)
    rows = []
    cursor = 0.0
    for _ in range(segments):
        cursor += dice.uniform(0.1, 1.0)
        end = cursor + dice.uniform(0.5, 6.0)
        speaker = f"SPEAKER_{dice.randrange(5):02d}"
        rows.append({"start": round(cursor, 3), "end": round(end, 3), "speaker": speaker})
        cursor = end
    usage = {"duration": cursor, "model": "pyannote", "output_tokens": 0, "prompt_tokens": 0}
    report = {"data": rows, "usage_metadata": usage}
    document = {
        "code": "0000",
        "msg": "success",
        "data": {"data": report, "msg": "ok", "success": True},
        "failed": False,
        "success": True,
        "task_id": _PLACE,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def patch(body: bytes, number: int) -> bytes:
    """Give a body a task id of its own."""
    return body.replace(_PLACE.encode(), b"%0*x" % (TASK_ID_BYTES, number), 1)
