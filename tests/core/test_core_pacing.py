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
    confirm,
    gap,
    give_back,
    is_ack_clocked,
    leave,
    lose,
    margin,
    must_wait,
    refuse,
    reserve,
)

INTERVALS = [60.0, 1.0, 0.05]
# One slot has been given out.
BEGUN, _ = reserve(Pace(), 1.0, 0.0)


def refused(pace: Pace, *, certain: bool = True) -> Pace:
    """The first request was over the limit, at once."""
    return refuse(pace, 1.0, 1, 0.0, 0.0, certain=certain)


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
        pace = leave(pace, interval, pace.number, at, at + 0.9 * margin(interval), at)
        slots.append(at)

    assert interval + margin(interval) == gap(pace, interval)
    assert [5.0 + number * gap(pace, interval) for number in range(100)] == pytest.approx(slots)


def test_the_last_slot_is_available_again() -> None:
    """Once it is given back, and as if it had never been given out."""
    before, _ = reserve(Pace(), 1.0, 0.0)
    pace, at = reserve(before, 1.0, 0.0)

    pace = give_back(pace, 1.0, pace.number)

    assert at == reserve(pace, 1.0, 0.0)[1] == reserve(before, 1.0, 0.0)[1]


def test_an_earlier_slot_is_lost() -> None:
    """The one after it has been promised already."""
    pace, _ = reserve(Pace(), 1.0, 0.0)
    pace, _ = reserve(pace, 1.0, 0.0)

    assert attrs.evolve(pace, answered=1) == give_back(pace, 1.0, 1)


def test_a_slot_is_given_back_once() -> None:
    """A second time it may be somebody else's."""
    pace, _ = reserve(Pace(), 1.0, 0.0)
    pace = give_back(pace, 1.0, 1)

    assert pace is not give_back(pace, 1.0, 1)
    assert pace.next_at == give_back(pace, 1.0, 0).next_at == give_back(pace, 1.0, 1).next_at


def test_a_late_departure_moves_the_schedule() -> None:
    """The next request keeps its distance from the one that really left."""
    pace, at = reserve(Pace(), 1.0, 0.0)

    pace = leave(pace, 1.0, 1, at, at + 0.3, at + 0.3)

    assert at + 0.3 + 1.02 == reserve(pace, 1.0, 0.0)[1]


def test_a_departure_within_the_margin_is_on_time() -> None:
    """The margin is there for it: up to its end the schedule stays as it is."""
    pace, at = reserve(Pace(), 1.0, 0.0)

    assert pace is leave(pace, 1.0, 1, at, at + 0.02, at)
    assert at + 0.0201 + 1.02 == leave(pace, 1.0, 1, at, at + 0.0201, at).next_at


def test_giving_back_does_not_undo_a_late_departure() -> None:
    """Who takes the slot over keeps the distance from a request that left late meanwhile."""
    pace, first = reserve(Pace(), 1.0, 0.0)
    pace, _ = reserve(pace, 1.0, 0.0)
    pace = give_back(leave(pace, 1.0, 1, first, first + 0.9, first + 0.9), 1.0, 2)

    assert first + 0.9 + 1.02 == reserve(pace, 1.0, 1.0)[1]


def test_giving_back_does_not_end_a_pause() -> None:
    """It is about everybody, so also about who comes next."""
    pace, _ = reserve(Pace(), 1.0, 0.0)
    pace, _ = reserve(pace, 1.0, 0.0)
    for _ in range(2):
        pace = refuse(pace, 1.0, 1, 0.0, 0.1)
    pace = give_back(pace, 1.0, 2)

    assert 2.1 == reserve(pace, 1.0, 0.2)[1]


@pytest.mark.parametrize("certain", [True, False])
def test_one_rejection_widens_the_gap_a_little(certain: bool) -> None:
    """Also before the slot that comes next, and pauses nobody."""
    pace, _ = reserve(Pace(), 1.0, 0.0)

    wider = refused(pace, certain=certain)

    assert gap(pace, 1.0) + 0.03 == pytest.approx(gap(wider, 1.0))
    assert (pace.next_at + 0.03, 1.0) == (wider.next_at, wider.pressure)


def test_slots_that_are_given_out_move_in_their_order() -> None:
    """Behind a departure that was late, a gap apart; and those that are reserved after them."""
    pace = Pace()
    for _ in range(4):
        pace, _ = reserve(pace, 1.0, 0.0)

    pace = leave(pace, 1.0, 2, 1.02, 1.52, 1.52)

    assert [0.0, 1.02, 2.54, 3.56] == pytest.approx(
        [confirm(pace, 1.0, number + 1, number * 1.02) for number in range(4)]
    )
    assert pytest.approx(4.58) == pace.next_at


def test_a_slot_that_keeps_its_distance_stays_where_it_is() -> None:
    """Time that was to spare is used up first."""
    pace, _ = reserve(Pace(), 1.0, 0.0)
    pace, second = reserve(pace, 1.0, 5.0)

    pace = leave(pace, 1.0, 1, 0.0, 3.9, 3.9)

    assert 5.0 == second == confirm(pace, 1.0, 2, second)
    assert 6.02 == pace.next_at


def test_what_holds_up_most_counts() -> None:
    """Of two departures that were late, in whichever order they are told."""
    pace = Pace()
    for _ in range(3):
        pace, _ = reserve(pace, 1.0, 0.0)
    first, second = (1, 0.0, 2.0, 2.0), (2, 1.02, 1.82, 2.0)

    one_way = leave(leave(pace, 1.0, *first), 1.0, *second)
    other_way = leave(leave(pace, 1.0, *second), 1.0, *first)

    assert pytest.approx(3.02) == confirm(other_way, 1.0, 3, 2.04)
    assert confirm(one_way, 1.0, 3, 2.04) >= confirm(other_way, 1.0, 3, 2.04)


def test_what_has_left_is_not_moved() -> None:
    """A request is late by half a minute, and thirty have left meanwhile: the next one is due."""
    pace, first = reserve(Pace(), 1.0, 0.0)
    for number in range(1, 30):
        pace, _ = reserve(pace, 1.0, 1.02 * number)

    pace = leave(pace, 1.0, 1, first, 29.9, 29.9)

    assert pytest.approx(29.9 + 2 * 1.02) == pace.next_at


def test_rejections_of_many_under_way_pause_as_long_as_those_of_one() -> None:
    """Their number does not make it longer, only their being in a row."""
    pace = Pace()
    for _ in range(30):
        pace, _ = reserve(pace, 1.0, 0.0)
    now, pauses = pace.next_at + 0.5, []
    for number in range(20, 26):
        pace = refuse(pace, 1.0, number, 0.0, now)
        pauses.append(pace.next_at - now)

    assert [2.0, 4.0, 8.0, 16.0, 32.0] == pytest.approx(pauses[1:])


def test_another_rate_does_not_move_what_is_over() -> None:
    """However many slots ago somebody left late at the rate that was."""
    pace, at = reserve(Pace(), 1.0, 0.0)
    pace = leave(pace, 1.0, 1, at, at + 0.5, at + 0.5)
    for _ in range(600):
        pace, at = reserve(pace, 1.0, 0.0)

    assert at == confirm(pace, 2.0, pace.number, at)
    assert at == give_back(pace, 2.0, pace.number).next_at


def test_what_rejections_added_is_gone_one_day() -> None:
    """Or each acceptance would have to be written down for ever."""
    pace = refused(BEGUN)
    for _ in range(2_000):
        pace = accept(pace, 1)

    assert (0.0, 0.0) == (pace.extra, pace.pressure)
    assert pace is accept(pace, 2)


def test_a_pause_is_about_slots_that_are_given_out_as_well() -> None:
    """They begin a gap apart when it is over."""
    pace = Pace()
    for _ in range(3):
        pace, _ = reserve(pace, 1.0, 0.0)
    pace = refused(refused(pace))

    begins = [confirm(pace, 1.0, number, 0.0) for number in (2, 3)]

    assert [2.0, 2.0 + gap(pace, 1.0)] == begins
    assert 2.0 + 2 * gap(pace, 1.0) == pace.next_at


def test_a_wider_gap_does_not_move_what_is_over() -> None:
    """However many slots ago somebody left late."""
    pace, at = reserve(Pace(), 0.05, 0.0)
    pace = leave(pace, 0.05, 1, at, at + 0.01, at + 0.01)
    for _ in range(100):
        pace, at = reserve(pace, 0.05, 0.0)

    wider = refuse(pace, 0.05, pace.number, at, at)

    assert pytest.approx(pace.next_at + 0.0015) == wider.next_at


def test_rejections_in_a_row_pause_everybody() -> None:
    """Twice as long each time, and the gap grows over four times, both to half a minute."""
    pace, pauses, gaps = BEGUN, [], []
    for _ in range(8):
        pace = refuse(pace, 1.0, 1, 99.0, 100.0)
        pauses.append(pace.next_at - 100.0)
        gaps.append(pace.extra)

    assert [pytest.approx(0.05), 2.0, 4.0, 8.0, 16.0, 32.0, 32.0, 32.0] == pauses
    expected = [0.03, 0.1575, 0.676875, 2.76609375, 11.1376171875, 32.0, 32.0, 32.0]
    assert expected == pytest.approx(gaps)


def test_an_acceptance_ends_the_row() -> None:
    """The next rejection pauses nobody, but it widens the gap more than the one before."""
    once = accept(refused(BEGUN), 1)
    twice = refused(once)

    assert (0.9, gap(twice, 1.0)) == (once.pressure, twice.next_at)
    assert once.extra * 1.25 + 0.03 * 4**0.9 == pytest.approx(twice.extra)


def test_rejections_far_apart_do_not_add_up() -> None:
    """A stall of the server now and then is no reason to go slower and slower."""
    pace = BEGUN
    for _ in range(50):
        pace = refused(pace)
        for _ in range(100):
            pace = accept(pace, 1)

    assert pace.extra < 0.03
    assert pace.next_at < 1.1


def test_a_rate_that_is_twice_too_high_is_found_out_soon() -> None:
    """Although every other request is accepted, a few rejections double the gap."""
    pace, rejections = BEGUN, 0
    while gap(pace, 1.0) < 2.0:
        pace, rejections = accept(refused(pace), 1), rejections + 1

    assert 4 == rejections


@pytest.mark.parametrize("interval", [*INTERVALS, 1e-300, 1e300])
def test_thousands_of_rejections_in_a_row_stay_finite(interval: float) -> None:
    """A suspended key answers so all night."""
    pace = Pace()
    for _ in range(3_000):
        pace = refuse(pace, interval, 1, 0.0, 0.0)

    assert pace.next_at <= 32.0
    assert pace.extra <= 32.0
    assert 64.0 == pace.pressure


def test_an_uncertain_rejection_widens_to_twice_the_interval() -> None:
    """And never narrows what certain ones have widened."""
    pace = BEGUN
    for _ in range(40):
        pace = refused(pace, certain=False)

    assert (1.0, 2.02) == (pace.extra, pace.next_at)
    assert 8.0 == refused(attrs.evolve(BEGUN, extra=8.0), certain=False).extra


@pytest.mark.parametrize("certain", [True, False])
def test_a_rejection_never_narrows_a_gap(certain: bool) -> None:
    """Also where uncertain ones have widened that of a slow rate beyond what certain ones may."""
    assert 50.0 <= refuse(Pace(extra=50.0), 60.0, 1, 0.0, 0.0, certain=certain).extra


def test_what_rejections_add_wears_off() -> None:
    """A request waits for the answer before it until the gap is nearly what it was."""
    pace, accepted = refused(BEGUN), 0
    while is_ack_clocked(pace, 1.0):
        pace, accepted = accept(pace, 1), accepted + 1

    assert 339 == accepted
    assert pytest.approx(1.021, abs=1e-5) == gap(pace, 1.0)
    assert not is_ack_clocked(Pace(), 1.0)


def test_requests_wait_for_the_answer_before_theirs() -> None:
    """After a rejection only; a slot that was given up is not waited for."""
    pace = BEGUN
    for _ in range(3):
        pace, _ = reserve(pace, 1.0, 0.0)
    assert not must_wait(accept(pace, 1), 1.0, 3)
    pace = refused(pace)

    assert [False, True, True] == [must_wait(pace, 1.0, number) for number in (2, 3, 4)]
    pace = accept(pace, 2)
    assert [False, True] == [must_wait(pace, 1.0, number) for number in (3, 4)]
    assert not must_wait(give_back(pace, 1.0, 3), 1.0, 4)
    assert not must_wait(lose(pace, 3), 1.0, 4)
    assert not must_wait(lose(pace, 1), 1.0, 3)
    assert BEGUN == lose(BEGUN, 1)
    assert not must_wait(accept(pace, 1), 1.0, 3)
    assert not must_wait(refuse(pace, 1.0, 1, 0.0, 0.0), 1.0, 3)


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
    """Requests of many gates on one schedule, each of which confirms its slot and leaves."""

    interval: float
    pace: Pace = attrs.field(factory=Pace)
    now: float = 1_000.0
    reserved: list[tuple[int, float]] = attrs.field(factory=list)
    unanswered: list[tuple[int, float]] = attrs.field(factory=list)
    left: list[float] = attrs.field(factory=list)
    paused: list[tuple[float, float]] = attrs.field(factory=list)

    def do(self, verb: str, amount: float) -> None:
        """Let one thing happen, and check what it must keep."""
        getattr(self, verb)(amount)
        assert self.pace.extra <= max(32.0, self.interval)
        assert gap(self.pace, self.interval) > self.interval

    def wait(self, amount: float) -> None:
        """Time passes: up to some intervals, seldom in whole ones."""
        self.now += amount * 4 * self.interval

    def reserve(self, amount: float) -> None:
        """A head of a queue takes a slot, never in the past."""
        self.pace, at = reserve(self.pace, self.interval, self.now)
        assert at >= self.now
        self.reserved.append((self.pace.number, at))

    def leave(self, amount: float) -> None:
        """One of the requests leaves, maybe late; not in a slot that it has missed."""
        if not self.reserved:
            return
        number, at = self.reserved.pop(int(amount * 7) % len(self.reserved))
        at = confirm(self.pace, self.interval, number, at)
        if self.now - at > margin(self.interval):
            self.pace = give_back(self.pace, self.interval, number)
            self.reserve(amount)
            number, at = self.reserved.pop()
        left_at = max(at, self.now) + amount * self.interval * (amount > 0.5)
        assert not any(begin <= left_at < end for begin, end in self.paused)
        self.now = left_at
        self.left.append(left_at)
        self.unanswered.append((number, at))
        self.pace = leave(self.pace, self.interval, number, at, left_at, left_at)

    def give_back(self, amount: float) -> None:
        """One of those who wait goes away; the last one's slot is free for another."""
        if not self.reserved:
            return
        number, at = self.reserved.pop(int(amount * 7) % len(self.reserved))
        before, is_last = self.pace, number == self.pace.number and self.pace.last_at is not None
        self.pace = give_back(before, self.interval, number)
        if is_last:
            assert confirm(before, self.interval, number, at) == self.pace.next_at
        else:
            assert before.next_at == self.pace.next_at

    def accept(self, amount: float) -> None:
        """A request was within the limit."""
        if self.unanswered:
            before = self.pace
            self.pace = accept(before, self.unanswered.pop(0)[0])
            assert self.pace.extra <= before.extra

    def refuse(self, amount: float) -> None:
        """The last request was over the limit: never does that narrow the gap."""
        if not self.unanswered:
            return
        before, certain = self.pace, amount > 0.3
        number, at = self.unanswered.pop()
        self.pace = refuse(before, self.interval, number, at, self.now, certain=certain)
        assert self.pace.extra >= before.extra
        assert self.pace.next_at >= before.next_at
        if certain and before.pressure >= 1:
            self.paused.append((self.now, self.now + min(32.0, self.interval * 2**before.pressure)))


Verb = Literal["wait", "reserve", "leave", "give_back", "accept", "refuse"]
VERBS: list[Verb] = [
    "wait",
    "reserve",
    "reserve",
    "leave",
    "leave",
    "give_back",
    "accept",
    "refuse",
]
STORY = st.lists(st.tuples(st.sampled_from(VERBS), st.floats(0, 1)), max_size=60)


@pytest.mark.parametrize("interval", INTERVALS)
@given(story=STORY)
@example(story=[("reserve", 0), ("reserve", 0), ("leave", 0.9), ("give_back", 0), ("reserve", 0)])
@example(story=[("reserve", 0)] * 4 + [("leave", 0), ("refuse", 1)] * 3 + [("leave", 0)])
def test_no_two_departures_are_closer_than_the_interval(
    interval: float, story: list[tuple[Verb, float]]
) -> None:
    """Whatever happens in whichever order, late ones among them, and nobody leaves in a pause."""
    world = World(interval)

    for verb, amount in story:
        world.do(verb, amount)
    departures = sorted(world.left)
    assert all(later - earlier >= interval * (1 - 1e-9) for earlier, later in pairwise(departures))
