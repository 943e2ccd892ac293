"""Checks of intents: what may have been billed, and which key stands for it."""

import attrs

from mavi_async._records import IntentState
from mavi_async.stores import TaskStore
from mavi_async.testing._expectations import expect
from mavi_async.testing._trial import DAY, MINUTE, Trial, check

__all__ = ["intent_ids"]

HELD = (IntentState.SENDING, IntentState.ACCEPTED, IntentState.UNKNOWN)


async def intent_ids(store: TaskStore, state: IntentState, account: str | None = None) -> list[str]:
    """Return the names of the intents in a state."""
    return [each.intent_id for each in await store.list_intents(state, account)]


@check(rule=7)
async def intent_is_kept(trial: Trial) -> None:
    """Exactly as it was begun, and what becomes of it is noted, in whichever steps."""
    store = trial.open()
    begun = attrs.evolve(trial.intent("i", key="k"), endpoint="/path")

    expect("begin_intent", begun, await store.begin_intent(begun))
    expect("get_intent", begun, await store.get_intent("i"))
    updated = await store.update_intent("i", IntentState.NOT_SENT)
    expect("update_intent of one that is there", True, updated)
    expected = attrs.evolve(begun, state=IntentState.NOT_SENT)
    expect("get_intent after NOT_SENT", expected, await store.get_intent("i"))
    await store.update_intent("i", IntentState.ACCEPTED, task_id="t")
    await store.update_intent("i", IntentState.ACCEPTED)
    expected = attrs.evolve(begun, state=IntentState.ACCEPTED, task_id="t")
    expect(
        "get_intent after ACCEPTED twice, once with a job", expected, await store.get_intent("i")
    )


@check(rule=7)
async def only_an_intent_that_is_there_is_updated(trial: Trial) -> None:
    """Whoever is told no must not send; one that was forgotten does not come back."""
    store = trial.open()

    for state in (IntentState.SENDING, IntentState.ACCEPTED):
        updated = await store.update_intent("i", state, task_id="t")
        expect(f"update_intent of none to {state.name}", False, updated)
    expect("get_intent", None, await store.get_intent("i"))
    expect("list_intents", [], await intent_ids(store, IntentState.ACCEPTED))


@check(rule=7)
async def intent_is_updated_only_in_the_state_that_is_asked_for(trial: Trial) -> None:
    """As it reads now: whoever ends what is unknown must not free the key of a job."""
    store = trial.open()
    for each in HELD:
        await store.begin_intent(trial.intent(each.name, key=each.name))
        await store.update_intent(each.name, each, task_id="t")
    past = attrs.evolve(trial.intent("past"), expires_at=trial.now - MINUTE)
    await store.begin_intent(past)

    for each in (IntentState.SENDING, IntentState.ACCEPTED):
        before = await store.get_intent(each.name)
        updated = await store.update_intent(
            each.name, IntentState.NOT_SENT, task_id="u", only_if=IntentState.UNKNOWN
        )
        expect(f"update_intent of {each.name} only if UNKNOWN", False, updated)
        expect("get_intent after it", before, await store.get_intent(each.name))
    updated = await store.update_intent("past", IntentState.UNKNOWN, only_if=IntentState.SENDING)
    expect("update_intent of SENDING past its time only if SENDING", False, updated)
    for name in ("UNKNOWN", "past"):
        updated = await store.update_intent(name, IntentState.NOT_SENT, only_if=IntentState.UNKNOWN)
        expect(f"update_intent of {name} only if UNKNOWN", True, updated)
        found = await store.get_intent(name)
        expect("its state after it", IntentState.NOT_SENT, found and found.state)


@check(rule=7)
async def intents_without_a_key_are_all_kept(trial: Trial) -> None:
    """The same asset may be submitted twice on purpose."""
    store = trial.open()
    for number, each in enumerate("ij"):
        begun = trial.intent(each, later=number)
        expect("begin_intent without a key", begun, await store.begin_intent(begun))

    expect("list_intents", ["i", "j"], await intent_ids(store, IntentState.SENDING, "mine"))


@check(rule=7)
async def earlier_intent_of_a_key_stands(trial: Trial) -> None:
    """While a job exists, or may: the later one is not kept, and gets the earlier one."""
    store = trial.open()
    for state in HELD:
        key = state.name
        await store.begin_intent(trial.intent(f"first-{key}", key=key))
        await store.update_intent(f"first-{key}", state, task_id="t")
        earlier = await store.get_intent(f"first-{key}")

        found = await store.begin_intent(trial.intent(f"second-{key}", key=key))
        expect(f"begin_intent where the key's intent is {key}", earlier, found)
        expect("get_intent of the later one", None, await store.get_intent(f"second-{key}"))
        expect("get_intent", earlier, await store.get_intent(f"first-{key}"))
        expect("find_intent of the key", earlier, await store.find_intent("mine", key))


@check(rule=7)
async def key_whose_request_was_not_sent_is_free(trial: Trial) -> None:
    """The later intent takes the place of the earlier one."""
    store = trial.open()
    await store.begin_intent(trial.intent("first", key="k"))
    await store.update_intent("first", IntentState.NOT_SENT)
    second = trial.intent("second", key="k")

    found = await store.begin_intent(second)
    expect("begin_intent where the key's intent is NOT_SENT", second, found)
    expect("get_intent of the earlier one", None, await store.get_intent("first"))
    expect("list_intents of NOT_SENT", [], await intent_ids(store, IntentState.NOT_SENT))
    found = await store.begin_intent(trial.intent("third", key="k"))
    expect("begin_intent of a third one", second, found)


@check(rule=7)
async def intent_is_begun_again(trial: Trial) -> None:
    """A request that was not sent is tried again under the same name, and keeps its key."""
    store = trial.open()
    for key in ("k", None):
        first = trial.intent(f"of-{key}", key=key)
        await store.begin_intent(first)
        await store.update_intent(first.intent_id, IntentState.NOT_SENT)
        again = attrs.evolve(first, expires_at=first.expires_at + MINUTE)

        expect("begin_intent of the same again", again, await store.begin_intent(again))
        expect("get_intent", again, await store.get_intent(first.intent_id))
    found = await store.begin_intent(trial.intent("other", key="k"))
    expect("begin_intent of another with its key", "of-k", found.intent_id)
    expect("list_intents", {"of-k", "of-None"}, {*await intent_ids(store, IntentState.SENDING)})


@check(rule=7)
async def accepted_intent_is_not_begun_again(trial: Trial) -> None:
    """Somebody may have adopted it while it waited for its next try: its job stays known."""
    store = trial.open()
    for key in ("k", None):
        begun = trial.intent(f"of-{key}", key=key)
        await store.begin_intent(begun)
        await store.update_intent(begun.intent_id, IntentState.ACCEPTED, task_id=f"t-{key}")
        accepted = attrs.evolve(begun, state=IntentState.ACCEPTED, task_id=f"t-{key}")
        again = attrs.evolve(begun, expires_at=begun.expires_at + MINUTE)

        expect("begin_intent of an ACCEPTED one", accepted, await store.begin_intent(again))
        expect("get_intent after it", accepted, await store.get_intent(begun.intent_id))


@check(rule=7)
async def unknown_intent_is_begun_again(trial: Trial) -> None:
    """By the submission that it is: it knows that it sent nothing, or is told to send twice."""
    store = trial.open()
    noted, late = trial.intent("noted", key="k"), trial.intent("late", key="l")
    await store.begin_intent(noted)
    await store.update_intent("noted", IntentState.UNKNOWN)
    await store.begin_intent(attrs.evolve(late, expires_at=trial.now - MINUTE))

    for each in (noted, late):
        expect("begin_intent of an UNKNOWN one again", each, await store.begin_intent(each))
        expect("get_intent after it", each, await store.get_intent(each.intent_id))


@check(rule=7, moves_clock=True)
async def intent_begun_again_is_kept_as_long_as_a_new_one(trial: Trial) -> None:
    """Or its key would be free while its request is on its way."""
    store = trial.open()
    begun = attrs.evolve(trial.intent("i", key="k"), expires_at=trial.now + 3 * DAY)
    await store.begin_intent(begun)
    await store.update_intent("i", IntentState.NOT_SENT)
    trial.advance(DAY - 1)
    await store.begin_intent(begun)
    trial.advance(DAY - 1)
    await store.expire()

    expect("find_intent", begun, await store.find_intent("mine", "k"))
    found = await store.begin_intent(trial.intent("other", key="k"))
    expect("begin_intent of another with its key", begun, found)


@check(rule=7)
async def key_that_was_taken_meanwhile_is_lost(trial: Trial) -> None:
    """Whoever tries again gets the intent that took its key, and sends nothing."""
    store = trial.open()
    first, second = trial.intent("first", key="k"), trial.intent("second", key="k")
    await store.begin_intent(first)
    await store.update_intent("first", IntentState.NOT_SENT)
    await store.begin_intent(second)

    expect("begin_intent of the first one again", second, await store.begin_intent(first))
    expect("get_intent of the first one", None, await store.get_intent("first"))
    await store.update_intent("second", IntentState.NOT_SENT)
    expect("begin_intent once the key is free again", first, await store.begin_intent(first))
    expect("find_intent", first, await store.find_intent("mine", "k"))


@check(rule=7)
async def keys_are_of_one_account(trial: Trial) -> None:
    """Two customers may choose the same."""
    store = trial.open()
    for account in ("mine", "other"):
        begun = trial.intent(f"of-{account}", key="k", account=account)
        found = await store.begin_intent(begun)
        expect("begin_intent with a key of another account", begun, found)

    for account in ("mine", "other"):
        found_of = await store.find_intent(account, "k")
        expect("find_intent", f"of-{account}", found_of and found_of.intent_id)


@check(rule=7)
async def intent_is_found_by_its_key(trial: Trial) -> None:
    """As `get_intent` returns it; a key is any text, told apart by its case."""
    store = trial.open()
    keys = ("k", "K", "", "invoice 1/2: \N{SNOWMAN}", "k" * 255)
    for number, key in enumerate(keys):
        await store.begin_intent(trial.intent(f"i{number}", key=key))
    await store.begin_intent(trial.intent("without a key"))
    await store.update_intent("i1", IntentState.ACCEPTED, task_id="t")

    for number, key in enumerate(keys):
        expected = await store.get_intent(f"i{number}")
        found = await store.find_intent("mine", key)
        expect(f"find_intent of {key!r}", expected, found)
        expect("its intent_id", f"i{number}", found and found.intent_id)
    expect("find_intent of no such key", None, await store.find_intent("mine", "other"))
    expect("find_intent of another account", None, await store.find_intent("other", "k"))


@check(rule=7, moves_clock=True)
async def intent_past_its_time_is_unknown(trial: Trial) -> None:
    """On whatever host its process died; until then it is being sent."""
    store = trial.open()
    begun = trial.intent("i", key="k")
    await store.begin_intent(begun)
    trial.advance(MINUTE)
    expect("get_intent in the last moment of its time", begun, await store.get_intent("i"))
    trial.advance(1)

    await _expect_unknown(store, attrs.evolve(begun, state=IntentState.UNKNOWN), trial)


@check(rule=7)
async def intent_begun_past_its_time_is_unknown(trial: Trial) -> None:
    """The same, for stores whose clock nobody can move."""
    store = trial.open()
    begun = attrs.evolve(trial.intent("i", key="k"), expires_at=trial.now - MINUTE)
    await store.begin_intent(begun)

    await _expect_unknown(store, attrs.evolve(begun, state=IntentState.UNKNOWN), trial)


async def _expect_unknown(store: TaskStore, expected: object, trial: Trial) -> None:
    expect("get_intent past its time", expected, await store.get_intent("i"))
    expect("find_intent past its time", expected, await store.find_intent("mine", "k"))
    found = list(await store.list_intents(IntentState.UNKNOWN))
    expect("list_intents of UNKNOWN", [expected], found)
    expect("list_intents of SENDING", [], await intent_ids(store, IntentState.SENDING))
    again = await store.begin_intent(trial.intent("later", key="k"))
    expect("begin_intent of another with its key", expected, again)


@check(rule=7)
async def outcome_is_kept_however_late(trial: Trial) -> None:
    """Also one that came after the time was up."""
    store = trial.open()
    for state in (IntentState.ACCEPTED, IntentState.NOT_SENT, IntentState.UNKNOWN):
        late = attrs.evolve(trial.intent(state.name), expires_at=trial.now - MINUTE)
        await store.begin_intent(late)
        await store.update_intent(state.name, state)

        found = [each.state for each in await store.list_intents(state)]
        expect(f"the states of list_intents of {state.name}", [state], found)


@check(rule=7)
async def intents_are_listed_by_state_and_account(trial: Trial) -> None:
    """Oldest first by when they were made, of one account or of all."""
    store = trial.open()
    for later, each in ((1, "b"), (2, "a"), (0, "c")):
        await store.begin_intent(trial.intent(each, later=later))
    await store.begin_intent(trial.intent("x", account="other", later=3))
    await store.update_intent("b", IntentState.NOT_SENT)

    found = [
        await intent_ids(store, state, account)
        for state in (IntentState.SENDING, IntentState.NOT_SENT)
        for account in ("mine", "other", "nobody", None)
    ]

    expect(
        "list_intents of SENDING, of NOT_SENT, each of mine, other, nobody and all",
        [["c", "a"], ["x"], [], ["c", "a", "x"], ["b"], [], [], ["b"]],
        found,
    )
