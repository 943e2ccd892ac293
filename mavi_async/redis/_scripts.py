"""The scripts that run on the server, each a call of the store that is done as a whole."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import attrs

__all__ = ["NAMES", "Script", "load", "load_alone"]

NAMES: Final = (
    "bodies",  # hash: task_id to its first body
    "seen",  # set of those that a waiter has
    "received",  # when each body came
    "unmatched",  # the same, of those that nobody knows
    "asides",  # hash: task_id and digest to a body that contradicts
    "aside_ages",
    "jobs",  # hash: task_id to its submission
    "job_ages",  # when it was first put
    "pending",  # by when they were submitted, as are the next two
    "done",
    "uncollected",
    "collected",  # set, also of those that are still pending
    "intents",  # hash: intent_id to all of it
    "intent_ages",  # when it was last begun
    "intent_keys",  # hash: account and idempotency key to intent_id
    "intents_of",  # task_id and intent_id
    "sending",  # by when they were made, as are the next three
    "accepted",
    "not_sent",
    "unknown",
    "counts",  # hash: bytes in all, and the format
    "last",  # when a callback came last; it alone never goes by itself
)
"""What the keys of a namespace end in; those without a type are sorted sets."""

_FOLDER: Final = files("mavi_async.redis") / "lua"


@attrs.frozen
class Script:
    """A script, and the name by which the server remembers it."""

    text: str
    sha1: str

    @classmethod
    def of(cls, parts: Sequence[str]) -> "Script":
        """Join the parts of a script."""
        text = "\n".join(parts)
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@cache
def load(name: str) -> Script:
    """Read a script on a namespace, once."""
    keys = f"local {', '.join(NAMES)} = unpack(KEYS)"
    return Script.of([keys, _read("namespace"), _read(name)])


def load_alone(name: str) -> Script:
    """Read a script that names its own keys."""
    return Script.of([_read(name)])


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text("utf-8")
