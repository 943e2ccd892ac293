"""What tests of other projects need: for now, the checks of a store of their own."""

from mavi_async.testing._contract import BrokenRule, StoreContractBroken
from mavi_async.testing._suite import check_task_store, task_store_checks
from mavi_async.testing._trial import MakeStore, StoreCheck

__all__ = [
    "BrokenRule",
    "MakeStore",
    "StoreCheck",
    "StoreContractBroken",
    "check_task_store",
    "task_store_checks",
]
