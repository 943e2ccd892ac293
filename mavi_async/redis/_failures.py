"""What redis-py raises, as a `StoreError` that says what to do next."""

from typing import Final

import attrs
from redis import exceptions

from mavi_async._errors import StoreError

__all__ = ["FAILURES", "Address", "store_error"]

FAILURES: Final = (exceptions.RedisError, exceptions.RedisClusterException, OSError)
"""What talking to a server may raise."""

_AGAIN: Final = "calling again is safe, and nothing needs a restart"
_MEMORY: Final = f"raise its maxmemory: {_AGAIN}"
_ADVICE: Final = (
    (
        (exceptions.AuthenticationError, exceptions.AuthorizationError),
        "check the user and password in the URL",
    ),
    (exceptions.NoPermissionError, "let the user run scripts on the keys mavi:*"),
    (exceptions.ReadOnlyError, "this is a replica: give the address of the primary"),
    (exceptions.OutOfMemoryError, _MEMORY),
    (
        (exceptions.MovedError, exceptions.AskError, exceptions.RedisClusterException),
        "this is one node of a cluster: give the store a redis.asyncio.RedisCluster",
    ),
    (exceptions.BusyLoadingError, f"it is starting: {_AGAIN}"),
    (
        (exceptions.ConnectionError, exceptions.TimeoutError, OSError),
        f"look after the server and the way to it: {_AGAIN}",
    ),
)


@attrs.frozen
class Address:
    """Where a server is, and what must be said of it nowhere.

    Attributes:
        place: Host, port and database, or a path.
        secret: The password.
    """

    place: str
    secret: str | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        return self.place


def store_error(error: Exception, address: Address) -> StoreError:
    """Map whatever keeps a server from being used."""
    told = str(error) or type(error).__name__
    # What is wrong as soon as it connects comes as the cause of a ConnectionError.
    chain = (error, error.__cause__)
    advice = next(
        (advice for kinds, advice in _ADVICE if any(isinstance(each, kinds) for each in chain)),
        _MEMORY if "OOM command" in told else "see what the server says",
    )
    if address.secret and address.secret in told:
        # Old servers repeat what they did not understand.
        return StoreError(f"the store on {address} failed ({type(error).__name__}): {advice}")
    mapped = StoreError(f"the store on {address} failed ({told}): {advice}")
    mapped.__cause__ = error
    return mapped
