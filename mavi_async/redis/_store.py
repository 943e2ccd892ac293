"""The store of any number of hosts, on one server."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Final

from redis.asyncio import Redis, RedisCluster

from mavi_async._configuration import checked_seconds
from mavi_async._errors import StoreError
from mavi_async._records import Arrival, Intent, IntentState, KeptAside, Put, Submission
from mavi_async.redis import _answers as answers
from mavi_async.redis._connections import Connections
from mavi_async.redis._pacer import PACE, RedisPacer, name_of
from mavi_async.redis._scripts import NAMES, load
from mavi_async.redis._server import Answer, Value
from mavi_async.stores._protocol import Lane, Pacer

__all__ = ["RedisStore"]


# A server does one thing at a time, and others wait.
_IDS_AT_ONCE: Final = 5_000
_MANY: Final = 250


class RedisStore:
    """Keeps everything on a Redis or Valkey server, for all processes of all hosts.

    What it acknowledges is as durable as the server makes it: with ``appendonly yes`` it survives
    the end of the server's process, with ``appendfsync always`` that of its machine. A warning is
    logged where that is missing, or where the server may evict keys. Any number of stores,
    processes and hosts may share a namespace.

    It connects when it is first needed, and again after a failure or `aclose`. It runs under
    asyncio alone.

    Args:
        server: A URL, such as ``redis://:password@host:6379/0``, ``rediss://…`` for TLS or
            ``unix:///path``; or a client of redis-py's, which is used as it is and not closed.
        namespace: Whose data it is, for example that of one MAVI account. Stores with the same
            name share everything, others nothing. All keys of a namespace are in one slot of a
            cluster; they are named after a digest of it.
        ttl: Seconds for which submissions, results and intents are kept. Without any use,
            everything is gone after twice that time.
        max_unknown: How many callbacks of jobs that nobody submitted are kept.
        max_unknown_bytes: How many bytes they may take in all.
        max_aside: How many contradicting bodies are kept; the oldest make room.
        max_aside_bytes: How many bytes they may take in all.
        clock: Returns seconds since the epoch; by default the server's clock counts, whatever
            those of the hosts show.

    Raises:
        ConfigurationError: If the URL or the client cannot be used.
    """

    local = False

    def __init__(
        self,
        server: str | Redis | RedisCluster,
        *,
        namespace: str = "default",
        ttl: float = 604_800.0,
        max_unknown: int = 10_000,
        max_unknown_bytes: int = 256 * 1024 * 1024,
        max_aside: int = 1_000,
        max_aside_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._ttl = checked_seconds(ttl, "ttl")
        self._bounds = (max_unknown, max_unknown_bytes, max_aside, max_aside_bytes)
        self._clock = clock
        self._namespace = namespace
        tag = hashlib.sha256(answers.write_text(namespace)).hexdigest()[:16]
        self._prefix = f"mavi:{{{tag}}}:"
        self._keys = tuple(self._prefix + name for name in NAMES)
        self._channel = self._prefix + "hints"
        self._connections = Connections(server, self._channel)

    def __repr__(self) -> str:
        return f"RedisStore({str(self._connections.address)!r}, namespace={self._namespace!r})"

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a callback's raw bytes; the first body of a job counts."""
        answer = await self._run(
            "put_callback", task_id, body, int(seen), self._channel, *self._bounds
        )
        if answer[0] == b"full":
            raise StoreError("the store is full of recent callbacks that nobody here submitted")
        return answers.read_put(answer)

    async def replace_callback(self, task_id: str, *, old: bytes, new: bytes) -> bool:
        """Replace a body that cannot be decoded, if it is still there and nobody has seen it."""
        return bool(await self._run("replace_callback", task_id, old, new))

    async def get_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts; reading does not change it."""
        body: bytes | None = await self._command("HGET", self._prefix + "bodies", task_id)
        return body

    async def pin_callback(self, task_id: str) -> bytes | None:
        """Return the body that counts and make it final: somebody has seen it."""
        body: bytes | None = await self._run("pin_callback", task_id)
        return body

    async def list_arrived(self, task_ids: Collection[str]) -> Collection[str]:
        """Return those of some jobs whose callback is here."""
        arrived: list[str] = []
        remaining = iter(task_ids)
        while some := tuple(islice(remaining, _IDS_AT_ONCE)):
            found = await self._command("ZMSCORE", self._prefix + "received", *some)
            arrived += [each for each, at in zip(some, found, strict=True) if at is not None]
        return arrived

    async def last_callback_at(self) -> float | None:
        """Return when a callback came last."""
        moment = await self._command("GET", self._prefix + "last")
        return None if moment is None else float(moment)

    async def list_unmatched(self) -> Sequence[Arrival]:
        """Return the callbacks of jobs that nobody submitted in this namespace, oldest first."""
        return tuple(map(answers.read_arrival, await self._run("list_unmatched")))

    async def list_aside(self) -> Sequence[KeptAside]:
        """Return the bodies that contradicted the first one of their job, oldest first."""
        return tuple(map(answers.read_aside, await self._run("list_aside")))

    async def watch(self, notify: Callable[[str | None], None]) -> Callable[[], None] | None:
        """Ask for a hint whenever a first body is stored, on whichever host."""
        return await self._connections.watch(notify)

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        """Keep an accepted job; a callback that came before it is no longer unknown."""
        await self._run(
            "put_submission",
            submission.task_id,
            submission.account,
            submission.asset_id,
            repr(float(submission.submitted_at)),
            *_present(intent_id),
        )

    async def get_submission(self, task_id: str) -> Submission | None:
        """Return an accepted job."""
        answer = await self._run("get_submission", task_id)
        return None if answer is None else answers.read_submission(answer)

    async def list_pending(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs that have no callback yet, oldest first."""
        return await self._submissions("pending", account)

    async def list_uncollected(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs whose callback is here and was given to nobody yet, oldest first."""
        return await self._submissions("uncollected", account)

    async def list_done(self, account: str | None = None) -> Sequence[Submission]:
        """Return the jobs whose callback is here, oldest first."""
        return await self._submissions("done", account)

    async def mark_collected(self, task_ids: Collection[str]) -> None:
        """Note that whoever awaited some jobs has their results."""
        remaining = iter(task_ids)
        while some := tuple(islice(remaining, _IDS_AT_ONCE)):
            await self._run("mark_collected", *some)

    async def forget(self, task_id: str) -> bool:
        """Remove everything about a job; return False if there was nothing."""
        return bool(await self._run("forget", task_id))

    async def begin_intent(self, intent: Intent) -> Intent:
        """Keep an intent before its request leaves, or return the one that stands in its way."""
        earlier = await self._run("begin_intent", *answers.write_intent(intent))
        return intent if earlier is None else answers.read_intent(earlier)

    async def update_intent(
        self,
        intent_id: str,
        state: IntentState,
        *,
        task_id: str | None = None,
        only_if: IntentState | None = None,
    ) -> bool:
        """Note how an intent's request ended; return False if there is none to change."""
        condition = "" if only_if is None else only_if.value
        words = (intent_id, state.value, condition, *_present(task_id))
        return bool(await self._run("update_intent", *words))

    async def adopt(self, intent_id: str, task_id: str) -> Submission | None:
        """Make an unmatched callback that of an intent whose outcome is unknown."""
        answer = await self._run("adopt", intent_id, task_id)
        return None if answer is None else answers.read_submission(answer)

    async def get_intent(self, intent_id: str) -> Intent | None:
        """Return an intent; one that is `SENDING` past its time reads as `UNKNOWN`."""
        answer = await self._run("get_intent", intent_id)
        return None if answer is None else answers.read_intent(answer)

    async def find_intent(self, account: str, idempotency_key: str) -> Intent | None:
        """Return the intent of an idempotency key."""
        answer = await self._run("find_intent", account, idempotency_key)
        return None if answer is None else answers.read_intent(answer)

    async def list_intents(
        self, state: IntentState, account: str | None = None
    ) -> Sequence[Intent]:
        """Return the intents in one state, oldest first."""
        found = map(answers.read_intent, await self._run("list_intents", state.value))
        mine = (intent for intent in found if account in (None, intent.account))
        return tuple(sorted(mine, key=lambda intent: intent.created_at))

    async def expire(self) -> int:
        """Remove what is past its time and return how much that was."""
        removed = 0
        while count := await self._run("expire", _MANY):
            removed += count
        return removed

    def pacer(self, lane: Lane, interval: float) -> Pacer:
        """Return a pacer that all hosts share."""

        async def pace(deed: str, *values: Value) -> Answer:
            keys = (self._prefix + name_of(lane), self._new_call())
            return await (await self._connections.server()).run(PACE, keys, deed, *values)

        return RedisPacer(pace, lane, interval)

    async def aclose(self) -> None:
        """End what this event loop has of the store; another call connects again."""
        await self._connections.aclose()

    def _new_call(self) -> str:
        return f"{self._prefix}call:{secrets.token_hex(8)}"

    async def _run(self, script: str, *values: Value) -> Answer:
        now = "" if self._clock is None else repr(self._clock())
        words = [answers.write_text(each) if isinstance(each, str) else each for each in values]
        keys = (*self._keys, self._new_call())
        return await (await self._connections.server()).run(
            load(script), keys, repr(self._ttl), now, *words
        )

    async def _command(self, *words: Value) -> Answer:
        return await (await self._connections.server()).command(*words)

    async def _submissions(self, standing: str, account: str | None) -> Sequence[Submission]:
        found = map(answers.read_submission, await self._run("list_submissions", standing))
        return tuple(job for job in found if account in (None, job.account))


def _present(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)
