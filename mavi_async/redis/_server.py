"""A server, as one event loop talks to it: scripts that end in time, whatever becomes of it."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final, TypeAlias, TypeVar, cast

import attrs
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from mavi_async._errors import ConfigurationError, StoreError
from mavi_async.redis._failures import FAILURES, Address, store_error
from mavi_async.redis._scripts import Script
from mavi_async.stores._deadline import STORE_SECONDS

__all__ = ["Answer", "Client", "Server", "Value", "address_of", "checked_client", "client_of"]

Value: TypeAlias = bytes | str | int | float
Answer: TypeAlias = Any
"""What a script returns: bytes, int or None, or a list of those."""

Client: TypeAlias = Redis | RedisCluster

T = TypeVar("T")

# With redis-py's own settings, a server that hung took a minute to be given up.
_SETTINGS: Final = {
    "max_connections": 16,
    "timeout": 2.0,
    "socket_timeout": 1.0,
    "socket_connect_timeout": 1.0,
    "protocol": 2,
}


def client_of(url: str) -> Client:
    """Make a client that gives up in time.

    Raises:
        ConfigurationError: If the URL cannot be used; it is not repeated, for its password.
    """
    try:
        pool: Any = BlockingConnectionPool.from_url(url, retry=Retry(NoBackoff(), 1), **_SETTINGS)
        pool.make_connection()  # only here are most options looked at
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError(
            "the store's URL cannot be used: write redis://HOST:6379/0, rediss:// for TLS or "
            "unix:///path, percent-encode what is odd in its password, and check its options"
        ) from None
    return checked_client(Redis.from_pool(pool))


def checked_client(client: Client) -> Client:
    """Look whether a client hands over bytes as they are.

    Raises:
        ConfigurationError: If it does not.
    """
    encoder: Any = cast("Any", client).get_encoder()
    if encoder.decode_responses:
        raise ConfigurationError("bodies are bytes: leave out decode_responses=True")
    return client


def address_of(client: Client) -> Address:
    """Return where a client's server is."""
    if isinstance(client, RedisCluster):
        return Address("a cluster", client.connection_kwargs.get("password"))
    options = client.connection_pool.connection_kwargs
    secret = options.get("password")
    database = options.get("db") or 0
    if "path" in options:
        return Address(f"{options['path']} (database {database})", secret)
    host, port = options.get("host", "localhost"), options.get("port", 6379)
    return Address(f"{host}:{port} (database {database})", secret)


@attrs.frozen(eq=False)
class Server:
    """Runs scripts and commands.

    Attributes:
        client: What talks to the server.
        address: Where that is.
    """

    client: Client
    address: Address
    _calls: "set[asyncio.Future[None]]" = attrs.field(factory=set, init=False, repr=False)

    async def all_ended(self) -> None:
        """Wait for the calls that are under way, none of which takes long."""
        while self._calls:
            await asyncio.wait(tuple(self._calls))

    async def run(self, script: Script, keys: Sequence[str], *values: Value) -> Answer:
        """Run a script.

        Raises:
            StoreError: If it cannot, or not in time; it may have run all the same.
        """
        return await self.in_time(self._run(script, keys, values))

    async def command(self, *words: Value) -> Answer:
        """Run a command.

        Raises:
            StoreError: If it cannot, or not in time; it may have run all the same.
        """
        return await self.in_time(cast("Any", self.client).execute_command(*words))

    async def in_time(self, work: Awaitable[T]) -> T:
        """Wait for something that is asked of the server, but not for long.

        Raises:
            StoreError: If it fails, or does not end in time.
        """
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._calls.add(ended)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await work
        except FAILURES as error:
            if isinstance(error, TimeoutError):  # which is an OSError
                raise self._late() from None
            mapped = store_error(error, self.address)
            raise mapped from mapped.__cause__
        finally:
            self._calls.discard(ended)
            ended.set_result(None)

    async def _run(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Answer:
        words: Sequence[Any] = (len(keys), *keys, *values)
        try:
            return await self.client.evalsha(script.sha1, *words)
        except NoScriptError:
            # It is new, or the server has started anew.
            return await self.client.eval(script.text, *words)

    def _late(self) -> StoreError:
        return StoreError(
            f"the store on {self.address} did not answer within {STORE_SECONDS:g} s: look after "
            "the server and the way to it, calling again is safe"
        )
