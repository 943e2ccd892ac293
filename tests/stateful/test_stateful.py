"""Whatever happens in whatever order, nothing is lost and nobody is left waiting."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.planted import BUGS
from tests.stateful.still_loop import Broken
from tests.stateful.story import SETTINGS, Story

if TYPE_CHECKING:
    from tests.stateful.conftest import OpenWorld


def run(kind: str, opener: "OpenWorld", chosen: settings) -> None:
    """Tell stories on one kind of store."""
    attributes = {"open_world": staticmethod(opener), "kind": kind}
    run_state_machine_as_test(type(f"Story_{kind}", (Story,), attributes), settings=chosen)


@pytest.mark.parametrize(("kind", "count"), [("memory", 100), ("sqlite", 20), ("redis", 12)])
def test_every_story_ends_well(kind: str, count: int, open_world: "OpenWorld") -> None:
    """All invariants hold after each step, on each store."""
    run(kind, open_world, settings(SETTINGS, max_examples=count))


@pytest.mark.torture
@pytest.mark.parametrize(("kind", "count"), [("memory", 1_000), ("sqlite", 300), ("redis", 300)])
def test_every_long_story_ends_well(kind: str, count: int, open_world: "OpenWorld") -> None:
    """Other and longer stories on each run."""
    chosen = settings(SETTINGS, max_examples=count, stateful_step_count=50, derandomize=False)
    run(kind, open_world, chosen)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_noticed(
    bug: str, open_world: "OpenWorld", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of these breaks an invariant in some story: the stories are able to fail."""
    plant, invariants = BUGS[bug]
    plant(monkeypatch)

    with pytest.raises(Broken) as caught:
        run("memory", open_world, settings(SETTINGS, max_examples=300))

    assert caught.value.invariant in invariants, caught.value
