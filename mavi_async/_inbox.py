"""The tasks of one client: where their callbacks arrive."""

from typing import Protocol

from mavi_async._polling import Poller, Polling
from mavi_async._records import Delivery
from mavi_async._registry import Action, Event, Registry
from mavi_async._task import SpeakerTask
from mavi_async.stores import TaskStore

__all__ = ["Inbox"]


class Source(Protocol):
    """Where callbacks come from: a dispatcher."""

    @property
    def store(self) -> TaskStore:
        """Where callbacks are kept."""
        ...

    def connect(self, inbox: "Inbox") -> None:
        """Deliver to an inbox from now on."""
        ...

    def disconnect(self, inbox: "Inbox") -> None:
        """Deliver to an inbox no more."""
        ...

    def look_soon(self, task: SpeakerTask) -> None:
        """Start to look for a task's callback in the store."""
        ...

    async def look(self, task: SpeakerTask) -> None:
        """Settle a task whose callback is in the store, and have later ones announced."""
        ...

    def stop_watching_if_idle(self) -> None:
        """End the store's hints once nobody waits."""
        ...

    def collected(self, task: SpeakerTask) -> None:
        """Note that somebody has a task's outcome."""
        ...

    async def feed(self, body: bytes) -> Delivery:
        """Take a body that came another way than by a callback."""
        ...


class Inbox:
    """The tasks of one client at a dispatcher: closing it ends their waits and no others."""

    def __init__(self, source: Source, result_timeout: float | None, poller: Poller | None) -> None:
        self._source = source
        self._registry: Registry[SpeakerTask] = Registry()
        self._polling = None if poller is None else Polling(poller, source.feed, self)
        self._closed = False
        self.result_timeout = result_timeout

    def task(
        self, task_id: str, *, asset_id: str | None = None, submitted_at: float | None = None
    ) -> SpeakerTask:
        """Return the live task of a job, or make it."""
        self._source.connect(self)
        return self._registry.attach(
            task_id, lambda: SpeakerTask(task_id, asset_id, submitted_at, self)
        )

    def get(self, task_id: str) -> SpeakerTask | None:
        """Return the live task of a job."""
        return self._registry.get(task_id)

    @property
    def pending(self) -> tuple[SpeakerTask, ...]:
        """The live tasks that are not done."""
        return tuple(self._registry.pending)

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for any task."""
        return self._registry.holds_nothing

    @property
    def held(self) -> tuple[SpeakerTask, ...]:
        """The tasks that somebody waits for."""
        return tuple(self._registry.held)

    @property
    def looks_again(self) -> bool:
        """Whether what is awaited is looked for now and then."""
        return not self._source.store.local

    def hold(self, task: SpeakerTask) -> None:
        """Keep a task alive although nobody may refer to it."""
        self._registry.hold(task)
        if self._polling is not None:
            self._polling.watch(task.task_id)

    def release(self, task: SpeakerTask) -> None:
        """Undo `hold`."""
        self._registry.release(task)
        self._source.stop_watching_if_idle()

    def look_soon(self, task: SpeakerTask) -> None:
        """Start to look for a task's callback in the store."""
        self._source.look_soon(task)

    async def look(self, task: SpeakerTask) -> None:
        """Settle a task whose callback is in the store, and have later ones announced."""
        if self._closed:
            task.wake()
            return
        await self._source.look(task)

    def collected(self, task: SpeakerTask) -> None:
        """Note that somebody has a task's outcome."""
        self._source.collected(task)

    def is_awaited(self, task_id: str) -> bool:
        """Tell whether somebody waits for a job."""
        return self._registry.is_held(task_id)

    def waits_for(self, task_id: str) -> bool:
        """Tell whether a body would settle a task here."""
        task = self._registry.get(task_id)
        return task is not None and not task.done()

    def hinted(self, task_id: str) -> SpeakerTask | None:
        """Return the task to look for after a hint about its job."""
        step, task = self._registry.step(task_id, Event.HINT)
        return task if step.action is Action.LOOK else None

    async def deliver(self, task_id: str, event: Event, body: bytes) -> Delivery | None:
        """Do what the table says about an event."""
        step, task = self._registry.step(task_id, event)
        if task is not None and step.action is Action.SETTLE:
            task.settle(body)
        elif task is not None and step.action is Action.LOOK:
            await self._source.look(task)
        return step.delivery

    async def aclose(self) -> None:
        """End all waits; the tasks stay not done."""
        self._closed = True
        for task in self.held:
            task.wake()
        self._source.disconnect(self)
        if self._polling is not None:
            await self._polling.aclose()
