"""The arithmetic of the schedule, on a clock that the tests hold."""

from itertools import pairwise
from typing import Literal

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mavi_async._pacing import (
    Pace,
    RoundTrips,
    accept,
    gap,
    give_back,
    is_ack_clocked,
    leave,
    margin,
    refuse,
    reserve,
)

INTERVALS = [60.0, 1.0, 0.05]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (1.0, 0.020),
        (1 / 20, 0.00025),
        (0.5, 0.005),
        (0.25, 0.00125),
        (0.2, 0.001),
        (2.0, 0.020),
        (60.0, 0.020),
        (0.001, 0.000005),
    ],
)
def test_the_margin_is_what_a_rate_can_afford(interval: float, expected: float) -> None:
    """Two percent of a slow rate, at most 20 ms; half a percent of a fast one."""
    assert expected == pytest.approx(margin(interval))


def test_the_first_slot_begins_now() -> None:
    """An idle schedule keeps nobody waiting, and saves nothing up."""
    pace, first = reserve(Pace(), 1.0, 100.0)
    pace, second = reserve(pace, 1.0, 200.0)

    assert (100.0, 200.0) == (first, second)


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_queue_is_spaced_by_the_gap(interval: float) -> None:
    """Requests that leave within the margin cost nothing beyond it, however many they are."""
    pace, slots = Pace(), []
    for _ in range(100):
        pace, at = reserve(pace, interval, 5.0)
        pace = leave(pace, interval, at, at + 0.9 * margin(interval))
        slots.append(at)

    assert interval + margin(interval) == gap(pace, interval)
    assert [5.0 + number * gap(pace, interval) for number in range(100)] == pytest.approx(slots)


def test_the_last_slot_is_available_again() -> None:
    """Once it is given back, and as if it had never been given out."""
    before, _ = reserve(Pace(), 1.0, 0.0)
    pace, at = reserve(before, 1.0, 0.0)

    pace = give_back(pace, at)

    assert at == reserve(pace, 1.0, 0.0)[1] == reserve(before, 1.0, 0.0)[1]


def test_an_earlier_slot_is_lost() -> None:
    """The one after it has been promised already."""
    pace, first = reserve(Pace(), 1.0, 0.0)
    pace, _ = reserve(pace, 1.0, 0.0)

    assert pace is give_back(pace, first)


def test_a_slot_is_given_back_once() -> None:
    """A second time it may be somebody else's."""
    pace, at = reserve(Pace(), 1.0, 0.0)
    pace = give_back(pace, at)

    assert pace is give_back(pace, at)


def test_a_late_departure_moves_the_schedule() -> None:
    """The next request keeps its distance from the one that really left."""
    pace, at = reserve(Pace(), 1.0, 0.0)

    pace = leave(pace, 1.0, at, at + 0.3)

    assert at + 0.3 + 1.02 == reserve(pace, 1.0, 0.0)[1]


def test_a_departure_within_the_margin_is_on_time() -> None:
    """The margin is there for it: up to its end the schedule stays as it is."""
    pace, at = reserve(Pace(), 1.0, 0.0)

    assert pace is leave(pace, 1.0, at, at + 0.02)
    assert at + 0.0201 + 1.02 == leave(pace, 1.0, at, at + 0.0201).next_at


def test_giving_back_does_not_undo_a_late_departure() -> None:
    """Who takes the slot over keeps the distance from a request that left late meanwhile."""
    pace, first = reserve(Pace(), 1.0, 0.0)
    pace, second = reserve(pace, 1.0, 0.0)
    pace = give_back(leave(pace, 1.0, first, first + 0.9), second)

    assert first + 0.9 + 1.02 == reserve(pace, 1.0, 1.0)[1]


def test_giving_back_does_not_end_a_pause() -> None:
    """It is about everybody, so also about who comes next."""
    pace, at = reserve(Pace(), 1.0, 0.0)
    pace = give_back(refuse(refuse(pace, 1.0, 0.1), 1.0, 0.1), at)

    assert 2.1 == reserve(pace, 1.0, 0.2)[1]


@pytest.mark.parametrize("certain", [True, False])
def test_one_rejection_widens_the_gap_a_little(certain: bool) -> None:
    """Also before the slot that comes next, and pauses nobody."""
    pace, _ = reserve(Pace(), 1.0, 0.0)

    refused = refuse(pace, 1.0, 0.0, certain=certain)

    assert gap(pace, 1.0) + 0.03 == pytest.approx(gap(refused, 1.0))
    assert (pace.next_at + 0.03, 1.0) == (refused.next_at, refused.pressure)


def test_rejections_in_a_row_pause_everybody() -> None:
    """Twice as long each time, and the gap grows over four times, both to half a minute."""
    pace, pauses, gaps = Pace(), [], []
    for _ in range(8):
        pace = refuse(pace, 1.0, 100.0)
        pauses.append(pace.next_at - 100.0)
        gaps.append(pace.extra)

    assert [float("-inf"), 2.0, 4.0, 8.0, 16.0, 32.0, 32.0, 32.0] == pauses
    expected = [0.03, 0.1575, 0.676875, 2.76609375, 11.1376171875, 32.0, 32.0, 32.0]
    assert expected == pytest.approx(gaps)


def test_an_acceptance_ends_the_row() -> None:
    """The next rejection pauses nobody, but it widens the gap more than the one before."""
    once = accept(refuse(Pace(), 1.0, 0.0))
    twice = refuse(once, 1.0, 0.0)

    assert (0.9, float("-inf")) == (once.pressure, twice.next_at)
    assert once.extra * 1.25 + 0.03 * 4**0.9 == pytest.approx(twice.extra)


def test_rejections_far_apart_do_not_add_up() -> None:
    """A stall of the server now and then is no reason to go slower and slower."""
    pace = Pace()
    for _ in range(50):
        pace = refuse(pace, 1.0, 0.0)
        for _ in range(100):
            pace = accept(pace)

    assert pace.extra < 0.03
    assert float("-inf") == pace.next_at


def test_a_rate_that_is_twice_too_high_is_found_out_soon() -> None:
    """Although every other request is accepted, a few rejections double the gap."""
    pace, refused = Pace(), 0
    while gap(pace, 1.0) < 2.0:
        pace, refused = accept(refuse(pace, 1.0, 0.0)), refused + 1

    assert 4 == refused


@pytest.mark.parametrize("interval", [*INTERVALS, 1e-300, 1e300])
def test_thousands_of_rejections_in_a_row_stay_finite(interval: float) -> None:
    """A suspended key answers so all night."""
    pace = Pace()
    for _ in range(3_000):
        pace = refuse(pace, interval, 0.0)

    assert pace.next_at <= 32.0
    assert pace.extra <= 32.0
    assert 64.0 == pace.pressure


def test_an_uncertain_rejection_widens_to_twice_the_interval() -> None:
    """And never narrows what certain ones have widened."""
    pace = Pace()
    for _ in range(40):
        pace = refuse(pace, 1.0, 0.0, certain=False)

    assert (1.0, float("-inf")) == (pace.extra, pace.next_at)
    assert 8.0 == refuse(Pace(extra=8.0), 1.0, 0.0, certain=False).extra


@pytest.mark.parametrize("certain", [True, False])
def test_a_rejection_never_narrows_a_gap(certain: bool) -> None:
    """Also where uncertain ones have widened that of a slow rate beyond what certain ones may."""
    assert 50.0 <= refuse(Pace(extra=50.0), 60.0, 0.0, certain=certain).extra


def test_what_rejections_add_wears_off() -> None:
    """A request waits for the answer before it until the gap is nearly what it was."""
    pace, accepted = refuse(Pace(), 1.0, 0.0), 0
    while is_ack_clocked(pace, 1.0):
        pace, accepted = accept(pace), accepted + 1

    assert 339 == accepted
    assert pytest.approx(1.021, abs=1e-5) == gap(pace, 1.0)
    assert not is_ack_clocked(Pace(), 1.0)


def test_a_round_trip_is_compared_with_the_shortest_lately() -> None:
    """The first one is usual by definition; what was long ago counts no more."""
    trips = RoundTrips()

    assert float("inf") == trips.usual
    assert [0.0, 0.2, 0.0] == pytest.approx([trips.excess(each) for each in (0.1, 0.3, 0.05)])
    for _ in range(16):
        trips.excess(1.0)
    assert (1.0, 0.5) == (trips.usual, trips.excess(1.5))


@attrs.define
class World:
    """Requests of many gates on one schedule, and what each was promised."""

    interval: float
    pace: Pace = attrs.field(factory=Pace)
    now: float = 1_000.0
    reserved: list[float] = attrs.field(factory=list)
    used: list[float] = attrs.field(factory=list)
    closed_until: float = float("-inf")
    widened: float = 0.0

    def do(self, verb: str, amount: float) -> None:
        """Let one thing happen, and check what it must keep."""
        getattr(self, verb)(amount)
        assert self.pace.extra <= max(32.0, self.interval)
        assert gap(self.pace, self.interval) > self.interval

    def wait(self, amount: float) -> None:
        """Time passes: up to some intervals, seldom in whole ones."""
        self.now += amount * 4 * self.interval

    def reserve(self, amount: float) -> None:
        """A head of a queue takes a slot, never in the past nor in a time that is closed."""
        self.pace, at = reserve(self.pace, self.interval, self.now)
        assert at >= max(self.now, self.closed_until)
        self.reserved.append(at)

    def leave(self, amount: float) -> None:
        """One of the requests leaves, late; those that reserve from now on keep the distance."""
        if self.reserved:
            slot = self.reserved.pop(int(amount * 7) % len(self.reserved))
            left_at = max(slot, self.now) + amount * self.interval * (amount > 0.5)
            self.used.append(slot)
            self.now = max(self.now, left_at)
            self.pace = leave(self.pace, self.interval, slot, left_at)
            self.closed_until = max(self.closed_until, left_at + self.interval)

    def give_back(self, amount: float) -> None:
        """One of those who wait goes away; the last one's slot is free for another."""
        if self.reserved:
            slot = self.reserved.pop(int(amount * 7) % len(self.reserved))
            is_last = slot == self.pace.last_at
            self.pace = give_back(self.pace, slot)
            if is_last:
                assert self.pace.next_at <= self.widened + max(
                    slot, self.closed_until + gap_of(self)
                )

    def accept(self, amount: float) -> None:
        """A request was within the limit."""
        before = self.pace
        self.pace = accept(before)
        assert self.pace.extra <= before.extra

    def refuse(self, amount: float) -> None:
        """A request was over the limit: never does that narrow the gap."""
        before, certain = self.pace, amount > 0.3
        self.pace = refuse(before, self.interval, self.now, certain=certain)
        assert self.pace.extra >= before.extra
        added = self.pace.extra - before.extra
        self.widened += added
        assert self.pace.next_at <= max(before.next_at + added, self.now + 32.0)
        if certain and before.pressure >= 1:
            pause = min(32.0, self.interval * 2.0**before.pressure)
            self.closed_until = max(self.closed_until, self.now + pause)


def gap_of(world: World) -> float:
    """What the schedule adds to an interval at most."""
    return gap(world.pace, world.interval)


Verb = Literal["wait", "reserve", "leave", "give_back", "accept", "refuse"]
VERBS: list[Verb] = ["wait", "reserve", "reserve", "leave", "give_back", "accept", "refuse"]
STORY = st.lists(st.tuples(st.sampled_from(VERBS), st.floats(0, 1)), max_size=60)


@pytest.mark.parametrize("interval", INTERVALS)
@given(story=STORY)
@example(story=[("reserve", 0), ("reserve", 0), ("leave", 0.9), ("give_back", 0), ("reserve", 0)])
@example(
    story=[("reserve", 0), ("refuse", 1), ("refuse", 1), ("give_back", 0), ("reserve", 0)],
)
def test_no_two_releases_are_closer_than_the_interval(
    interval: float, story: list[tuple[Verb, float]]
) -> None:
    """Whatever happens in whichever order, the slots in use keep their distance."""
    world = World(interval)

    for verb, amount in story:
        world.do(verb, amount)
        slots = sorted(world.used + world.reserved)
        assert all(later - earlier >= interval for earlier, later in pairwise(slots))
