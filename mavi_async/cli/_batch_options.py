"""What a batch is asked for."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import attrs

from mavi_async.cli._batch_plan import Budget
from mavi_async.cli._destination import fitting

__all__ = ["BatchOptions"]

_RATE: Final = 1.0
_TIMEOUT: Final = 3600.0


@attrs.frozen(kw_only=True)
class BatchOptions:
    """What is asked for; `MaviClient` says what most of it means.

    Attributes:
        paths: Folders, manifests and recordings.
        output: The folder for the results.
        formats: What each result is written as.
        name: What the batch is called in the store; ``None`` for a name made of the folder's.
        resume: Whether it goes on with what an earlier run began.
        budget: What it may cost.
        on_error: Whether one recording without a result keeps the others back.
        listen: Where to receive callbacks, ``HOST:PORT``.
        received_elsewhere: Whether another process receives them into the same store.
        token: The secret in the callback's path; ``None`` makes one.
        base_url: Where the API is.
        account: What the account is called in the store.
        rate: Requests per second.
        timeout: Seconds to wait for each callback.
        as_json: Whether outcomes are written as JSON lines.
    """

    paths: Sequence[Path]
    output: Path
    formats: Sequence[str]
    name: str | None
    resume: bool
    budget: Budget
    on_error: Literal["continue", "stop"]
    listen: str | None
    received_elsewhere: bool
    token: str | None = attrs.field(repr=False)
    base_url: str | None
    account: str | None
    rate: float
    timeout: float
    as_json: bool

    @property
    def batch(self) -> str:
        """What the batch is called in the store."""
        if self.name is not None:
            return self.name
        place = os.path.realpath(self.output)
        digest = hashlib.sha256(os.fsencode(place)).hexdigest()
        return f"{fitting(Path(place).name)}-{digest[:8]}"

    def again(self) -> tuple[str, ...]:
        """Return the words of a command that goes on with the batch."""
        # What is only a sign there must not be taken for an option.
        words = [f"./{path}" if str(path).startswith("-") else str(path) for path in self.paths]
        given: dict[str, object] = {
            "--output": f"./{self.output}" if str(self.output).startswith("-") else self.output,
            "--name": self.name,
            "--listen": self.listen,
            "--base-url": self.base_url,
            "--account": self.account,
            "--rate": None if self.rate == _RATE else f"{self.rate:g}",
            "--timeout": None if self.timeout == _TIMEOUT else f"{self.timeout:g}",
            "--on-error": None if self.on_error == "continue" else self.on_error,
            "--max-cost": self.budget.max_cost,
            "--assume-length": self.budget.assumed_length,
        }
        for option, value in given.items():
            words += () if value is None else (option, str(value))
        for name in self.formats:
            words += ("--format", name)
        flags = {"--received-elsewhere": self.received_elsewhere, "--json": self.as_json}
        return ("batch", *words, *(flag for flag, is_on in flags.items() if is_on), "--resume")
