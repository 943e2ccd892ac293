"""What may happen in a world, in whatever order."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, ClassVar

import attrs
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.stateful.deeds import MALFORMED
from tests.stateful.model import Op
from tests.stateful.still_loop import Broken
from tests.stateful.world import MAX_UNKNOWN

if TYPE_CHECKING:
    from tests.stateful.conftest import OpenWorld

__all__ = ["SETTINGS", "Story"]

SETTINGS = settings(
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=False,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    verbosity=Verbosity.quiet,
)
"""The same stories on each run."""

PROCESSES = st.sampled_from((0, 1))
NEW = "new"
NAMES = st.sampled_from((NEW, NEW, NEW, "job0", "job1", "job2", "job3"))
DELAYS = st.lists(st.sampled_from((0, 0, 1, 2, 4, 7)), min_size=1, max_size=4)


def ops(kind: str, *choices: str) -> st.SearchStrategy[Op]:
    """Operations of some kind, in either process."""
    return st.builds(Op, st.just(kind), PROCESSES, st.sampled_from(choices or ("",)))


FEEDS = ops("feed", "A", "B", "F", "U", "V", "A before", "B before", "A after", "U after", "A late")
WORST = ops("feed", "U", "V")
WAITS = ops("wait", "", "", "0", "5")
TOUCHES = st.one_of(
    ops("attach"),
    ops("drop"),
    ops("hook"),
    ops("unhook"),
    ops("cancel", "first", "last"),
    ops("resume"),
    ops("unsubmit"),
    ops("release"),
)
BURSTS = st.lists(FEEDS | FEEDS | WAITS | ops("attach") | TOUCHES, min_size=2, max_size=5)
SUBMITS = ops(
    "submit",
    *("ok", "early0", "early1", "held", "lost", "nothing", "garbled", "rejected"),
    *("limited ok", "offline ok", "limited early1", "limited lost"),
)
KEYED = ops("submit", "ok:0", "ok:1", "held:0", "lost:0", "rejected:1", "limited ok:0")


class Story(RuleBasedStateMachine):
    """What happens to two processes on one store."""

    open_world: ClassVar["OpenWorld"]
    kind: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._runner: asyncio.Runner | None = None
        self._is_broken = False
        self._latest = "job50"

    @initialize(local=st.sampled_from((False, False, True)))
    def begin(self, local: bool) -> None:
        """Open the world."""
        self._runner, self._world = type(self).open_world(self.kind, local=local)

    @rule(name=NAMES, first=BURSTS, second=BURSTS, delays=DELAYS)
    def burst(self, name: str, first: list[Op], second: list[Op], delays: list[int]) -> None:
        """Several things happen to a job in the same tick of the loop, and then several more."""
        name = self._name(name)
        self._step(name, *first, delays=delays)
        self._step(name, *second, delays=delays)

    @rule(waits=st.lists(WAITS, min_size=1, max_size=3), feed=FEEDS, delays=DELAYS)
    def rush(self, waits: list[Op], feed: Op, delays: list[int]) -> None:
        """Several begin to wait for a job just when its callback comes to the other process."""
        feed = attrs.evolve(feed, process=1 - waits[0].process)
        self._world.loses_hints = False
        self._step(self._name(NEW), *waits, feed, delays=delays)

    @rule(waits=st.lists(WAITS, min_size=1, max_size=3), feed=FEEDS, loses_hints=st.booleans())
    def crowd(self, waits: list[Op], feed: Op, loses_hints: bool) -> None:
        """Several wait for a job whose callback comes thereafter."""
        name = self._name(NEW)
        self._world.loses_hints = loses_hints
        self._step(name, *waits)
        self._step(name, feed)

    @rule(name=NAMES, first=WORST, look=WAITS | ops("attach"), second=FEEDS)
    def correction(self, name: str, first: Op, look: Op, second: Op) -> None:
        """A callback that cannot be decoded is followed by another one; somebody may see it."""
        name = self._name(name)
        self._step(name, first)
        self._step(name, look)
        self._step(name, second)

    @rule(submit=SUBMITS | KEYED, others=BURSTS, delays=DELAYS)
    def burst_at_a_submit(self, submit: Op, others: list[Op], delays: list[int]) -> None:
        """Several things happen to a job that is only just submitted."""
        self._step(self._world.server.next_name, submit, *others, delays=delays)

    @rule(submits=st.lists(KEYED, min_size=2, max_size=3), delays=DELAYS)
    def submit_with_keys(self, submits: list[Op], delays: list[int]) -> None:
        """Several submits have idempotency keys, perhaps the same."""
        self._step("job0", *submits, delays=delays)

    @rule(
        name=NAMES,
        others=st.lists(FEEDS | WAITS, min_size=1, max_size=3),
        end=ops("crash") | ops("restart") | ops("close"),
        delays=DELAYS,
    )
    def end_of_a_process(self, name: str, others: list[Op], end: Op, delays: list[int]) -> None:
        """A process ends, in order or not, while something happens."""
        self._step(self._name(name), *others, end, delays=delays)

    @rule(name=NAMES, feed=FEEDS)
    def redelivery(self, name: str, feed: Op) -> None:
        """A callback comes three times, by way of both processes."""
        name = self._name(name)
        self._step(name, feed)
        self._step(name, Op("feed", 1 - feed.process, feed.choice[0]))
        self._step(name, Op("feed", feed.process, feed.choice[0]))

    @rule(name=NAMES, op=WAITS | TOUCHES | FEEDS | SUBMITS)
    def one_thing(self, name: str, op: Op) -> None:
        """One thing happens."""
        self._step(self._name(name), op)

    @rule(
        name=NAMES,
        lost=ops("submit", "lost", "garbled"),
        adopts=st.lists(ops("adopt", "0", "1"), min_size=2, max_size=3),
        delays=DELAYS,
    )
    def adoption(self, name: str, lost: Op, adopts: list[Op], delays: list[int]) -> None:
        """Two submits have no known outcome, and somebody adopts a callback, once too often."""
        name = self._name(name)
        self._step(name, lost)
        self._step(name, lost)
        self._step(name, Op("feed", 0, "A"))
        self._step(name, *adopts, delays=delays)

    @rule(process=PROCESSES)
    def flood(self, process: int) -> None:
        """More callbacks come that nobody knows than can be kept, until the oldest are old."""
        for _ in range(MAX_UNKNOWN + 1):
            self._step(self._name(NEW), Op("feed", process, "A"))
        self._run(self._world.advance(700))
        self._step(self._name(NEW), Op("feed", process, "A"))
        self._run(self._world.expire())

    @rule(choice=st.sampled_from(range(len(MALFORMED))))
    def malformed(self, choice: int) -> None:
        """A body comes that is no callback."""
        self._step("job0", Op("malformed", 0, str(choice)))

    @rule(process=PROCESSES)
    def resume(self, process: int) -> None:
        """A process takes up what is left."""
        self._step("job0", Op("resume", process))

    @rule(seconds=st.sampled_from((0.5, 6.0, 40.0, 700.0)))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._run(self._world.advance(seconds))

    @rule()
    def expire(self) -> None:
        """So much time passes that everything is too old."""
        self._run(self._world.expire())

    @rule(loses=st.booleans())
    def lose_hints(self, loses: bool) -> None:
        """The store's hints get lost from now on, or no more."""
        self._world.loses_hints = loses

    def teardown(self) -> None:
        """Bring everything to rest and check once more, unless it is broken already."""
        if self._runner is None:
            return
        try:
            if not self._is_broken:
                self._run(self._world.finish())
        finally:
            with self._runner as runner:
                runner.run(self._world.aclose())

    def _name(self, name: str) -> str:
        if name == NEW:
            name = self._latest = f"job{int(self._latest[3:]) + 1}"
        return name

    def _step(self, name: str, *ops: Op, delays: list[int] | None = None) -> None:
        self._run(self._world.step(name, *ops, delays=delays or [0]))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        assert self._runner is not None
        self._is_broken = True
        try:
            self._runner.run(work)
        except Broken:
            raise
        except Exception as error:
            raise Broken("no surprise", repr(error)) from error
        self._is_broken = False
