"""Everything that mavi_async raises, split by what the caller can do next.

::

    MaviError
    ├── ConfigurationError        the set-up or an argument: fix it and run again
    ├── ApiError                  an endpoint did not do it
    │   ├── RequestRejected       the API said no
    │   │   ├── AuthenticationError
    │   │   ├── OutOfCredits
    │   │   ├── WebhookNotConfigured
    │   │   └── RateLimited
    │   ├── ServiceUnavailable    no answer, and nothing is billed: trying again is free
    │   └── SubmitOutcomeUnknown  a billed POST may have created a job
    ├── AssetError                the file was uploaded
    │   ├── AssetFailed           MAVI cannot use it
    │   └── AssetTimeout          it is still processed: wait again
    ├── TaskError                 the job was accepted
    │   ├── TaskFailed            MAVI could not do it
    │   ├── MalformedResult       MAVI did it, the result cannot be read
    │   ├── TaskTimeout           it is still running: wait again
    │   └── DispatcherClosed      this process stopped waiting
    ├── PacingTimeout             the queue for a turn is longer than max_wait: nothing was sent
    ├── StoreError                the store is down or full
    ├── ClientClosed              the client was closed before
    └── TaskStateError            a bug in the calling code

Each class survives pickling and copying; none holds headers or the API key.
"""

import attrs

__all__ = [
    "ApiError",
    "AssetError",
    "AssetFailed",
    "AssetTimeout",
    "AuthenticationError",
    "ClientClosed",
    "ConfigurationError",
    "DispatcherClosed",
    "MalformedResult",
    "MaviError",
    "OutOfCredits",
    "PacingTimeout",
    "RateLimited",
    "RequestRejected",
    "ServiceUnavailable",
    "StoreError",
    "SubmitOutcomeUnknown",
    "TaskError",
    "TaskFailed",
    "TaskStateError",
    "TaskTimeout",
    "WebhookNotConfigured",
]

# Slotted exceptions cannot also be a TimeoutError, and keyword-only fields do not unpickle:
# hence `slots=False` and positional fields throughout.


@attrs.define(slots=False, eq=False)
class MaviError(Exception):
    """The base of every error that this package raises.

    Attributes:
        message: What happened and what to do about it.
    """

    message: str

    def __str__(self) -> str:
        """Return the message, followed by the facts that identify the case."""
        facts = ", ".join(f"{name}={value!r}" for name, value in self._facts() if value is not None)
        return f"{self.message} [{facts}]" if facts else self.message

    def _facts(self) -> list[tuple[str, object]]:
        """The identifying fields, in the order in which they are shown."""
        return [
            (field.name, getattr(self, field.name))
            for field in attrs.fields(type(self))
            if field.name != "message" and field.repr
        ]


@attrs.define(slots=False, eq=False)
class ConfigurationError(MaviError, ValueError):
    """Raised when the key, base URL, token, an argument or an extra is missing or unusable."""


@attrs.define(slots=False, eq=False)
class ApiError(MaviError):
    """Raised when an endpoint did not do what it was asked.

    Attributes:
        endpoint: Method and path, such as ``POST /transcriptions/async-generate-speaker``.
        host: The host that was asked.
    """

    endpoint: str
    host: str


@attrs.define(slots=False, eq=False)
class RequestRejected(ApiError):
    """Raised when the API answered no; nothing was created and nothing is billed.

    Attributes:
        status: The HTTP status.
        code: The envelope's ``code`` as text, or ``None`` where the body has none.
        body: The beginning of the answer's body.
    """

    status: int
    code: str | None = None
    body: str = attrs.field(default="", repr=False)


@attrs.define(slots=False, eq=False)
class AuthenticationError(RequestRejected):
    """Raised when the key is wrong, disabled, or lacks the permission or address it needs."""


@attrs.define(slots=False, eq=False)
class OutOfCredits(RequestRejected):
    """Raised when the account's credits do not cover the job."""


@attrs.define(slots=False, eq=False)
class WebhookNotConfigured(RequestRejected):
    """Raised when the account has no webhook URL; set one in MAVI's console."""


@attrs.define(slots=False, eq=False)
class RateLimited(RequestRejected):
    """Raised when the account's limit refused the request more often than is retried.

    Attributes:
        retry_after: Seconds the server asked to wait, if it said so.
        ambiguous: True where the API's text also stands for invalid parameters, such as an
            unknown ``asset_id``: check those before submitting again.
    """

    retry_after: float | None = None
    ambiguous: bool = False


@attrs.define(slots=False, eq=False)
class ServiceUnavailable(ApiError):
    """Raised when the API could not be reached: nothing was sent, so submitting again is free.

    Requests that cost nothing, such as uploads, raise it for any answer that does not come or
    cannot be used.
    """


@attrs.define(slots=False, eq=False)
class SubmitOutcomeUnknown(ApiError):
    """Raised when a billed request was sent and its answer never came or cannot be read.

    A job may exist and be billed. It is never sent again on its own: look for the callback
    among the unmatched ones before you submit the asset again.

    Attributes:
        asset_id: The asset that was submitted.
        intent_id: The submission's identifier in the store.
        status: The HTTP status, where there was one.
    """

    asset_id: str
    intent_id: str | None = None
    status: int | None = None


@attrs.define(slots=False, eq=False)
class AssetError(MaviError):
    """The base of errors about one uploaded asset.

    Attributes:
        asset_id: The asset.
    """

    asset_id: str


@attrs.define(slots=False, eq=False)
class AssetFailed(AssetError):
    """Raised when MAVI reports that it cannot use an upload; check the file, upload it again."""


@attrs.define(slots=False, eq=False)
class AssetTimeout(AssetError, TimeoutError):
    """Raised when an upload was not usable in time; waiting again is free."""


@attrs.define(slots=False, eq=False)
class TaskError(MaviError):
    """The base of errors about one accepted job.

    Attributes:
        task_id: The job.
    """

    task_id: str


@attrs.define(slots=False, eq=False)
class TaskFailed(TaskError):
    """Raised when MAVI reports that it could not do the job.

    Attributes:
        code: The callback's ``code`` as text.
    """

    code: str | None = None


@attrs.define(slots=False, eq=False)
class MalformedResult(TaskError):
    """Raised when MAVI reports success and the result cannot be read.

    Attributes:
        path: Where it differs from the documented shape, such as ``$.data.data.data[3].start``.
        raw: The body as received: nothing that was paid for is thrown away.
    """

    path: str
    raw: bytes = attrs.field(default=b"", repr=False)


@attrs.define(slots=False, eq=False)
class TaskTimeout(TaskError, TimeoutError):
    """Raised when the result did not arrive in time; the job still runs, waiting again is free."""


@attrs.define(slots=False, eq=False)
class DispatcherClosed(TaskError):
    """Raised in the waiters of a client that closes; the job still runs.

    A later callback is still stored: attach to the job with ``speaker_task(task_id)`` of
    another client that has the same store or dispatcher.
    """


@attrs.define(slots=False, eq=False)
class PacingTimeout(MaviError, TimeoutError):
    """Raised when a submit's turn would come, or came, later than ``max_wait``; nothing was sent.

    Attributes:
        asset_id: What was to be submitted.
        queued: How many submits were waiting.
        estimated_wait: About how many seconds a turn took then.
    """

    asset_id: str
    queued: int
    estimated_wait: float


@attrs.define(slots=False, eq=False)
class StoreError(MaviError):
    """Raised when the store cannot be reached, does not answer in time, or is full."""


@attrs.define(slots=False, eq=False)
class ClientClosed(MaviError):
    """Raised when a client is asked for something after it was closed, or closes meanwhile."""


@attrs.define(slots=False, eq=False)
class TaskStateError(MaviError):
    """Raised for a bug in the calling code.

    For example ``result()`` before the task is done, a client outside ``async with``, or a
    client used from a second event loop or after a fork.
    """
