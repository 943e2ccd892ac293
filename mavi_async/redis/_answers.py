"""Between what scripts take and return, and the records of a store."""

from collections.abc import Iterator, Sequence

import attrs

from mavi_async._records import (
    Arrival,
    Intent,
    IntentState,
    KeptAside,
    Put,
    Submission,
    Unmatched,
    Verdict,
)
from mavi_async.redis._server import Answer

__all__ = [
    "read_arrival",
    "read_aside",
    "read_intent",
    "read_put",
    "read_submission",
    "write_intent",
    "write_text",
]


def write_text(text: str) -> bytes:
    """Encode a text, whatever is in it."""
    return text.encode("utf-8", "surrogatepass")


def _read_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def read_put(answer: Answer) -> Put:
    """Read what became of a body."""
    verdict, known, unseen, flat = answer
    evicted = tuple(
        Unmatched(_read_text(task_id), body, evicted=True)
        for task_id, body in zip(flat[::2], flat[1::2], strict=True)
    )
    return Put(Verdict(verdict.decode()), known == 1, unseen, evicted)


def read_arrival(answer: Answer) -> Arrival:
    """Read a callback that is kept."""
    task_id, received_at, size = answer
    return Arrival(_read_text(task_id), float(received_at), size)


def read_aside(answer: Answer) -> KeptAside:
    """Read a body that contradicts."""
    task_id, body, received_at = answer
    return KeptAside(_read_text(task_id), body, float(received_at))


def read_submission(answer: Answer) -> Submission:
    """Read a job."""
    task_id, account, asset_id, submitted_at = answer
    return Submission(
        _read_text(task_id), _read_text(account), _read_text(asset_id), float(submitted_at)
    )


def read_intent(answer: Answer) -> Intent:
    """Read an intent."""
    intent_id, account, asset_id, state, created_at, expires_at, key, task_id, endpoint = answer
    return Intent(
        intent_id=_read_text(intent_id),
        account=_read_text(account),
        asset_id=_read_text(asset_id),
        state=IntentState(state.decode()),
        created_at=float(created_at),
        expires_at=float(expires_at),
        idempotency_key=None if key is None else _read_text(key),
        task_id=None if task_id is None else _read_text(task_id),
        endpoint=_read_text(endpoint),
    )


def write_intent(intent: Intent) -> Sequence[bytes]:
    """Write the names and values of an intent's fields; what is ``None`` is left out."""
    return tuple(word for field in _fields_of(intent) for word in field)


def _fields_of(intent: Intent) -> Iterator[tuple[bytes, bytes]]:
    for name, value in attrs.asdict(intent, recurse=False).items():
        if isinstance(value, IntentState):
            yield name.encode(), value.value.encode()
        elif isinstance(value, float | int):
            yield name.encode(), repr(float(value)).encode()
        elif value is not None:
            yield name.encode(), write_text(value)
