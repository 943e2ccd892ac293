"""The intents that a store keeps in memory, by name and by idempotency key."""

from collections import OrderedDict
from collections.abc import Iterator

import attrs

from mavi_async._records import Intent, IntentState

__all__ = ["Intents"]


@attrs.define
class _Begun:
    intent: Intent
    begun_at: float


class Intents:
    """Intents in the order in which they were last begun; each key of an account has one."""

    def __init__(self) -> None:
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._of_key: dict[tuple[str, str], str] = {}

    def begin(self, intent: Intent, now: float) -> Intent:
        """Keep an intent, or return itself if it was accepted, or the one that has its key."""
        own = self.get(intent.intent_id, now)
        if own is not None and own.state is IntentState.ACCEPTED:
            return own
        if intent.idempotency_key is not None:
            earlier = self.find(intent.account, intent.idempotency_key, now)
            if earlier is not None and earlier.intent_id != intent.intent_id:
                if earlier.state is not IntentState.NOT_SENT:
                    return earlier
                self.remove(earlier.intent_id)
            self._of_key[intent.account, intent.idempotency_key] = intent.intent_id
        # One that is begun again stays as long as a new one: its key must not become free while
        # its request is on its way.
        self._begun.pop(intent.intent_id, None)
        self._begun[intent.intent_id] = _Begun(intent, now)
        return intent

    def update(self, intent_id: str, state: IntentState, task_id: str | None) -> bool:
        """Note how an intent ended; return False if there is none of that name."""
        begun = self._begun.get(intent_id)
        if begun is None:
            return False
        begun.intent = attrs.evolve(
            begun.intent, state=state, task_id=task_id or begun.intent.task_id
        )
        return True

    def get(self, intent_id: str, now: float) -> Intent | None:
        """Return an intent as it reads now."""
        begun = self._begun.get(intent_id)
        return None if begun is None else _as_of(begun.intent, now)

    def find(self, account: str, idempotency_key: str, now: float) -> Intent | None:
        """Return the intent of a key as it reads now."""
        intent_id = self._of_key.get((account, idempotency_key))
        return None if intent_id is None else self.get(intent_id, now)

    def oldest_first(self, now: float) -> Iterator[Intent]:
        """Yield each intent as it reads now."""
        intents = (_as_of(begun.intent, now) for begun in self._begun.values())
        yield from sorted(intents, key=lambda intent: intent.created_at)

    def remove(self, intent_id: str) -> None:
        """Remove an intent; its key is free then."""
        intent = self._begun.pop(intent_id).intent
        if intent.idempotency_key is not None:
            del self._of_key[intent.account, intent.idempotency_key]

    def remove_of(self, task_id: str) -> int:
        """Remove the intents of a job and return how many that were."""
        found = [name for name, begun in self._begun.items() if begun.intent.task_id == task_id]
        for intent_id in found:
            self.remove(intent_id)
        return len(found)

    def remove_until(self, moment: float) -> int:
        """Remove what was last begun until then and return how much that was."""
        removed = 0
        while self._begun and next(iter(self._begun.values())).begun_at <= moment:
            self.remove(next(iter(self._begun)))
            removed += 1
        return removed


def _as_of(intent: Intent, now: float) -> Intent:
    if intent.state is IntentState.SENDING and now > intent.expires_at:
        return attrs.evolve(intent, state=IntentState.UNKNOWN)
    return intent
