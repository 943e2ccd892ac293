"""Whether a callback that is sent to the public URL arrives, and is kept, in time."""

import uuid
from typing import Final, Protocol
from urllib.parse import urlsplit

import attrs
import httpx

from mavi_async._configuration import checked_tokens
from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import ConfigurationError, MaviError
from mavi_async._records import Put, Verdict
from mavi_async.cli._check_store import PROBE_PREFIX, probe_body
from mavi_async.cli._exchange import connection_trouble, exchange
from mavi_async.cli._finding import Finding, failed, ok
from mavi_async.cli._forwarding import ForwardingStore
from mavi_async.cli._place import Place
from mavi_async.cli._receiver import listen, receiving
from mavi_async.cli._webhook_answers import Explained, explain
from mavi_async.stores import TaskStore

__all__ = ["PublicUrl", "check_webhook"]

_LATE: Final = 5.0
_LARGE: Final = 2_000_000
_NO_ANSWER: Final = (
    "let the answer through: MAVI takes a callback without a 2xx for failed, and may give up"
)


@attrs.frozen
class PublicUrl:
    """The webhook URL; the end of its path is a secret, so only its host is ever shown.

    Attributes:
        url: All of it.
        host: Host and port.
        token: The end of its path.
    """

    url: str = attrs.field(repr=False)
    host: str
    token: str = attrs.field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "PublicUrl":
        """Read a webhook URL.

        Raises:
            ConfigurationError: Unless it is https or on this machine, and ends in a token.
        """
        try:
            parts = urlsplit(text.strip())
            host = parts.hostname
        except ValueError:
            parts, host = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigurationError("it is a URL such as https://host/mavi/callback/TOKEN")
        if parts.scheme == "http" and host not in ("127.0.0.1", "::1", "localhost"):
            raise ConfigurationError("MAVI posts to https alone, and http shows the token")
        token = parts.path.rpartition("/")[2]
        checked_tokens(token, allow_unauthenticated=False)
        return cls(text.strip(), parts.netloc.rpartition("@")[2], token)


async def check_webhook(
    url: PublicUrl, place: Place, *, listen_at: str | None, token: str | None
) -> list[Finding]:
    """Post callbacks that answer no job, a small and a large one, and look where they end.

    Args:
        url: Where MAVI posts to.
        place: The store that the service shares.
        listen_at: Where to receive them, ``HOST:PORT``; ``None`` where the service runs.
        token: The one that the receiver is given elsewhere, if it is.
    """
    if token is not None and token != url.token:
        text = "the URL ends in another token than MAVI_CALLBACK_TOKEN or --token"
        fix = "give the receiver the token at the end of the URL that is set in MAVI's console"
        return [failed("webhook", text, fix)]
    try:
        async with place.open() as store:
            if listen_at is None:
                return await _probe(url, _InStore(store, place))
            with listen(listen_at) as listener:
                arrivals = _Here(store, listen_at)
                # Real callbacks may come in meanwhile: those are kept as ever.
                async with (
                    Dispatcher(store=arrivals) as dispatcher,
                    receiving(dispatcher, listener, url.token),
                ):
                    return await _probe(url, arrivals)
    except MaviError as error:
        return [failed("webhook", str(error), "correct that, then run this again")]


class _Arrivals(Protocol):
    """Where probes should arrive."""

    otherwise: Explained
    """What it means that a probe was kept, and not there."""

    async def found(self, task_id: str) -> bool:
        """Tell whether a probe arrived, and leave no trace of it."""
        ...


class _InStore:
    """Probes are received by a service with the same store."""

    def __init__(self, store: TaskStore, place: Place) -> None:
        self._store = store
        self.otherwise: Explained = (
            f"a receiver answered that it keeps the callback, and it is not in {place}",
            (
                "let the service and these commands use one store: SQLiteStore with this path, or "
                "--store with its path; if it runs on another host, run this there"
            ),
        )

    async def found(self, task_id: str) -> bool:
        """Tell whether a probe arrived, and leave no trace of it."""
        return await self._store.forget(task_id)


class _Here(ForwardingStore):
    """Probes are received by this process, and kept nowhere; all else is the store's."""

    def __init__(self, store: TaskStore, address: str) -> None:
        super().__init__(store)
        self._store = store
        self.put_callback = self._put_callback
        self._task_ids: set[str] = set()
        self.otherwise: Explained = (
            f"a receiver answered that it keeps the callback, and it is not the one at {address}",
            f"point the proxy or tunnel to {address}, and stop what else receives behind it",
        )

    async def _put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a callback's raw bytes, unless it is a probe."""
        if not task_id.startswith(PROBE_PREFIX):
            return await self._store.put_callback(task_id, body, seen=seen)
        self._task_ids.add(task_id)
        return Put(Verdict.FIRST, known=True)

    async def found(self, task_id: str) -> bool:
        """Tell whether a probe arrived, and leave no trace of it."""
        return task_id in self._task_ids


async def _probe(url: PublicUrl, arrivals: _Arrivals) -> list[Finding]:
    small = await _send("webhook", url, arrivals)
    if small.status != "ok":
        return [small]
    return [small, await _send("large callback", url, arrivals, padding=_LARGE)]


async def _send(check: str, url: PublicUrl, arrivals: _Arrivals, padding: int = 0) -> Finding:
    task_id = PROBE_PREFIX + uuid.uuid4().hex
    body = probe_body(task_id, padding=padding)
    try:
        # As MAVI does it: without a key.
        answer = await exchange("POST", url.url, {"Content-Type": "application/json"}, body)
    except httpx.HTTPError as error:
        if await arrivals.found(task_id):
            text = f"it arrived, but no answer came back: {type(error).__name__}"
            return failed(check, text, _NO_ANSWER)
        return connection_trouble(check, error, url.host, "the receiver, proxy or tunnel")
    if await arrivals.found(task_id):
        return _judge_arrival(check, answer.reply.status, answer.seconds)
    text, fix = explain(answer.reply) or arrivals.otherwise
    return failed(check, text, fix)


def _judge_arrival(check: str, status: int, seconds: float) -> Finding:
    if not 200 <= status < 300:
        return failed(check, f"it arrived, but HTTP {status} came back", _NO_ANSWER)
    if seconds > _LATE:
        text = f"it arrived, but the answer took {seconds:.1f} s"
        fix = "MAVI may give up on an answer that slow: look after the way and the store's disk"
        return failed(check, text, fix)
    return ok(check, f"it arrived, and was answered within {max(seconds, 0.1):.1f} s")
