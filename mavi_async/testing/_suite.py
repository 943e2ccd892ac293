"""All checks of a store."""

from collections.abc import Mapping

from mavi_async.testing import (
    _at_once,
    _bounds,
    _callbacks,
    _endings,
    _forgetting,
    _hints,
    _instances,
    _intents,
    _jobs,
    _pacers,
    _unmatched,
    _uploads,
)
from mavi_async.testing._contract import BrokenRule, StoreContractBroken
from mavi_async.testing._trial import MakeStore, StoreCheck

__all__ = ["check_task_store", "task_store_checks"]

_TOPICS = (
    _callbacks,
    _bounds,
    _hints,
    _intents,
    _uploads,
    _unmatched,
    _jobs,
    _forgetting,
    _pacers,
    _at_once,
    _endings,
    _instances,
)


def task_store_checks(
    *, shared: bool = False, movable_clock: bool = True
) -> Mapping[str, StoreCheck]:
    """Return the checks of a store by name, so that a test framework can run each by itself.

    Args:
        shared: Whether a second instance sees the same data, in this process or after a restart:
            true for what keeps it in a file or on a server.
        movable_clock: False if the store goes by a clock that it cannot be given; what needs time
            to pass is then left out.
    """
    return {
        each.name: each
        for topic in _TOPICS
        for each in vars(topic).values()
        if isinstance(each, StoreCheck)
        and (shared or not each.shared)
        and (movable_clock or not each.moves_clock)
    }


async def check_task_store(
    make_store: MakeStore, *, shared: bool = False, movable_clock: bool = True
) -> None:
    """Check that a store does what `mavi_async.TaskStore` asks of it, under asyncio or trio.

    Each check has stores of its own, under a name that was not used before. It runs them all,
    whatever the first ones find.

    Args:
        make_store: Makes a store, empty or with the data that its name had before.
        shared: As in `task_store_checks`.
        movable_clock: As in `task_store_checks`.

    Raises:
        StoreContractBroken: If some fail: what each expected and found, and the rule that it is
            about. Its cause holds the tracebacks.
    """
    broken: list[BrokenRule] = []
    errors: list[StoreContractBroken] = []
    for each in task_store_checks(shared=shared, movable_clock=movable_clock).values():
        try:
            await each(make_store)
        except StoreContractBroken as error:
            broken += error.broken
            errors.append(error)
    if broken:
        causes = ExceptionGroup("the checks that failed", errors)
        raise StoreContractBroken(tuple(broken)) from causes
