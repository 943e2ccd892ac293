"""Two processes on one store, a server, and beside them what is known of them."""

import asyncio
import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, cast

import httpx

from mavi_async import MaviError, SpeakerTask
from mavi_async._records import Unmatched
from mavi_async.stores import TaskStore
from tests.stateful.checks import Checks
from tests.stateful.deeds import ENDS, Deeds
from tests.stateful.model import Fed, Hook, Job, Op, Submit, Wait
from tests.stateful.processes import KEY, Busy, Process, Server
from tests.stateful.still_loop import CLOCK, Broken, StillLoop

__all__ = ["MAX_UNKNOWN", "TTL", "World"]

TTL: Final = 86_400.0
MAX_UNKNOWN: Final = 4
# Some submits wait for the outcome of another one, which is known a minute later at most.
_LONGEST_STEP: Final = 300

_numbers = itertools.count()


class World:
    """Carries out operations, and checks the invariants after each step.

    Args:
        store_of: Opens the store for a process.
        local: Whether the store's methods never suspend, where that is true of the store.

    Attributes:
        delays: How long everything takes that may take long, in turns of the loop.
        loses_hints: Whether the store's hints get lost.
        lost_hint: Whether one did, in this step.
        is_disturbed: Whether a process ended in this step.
        is_full: Whether the store may have been full in this step.
        is_lone: Whether the step was a single operation.
        fed: The bodies of this step.
        referred: The jobs that somebody refers to, or did in this step.
        offered: What `on_unmatched` was called with in this step.
        labels: The outcomes of the tasks that are done.
        task_of: The jobs that were adopted, by the asset that they are for.
        ever_adopted: Those that were, also if that is forgotten since.
        expired: Jobs that the store may have forgotten.
        age: How often everything has expired.
    """

    def __init__(self, store_of: Callable[[], TaskStore], *, local: bool) -> None:
        # Each world begins at a round time, so that a story that is told again goes the same way.
        CLOCK.now = 1_000.0 * (CLOCK.now // 1_000.0 + 1)
        self.loop = cast("StillLoop", asyncio.get_running_loop())
        self.loop.set_exception_handler(self._hear)
        self.account = f"account{next(_numbers)}"
        self.max_unknown = MAX_UNKNOWN
        self.delays: Iterator[int] = itertools.repeat(0)
        self.loses_hints = self.lost_hint = False
        self.is_disturbed = self.is_full = self.is_lone = False
        self.jobs: dict[str, Job] = {}
        self.waits: list[Wait] = []
        self.hooks: list[Hook] = []
        self.submits: list[Submit] = []
        self.fed: list[Fed] = []
        self.referred: set[str] = set()
        self.offered: list[Unmatched] = []
        self.labels: weakref.WeakKeyDictionary[SpeakerTask, str] = weakref.WeakKeyDictionary()
        self.task_of: dict[str, str] = {}
        self.ever_adopted: set[str] = set()
        self.expired: set[str] = set()
        self.age = 0
        self.unheard: list[str] = []
        self.shown: list[str] = []
        self._deeds = Deeds(self)
        self._checks = Checks(self)
        self.server = Server(self._deeds.feed_early)
        self.http_client = httpx.AsyncClient(transport=httpx.MockTransport(self.server.answer))
        self._store_of = store_of
        self._local = local
        self.observer = cast("TaskStore", Busy(store_of()))
        self.processes = [self._new_process(number) for number in range(2)]

    async def open(self) -> None:
        """Open the clients."""
        for process in self.processes:
            await process.client.__aenter__()

    async def step(self, name: str, *ops: Op, delays: Iterable[int] = (0,)) -> None:
        """Start operations on one job in the same tick, let them end, and check everything."""
        self.delays = itertools.cycle(delays)
        self.fed.clear()
        self.offered.clear()
        self.lost_hint = False
        self.is_disturbed = False
        self.is_lone = len(ops) == 1
        self.is_full = await self._is_full()
        self.referred = {
            task for each in self.processes for task in each.client._inbox._registry._live
        }
        running = [self.loop.create_task(self._do(op, name)) for op in ops]
        await self.loop.rest(0)
        await self._until_done(running)
        if any(fed.fault == "late" for fed in self.fed):
            await self.loop.rest(5)
        self.is_full |= await self._is_full()
        self._forget_the_dead()
        await self._checks.all()

    async def advance(self, seconds: float) -> None:
        """Let time pass all at once, as for a host that slept."""
        CLOCK.now += seconds
        await self.step("job0", Op("nothing"))

    async def expire(self) -> None:
        """Let everything in the store become too old."""
        CLOCK.now += 2 * TTL
        await self.loop.rest(0)
        await self.observer.expire()
        for name in self.jobs:
            if await self.observer.get_callback(name) is not None:
                raise Broken("I12", f"the callback of {name} outlived its time")
        self.jobs = {name: Job(name) for name in self.jobs}
        self.expired = set(self.server.jobs)
        self.task_of.clear()
        self.age += 1
        await self.step("job0", Op("nothing"))

    async def finish(self) -> None:
        """Bring everything to rest: nobody waits or refers to anything, and nothing runs."""
        self.server.release.set()
        await self.loop.rest(60)
        await self.step("job0", Op("nothing"))
        for wait in self.waits:
            wait.cancel()
        for hook in self.hooks:
            if hook.is_pending:
                hook.is_removed = True
                hook.process.client.speaker_task(hook.name).remove_done_callback(hook)
        for process in self.processes:
            process.handles.clear()
        await self.step("job0", Op("nothing"))
        self._checks.nobody_watches()
        await self._checks.lists()
        for process in self.processes:
            await process.client.aclose()
            await process.dispatcher.aclose()
        await self.loop.rest(0)
        self._checks.nothing_runs()
        self._checks.key_is_unseen(KEY)

    async def aclose(self) -> None:
        """Give back what is held open, whatever has happened."""
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await self.loop.rest(0)
        for process in self.processes:
            await Busy(process.store).aclose()
        await self.observer.aclose()
        await self.http_client.aclose()

    async def replace(self, process: Process) -> None:
        """Start a process in the place of one that has ended."""
        process.handles.clear()
        new = self.processes[process.number] = self._new_process(process.number)
        await self.loop.create_task(_enter(new), context=new.context.copy())

    def job(self, name: str) -> Job:
        """Return what is known of a job."""
        return self.jobs.setdefault(name, Job(name))

    def refer(self, name: str) -> None:
        """Note that somebody refers to a job."""
        self.job(name)
        self.referred.add(name)

    def show(self, error: Exception) -> None:
        """Keep what a user may see of an error."""
        self.shown.append(f"{error} {error!r} {vars(error)}")

    async def _do(self, op: Op, name: str) -> None:
        for _ in range(next(self.delays)):
            await asyncio.sleep(0)
        process = self.processes[op.process]
        work = getattr(self._deeds, op.kind)(process, name, op.choice)
        if op.kind in ENDS:
            await work
            return
        task = self.loop.create_task(work, context=process.context.copy())
        await asyncio.wait([task])
        error = None if task.cancelled() else task.exception()
        if error is not None and not (self.is_disturbed and isinstance(error, MaviError)):
            raise error

    async def _until_done(self, running: list["asyncio.Task[None]"]) -> None:
        for _ in range(_LONGEST_STEP):
            if all(task.done() for task in running):
                for task in running:
                    task.result()
                return
            await self.loop.rest(1)
        raise Broken("never hung", "an operation does not end")

    def _forget_the_dead(self) -> None:
        self.waits = [each for each in self.waits if each.process in self.processes]
        self.hooks = [each for each in self.hooks if each.process in self.processes]
        self.submits = [each for each in self.submits if each.process in self.processes]

    async def _is_full(self) -> bool:
        return len(await self.observer.list_unmatched()) >= self.max_unknown

    def _new_process(self, number: int) -> Process:
        return Process(self, number, self._store_of(), local=self._local)

    def _hear(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.unheard.append(f"{context.get('message')}: {context.get('exception')!r}")


async def _enter(process: Process) -> None:
    await process.client.__aenter__()
