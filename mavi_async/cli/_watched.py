"""A store that tells a board of each step; nothing else knows them all."""

from mavi_async._records import Intent, IntentState, Put, Submission
from mavi_async.cli._board import Board
from mavi_async.cli._forwarding import ForwardingStore
from mavi_async.stores import TaskStore

__all__ = ["watched_store"]


def watched_store(board: Board, store: TaskStore) -> TaskStore:
    """Return a store that does what another does, and tells a board."""
    return _WatchedStore(board, store)


class _WatchedStore(ForwardingStore):
    """A store that is seen through."""

    def __init__(self, board: Board, store: TaskStore) -> None:
        super().__init__(store)
        self._board = board
        self._store = store
        self.begin_intent = self._begin_intent
        self.find_intent = self._find_intent
        self.update_intent = self._update_intent
        self.put_submission = self._put_submission
        self.put_callback = self._put_callback

    async def _begin_intent(self, intent: Intent) -> Intent:
        """Keep an intent, unless no more may leave."""
        # From here on the request can no longer be held back.
        self._board.leaving(intent.asset_id, intent.intent_id)
        kept = await self._store.begin_intent(intent)
        if kept.intent_id == intent.intent_id and kept.state is not IntentState.ACCEPTED:
            self._board.sending(intent.asset_id)
        else:
            self._board.not_sent(intent.intent_id)
            self._board.found(kept)
        return kept

    async def _find_intent(self, account: str, idempotency_key: str) -> Intent | None:
        """Whoever looks for one waits for it, or makes it."""
        found = await self._store.find_intent(account, idempotency_key)
        if found is not None:
            self._board.found(found)
        return found

    async def _update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        is_done = await self._store.update_intent(
            intent_id, state, task_id=task_id, only_if=only_if
        )
        if state is IntentState.NOT_SENT:
            self._board.not_sent(intent_id)
        return is_done

    async def _put_submission(
        self, submission: Submission, *, intent_id: str | None = None
    ) -> None:
        early = await self._store.get_callback(submission.task_id) is not None
        await self._store.put_submission(submission, intent_id=intent_id)
        self._board.accepted(submission.asset_id, submission.task_id, early=early)

    async def _put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        put = await self._store.put_callback(task_id, body, seen=seen)
        self._board.called_back(task_id, put)
        return put
