"""What a batch has done already, and what the rest of it will cost."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from mavi_async._batch import BatchRecording
from mavi_async._batch_identity import identity_of, key_of
from mavi_async._configuration import checked_seconds
from mavi_async._cost import CostEstimate, estimate_cost
from mavi_async._errors import ConfigurationError
from mavi_async._records import Intent, IntentState
from mavi_async.cli._batch_planned import Planned
from mavi_async.stores import TaskStore

__all__ = ["Budget", "estimated", "find_earlier"]

_MAY_BE_PAID: Final = (IntentState.ACCEPTED, IntentState.UNKNOWN, IntentState.SENDING)


@attrs.frozen
class Budget:
    """What a batch may cost.

    Attributes:
        max_cost: US dollars; ``None`` for any amount.
        assumed_length: Seconds to count for a recording of unknown length; ``None`` to refuse
            a bound that would be none because of such a recording.
    """

    max_cost: float | None = attrs.field(default=None)
    assumed_length: float | None = attrs.field(default=None)

    def __attrs_post_init__(self) -> None:
        if self.max_cost is not None:
            checked_seconds(self.max_cost, "--max-cost")
        if self.assumed_length is not None:
            checked_seconds(self.assumed_length, "--assume-length")

    def check(self, estimate: CostEstimate) -> None:
        """See that what is to be submitted stays within it.

        Raises:
            ConfigurationError: If it does not, or nobody can tell.
        """
        if self.max_cost is None:
            return
        count = len(estimate.unknown)
        if count and self.assumed_length is None:
            raise ConfigurationError(
                f"--max-cost cannot be kept: recordings of unknown length: {count}; say with "
                "--assume-length how many seconds to count for each. Nothing was sent."
            )
        if self.assumed_length is not None:
            estimate = estimate.assuming(self.assumed_length)
        if estimate.usd > self.max_cost:
            raise ConfigurationError(
                f"it would cost {estimate}, more than --max-cost {self.max_cost:g}. "
                "Nothing was sent."
            )


async def find_earlier(
    store: TaskStore, account: str, batch: str, planned: Sequence[Planned]
) -> Mapping[Planned, Intent]:
    """Find what earlier runs of a batch have submitted, or uploaded to be."""
    found: dict[Planned, Intent] = {}
    for each in planned:
        try:
            identity = await identity_of(BatchRecording(each.source), lasting=True)
        except ConfigurationError:  # it vanished meanwhile, which its outcome will say
            continue
        intent = await store.find_intent(account, key_of(batch, identity))
        if intent is not None:
            found[each] = intent
    return found


async def estimated(
    planned: Sequence[Planned], earlier: Mapping[Planned, Intent]
) -> tuple[CostEstimate, int]:
    """Estimate what is still to be paid, and tell how many recordings may be paid for already."""
    due = [
        each for each in planned if each not in earlier or earlier[each].state not in _MAY_BE_PAID
    ]
    # The same recording by two paths is one job.
    sources = {each.identity: each.source for each in due}
    estimate = await asyncio.to_thread(estimate_cost, list(sources.values()))
    return estimate, len(planned) - len(due)
