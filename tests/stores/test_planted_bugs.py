"""Each check of stores finds what is planted in one."""

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import attrs
import pytest

from mavi_async import MemoryStore, StoreError, Unmatched
from mavi_async.stores import (
    Arrival,
    Intent,
    IntentState,
    KeptAside,
    Lane,
    Pacer,
    Put,
    Slot,
    Submission,
    Verdict,
)
from mavi_async.stores._pacer import MemoryPacer, Schedule
from mavi_async.stores._shelf import Kept, Shelf
from mavi_async.testing import (
    MakeStore,
    StoreContractBroken,
    _endings,
    _hints,
    check_task_store,
    task_store_checks,
)

Store = TypeVar("Store", bound=type[MemoryStore])

BUGS: dict[type[MemoryStore], set[str]] = {}


def breaks(*checks: str) -> Callable[[Store], Store]:
    """Say which checks must notice the bug of a store."""

    def note(store: Store) -> Store:
        BUGS[store] = set(checks)
        return store

    return note


# What counts for a job


@breaks("first_body_counts", "first_body_stays_while_nobody_sees_it", "pinned_body_is_final")
class LastBodyCounts(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await super().put_callback(task_id, body, seen=seen)
        self._shelf._kept[task_id].body = body
        return put


@breaks("first_body_counts", "empty_body_is_a_body", "repeats_and_refusals_give_no_hints")
class EachBodyIsFirst(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await super().put_callback(task_id, body, seen=seen)
        if put.verdict is Verdict.FIRST:
            return put
        for notify in self._watchers:
            notify(task_id)
        return attrs.evolve(put, verdict=Verdict.FIRST, unseen=None)


@breaks("first_body_stays_while_nobody_sees_it")
class UnseenIsReplacedAtOnce(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await super().put_callback(task_id, body, seen=seen)
        if put.unseen is not None:
            await self.replace_callback(task_id, old=put.unseen, new=body)
        return put


@breaks("unsubmitted_job_is_not_known", "submission_claims_its_early_callback")
class KnowsNobody(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await super().put_callback(task_id, body, seen=seen)
        return attrs.evolve(put, known=False)


@breaks("empty_body_is_a_body")
class EmptyIsNone(MemoryStore):
    async def get_callback(self, task_id: str) -> bytes | None:
        return await super().get_callback(task_id) or None


@breaks("bodies_are_kept_byte_for_byte", "callbacks_survive_a_restart")
class BodyIsText(MemoryStore):
    async def get_callback(self, task_id: str) -> bytes | None:
        body = await super().get_callback(task_id)
        return body and body.decode(errors="ignore").encode()


@breaks("jobs_are_told_apart")
class CaseIsFolded(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        return await super().put_callback(task_id.lower(), body, seen=seen)

    async def get_callback(self, task_id: str) -> bytes | None:
        return await super().get_callback(task_id.lower())


@breaks("contradicting_bodies_are_kept_aside")
class AsideHoldsRepeats(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await super().put_callback(task_id, body, seen=seen)
        if put.verdict is Verdict.OTHER:
            self._aside._bodies.append(KeptAside(task_id, body, self._clock()))
        return put


@breaks("unseen_body_is_returned_to_be_compared")
class UnseenIsKeptToItself(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await super().put_callback(task_id, body, seen=seen)
        return attrs.evolve(put, unseen=None)


@breaks("unseen_body_can_be_replaced")
class ReplacesWhateverIsThere(MemoryStore):
    async def replace_callback(self, task_id: str, *, old: bytes, new: bytes) -> bool:
        kept = self._shelf.get(task_id)
        return kept is not None and await super().replace_callback(task_id, old=kept.body, new=new)


@breaks("replacing_counts_in_the_bound")
class ReplacingCountsForNothing(MemoryStore):
    async def replace_callback(self, task_id: str, *, old: bytes, new: bytes) -> bool:
        before = self._shelf._unknown_bytes
        replaced = await super().replace_callback(task_id, old=old, new=new)
        self._shelf._unknown_bytes = before
        return replaced


@breaks(
    "pinned_body_is_final",
    "body_that_a_waiter_gets_is_final",
    "claiming_a_seen_callback_leaves_it_final",
    "instances_see_the_same",
)
class NothingIsFinal(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await super().put_callback(task_id, body, seen=seen)
        self._shelf._kept[task_id].seen = False
        return put

    async def pin_callback(self, task_id: str) -> bytes | None:
        return await self.get_callback(task_id)


@breaks("looking_makes_nothing_final")
class ReadingIsSeeing(MemoryStore):
    async def get_callback(self, task_id: str) -> bytes | None:
        return await self.pin_callback(task_id)


@breaks("contradicting_body_makes_nothing_final")
class AnySeenIsFinal(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await super().put_callback(task_id, body, seen=seen)
        if seen:
            await self.pin_callback(task_id)
        return put


# Bounds


@breaks(
    "flood_of_unknown_callbacks_is_refused",
    "oldest_unknown_callback_makes_room",
    "unknown_callbacks_are_bounded_in_bytes",
    "unknown_callbacks_count_until_the_last_byte",
    "instances_share_their_bounds",
)
class UnknownIsUnbounded(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        self._shelf._max_unknown = self._shelf._max_unknown_bytes = 10**9
        return await super().put_callback(task_id, body, seen=seen)


@breaks("nothing_goes_for_a_body_that_does_not_fit")
class EvictsBeforeItLooks(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        try:
            return await super().put_callback(task_id, body, seen=seen)
        except StoreError:
            await self.forget(next(iter(self._shelf._unknown)))
            raise


class _OneBound(Shelf):
    """A shelf on which everything counts as unknown."""

    def add(self, task_id: str, kept: Kept, *, known: bool) -> tuple[Unmatched, ...]:
        return super().add(task_id, kept, known=False)

    def claim(self, task_id: str) -> None:
        """Leave it among the unknown ones."""


@breaks(
    "flood_never_evicts_what_somebody_knows",
    "seen_callbacks_are_out_of_a_flood_s_reach",
    "what_somebody_knows_is_under_no_bound",
    "submission_claims_its_early_callback",
    "unmatched_callbacks_are_listed",
    "unmatched_callback_is_adopted",
    "forgetting_an_unknown_callback_makes_room",
)
class OneBoundForAll(MemoryStore):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._shelf = _OneBound(self._shelf._max_unknown, self._shelf._max_unknown_bytes)


@breaks("unmatched_callbacks_are_listed")
class UnmatchedInAnyOrder(MemoryStore):
    async def list_unmatched(self) -> Sequence[Arrival]:
        return sorted(await super().list_unmatched(), key=lambda each: each.task_id)


# Hints


@breaks("watchers_are_told_of_first_bodies", "watcher_may_stop_in_a_hint")
class StopsNoHints(MemoryStore):
    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        await super().watch(notify)
        return lambda: None


@breaks("watchers_are_told_of_first_bodies", "watchers_hear_of_other_instances")
class GivesNoHints(MemoryStore):
    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        return lambda: None


@breaks("repeats_and_refusals_give_no_hints", "hint_finds_the_body", "local_store_never_suspends")
class HintsBeforeItKeeps(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        for notify in tuple(self._watchers):
            notify(task_id)
        await anyio.lowlevel.checkpoint()
        return await super().put_callback(task_id, body, seen=seen)


@breaks("watchers_are_told_of_first_bodies", "hint_finds_the_body")
class HintsFromAThread(MemoryStore):
    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None]:
        def tell(task_id: str | None) -> None:
            thread = threading.Thread(target=notify, args=[task_id])
            thread.start()
            thread.join()

        return await super().watch(tell)


# Intents


@breaks("intent_is_kept", "outcome_is_kept_however_late", "jobs_survive_a_restart")
class OutcomesAreForgotten(MemoryStore):
    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        return await self.get_intent(intent_id) is not None


@breaks("only_an_intent_that_is_there_is_updated")
class UpdatesWhatIsNotThere(MemoryStore):
    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        await super().update_intent(intent_id, state, task_id=task_id, only_if=only_if)
        return True


@breaks("intent_is_updated_only_in_the_state_that_is_asked_for")
class UpdatesInAnyState(MemoryStore):
    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        return await super().update_intent(intent_id, state, task_id=task_id)


@breaks("intents_without_a_key_are_all_kept", "intents_are_listed_by_state_and_account")
class NoKeyIsAKey(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        return await super().begin_intent(
            attrs.evolve(intent, idempotency_key=intent.idempotency_key or "")
        )


@breaks("upload_is_remembered_under_its_key")
class EveryIntentBeginsAsSending(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        return await super().begin_intent(attrs.evolve(intent, state=IntentState.SENDING))


@breaks("key_whose_request_was_not_sent_is_free", "jobs_survive_a_restart")
class KeysAreNeverFree(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        earlier = await self.find_intent(intent.account, intent.idempotency_key or "")
        if earlier is not None and earlier.intent_id != intent.intent_id:
            return earlier
        return await super().begin_intent(intent)


@breaks("earlier_intent_of_a_key_stands", "intents_are_exclusive_between_instances")
class KeysAreAlwaysFree(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        earlier = await self.find_intent(intent.account, intent.idempotency_key or "")
        if earlier is not None and earlier.intent_id != intent.intent_id:
            await self.update_intent(earlier.intent_id, IntentState.NOT_SENT)
        return await super().begin_intent(intent)


@breaks("accepted_intent_is_not_begun_again")
class BeginsWhatIsAccepted(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        self._intents._begun.pop(intent.intent_id, None)
        return await super().begin_intent(intent)


@breaks("unknown_intent_is_begun_again")
class UnknownStaysUnknown(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        own = await self.get_intent(intent.intent_id)
        is_unknown = own is not None and own.state is IntentState.UNKNOWN
        return own if own and is_unknown else await super().begin_intent(intent)


@breaks("intent_is_begun_again")
class BeginsOnce(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        return await self.get_intent(intent.intent_id) or await super().begin_intent(intent)


@breaks("intent_begun_again_is_kept_as_long_as_a_new_one")
class AgesFromTheFirstBeginning(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        earlier = self._intents._begun.get(intent.intent_id)
        since = self._clock() if earlier is None else earlier.begun_at
        begun = await super().begin_intent(intent)
        self._intents._begun[begun.intent_id].begun_at = since
        return begun


@breaks("key_that_was_taken_meanwhile_is_lost")
class TakesItsKeyBack(MemoryStore):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._begun: set[str] = set()

    async def begin_intent(self, intent: Intent) -> Intent:
        earlier = await self.find_intent(intent.account, intent.idempotency_key or "")
        if earlier is not None and intent.intent_id in self._begun:
            await self.update_intent(earlier.intent_id, IntentState.NOT_SENT)
        self._begun.add(intent.intent_id)
        return await super().begin_intent(intent)


@breaks("keys_are_of_one_account", "intent_is_found_by_its_key")
class KeysAreOfAll(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        key = intent.idempotency_key
        return (key and await self.find_intent("", key)) or await super().begin_intent(intent)

    async def find_intent(self, account: str, idempotency_key: str) -> Intent | None:
        keys = {(key, value) for (_, key), value in self._intents._of_key.items()}
        return await self.get_intent(dict(keys).get(idempotency_key, ""))


@breaks(
    "intent_past_its_time_is_unknown",
    "intent_begun_past_its_time_is_unknown",
    "intent_past_its_time_can_be_given_a_callback",
)
class SendingForEver(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        await super().begin_intent(attrs.evolve(intent, expires_at=float("inf")))
        return intent


@breaks("intents_are_listed_by_state_and_account")
class ListsIntentsOfAll(MemoryStore):
    async def list_intents(
        self, state: IntentState, account: str | None = None
    ) -> Sequence[Intent]:
        return await super().list_intents(state)


# Adopting


@breaks("only_an_unknown_intent_adopts", "only_a_job_that_nobody_submitted_is_adopted")
class AnyIntentAdopts(MemoryStore):
    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        if intent_id in self._intents._begun:
            await self.update_intent(intent_id, IntentState.UNKNOWN)
        return await super().adopt(intent_id, task_id)


@breaks("only_a_callback_that_is_there_is_adopted", "only_a_job_that_nobody_submitted_is_adopted")
class AdoptsWithoutLooking(MemoryStore):
    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        intent = await self.get_intent(intent_id)
        if intent is None or intent.state is not IntentState.UNKNOWN:
            return None
        submission = Submission(task_id, intent.account, intent.asset_id, intent.created_at)
        await self.put_submission(submission, intent_id=intent_id)
        return submission


@breaks("unmatched_callback_is_adopted", "one_intent_adopts_of_two_at_once")
class AdoptsWithoutTheIntent(MemoryStore):
    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        intent = await self.get_intent(intent_id)
        submission = await super().adopt(intent_id, task_id)
        if intent is not None and submission is not None:
            await self.update_intent(intent_id, intent.state)
        return submission


@breaks("seen_callback_can_be_adopted")
class AdoptsUnseenOnes(MemoryStore):
    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        listed = {each.task_id for each in await self.list_unmatched()}
        return await super().adopt(intent_id, task_id) if task_id in listed else None


@breaks("adoption_is_seen_by_other_instances", "one_intent_adopts_of_two_at_once")
class AdoptsForEverybody(MemoryStore):
    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        self._jobs.pop(task_id, None)
        return await super().adopt(intent_id, task_id)


# Jobs


@breaks("submission_is_kept", "jobs_are_listed_by_where_they_stand")
class KeepsTheJobAlone(MemoryStore):
    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        bare = attrs.evolve(submission, asset_id="", account="mine")
        await super().put_submission(bare, intent_id=intent_id)


@breaks("accepted_job_is_kept_with_its_intent")
class LeavesTheIntent(MemoryStore):
    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        await super().put_submission(submission)


@breaks("accepted_job_is_kept_without_its_intent")
class NeedsTheIntent(MemoryStore):
    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        if intent_id is None or await self.get_intent(intent_id) is not None:
            await super().put_submission(submission, intent_id=intent_id)


@breaks("jobs_are_listed_oldest_first", "jobs_are_listed_by_where_they_stand")
class ListsNewestFirst(MemoryStore):
    async def list_pending(self, account: str | None = None) -> Sequence[Submission]:
        return (await super().list_pending(account))[::-1]


@breaks("collected_jobs_are_not_offered_again", "many_jobs_are_collected_at_once")
class CollectsNothing(MemoryStore):
    async def mark_collected(self, task_ids: Collection[str]) -> None:
        """Forget about it."""


@breaks("collected_jobs_are_not_offered_again")
class PutAgainIsUncollected(MemoryStore):
    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        self._jobs.pop(submission.task_id, None)
        await super().put_submission(submission, intent_id=intent_id)


@breaks("arrived_callbacks_are_told", "many_jobs_are_collected_at_once")
class TakesAThousand(MemoryStore):
    async def list_arrived(self, task_ids: Collection[str]) -> Collection[str]:
        return await super().list_arrived([*task_ids][:1_000])

    async def mark_collected(self, task_ids: Collection[str]) -> None:
        await super().mark_collected([*task_ids][:1_000])


# Removing


@breaks("forgetting_leaves_nothing_of_a_job")
class ForgettingLeavesTheAside(MemoryStore):
    async def forget(self, task_id: str) -> bool:
        aside = [each for each in self._aside if each.task_id == task_id]
        found = await super().forget(task_id)
        for each in aside:
            self._aside.add(each.task_id, each.body, each.received_at)
        return found


@breaks("forgetting_leaves_nothing_of_a_job", "forgetting_tells_whether_there_was_something")
class ForgettingIsAlwaysTrue(MemoryStore):
    async def forget(self, task_id: str) -> bool:
        await super().forget(task_id)
        return True


@breaks("last_callback_is_remembered", "callbacks_survive_a_restart")
class ForgetsWhenTheLastCame(MemoryStore):
    async def last_callback_at(self) -> float | None:
        return max((kept.received_at for kept in self._shelf._kept.values()), default=None)

    async def aclose(self) -> None:
        self._shelf.remove("c")


@breaks("what_is_past_its_time_is_removed", "last_callback_is_remembered")
class ExpiryTakesTheTime(MemoryStore):
    async def expire(self) -> int:
        await super().expire()
        self._last_callback_at = None
        return 0


@breaks("stores_expire_as_they_go")
class ExpiresWhenAsked(MemoryStore):
    asked = False

    def _remove_old(self, now: float) -> int:
        return super()._remove_old(now) if self.asked else 0

    async def expire(self) -> int:
        self.asked = True
        removed = await super().expire()
        self.asked = False
        return removed


# Pacing


@breaks("lane_has_one_schedule", "lanes_are_shared_between_instances")
class PacesEachForItself(MemoryStore):
    def pacer(self, lane: Lane, interval: float) -> Pacer:
        return MemoryPacer(Schedule(), interval)


class _DeafPacer(MemoryPacer):
    async def reserve(self, instead_of: Slot | None = None) -> Slot:
        return await super().reserve()

    async def give_back(self, slot: Slot) -> None:
        """Keep it."""

    async def left(self, slot: Slot, *, late: float) -> None:
        """Take no notice."""

    async def answered(self, slot: Slot, *, refused: bool, certain: bool = True) -> None:
        """Take no notice."""

    async def unanswered(self, slot: Slot) -> None:
        """Take no notice."""


@breaks(
    "unused_slots_are_for_the_next",
    "what_happens_moves_the_schedule",
    "slots_move_with_the_schedule",
    "slots_wait_for_the_answer_before",
)
class PacesWithoutListening(MemoryStore):
    def pacer(self, lane: Lane, interval: float) -> Pacer:
        return _DeafPacer(Schedule(), interval)


class _StubbornPacer(MemoryPacer):
    async def confirm(self, slot: Slot) -> Slot:
        return slot


@breaks("slots_move_with_the_schedule", "slots_wait_for_the_answer_before")
class PacesByTheFirstPlan(MemoryStore):
    def pacer(self, lane: Lane, interval: float) -> Pacer:
        return _StubbornPacer(Schedule(), interval)


class _CrowdingPacer(MemoryPacer):
    async def confirm(self, slot: Slot) -> Slot:
        pace = self._schedule.pace
        at = max(slot.at, pace.held_until)
        return attrs.evolve(slot, at=at, delay=at - self._schedule.clock())


@breaks("slots_move_with_the_schedule", "slots_wait_for_the_answer_before")
class PacesAllToOneMoment(MemoryStore):
    def pacer(self, lane: Lane, interval: float) -> Pacer:
        return _CrowdingPacer(Schedule(), interval)


_SCHEDULES: dict[Lane, Schedule] = {}


class _ForgetfulPacer(MemoryPacer):
    async def answered(self, slot: Slot, *, refused: bool, certain: bool = True) -> None:
        await super().answered(slot, refused=refused, certain=certain)
        self._schedule.pace = attrs.evolve(self._schedule.pace, answered=slot.number)


@breaks("slots_wait_for_the_answer_before")
class PacesByTheLastAnswerAlone(MemoryStore):
    def pacer(self, lane: Lane, interval: float) -> Pacer:
        return _ForgetfulPacer(_SCHEDULES.setdefault(lane, Schedule()), interval)


class _HopefulPacer(MemoryPacer):
    async def unanswered(self, slot: Slot) -> None:
        """Go on to expect an answer."""


@breaks("slots_wait_for_the_answer_before")
class PacesByAnswersAlone(MemoryStore):
    def pacer(self, lane: Lane, interval: float) -> Pacer:
        return _HopefulPacer(_SCHEDULES.setdefault(lane, Schedule()), interval)


class _ImpatientPacer(MemoryPacer):
    async def confirm(self, slot: Slot) -> Slot:
        return attrs.evolve(await super().confirm(slot), waits=False)


@breaks("slots_wait_for_the_answer_before")
class PacesWithoutWaiting(MemoryStore):
    def pacer(self, lane: Lane, interval: float) -> Pacer:
        return _ImpatientPacer(_SCHEDULES.setdefault(lane, Schedule()), interval)


# At once, and cut short


@breaks(
    "one_body_counts_of_many_at_once",
    "one_body_counts_between_instances",
    "bound_holds_at_once",
    "local_store_never_suspends",
)
class LooksThenPuts(MemoryStore):
    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        is_first = await self.get_callback(task_id) is None
        has_room = len(self._shelf._unknown) < self._shelf._max_unknown
        await anyio.lowlevel.checkpoint()
        if is_first:
            self._shelf.remove(task_id)
            self._shelf._max_unknown += has_room
        return await super().put_callback(task_id, body, seen=seen)


@breaks("one_intent_of_a_key_is_begun_of_many_at_once", "intents_are_exclusive_between_instances")
class LooksThenBegins(MemoryStore):
    async def begin_intent(self, intent: Intent) -> Intent:
        earlier = await self.find_intent(intent.account, intent.idempotency_key or "")
        await anyio.lowlevel.checkpoint()
        if earlier is None:
            self._intents._of_key.clear()
        return await super().begin_intent(intent)


@breaks("cancelled_acceptance_is_whole_or_nothing", "cancelled_adoption_is_whole_or_nothing")
class AcceptsInTwoSteps(MemoryStore):
    local = False

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        if intent_id is not None:
            await self.update_intent(intent_id, IntentState.ACCEPTED, task_id=submission.task_id)
        await anyio.sleep(0.001)
        await super().put_submission(submission)


@breaks("cancelled_put_is_whole_or_nothing")
class PutsInPieces(MemoryStore):
    local = False

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await super().put_callback(task_id, body[: len(body) // 2], seen=seen)
        await anyio.sleep(0.001)
        self._shelf._kept[task_id].body = body
        return put


@breaks("store_closes_twice")
class ClosesOnce(MemoryStore):
    closed = False

    async def aclose(self) -> None:
        if self.closed:
            raise ValueError("it is closed already")
        self.closed = True


# Restarts


@breaks(
    "callbacks_survive_a_restart",
    "jobs_survive_a_restart",
    "instances_see_the_same",
    "instances_share_their_bounds",
    "watchers_hear_of_other_instances",
    "intents_are_exclusive_between_instances",
    "one_body_counts_between_instances",
    "adoption_is_seen_by_other_instances",
)
class SharesNothing(MemoryStore):
    """What a `MemoryStore` is, where it was promised that it is shared."""


def making(kind: type[MemoryStore]) -> MakeStore:
    """Return what makes stores of a kind: the same one for the same name, if it is shared."""
    made: dict[str, MemoryStore] = {}

    def make(name: str, /, **options: Any) -> MemoryStore:
        store = kind(**options)
        return store if kind is SharesNothing else made.setdefault(name, store)

    return make


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the checks give up soon: what is planted here does not come late, but never."""
    monkeypatch.setattr(_hints, "HINT_SECONDS", 0.01)
    monkeypatch.setattr(_endings, "SETTLE_PAUSES", (0.0, 0.001))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", BUGS, ids=lambda kind: kind.__name__)
def test_a_planted_bug_is_found(kind: type[MemoryStore]) -> None:
    """By the checks that are about it, whatever others stumble over it."""
    with pytest.raises(StoreContractBroken) as caught:
        asyncio.run(check_task_store(making(kind), shared=True))

    assert set() == BUGS[kind] - {each.check for each in caught.value.broken}


def test_each_check_can_fail() -> None:
    """There is a planted bug for it; one that finds nothing would be a line for symmetry."""
    assert set() == task_store_checks(shared=True).keys() ^ set().union(*BUGS.values())
