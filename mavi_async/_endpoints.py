"""The billed endpoints of the API, as one account uses them: a queue and a rate at each."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mavi_async._background import Background
from mavi_async._configuration import BaseUrl
from mavi_async._gate import Gate
from mavi_async._records import Intent, Pacing
from mavi_async._retry import RetryPolicy
from mavi_async._secret import ApiKey
from mavi_async._submit import Submitter
from mavi_async._transport import HttpClient, Transport
from mavi_async._wire import Envelope
from mavi_async.stores import Lane, TaskStore

__all__ = ["GENERATE", "SUBMIT", "Endpoints"]

SUBMIT: Final = "/transcriptions/async-generate-speaker"
GENERATE: Final = "/transcriptions/sync-generate-speaker"
_ENDPOINTS: Final = (SUBMIT, GENERATE)
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
            max_connections=_MAX_IN_FLIGHT * len(_ENDPOINTS),
        )
        origin = "{}://{}:{}".format(*base_url.origin)
        self._gates = {
            path: Gate(
                store.pacer(Lane(origin, account, path), interval), max_in_flight=_MAX_IN_FLIGHT
            )
            for path in _ENDPOINTS
        }

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

    def queue(self, path: str) -> Pacing:
        """Tell how long the queue of an endpoint is."""
        gate = self._gates.get(path)
        return Pacing(0, 0.0) if gate is None else gate.state

    def close_queues(self) -> None:
        """Send everybody away whose turn has not come."""
        for gate in self._gates.values():
            gate.close()
        self._gates.clear()  # with them goes this client's say in the account's rate

    async def aclose(self) -> None:
        """Close the HTTP client, unless it was given."""
        await self._transport.aclose()
