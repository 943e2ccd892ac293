"""Checks of the pacer that a store supplies; its own arithmetic is its own matter."""

from uuid import uuid4

from mavi_async.stores import Lane
from mavi_async.testing._expectations import Unmet, expect
from mavi_async.testing._trial import Trial, check

INTERVAL = 10.0


def new_lane(account: str = "account") -> Lane:
    """Return a lane that no earlier check has used, whoever keeps its schedule."""
    return Lane(f"https://{uuid4().hex}.example", account, "/path")


def expect_delay(what: str, expected: float, found: float) -> None:
    """Compare seconds, leaving room for a slow machine and for a margin."""
    if not expected - INTERVAL / 2 < found < expected + INTERVAL / 2:
        raise Unmet(f"the delay in seconds of {what}", f"about {expected:g}", f"{found:g}")


@check(rule=11)
async def lane_has_one_schedule(trial: Trial) -> None:
    """All who ask for one lane share it; lanes have schedules of their own."""
    store = trial.open()
    lane, other = new_lane(), new_lane("other")
    pacers = [store.pacer(each, INTERVAL) for each in (lane, lane, other)]

    first, second, third = [(await pacer.reserve()).delay for pacer in pacers]

    expect_delay("the first slot of a lane", 0, first)
    expect_delay("the first slot of another pacer of the same lane", INTERVAL, second)
    expect_delay("the first slot of another lane", 0, third)


@check(rule=11)
async def unused_slots_are_for_the_next(trial: Trial) -> None:
    """Whether they are given back, or in the same step as another is reserved."""
    pacer = trial.open().pacer(new_lane(), INTERVAL)
    await pacer.reserve()
    slot = await pacer.reserve()

    again = await pacer.reserve(instead_of=slot)
    expect_delay("a slot that was reserved instead of the last one", INTERVAL, again.delay)
    await pacer.give_back(again)
    expect_delay("the slot after one given back", INTERVAL, (await pacer.reserve()).delay)
    expect("the slot's interval", INTERVAL, slot.interval)


@check(rule=11)
async def what_happens_moves_the_schedule(trial: Trial) -> None:
    """A late departure moves it, an answer on time does not, refusals in a row pause it."""
    pacer = trial.open().pacer(new_lane(), INTERVAL)

    first = await pacer.reserve()
    await pacer.left(first, late=3 * INTERVAL)
    await pacer.answered(first, refused=False)
    slot = await pacer.reserve()
    expect_delay("the slot after a departure three intervals late", 4 * INTERVAL, slot.delay)
    expect("whether requests wait for answers before any refusal", False, slot.ack_clocked)
    await pacer.give_back(slot)
    await pacer.answered(first, refused=True)
    slot = await pacer.reserve()
    expect("whether requests wait for answers after a refusal", True, slot.ack_clocked)


@check(rule=11)
async def slots_move_with_the_schedule(trial: Trial) -> None:
    """Who confirms a slot learns of what was late before it; those behind keep their distance."""
    pacer = trial.open().pacer(new_lane(), INTERVAL)
    first, second, third = [await pacer.reserve() for _ in range(3)]

    confirmed = await pacer.confirm(second)
    expect_delay("a slot that nothing has moved", INTERVAL, confirmed.delay)
    await pacer.left(first, late=3 * INTERVAL)
    confirmed = await pacer.confirm(second)
    expect_delay("the slot behind a departure that was late", 4 * INTERVAL, confirmed.delay)
    confirmed = await pacer.confirm(confirmed)
    expect_delay("the same, confirmed once more", 4 * INTERVAL, confirmed.delay)
    expect_delay("the slot behind both", 5 * INTERVAL, (await pacer.confirm(third)).delay)
    expect_delay("a slot reserved after them", 6 * INTERVAL, (await pacer.reserve()).delay)


@check(rule=11)
async def slots_wait_for_the_answer_before(trial: Trial) -> None:
    """After a refusal, until the request before has its answer; no later one undoes that."""
    store, lane = trial.open(), new_lane()
    pacer, other = store.pacer(lane, INTERVAL), store.pacer(lane, INTERVAL)
    first, second, third = [await pacer.reserve() for _ in range(3)]

    waits = (await pacer.confirm(third)).waits
    expect("whether a slot waits for an answer before any refusal", False, waits)
    await pacer.answered(first, refused=True)
    fourth = await other.reserve()
    confirmed = await other.confirm(second)
    expect("whether a slot waits whose predecessor has its answer", False, confirmed.waits)
    confirmed = await other.confirm(third)
    expect("whether a slot waits whose predecessor has no answer", True, confirmed.waits)
    await pacer.answered(second, refused=False)
    await other.answered(first, refused=False)
    confirmed = await other.confirm(third)
    expect("whether a slot goes on waiting after the answer has come", False, confirmed.waits)
    await pacer.unanswered(third)
    confirmed = await other.confirm(fourth)
    expect("whether a slot waits for an answer that will not come", False, confirmed.waits)
