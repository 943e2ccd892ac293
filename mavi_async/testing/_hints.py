"""Checks of hints: late and twice are allowed, missing ones and empty promises are not."""

import threading

import anyio

from mavi_async.testing._callbacks import put_unseen
from mavi_async.testing._expectations import Unmet, expect, expect_refusal, shown
from mavi_async.testing._trial import Trial, check

__all__ = ["HINT_SECONDS", "Watcher"]

HINT_SECONDS = 5.0


class Watcher:
    """Somebody who asked for hints."""

    def __init__(self) -> None:
        self.told: list[str | None] = []
        self.strays = 0
        self._thread = threading.get_ident()
        self._news = anyio.Event()

    def __call__(self, task_id: str | None) -> None:
        if threading.get_ident() != self._thread:
            self.strays += 1  # an event of the loop must not be touched from here
            return
        self.told.append(task_id)
        self._news.set()

    async def until(self, *task_ids: str) -> None:
        """Wait until each of some jobs was hinted at; ``None`` stands for all of them.

        Raises:
            Unmet: If that takes too long.
        """
        with anyio.move_on_after(HINT_SECONDS):
            while not ({*task_ids} <= {*self.told} or None in self.told):
                self._news = anyio.Event()
                await self._news.wait()
            return
        expect("how many hints came in another thread than that of watch", 0, self.strays)
        raise Unmet(
            f"the hints that came within {HINT_SECONDS:g} s",
            shown(list(task_ids)),
            shown(self.told),
        )


@check(rule=6)
async def watchers_are_told_of_first_bodies(trial: Trial) -> None:
    """Of all jobs, known or not, seen or not, until they stop."""
    store = trial.open()
    stopped, other = Watcher(), Watcher()
    stop, go_on = await store.watch(stopped), await store.watch(other)
    expect("whether watch gives hints, asked twice", stop is None, go_on is None)
    if stop is None:
        return
    await store.put_submission(trial.submission("t"))
    await put_unseen(store, "t", "a", "b", "c")
    await stopped.until("t", "a", "b", "c")
    await other.until("t", "a", "b", "c")

    stop()
    before = list(stopped.told)
    await store.put_callback("e", b"body", seen=True)

    await other.until("e")
    expect("the hints after they were ended", before, stopped.told)


@check(rule=6)
async def repeats_and_refusals_give_no_hints(trial: Trial) -> None:
    """What is not in the store is never hinted at, and what is there not each time it comes."""
    store = trial.open()
    watcher = Watcher()
    if await store.watch(watcher) is None:
        return
    await put_unseen(store, *["t"] * 6, "b", "c")
    for number in range(3):
        await put_unseen(store, "t", body=f"other {number}".encode())
    with expect_refusal("put_callback of a fourth unknown job, where three are the bound"):
        await put_unseen(store, "refused")

    await store.put_callback("last", b"body", seen=True)
    await watcher.until("last")
    expect("hints at a refused callback", 0, watcher.told.count("refused"))
    few = watcher.told.count("t") <= 2
    expect(f"at most two hints at nine deliveries of one job: {watcher.told}", True, few)


@check(rule=6)
async def watcher_may_stop_in_a_hint(trial: Trial) -> None:
    """It is told no more then, and the others still are."""
    store = trial.open()
    once, other = Watcher(), Watcher()

    def stop_at_once(task_id: str | None) -> None:
        once(task_id)
        if stop is not None:
            stop()

    stop = await store.watch(stop_at_once)
    if await store.watch(other) is None:
        return
    await put_unseen(store, "a", "b")

    await other.until("a", "b")
    expect("how many hints a watcher got that stopped in the first", 1, len(once.told))


@check(rule=6)
async def hint_finds_the_body(trial: Trial) -> None:
    """It is sent when the body is there, not before."""
    store = trial.open()
    watcher = Watcher()
    found: list[bytes | None] = []
    if await store.watch(watcher) is None:
        return

    async def look(ready: anyio.Event) -> None:
        ready.set()
        await watcher.until("t")
        found.append(await store.get_callback("t"))

    async with anyio.create_task_group() as group:
        ready = anyio.Event()
        group.start_soon(look, ready)
        await ready.wait()
        await store.put_callback("t", b"body", seen=False)

    expect("get_callback on the hint", [b"body"], found)
