"""The invariants, each by its name."""

import asyncio
import gc
from collections import Counter
from collections.abc import Collection
from itertools import combinations
from typing import TYPE_CHECKING, Final, NoReturn

import attrs

from mavi_async import Delivery, SpeakerTask
from mavi_async._errors import (
    ClientClosed,
    DispatcherClosed,
    RequestRejected,
    SubmitOutcomeUnknown,
    TaskTimeout,
)
from mavi_async._records import IntentState
from tests.stateful.model import Fed, Hook, Job, Submit, Wait, outcomes
from tests.stateful.processes import BETTER, WORSE, Process, label_of
from tests.stateful.still_loop import CLOCK, Broken

if TYPE_CHECKING:
    from tests.stateful.world import World

__all__ = ["Checks"]

# What no hint tells of is found by a look every few seconds.
_SWEPT: Final = 10.0
_YOUNG: Final = 600.0
_ERRORS: Final = {
    "rejected": RequestRejected.__name__,
    "lost": SubmitOutcomeUnknown.__name__,
    "nothing": SubmitOutcomeUnknown.__name__,
    "garbled": SubmitOutcomeUnknown.__name__,
}


class Checks:
    """Compares a world with what must hold in it."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def all(self) -> None:
        """Check everything that can be checked while things go on."""
        world = self._world
        if world.unheard:
            raise Broken("no surprise", world.unheard[0])
        self._deliveries()
        before = {name: attrs.evolve(job) for name, job in world.jobs.items()}
        await self._stored()
        self._waits()
        await self._late()
        self._tasks()
        self._statuses(before)
        self._references()
        await self._ledger()
        if len(await world.observer.list_unmatched()) > world.max_unknown:
            raise Broken("I12", "more unknown callbacks are kept than may be")

    def _deliveries(self) -> None:
        """I8: feeding returns a status, or says that the store failed where it did."""
        for fed in self._world.fed:
            expected = ["cancelled", "not kept"] if self._world.is_disturbed else []
            if fed.fault or self._world.is_full:
                expected += ["not kept"]
            if fed.end is Delivery.MALFORMED or (
                not isinstance(fed.end, Delivery) and fed.end not in expected
            ):
                raise Broken("I8", f"feeding {fed.label} to {fed.name} ended as {fed.end}")

    async def _stored(self) -> None:
        """I1, I5, I11, I16: the store holds what the first body says that can be decoded."""
        world = self._world
        for name in {*world.server.jobs, *(fed.name for fed in world.fed)}:
            world.job(name)
        jobs = tuple(world.jobs.values())
        for job, (label, is_known) in zip(
            jobs, await asyncio.gather(*map(self._kept, jobs)), strict=True
        ):
            if label not in (possible := self._possible(job)):
                self._say_what_is_wrong(job, label, possible)
            if label is None:
                job.is_seen = job.may_be_seen = False
            else:
                job.received_at = job.received_at if job.label else CLOCK.now
                job.may_be_seen |= job.name in world.referred
            job.label = label
            if job.is_known and not is_known:
                raise Broken("I16", f"the submission of {job.name} has vanished")
            job.is_known = is_known

    async def _kept(self, job: Job) -> tuple[str | None, bool]:
        """Which body the store has of a job, and whether it has its submission."""
        observer = self._world.observer
        body = await observer.get_callback(job.name)
        return label_of(body), await observer.get_submission(job.name) is not None

    def _possible(self, job: Job) -> Collection[str | None]:
        fed = [each for each in self._world.fed if each.name == job.name]
        certain = [each.label for each in fed if self._is_kept(each)]
        doubtful = [each.label for each in fed if self._is_kept(each) is None]
        found: set[str | None] = {None} if self._may_be_evicted(job) else set()
        for count in range(len(doubtful) + 1):
            for chosen in combinations(doubtful, count):
                found |= outcomes(
                    job.label,
                    Counter([*certain, *chosen]),
                    may_be_seen=job.may_be_seen or job.name in self._world.referred,
                    may_be_unseen=not job.is_seen,
                )
        return found

    def _is_kept(self, fed: Fed) -> bool | None:
        """Whether a body was put into the store; ``None`` where nobody can tell."""
        if isinstance(fed.end, Delivery):
            return True
        if fed.fault == "before":
            return False
        return None if fed.fault or self._world.is_disturbed else False

    def _may_be_evicted(self, job: Job) -> bool:
        world = self._world
        is_old = job.label is not None and CLOCK.now - job.received_at >= _YOUNG
        was_said = any(each.evicted and each.task_id == job.name for each in world.offered)
        # With the answer of a put, the news of what had to leave for it may be lost.
        may_be_lost = any(not isinstance(fed.end, Delivery) for fed in world.fed)
        return is_old and not (job.is_known or job.is_seen) and (was_said or may_be_lost)

    def _say_what_is_wrong(
        self, job: Job, label: str | None, possible: Collection[str | None]
    ) -> NoReturn:
        found = f"{job.name} has {label}, not one of {sorted(map(str, possible))}"
        if job.label is not None:
            raise Broken("I5", f"{found}, after {job.label}")
        raise Broken("I1" if label is None else "I11", found)

    def _waits(self) -> None:
        """I4: a wait goes on as long as it may, and ends once."""
        for wait in self._world.waits:
            if not wait.is_pending:
                if not wait.is_checked:
                    wait.is_checked = True
                    self._end_of(wait)
            elif wait.is_cancelled or wait.is_orphaned:
                raise Broken("I4", f"a wait for {wait.name} outlived its cancellation or client")
            elif wait.timeout is not None and CLOCK.now > wait.since + wait.timeout + 0.01:
                raise Broken("I4", f"a wait for {wait.name} outlived its timeout")

    def _end_of(self, wait: Wait) -> None:
        """I2, I3, I4, I6: a wait ends for a reason of its own, or with what is stored."""
        job = self._world.job(wait.name)
        if wait.end == "cancelled":
            if not wait.is_cancelled:
                raise Broken("I6", f"a wait for {wait.name} ended with another one")
        elif wait.end == TaskTimeout.__name__:
            if wait.timeout is None or CLOCK.now < wait.since + wait.timeout:
                raise Broken("I4", f"a wait for {wait.name} timed out early")
            if wait.was_there and job.label is not None:
                raise Broken("I2", f"the callback of {wait.name} was there, and was not found")
        elif wait.end == DispatcherClosed.__name__:
            if not wait.is_orphaned:
                raise Broken("I4", f"a wait for {wait.name} ended as if its client was closed")
        elif wait.end not in (*BETTER, *WORSE):
            raise Broken("I4", f"a wait for {wait.name} ended as {wait.end}")
        elif wait.end not in (job.label, wait.known):
            raise Broken("I3", f"somebody got {wait.end} for {wait.name}, not {job.label}")
        elif wait.known is None:
            job.see()

    async def _late(self) -> None:
        """I2: whoever waits for what is stored gets it in bounded time."""
        world = self._world
        if not self._waiting_for_nothing():
            return
        if not world.observer.local:
            # Another process's callback is found by a thread, in real time.
            await world.loop.hear(lambda: world.lost_hint or not self._waiting_for_nothing(), 10.0)
        if world.lost_hint:
            await world.loop.rest(_SWEPT)
        if late := self._waiting_for_nothing():
            raise Broken("I2", f"somebody still waits for the stored callback of {late[0]}")
        self._waits()

    def _waiting_for_nothing(self) -> list[str]:
        world = self._world
        everybody: list[Wait | Hook] = [*world.waits, *world.hooks]
        waiting = [each.name for each in everybody if each.is_pending]
        return [name for name in waiting if world.job(name).label is not None]

    def _tasks(self) -> None:
        for process in self._world.processes:
            for task in process.live.values():
                label = label_of(task._body)
                if label is not None:
                    self._task(task, label)
        for hook in self._world.hooks:
            if len(hook.labels) > 1:
                raise Broken("I4", f"a done-callback of {hook.name} was called twice")

    def _task(self, task: SpeakerTask, label: str) -> None:
        """I3, I9: a task gets what is stored, and keeps it."""
        world, job = self._world, self._world.job(task.task_id)
        known = world.labels.get(task)
        if known not in (None, label):
            raise Broken("I3", f"{job.name} changed from {known} to {label}")
        if known is None:
            if job.label is None:
                raise Broken("I9", f"{job.name} is done with {label}, and nothing is stored")
            if job.label != label:
                raise Broken("I3", f"{job.name} is done with {label}, not {job.label}")
            job.see()
            world.labels[task] = label

    def _statuses(self, before: dict[str, Job]) -> None:
        """I10: what is fed alone is new, or the same again, or a contradiction."""
        fed = self._world.fed
        if not self._world.is_lone or len(fed) != 1 or not isinstance(fed[0].end, Delivery):
            return
        name, label, end = fed[0].name, fed[0].label, fed[0].end
        was = before[name].label if name in before else None
        if label == was:
            expected = [Delivery.DUPLICATE]
        elif was is not None and was == self._world.job(name).label:
            expected = [Delivery.CONFLICT]
        else:
            # A task that has an outcome from before the store forgot it gets nothing new.
            expected = [Delivery.RESOLVED, Delivery.STORED, Delivery.DUPLICATE]
        if end not in expected:
            raise Broken("I10", f"{label} after {was} for {name} is {end.value}")

    def _references(self) -> None:
        """I7: what nobody refers to is gone."""
        for process in self._world.processes:
            awaited = self._awaited(process)
            registry = process.client._inbox._registry
            held = {task.task_id for task in registry.held}
            if not held <= awaited:
                raise Broken("I7", f"{held - awaited} are held, and nobody waits for them")
            referred = awaited | set(process.handles)
            for generation in (1, 2):
                if set(process.live) <= referred:
                    break
                gc.collect(generation)
            if left := set(process.live) - referred:
                raise Broken("I7", f"{left} are alive, and nobody refers to them")

    def _awaited(self, process: Process) -> set[str]:
        world = self._world
        everybody: list[Wait | Hook] = [*world.waits, *world.hooks]
        return {each.name for each in everybody if each.is_pending and each.process is process}

    async def _ledger(self) -> None:
        """I13, I14: no submit makes two jobs, and none that nobody knows of."""
        world = self._world
        # A key is forgotten with its submission, and may then be used again.
        jobs = [asset for name, asset in world.server.jobs.items() if name not in world.expired]
        for asset_id, count in Counter(jobs).items():
            if count > 1:
                raise Broken("I13", f"{count} jobs were made for the one submit of {asset_id}")
        for submit in world.submits:
            if submit.end is not None and not submit.is_checked:
                submit.is_checked = True
                self._submit(submit)
        open_assets = set(world.task_of)
        for state in (IntentState.SENDING, IntentState.UNKNOWN):
            open_assets |= {each.asset_id for each in await world.observer.list_intents(state)}
        for name, asset_id in world.server.jobs.items():
            is_expected = world.job(name).is_known or name in world.expired
            if not is_expected and asset_id not in open_assets:
                raise Broken("I14", f"nobody knows of {name}, made for {asset_id}")

    def _submit(self, submit: Submit) -> None:
        """I13: what a submit ends as is what the server's last answer says."""
        jobs = self._world.server.jobs
        of_asset = {name for name, asset_id in jobs.items() if asset_id == submit.asset_id}
        allowed = {_ERRORS[submit.last]} if submit.last in _ERRORS else of_asset
        if submit.last == "held" or submit.key is not None or submit.is_orphaned:
            allowed = {
                *_ERRORS.values(),
                ClientClosed.__name__,
                *of_asset,
                *self._world.ever_adopted,
            }
        if submit.is_cancelled:
            allowed |= {"cancelled"}
        if submit.end not in allowed and not self._world.is_disturbed:
            raise Broken("I13", f"submitting {submit.asset_id} ended as {submit.end}")

    async def lists(self) -> None:
        """I16: what the store lists is what is known."""
        world, account = self._world, self._world.account
        jobs = world.jobs.values()
        known = {job.name for job in jobs if job.is_known}
        here = {job.name for job in jobs if job.label is not None}
        collected = {job.name for job in jobs if job.is_collected}
        pending = {each.task_id for each in await world.observer.list_pending(account)}
        done = {each.task_id for each in await world.observer.list_done(account)}
        due = {each.task_id for each in await world.observer.list_uncollected(account)}
        if (known - here, known & here) != (pending, done):
            raise Broken("I16", f"pending {pending} and done {done} of {known}, though {here} came")
        if not done - collected <= due <= done:
            raise Broken("I16", f"{due} of {done} are not collected, though {collected} are")

    def nobody_watches(self) -> None:
        """I7: where nobody waits, nobody asks the store for hints."""
        for process in self._world.processes:
            if process.dispatcher._lookout._is_on:
                raise Broken("I7", "somebody looks out, and nobody waits")

    def nothing_runs(self) -> None:
        """I7: what was closed does nothing more."""
        for process in self._world.processes:
            if process.tasks:
                raise Broken("I7", f"{process.tasks} still run")

    def key_is_unseen(self, key: str) -> None:
        """I17: the key is in nothing that was logged, raised or can be printed."""
        for process in self._world.processes:
            self._world.shown += [repr(vars(process.client)), repr(vars(process.dispatcher))]
        for text in self._world.shown:
            if key in text:
                raise Broken("I17", f"the key is in {text}")
