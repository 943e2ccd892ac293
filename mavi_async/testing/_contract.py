"""The rules of a store's contract, and the error that says which of them are broken."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

__all__ = ["RULES", "BrokenRule", "StoreContractBroken"]

RULES: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "Each call is atomic",
        2: "Kept means kept",
        3: "The first body counts",
        4: "What somebody has seen is final",
        5: "Unknown is bounded and separate",
        6: "No hint is missed",
        7: "Intents tell what may have been billed",
        8: "An unmatched callback can be adopted",
        9: "Jobs are listed by where they stand",
        10: "Forgotten is forgotten, old is removed",
        11: "The pacer is shared as widely as the store",
        12: "`local` tells the truth",
    }
)
"""The titles of the numbered rules in the documentation that a call can put to the test."""


@attrs.frozen
class BrokenRule:
    """What one check found.

    Attributes:
        check: The name of the check.
        rule: The number of the rule in the documentation of stores.
        what: What was looked at.
        expected: What a store answers that keeps the rule.
        found: What this one answered.
    """

    check: str
    rule: int
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.check} (rule {self.rule}: {RULES[self.rule]})\n"
            f"    {self.what}\n"
            f"    expected: {self.expected}\n"
            f"    found:    {self.found}"
        )


@attrs.define(slots=False, eq=False)
class StoreContractBroken(AssertionError):
    """Raised when a store does not do what `mavi_async.TaskStore` asks of it.

    Attributes:
        broken: What each of the checks found that failed.
    """

    broken: tuple[BrokenRule, ...]

    def __str__(self) -> str:
        head = f"the store breaks its contract, as {len(self.broken)} of the checks found"
        return "\n\n".join([head, *map(str, self.broken)])
