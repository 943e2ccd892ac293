"""The pacers of a `RedisStore`: one schedule for all hosts, by the arithmetic of `_pacing`."""

import asyncio
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mavi_async import _pacing
from mavi_async.redis import RedisStore
from mavi_async.redis._pacer import PACE, RedisPacer, name_of
from mavi_async.redis._server import Answer, Value
from mavi_async.stores import Lane, Slot
from mavi_async.stores._sqlite_pacer import _Row

if TYPE_CHECKING:
    from tests.redis.conftest import OpenStore

pytestmark = pytest.mark.asyncio

LANE = Lane("https://lane.example", "account", "/path")
INTERVALS = (1.0, 0.05, 30.0)
numbers = itertools.count()

Step: TypeAlias = tuple[str, int, int, float, float]


@attrs.define
class Clock:
    """The server's time, as the test holds it."""

    now: float = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


def pacer_on(store: RedisStore, clock: Clock, interval: float, lane: Lane = LANE) -> RedisPacer:
    """A pacer whose server's time is the test's."""
    pacer = store.pacer(lane, interval)
    assert isinstance(pacer, RedisPacer)
    pacer._clock = clock
    return pacer


@pytest.fixture
def clock() -> Clock:
    """The server's time."""
    return Clock()


PacerOf: TypeAlias = Callable[..., RedisPacer]


@pytest.fixture
def pacer_of(open_store: "OpenStore", clock: Clock) -> PacerOf:
    """Makes pacers of one lane, as hosts of their own would."""

    def make(interval: float = 1.0, lane: Lane = LANE) -> RedisPacer:
        return pacer_on(open_store(), clock, interval, lane)

    return make


class Model:
    """What the pacers must do: the functions of `_pacing` and who has a say, in Python."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._row = _Row()

    def reserve(self, interval: float, instead_of: Slot | None) -> Slot:
        """Reserve as the pacers do."""
        now = self._clock()
        row = self._row.slowest(interval, now)
        pace = row.pace
        if instead_of is not None:
            pace = _pacing.give_back(pace, row.interval, instead_of.number)
        pace, at = _pacing.reserve(pace, row.interval, now)
        self._row = attrs.evolve(row, pace=pace)
        late = _pacing.margin(row.interval)
        is_ack_clocked = _pacing.is_ack_clocked(pace, row.interval)
        return Slot(pace.number, at, at - now, row.interval, late, is_ack_clocked)

    def confirm(self, asked: float, slot: Slot) -> Slot:
        """Confirm as the pacers do."""
        interval = max(asked, self._row.interval)
        at = _pacing.confirm(self._row.pace, interval, slot.number, slot.at)
        waits = _pacing.must_wait(self._row.pace, interval, slot.number)
        return attrs.evolve(slot, at=at, delay=at - self._clock(), waits=waits)

    def change(self, do: Callable[[_pacing.Pace, float], _pacing.Pace], asked: float) -> None:
        """Report as the pacers do."""
        pace = do(self._row.pace, max(asked, self._row.interval))
        self._row = attrs.evolve(self._row, pace=pace)


async def both_do(step: Step, pacer: RedisPacer, model: Model, slots: list[Slot]) -> bool:
    """Carry out one step in Lua and in Python; tell whether both gave out the same slot."""
    deed, _, number, late, _ = step
    slot = slots[number % len(slots)] if slots else None
    if deed in ("reserve", "reserve_instead") or slot is None:
        instead_of = slot if deed == "reserve_instead" else None
        slots.append(await pacer.reserve(instead_of))
        return slots[-1] == model.reserve(pacer.interval, instead_of)
    if deed == "confirm":
        return await pacer.confirm(slot) == model.confirm(pacer.interval, slot)
    if deed == "give_back":
        await pacer.give_back(slot)
        model.change(
            lambda pace, asked: _pacing.give_back(pace, asked, slot.number), pacer.interval
        )
    elif deed == "left":
        await pacer.left(slot, late=late)
        left_at = slot.at + late
        model.change(
            lambda pace, asked: _pacing.leave(
                pace, asked, slot.number, slot.at, left_at, pacer._here()
            ),
            pacer.interval,
        )
    elif deed == "accepted":
        await pacer.answered(slot, refused=False)
        model.change(lambda pace, _: _pacing.accept(pace, slot.number), pacer.interval)
    elif deed == "lost":
        await pacer.unanswered(slot)
        model.change(lambda pace, _: _pacing.lose(pace, slot.number), pacer.interval)
    else:
        certain, now = deed == "refused", pacer._clock and pacer._clock()
        await pacer.answered(slot, refused=True, certain=certain)
        model.change(
            lambda pace, asked: _pacing.refuse(
                pace, asked, slot.number, slot.at, now or 0.0, certain=certain
            ),
            pacer.interval,
        )
    return True


DEEDS = (
    "reserve",
    "reserve_instead",
    "confirm",
    "give_back",
    "left",
    "accepted",
    "lost",
    "refused",
    "perhaps",
)
seconds = st.one_of(st.sampled_from([0.0, 0.01]), st.floats(0, 5), st.floats(0, 400))
steps = st.tuples(st.sampled_from(DEEDS), st.integers(0, 2), st.integers(0, 20), seconds, seconds)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(done=st.lists(steps, max_size=40))
async def test_lua_computes_what_python_computes(store: RedisStore, done: list[Step]) -> None:
    """Whatever two hosts with rates of their own do, and when: every slot is the same."""
    clock = Clock()
    lane = attrs.evolve(LANE, account=f"account{next(numbers)}")
    pacers = [pacer_on(store, clock, interval, lane) for interval in INTERVALS]
    model, slots = Model(clock), list[Slot]()
    for step in [*done, ("reserve", 0, 0, 0.0, 0.0)]:
        clock.now += step[-1]

        assert await both_do(step, pacers[step[1]], model, slots)


async def test_slots_are_spaced_by_the_server_s_clock(store: RedisStore, other: RedisStore) -> None:
    """Hosts whose own clocks show something else take turns all the same."""
    pacers = [each.pacer(LANE, 10.0) for each in (store, other, store)]
    slots = [await each.reserve() for each in pacers]

    assert [10.02, 10.02] == [
        pytest.approx(later.at - earlier.at) for earlier, later in itertools.pairwise(slots)
    ]


async def test_slots_of_many_at_once_are_all_different(
    store: RedisStore, other: RedisStore
) -> None:
    """Each is an interval from the next."""
    pacers = [each.pacer(LANE, 0.5) for each in (store, other)] * 50
    slots = sorted(slot.at for slot in await asyncio.gather(*(each.reserve() for each in pacers)))

    assert 100 == len(slots)
    assert all(later - earlier > 0.5 for earlier, later in itertools.pairwise(slots))


async def test_lanes_have_schedules_of_their_own(pacer_of: PacerOf, clock: Clock) -> None:
    """Each origin, account and endpoint."""
    await pacer_of().reserve()
    others = [
        pacer_of(lane=attrs.evolve(LANE, **{name: "other"}))
        for name in ("origin", "account", "endpoint")
    ]

    assert [clock.now] * 3 == [(await each.reserve()).at for each in others]


async def test_the_slowest_rate_counts(
    pacer_of: PacerOf, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """As long as whoever asked for it goes on; the others are warned, each once."""
    slow, fast = pacer_of(2.0), pacer_of(1.0)
    slots = [await each.reserve() for each in (slow, fast, fast)]

    assert pytest.approx(2.02) == slots[2].at - slots[1].at
    assert ["clients of one account ask for different rates on /path: the slowest one counts"] == [
        each.message for each in caplog.records if "rates" in each.message
    ]
    clock.now += 61.0
    slots = [await fast.reserve() for _ in range(2)]
    assert pytest.approx(1.02) == slots[1].at - slots[0].at


async def test_a_slow_rate_counts_for_as_long_as_somebody_asks_for_it(
    pacer_of: PacerOf, clock: Clock
) -> None:
    """A minute after the last time, not after the first."""
    slow, fast = pacer_of(2.0), pacer_of(1.0)
    for _ in range(3):
        await slow.reserve()
        clock.now += 50.0
    slots = [await fast.reserve() for _ in range(2)]

    assert pytest.approx(2.02) == slots[1].at - slots[0].at


async def test_a_slot_does_not_begin_before_it_is_heard_of(
    pacer_of: PacerOf, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as the last one tells how long that takes."""
    pacer = pacer_of()
    ask = pacer._pace

    async def ask_far_away(deed: str, *values: Value) -> Answer:
        clock.now += 0.04
        answer = await ask(deed, *values)
        clock.now += 0.04
        return answer

    monkeypatch.setattr(pacer, "_pace", ask_far_away)
    delays = []
    for _ in range(2):
        delays.append((await pacer.reserve()).delay)
        clock.now += 10.0

    assert [-0.04, 0.0] == pytest.approx(delays, abs=1e-6)


async def test_a_clock_that_is_set_back_stops_nobody(pacer_of: PacerOf, clock: Clock) -> None:
    """Neither with a pause of an hour, nor with two requests at once."""
    pacer, other = pacer_of(), pacer_of()
    before = await pacer.reserve()
    clock.now -= 3600
    slots = [await other.reserve(), await pacer.reserve()]
    await pacer.left(before, late=2.0)
    slots.append(await other.reserve())

    assert [1.02, 2.04, 5.06] == [pytest.approx(slot.delay) for slot in slots]


async def test_a_report_that_is_carried_out_twice_counts_once(store: RedisStore) -> None:
    """Its answer got lost, and it was sent again: the slot is somebody else's by then."""
    pacer = store.pacer(LANE, 10.0)
    slots = [await pacer.reserve() for _ in range(2)]
    keys = (store._prefix + name_of(LANE), store._new_call())
    server = await store._connections.server()
    for _ in range(2):
        await server.run(PACE, keys, "give_back", "10.0", "", slots[-1].number)
        slots.append(await pacer.reserve())

    assert slots[1].at == slots[2].at < slots[3].at
