"""The checks of stores: which ones there are, what they say, and what they do not mind."""

import asyncio
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest

from mavi_async import MemoryStore
from mavi_async.stores import KeptAside
from mavi_async.testing import (
    MakeStore,
    StoreContractBroken,
    _trial,
    check_task_store,
    task_store_checks,
)


def making(kind: type[MemoryStore]) -> MakeStore:
    """Return what makes stores of a kind, the same one for the same name."""
    made: dict[str, MemoryStore] = {}

    def make(name: str, /, **options: Any) -> MemoryStore:
        return made.setdefault(name, kind(**options))

    return make


def test_a_store_without_a_bug_breaks_nothing() -> None:
    """One that several share for real."""
    asyncio.run(check_task_store(making(MemoryStore), shared=True))


def test_checks_can_be_left_out() -> None:
    """Those of shared data, and those that need a clock that can be moved; each has its name."""
    everything = task_store_checks(shared=True)
    fewest = task_store_checks(movable_clock=False)

    assert all(name == check.name for name, check in everything.items())
    assert fewest.items() < task_store_checks().items() < everything.items()
    left_out = {name for name, check in everything.items() if check.shared or check.moves_clock}
    assert left_out == everything.keys() - fewest.keys()


def test_a_store_may_go_by_a_clock_of_its_own() -> None:
    """Such as that of a server: nothing is then expected to stand still or to jump."""

    def make(name: str, /, *, clock: object, **options: Any) -> MemoryStore:
        return MemoryStore(**options)

    asyncio.run(check_task_store(make, movable_clock=False))


class Broken(MemoryStore):
    """A store that takes an empty body for none, and closes only once."""

    is_closed = False

    async def get_callback(self, task_id: str) -> bytes | None:
        return await super().get_callback(task_id) or None

    async def aclose(self) -> None:
        if self.is_closed:
            raise ValueError("it is closed already")
        self.is_closed = True


def test_an_error_says_what_is_broken() -> None:
    """The check, the rule, what was looked at, what it should be and what it is."""
    with pytest.raises(StoreContractBroken) as caught:
        asyncio.run(task_store_checks()["empty_body_is_a_body"](making(Broken)))

    expected = (
        "the store breaks its contract, as 1 of the checks found\n"
        "\n"
        "empty_body_is_a_body (rule 3: The first body counts)\n"
        "    get_callback\n"
        "    expected: b''\n"
        "    found:    None"
    )
    assert expected == str(caught.value) == str(pickle.loads(pickle.dumps(caught.value)))


def test_every_check_runs_whatever_fails() -> None:
    """A second bug is no surprise after the first one is mended."""
    with pytest.raises(StoreContractBroken, match="2 of the checks") as caught:
        asyncio.run(check_task_store(making(Broken)))

    expected = ["empty_body_is_a_body", "store_closes_twice"]
    assert expected == [each.check for each in caught.value.broken]
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert len(caught.value.__cause__.exceptions) == 2


class Raising(MemoryStore):
    """A store that is not finished."""

    async def list_aside(self) -> Sequence[KeptAside]:
        raise NotImplementedError("some day")


def test_an_error_of_the_store_is_told_with_its_place() -> None:
    """And its traceback is there to be read."""
    check = task_store_checks()["contradicting_bodies_are_kept_aside"]
    with pytest.raises(StoreContractBroken) as caught:
        asyncio.run(check(making(Raising)))

    (broken,) = caught.value.broken
    assert broken.found.startswith("NotImplementedError: some day (")
    assert "test_store_checks.py:" in broken.found
    assert isinstance(caught.value.__cause__, NotImplementedError)


class Hanging(MemoryStore):
    """A store that waits for a server that is not there."""

    async def get_callback(self, task_id: str) -> bytes | None:
        await anyio.sleep_forever()
        return None


def test_a_store_that_hangs_does_not_hang_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a while."""
    monkeypatch.setattr(_trial, "CHECK_SECONDS", 0.01)
    with pytest.raises(StoreContractBroken, match=r"found: +none within 0\.01 s"):
        asyncio.run(task_store_checks()["first_body_counts"](making(Hanging)))


class Unhinted(MemoryStore):
    """A store that has no way to push anything."""

    async def watch(self, notify: Callable[[str | None], None]) -> None:  # type: ignore[override]
        return None


def test_a_store_need_not_give_hints() -> None:
    """What is awaited is then looked for."""
    asyncio.run(check_task_store(making(Unhinted), shared=True))


class Late(MemoryStore):
    """A store whose hints come late and twice, or say only that something may be missing."""

    local = False

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        is_ended = False

        def tell(task_id: str | None) -> None:
            if not is_ended:
                notify(task_id)

        def later(task_id: str | None) -> None:
            loop = asyncio.get_running_loop()
            for hint in (task_id, task_id) if task_id == "t" else (None,):
                loop.call_later(0.001, tell, hint)

        stop = await super().watch(later)

        def end() -> None:
            nonlocal is_ended
            is_ended = True
            stop()

        return end


def test_hints_may_come_late_and_twice() -> None:
    """And ``None`` stands for all that may be missing."""
    asyncio.run(check_task_store(making(Late), shared=True))
