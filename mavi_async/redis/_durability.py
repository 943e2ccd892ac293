"""Whether a server keeps what it acknowledges; those of this world are often made for caching."""

import logging
from collections.abc import Iterator

import attrs
from redis.exceptions import ResponseError

from mavi_async._errors import StoreError
from mavi_async.redis._server import Server

__all__ = ["Durability", "read_durability", "warn_of_losses"]

log = logging.getLogger("mavi_async")


@attrs.frozen
class Durability:
    """The settings by which results that were paid for get lost; ``None`` where it does not tell.

    Attributes:
        policy: What it evicts where its memory is full.
        has_log: Whether it has an append-only file.
    """

    policy: str | None
    has_log: bool | None

    def losses(self) -> Iterator[tuple[str, str]]:
        """Say what may get lost, each with what to do about it."""
        if self.policy not in (None, "noeviction"):
            found = f"may evict results that were paid for (its maxmemory-policy is {self.policy})"
            yield found, "set it to noeviction"
        if self.has_log is False:
            yield "forgets at a crash what it has acknowledged", "set appendonly to yes"


async def read_durability(server: Server) -> Durability:
    """Ask a server for its settings; ``INFO`` tells them also where ``CONFIG`` is forbidden.

    Raises:
        StoreError: If it does not answer.
    """
    told = await server.command("INFO")
    policy, has_log = told.get("maxmemory_policy"), told.get("aof_enabled")
    return Durability(policy, None if has_log is None else has_log != 0)


async def warn_of_losses(server: Server) -> bool:
    """Warn of settings by which results that were paid for get lost.

    Returns:
        False if the server could not be reached, and should be asked another time.
    """
    try:
        durability = await read_durability(server)
    except StoreError as error:
        log.debug("whether the store keeps what it acknowledges is open: %s", error)
        return isinstance(error.__cause__, ResponseError)
    for loss, fix in durability.losses():
        log.warning("the store on %s %s: %s", server.address, loss, fix)
    if None in (durability.policy, durability.has_log):
        log.debug("%s does not tell whether it keeps what it acknowledges", server.address)
    return True
