"""From a callback's bytes to the tasks that wait for it."""

import logging
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread

from mavi_async._background import Background, Hook, JobCancelled
from mavi_async._configuration import checked_seconds
from mavi_async._errors import MalformedResult, StoreError
from mavi_async._inbox import Inbox
from mavi_async._json import InvalidJSON
from mavi_async._lookout import Lookout
from mavi_async._loop import Home, call_in
from mavi_async._polling import Poller
from mavi_async._receipts import Receipts
from mavi_async._records import Delivery, Put, Unmatched, Verdict
from mavi_async._registry import TRANSITIONS, Event, State
from mavi_async._structure import Malformed
from mavi_async._task import LARGE_BODY, Outcome, SpeakerTask
from mavi_async._unmatched import UnmatchedDesk
from mavi_async._wire import body_bytes, read_task_id
from mavi_async.stores import MemoryStore, TaskStore
from mavi_async.stores._deadline import STORE_SECONDS, in_time

__all__ = ["Dispatcher"]

log = logging.getLogger("mavi_async")


class Dispatcher:
    """The in-process registry that callbacks are fed to.

    A client makes its own. Make one yourself to share it between clients, to choose its store,
    or to receive callbacks in a process that submits nothing.

    Args:
        store: Where callbacks are kept; by default a `MemoryStore`.
        on_unmatched: Called with an `Unmatched` for a callback that is still unknown
            `unmatched_after` seconds after it came, and for one that had to leave a full store.
            It may be a coroutine function. What it raises is logged.
        unmatched_after: Seconds; a callback may come before the answer to its submit.
    """

    def __init__(
        self,
        *,
        store: TaskStore | None = None,
        on_unmatched: Hook[Unmatched] | None = None,
        unmatched_after: float = 10.0,
    ) -> None:
        self._store: TaskStore = MemoryStore() if store is None else store
        self._owns_store = store is None
        self._home = Home("dispatcher")
        self._background = Background()
        self._inboxes: tuple[Inbox, ...] = ()
        self._being_fed: set[str] = set()
        self._lookout = Lookout(
            self._store, self._background, awaited=self._awaited, on_hint=self._on_hint
        )
        self._receipts = Receipts(self._store, self._background, self._home.enter)
        # What a large body is parsed into takes many times its bytes.
        self._parsing = anyio.CapacityLimiter(2)
        self._unmatched = UnmatchedDesk(
            self._store,
            self._background,
            is_claimed=self._has_task,
            hook=on_unmatched,
            after=checked_seconds(unmatched_after, "unmatched_after"),
        )

    @property
    def store(self) -> TaskStore:
        """Where callbacks are kept."""
        return self._store

    @property
    def pending(self) -> tuple[SpeakerTask, ...]:
        """The live tasks of this process that are not done."""
        return tuple(task for inbox in self._inboxes for task in inbox.pending)

    async def feed(self, body: bytes | str | Mapping[str, object]) -> Delivery:
        """Take a callback: keep it, and resolve the tasks that wait for it.

        Whatever the body is, what became of it is returned and nothing is raised for it.
        Feeding it again is harmless.

        Args:
            body: The request's body as received, or the JSON object parsed from it.

        Returns:
            What became of it. All but `Delivery.MALFORMED` may be acknowledged with 2xx.

        Raises:
            StoreError: If it could not be kept: answer 503, so that it is sent again.
            TaskStateError: If called from another event loop than before.
        """
        self._home.enter()
        try:
            raw = body_bytes(body)
            if len(raw) > LARGE_BODY:
                task_id = await anyio.to_thread.run_sync(read_task_id, raw, limiter=self._parsing)
            else:
                task_id = read_task_id(raw)
        except (InvalidJSON, Malformed) as error:
            log.warning("a callback was refused: %s", error)
            return Delivery.MALFORMED
        if self._store.local:
            return await self._take(task_id, raw)
        # The sender may go away, and its callback is kept all the same. But nothing waits for
        # ever: what a store that hangs has not begun by then is not to be done later.
        job = self._background.start(lambda: in_time(self._take(task_id, raw)))
        try:
            return await in_time(job.wait())
        except JobCancelled:
            raise StoreError("the dispatcher was closed before the callback was kept") from None

    def feed_threadsafe(self, body: bytes | str | Mapping[str, object]) -> Future[Delivery]:
        """Feed a callback from another thread.

        Returns:
            A future for what became of it; wait for it with ``.result(timeout)``.

        Raises:
            TaskStateError: If no event loop uses this dispatcher yet, or it has ended.
        """
        future: Future[Delivery] = Future()

        async def feed() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(await self.feed(body))
                except Exception as error:  # noqa: BLE001 - handed to the other thread
                    future.set_exception(error)

        def end() -> None:
            if not future.done():
                future.set_exception(StoreError("the event loop ended before it was kept"))

        def start() -> None:
            self._background.start(feed, end)

        call_in(self._home.token, start)
        return future

    def open_inbox(self, result_timeout: float | None, poller: Poller | None) -> Inbox:
        """Make a place for the tasks of one client."""
        return Inbox(self, result_timeout, poller)

    def connect(self, inbox: Inbox) -> None:
        """Deliver to an inbox from now on."""
        if inbox not in self._inboxes:
            self._inboxes = (*self._inboxes, inbox)

    def disconnect(self, inbox: Inbox) -> None:
        """Deliver to an inbox no more."""
        self._inboxes = tuple(each for each in self._inboxes if each is not inbox)
        self.stop_watching_if_idle()

    def bind(self) -> None:
        """Settle on the event loop that runs right now.

        Raises:
            TaskStateError: If another loop uses this dispatcher already.
        """
        self._home.enter()

    def look_soon(self, task: SpeakerTask) -> None:
        """Start to look for a task's callback in the store."""
        self._home.enter()
        self._background.start_quietly(partial(self.look, task), "looking for a callback")

    async def look(self, task: SpeakerTask) -> None:
        """Settle a task whose callback is in the store, and have later ones announced."""
        self._home.enter()
        try:
            await self._lookout.begin()
            await self.find(task)
        finally:
            self.stop_watching_if_idle()

    async def find(self, task: SpeakerTask) -> None:
        """Settle a task whose callback is in the store."""
        body = await in_time(self._find(task))
        if body is not None and not task.done():
            task.settle(body, await _decode(body, task))

    def stop_watching_if_idle(self) -> None:
        """End the store's hints once nobody waits."""
        if all(inbox.is_idle for inbox in self._inboxes):
            self._lookout.end()

    def collected(self, task: SpeakerTask) -> None:
        """Note that somebody has a task's outcome."""
        self._receipts.add(task.task_id)

    async def flush(self) -> None:
        """Note in the store what is to be noted there sooner or later."""
        await self._receipts.flush()

    async def __aenter__(self) -> Self:
        self.bind()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Finish what is under way, and close the store unless it was given."""
        self._unmatched.close()
        self._lookout.end()
        await self.flush()
        await self._background.finish(grace=STORE_SECONDS)
        if self._owns_store:
            await self._store.aclose()

    async def _take(self, task_id: str, body: bytes) -> Delivery:
        """Take a body; if that is cut short, look for what is kept of it."""
        try:
            return await self._keep(task_id, body)
        except BaseException:
            # It, or another host's, may be kept all the same, and the hint was not followed.
            self._on_hint(task_id)
            raise

    async def _keep(self, task_id: str, body: bytes) -> Delivery:
        """Keep a body first, and only then let anybody know of it."""
        awaited = any(inbox.waits_for(task_id) for inbox in self._inboxes)
        self._being_fed.add(task_id)
        try:
            put = await self._store.put_callback(task_id, body, seen=awaited)
        finally:
            self._being_fed.discard(task_id)
        event = await self._event_of(put, task_id, body)
        is_marked = awaited and put.verdict is not Verdict.OTHER
        is_awaited = any(inbox.waits_for(task_id) for inbox in self._inboxes)
        if is_awaited and not is_marked and event is not Event.OTHER:
            # A task was attached meanwhile, or the body took another one's place.
            body = await self._store.pin_callback(task_id) or body
        delivery = await self._deliver(task_id, event, body)
        if delivery is Delivery.STORED and not put.known:
            self._unmatched.check_later(task_id)
        for unmatched in put.evicted:
            self._unmatched.offer(unmatched)
        return delivery

    async def _event_of(self, put: Put, task_id: str, body: bytes) -> Event:
        if put.verdict is Verdict.FIRST:
            return Event.FIRST
        if put.verdict is Verdict.SAME:
            return Event.SAME
        if (
            put.unseen is not None
            and _is_better(body, put.unseen, task_id)
            and await self._store.replace_callback(task_id, old=put.unseen, new=body)
        ):
            return Event.FIRST
        log.warning("task %s got a second, different callback: the first one counts", task_id)
        return Event.OTHER

    async def _deliver(self, task_id: str, event: Event, body: bytes) -> Delivery:
        """Tell every inbox; what the first one that refers to the job makes of it counts."""
        found = None
        for inbox in self._inboxes:
            known = inbox.get(task_id) is not None
            delivery = await inbox.deliver(task_id, event, body)
            if known and found is None:
                found = delivery
        return found or TRANSITIONS[State.ABSENT, event].delivery or Delivery.STORED

    async def _find(self, task: SpeakerTask) -> bytes | None:
        """Make sure that what is found stays."""
        if await self._store.get_callback(task.task_id) is None:
            return None
        return await self._store.pin_callback(task.task_id)

    def _has_task(self, task_id: str) -> bool:
        return any(inbox.get(task_id) is not None for inbox in self._inboxes)

    def _awaited(self) -> list[str]:
        return [task.task_id for inbox in self._inboxes for task in inbox.held]

    def _on_hint(self, task_id: str) -> None:
        if task_id in self._being_fed:
            return
        for inbox in self._inboxes:
            task = inbox.hinted(task_id)
            if task is not None:
                self.look_soon(task)


async def _decode(body: bytes, task: SpeakerTask) -> Outcome:
    decode = partial(Outcome.decode, body, task_id=task.task_id, uri=task.asset_id)
    return await anyio.to_thread.run_sync(decode) if len(body) > LARGE_BODY else decode()


def _is_better(new: bytes, old: bytes, task_id: str) -> bool:
    """Whether a body can be decoded where the earlier one cannot."""
    return all(
        isinstance(Outcome.decode(body, task_id=task_id, uri=None).error, MalformedResult) is bad
        for body, bad in ((old, True), (new, False))
    )
