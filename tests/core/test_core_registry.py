"""The table of the protocol, and how long the registry keeps what."""

import gc
from collections.abc import Callable
from itertools import product

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavi_async._records import Delivery
from mavi_async._registry import TRANSITIONS, Action, Event, Registry, State, Step


@attrs.define(eq=False, weakref_slot=True)
class Handle:
    """What a registry knows of a task."""

    task_id: str
    body: bytes | None = None

    def done(self) -> bool:
        """Whether it has its body."""
        return self.body is not None


FED = [Event.FIRST, Event.SAME, Event.OTHER]


def test_the_table_is_complete() -> None:
    """It says something for each event in each state, and nothing else."""
    assert set(product(State, Event)) == set(TRANSITIONS)


@pytest.mark.parametrize("event", Event)
def test_a_settled_task_never_changes(event: Event) -> None:
    """Whatever is fed, what a waiter has seen stays as it is."""
    step = TRANSITIONS[State.SETTLED, event]

    assert (State.SETTLED, Action.NOTHING) == (step.state, step.action)


@pytest.mark.parametrize("event", Event)
def test_without_a_task_there_is_nothing_to_do(event: Event) -> None:
    """And no task comes from being fed."""
    step = TRANSITIONS[State.ABSENT, event]

    assert (State.ABSENT, Action.NOTHING) == (step.state, step.action)


def test_only_a_first_body_resolves() -> None:
    """And only a task that waits."""
    assert [(State.WAITING, Event.FIRST)] == [
        when for when, step in TRANSITIONS.items() if step.delivery is Delivery.RESOLVED
    ]


def test_a_contradicting_body_never_settles() -> None:
    """Nor does a hint, which brings none: the store has the body that counts."""
    assert {(State.WAITING, Event.FIRST), (State.WAITING, Event.SAME)} == {
        when for when, step in TRANSITIONS.items() if step.action is Action.SETTLE
    }
    assert {(State.WAITING, Event.OTHER), (State.WAITING, Event.HINT)} == {
        when for when, step in TRANSITIONS.items() if step.action is Action.LOOK
    }


@pytest.mark.parametrize("state", State)
def test_what_is_fed_is_answered(state: State) -> None:
    """Each fed body has its delivery; a hint is no body, so it has none."""
    deliveries = [TRANSITIONS[state, event].delivery for event in FED]

    assert None not in deliveries
    assert TRANSITIONS[state, Event.HINT].delivery is None
    assert Delivery.MALFORMED not in deliveries
    assert deliveries[1:] == [Delivery.DUPLICATE, Delivery.CONFLICT]


@pytest.mark.parametrize("event", Event)
def test_a_waiting_task_is_settled_by_whatever_comes(event: Event) -> None:
    """With the fed body or with the stored one."""
    step = TRANSITIONS[State.WAITING, event]

    assert step.state is State.SETTLED
    assert step.action is not Action.NOTHING


@given(st.lists(st.sampled_from(Event)))
def test_feeding_again_is_harmless(events: list[Event]) -> None:
    """A task is settled at most once, and nothing resolves after that."""
    state, settled, resolved = State.WAITING, 0, 0
    for event in events:
        step = TRANSITIONS[state, event]
        settled += step.action is not Action.NOTHING
        resolved += step.delivery is Delivery.RESOLVED
        assert 1 == settled
        state = step.state

    assert settled == bool(events)
    assert resolved == (events[:1] == [Event.FIRST])


def handle_maker(handle: Handle) -> Callable[[], Handle]:
    """A function that makes this handle."""
    return lambda: handle


def test_a_step_is_looked_up_by_what_is_there() -> None:
    """No object, one without an outcome, one with."""
    registry: Registry[Handle] = Registry()
    handle = Handle("t")

    assert (Step(State.ABSENT, Delivery.STORED), None) == registry.step("t", Event.FIRST)
    registry.attach("t", handle_maker(handle))
    assert (TRANSITIONS[State.WAITING, Event.FIRST], handle) == registry.step("t", Event.FIRST)
    handle.body = b""
    assert (TRANSITIONS[State.SETTLED, Event.FIRST], handle) == registry.step("t", Event.FIRST)
    assert registry.step("other", Event.HINT)[1] is None


def test_attaching_returns_the_live_object() -> None:
    """One object for each job, made when it is first asked for."""
    registry: Registry[Handle] = Registry()
    one = registry.attach("t", lambda: Handle("t"))

    assert registry.attach("t", lambda: Handle("t")) is one is registry.get("t")
    assert registry.attach("u", lambda: Handle("u")) is not one
    assert registry.get("v") is None


def test_an_entry_vanishes_with_the_last_reference() -> None:
    """The next one to ask gets another object."""
    registry: Registry[Handle] = Registry()
    handle = registry.attach("t", lambda: Handle("t"))
    assert 1 == len(registry)

    del handle
    gc.collect()

    assert 0 == len(registry)
    assert registry.get("t") is None
    assert registry.step("t", Event.FIRST)[0].state is State.ABSENT


def test_what_is_held_stays() -> None:
    """Until it is released; somebody waits for it although nobody refers to it."""
    registry: Registry[Handle] = Registry()
    registry.hold(registry.attach("t", lambda: Handle("t")))
    gc.collect()

    (held,) = registry.held
    assert held is registry.get("t")
    assert not registry.holds_nothing

    registry.release(held)
    registry.release(held)
    assert registry.holds_nothing
    assert () == registry.held
    assert held is registry.get("t")
    del held
    gc.collect()
    assert registry.get("t") is None


def test_what_is_pending_is_alive_and_not_done() -> None:
    """A snapshot, so that it may be walked while tasks come and go."""
    registry: Registry[Handle] = Registry()
    kept = [registry.attach(name, handle_maker(Handle(name))) for name in "abc"]
    kept[1].body = b""

    before = registry.pending
    kept[0].body = b""

    assert [kept[0], kept[2]] == list(before)
    assert [kept[2]] == list(registry.pending)
