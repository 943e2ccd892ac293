"""Which task of this process waits for which callback.

The whole protocol is `TRANSITIONS`: what a job's state in this process becomes when something
happens to it, what is reported for a body that was fed, and what is done with the body.
"""

import enum
from collections.abc import Callable, Iterable
from typing import Final, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

import attrs

from mavi_async._records import Delivery

__all__ = ["TRANSITIONS", "Action", "Event", "Registry", "State", "Step"]


class State(enum.Enum):
    """Where a job stands in this process."""

    ABSENT = "absent"
    """No task object refers to it."""
    WAITING = "waiting"
    """A task object refers to it and has no outcome."""
    SETTLED = "settled"
    """A task object refers to it and has its outcome."""


class Event(enum.Enum):
    """What can happen to a job in this process."""

    FIRST = "a first body is fed"
    SAME = "an equal body is fed"
    OTHER = "a different body is fed"
    HINT = "the store has, or may have, a body"


class Action(enum.Enum):
    """What to do with the task object."""

    NOTHING = "nothing"
    SETTLE = "settle with the fed body"
    LOOK = "look in the store"


@attrs.frozen
class Step:
    """One row of the table."""

    state: State
    delivery: Delivery | None
    action: Action = Action.NOTHING


TRANSITIONS: Final = {
    (State.ABSENT, Event.FIRST): Step(State.ABSENT, Delivery.STORED),
    (State.ABSENT, Event.SAME): Step(State.ABSENT, Delivery.DUPLICATE),
    (State.ABSENT, Event.OTHER): Step(State.ABSENT, Delivery.CONFLICT),
    (State.ABSENT, Event.HINT): Step(State.ABSENT, None),
    (State.WAITING, Event.FIRST): Step(State.SETTLED, Delivery.RESOLVED, Action.SETTLE),
    # Another process stored the body and its hint is still under way.
    (State.WAITING, Event.SAME): Step(State.SETTLED, Delivery.DUPLICATE, Action.SETTLE),
    # The stored body is the one that counts: never settle with the contradicting one.
    (State.WAITING, Event.OTHER): Step(State.SETTLED, Delivery.CONFLICT, Action.LOOK),
    (State.WAITING, Event.HINT): Step(State.SETTLED, None, Action.LOOK),
    # The store has forgotten the body since; what a waiter has seen stays as it is.
    (State.SETTLED, Event.FIRST): Step(State.SETTLED, Delivery.DUPLICATE),
    (State.SETTLED, Event.SAME): Step(State.SETTLED, Delivery.DUPLICATE),
    (State.SETTLED, Event.OTHER): Step(State.SETTLED, Delivery.CONFLICT),
    (State.SETTLED, Event.HINT): Step(State.SETTLED, None),
}


class Handle(Protocol):
    """What the registry asks of a task object."""

    @property
    def task_id(self) -> str:
        """The job."""
        ...

    def done(self) -> bool:
        """Whether it has its outcome."""
        ...


HandleT = TypeVar("HandleT", bound=Handle)


class Registry(Generic[HandleT]):
    """The task objects of one client, one for each ``task_id``.

    They are kept weakly: an entry lives as long as somebody refers to its object. `hold` keeps
    an object alive on its own, for as long as somebody waits for it.
    """

    def __init__(self) -> None:
        self._live: WeakValueDictionary[str, HandleT] = WeakValueDictionary()
        self._held: dict[str, HandleT] = {}

    def get(self, task_id: str) -> HandleT | None:
        """Return the live object of a job."""
        return self._live.get(task_id)

    def attach(self, task_id: str, make: Callable[[], HandleT]) -> HandleT:
        """Return the live object of a job, or make it."""
        handle = self._live.get(task_id)
        if handle is None:
            handle = self._live[task_id] = make()
        return handle

    def step(self, task_id: str, event: Event) -> tuple[Step, HandleT | None]:
        """Look up what an event means for a job, and for which object."""
        handle = self._live.get(task_id)
        if handle is None:
            state = State.ABSENT
        else:
            state = State.SETTLED if handle.done() else State.WAITING
        return TRANSITIONS[state, event], handle

    def hold(self, handle: HandleT) -> None:
        """Keep an object alive although nobody may refer to it."""
        self._held[handle.task_id] = handle

    def release(self, handle: HandleT) -> None:
        """Undo `hold`."""
        self._held.pop(handle.task_id, None)

    def is_held(self, task_id: str) -> bool:
        """Whether somebody waits for the object of a job."""
        return task_id in self._held

    @property
    def holds_nothing(self) -> bool:
        """Whether nobody waits for any object."""
        return not self._held

    @property
    def held(self) -> Iterable[HandleT]:
        """A snapshot of the objects that somebody waits for."""
        return tuple(self._held.values())

    @property
    def pending(self) -> Iterable[HandleT]:
        """A snapshot of the live objects that have no outcome."""
        return tuple(handle for handle in self._live.values() if not handle.done())

    def __len__(self) -> int:
        return len(self._live)
