"""The endpoints of the API, as one account uses them: a queue and a rate at each."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from mavi_async._background import Background
from mavi_async._configuration import BaseUrl
from mavi_async._errors import ClientClosed
from mavi_async._gate import Gate
from mavi_async._records import Intent, Pacing
from mavi_async._retry import RetryPolicy
from mavi_async._secret import ApiKey
from mavi_async._submit import Submitter
from mavi_async._transport import HttpClient, Transport
from mavi_async._wire import Envelope
from mavi_async.stores import Lane, TaskStore

if TYPE_CHECKING:
    from mavi_async._questions import Questions

__all__ = ["GENERATE", "METADATA", "SIGN", "SUBMIT", "UPLOAD", "Endpoints"]

SUBMIT: Final = "/transcriptions/async-generate-speaker"
GENERATE: Final = "/transcriptions/sync-generate-speaker"
UPLOAD: Final = "/upload"
SIGN: Final = "/upload/signed-url"
METADATA: Final = "/{asset_id}/metadata"
_BILLED: Final = (SUBMIT, GENERATE)
_FREE: Final = (UPLOAD, SIGN, METADATA)
_STORAGE: Final = 1
_MAX_IN_FLIGHT: Final = 8

T = TypeVar("T")


class Endpoints:
    """Makes what submits to an endpoint; owns the HTTP client and the queues.

    Args:
        base_url: Where the API is.
        key: Sent to the origin of `base_url` and nowhere else.
        http_client: A client to use and not to close; by default one of its own.
        store: Where intents are kept, and the rate.
        background: Where a request goes on when its caller is cancelled.
        account: Whose requests they are.
        interval: Seconds between requests to one endpoint.
        retry: Which failures may be sent again.
    """

    def __init__(
        self,
        base_url: BaseUrl,
        key: ApiKey,
        *,
        http_client: HttpClient | None,
        store: TaskStore,
        background: Background,
        account: str,
        interval: float,
        retry: RetryPolicy,
    ) -> None:
        self._store = store
        self._background = background
        self._account = account
        self._retry: RetryPolicy = retry
        self._transport = Transport(
            base_url,
            key,
            http_client=http_client,
            max_connections=_MAX_IN_FLIGHT * (len(_BILLED) + len(_FREE) + _STORAGE),
        )
        self._origin = "{}://{}:{}".format(*base_url.origin)
        self._interval = interval
        self._is_closed = False
        # A client has a say in a rate for as long as it has a gate: in the others', once it asks.
        self._gates = {path: self._make_gate(path) for path in _BILLED}
        self._uploading: anyio.Semaphore | None = None
        self._looking: anyio.CapacityLimiter | None = None

    def open(self) -> None:
        """Make the HTTP client, unless one was given.

        Raises:
            ConfigurationError: If it cannot make requests to the base URL.
        """
        self._transport.open()

    def submitter(
        self,
        path: str,
        read: Callable[[Envelope, bytes, Intent], Awaitable[T]],
        deadline: float,
        max_wait: float | None = None,
    ) -> Submitter[T]:
        """Make what submits to an endpoint; see `Submitter` for the arguments."""
        return Submitter(
            path=path,
            transport=self._transport,
            gate=self._gates[path],
            store=self._store,
            background=self._background,
            account=self._account,
            retry=self._retry,
            deadline=deadline,
            max_wait=max_wait,
            read=read,
        )

    def questions(self, path: str) -> "Questions":
        """Make what asks an endpoint for something that bills nothing.

        Raises:
            ClientClosed: If the client was closed.
        """
        from mavi_async._questions import Questions

        if self._is_closed:
            raise ClientClosed("the client is closed: make a new one")
        gate = self._gates.get(path)
        if gate is None:
            gate = self._gates[path] = self._make_gate(path)
        return Questions(self._transport, gate, self._retry)

    @property
    def uploading(self) -> anyio.Semaphore:
        """Bounds how many files are open, and on their way to signed URLs, which have no queue."""
        if self._uploading is None:
            self._uploading = anyio.Semaphore(_MAX_IN_FLIGHT)
        return self._uploading

    @property
    def looking(self) -> anyio.CapacityLimiter:
        """Bounds how many files are looked at; a disk that hangs holds up nobody else's threads."""
        if self._looking is None:
            self._looking = anyio.CapacityLimiter(_MAX_IN_FLIGHT)
        return self._looking

    def queue(self, path: str) -> Pacing:
        """Tell how long the queue of an endpoint is."""
        gate = self._gates.get(path)
        return Pacing(0, 0.0) if gate is None else gate.state

    def close_queues(self) -> None:
        """Send everybody away whose turn has not come."""
        self._is_closed = True
        for gate in self._gates.values():
            gate.close()
        self._gates.clear()  # with them goes this client's say in the account's rate

    async def aclose(self) -> None:
        """Close the HTTP client, unless it was given."""
        await self._transport.aclose()

    def _make_gate(self, path: str) -> Gate:
        lane = Lane(self._origin, self._account, path)
        return Gate(self._store.pacer(lane, self._interval), max_in_flight=_MAX_IN_FLIGHT)
