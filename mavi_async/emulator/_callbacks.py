"""Delivering callbacks: late, early, twice, out of order, and again until they are accepted."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import TypeAlias

import httpx

from mavi_async.emulator._jobs import Attempt, Job, Ledger
from mavi_async.emulator._parcels import Parcel

__all__ = ["Courier"]

Pack: TypeAlias = Callable[[], list[list[Parcel]]]

log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
# More connections at once make httpx slower, not faster.
_CONNECTIONS = 20


class Courier:
    """Carries every job's callbacks to the webhook, each job in an asyncio task of its own.

    Args:
        ledger: Where the webhook stands and attempts are recorded.
        delay: Seconds from a job's acceptance to its callback.
        tries: How often to post one body before giving up.
        patience: Seconds after which a held callback goes out if nothing else is pending.
    """

    def __init__(self, ledger: Ledger, *, delay: float, tries: int, patience: float) -> None:
        self._ledger = ledger
        self._delay = delay
        self._tries = tries
        self._patience = patience
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[int, asyncio.Event] = {}
        self._connections = asyncio.Semaphore(_CONNECTIONS)
        # The bare transport: a client would log each webhook URL, whose path is a secret, and
        # cost more. On loopback any certificate is as good as another.
        self._transport = httpx.AsyncHTTPTransport(
            verify=False,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS
            ),
        )

    def dispatch(self, job: Job, pack: Pack) -> asyncio.Task[None]:
        """Start to carry a job's callbacks, batch after batch.

        Args:
            job: Whose callbacks.
            pack: Makes the batches, called when they are due: the work would delay the answer to
                the submit.
        """
        task = asyncio.create_task(self._carry(job, pack))
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the emulator failed to carry a callback", exc_info=error)

    async def cancel(self) -> None:
        """Give up everything that is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Give up everything and close the connections."""
        await self.cancel()
        await self._transport.aclose()

    async def _carry(self, job: Job, pack: Pack) -> None:
        if "early" not in job.faults:
            await self._wait_until_due(job)
        batches = pack()
        job.status = "delivering" if batches else "dropped"
        accepted = [
            all(await asyncio.gather(*(self._deliver(job, parcel) for parcel in batch)))
            for batch in batches
        ]
        if batches:
            job.status = "delivered" if all(accepted) else "undelivered"
            self._release_earlier_than(job.number)

    async def _wait_until_due(self, job: Job) -> None:
        delayed = job.faults.get("delay")
        extra = 0.0
        if delayed is not None:
            extra = 1.0 if delayed.seconds is None else delayed.seconds
        await asyncio.sleep(self._delay + extra)
        if "reorder" in job.faults:
            await self._hold(job)

    async def _hold(self, job: Job) -> None:
        """Wait until a later callback has gone out, or until there is none to wait for.

        Where every job is held, the newest goes first, which releases the others.
        """
        job.status = "held"
        seconds = job.faults["reorder"].seconds
        patience = self._patience if seconds is None else max(seconds, 0.01)
        released = self._held[job.number] = asyncio.Event()
        try:
            while not released.is_set():
                await _wait_at_most(released, patience)
                if len(self._tasks) == len(self._held) and job.number == max(self._held):
                    break
        finally:
            del self._held[job.number]

    def _release_earlier_than(self, number: int) -> None:
        for held, released in self._held.items():
            if held < number:
                released.set()

    async def _deliver(self, job: Job, parcel: Parcel) -> bool:
        """Post a body until it is accepted; return whether it was."""
        for failures in range(self._tries):
            if failures:
                await asyncio.sleep(min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE))
            attempt = await self._attempt(parcel)
            job.attempts.append(attempt)
            if attempt.accepted:
                return True
        return False

    async def _attempt(self, parcel: Parcel) -> Attempt:
        async with self._connections:
            sent_at, url = time.monotonic(), self._ledger.webhook_url
            if url is None:
                return Attempt(parcel.label, sent_at, error="no webhook")
            try:
                status = await self._post(url, parcel.body)
            except httpx.HTTPError as error:
                return Attempt(parcel.label, sent_at, error=type(error).__name__)
            return Attempt(parcel.label, sent_at, status=status)

    async def _post(self, url: str, body: bytes) -> int:
        request = httpx.Request(
            "POST",
            url,
            content=body,
            headers={"content-type": "application/json"},
            extensions={"timeout": httpx.Timeout(10).as_dict()},
        )
        response = await self._transport.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response.status_code


async def _wait_at_most(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
