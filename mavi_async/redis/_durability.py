"""Whether a server keeps what it acknowledges; those of this world are often made for caching."""

import logging

from redis.exceptions import ResponseError

from mavi_async._errors import StoreError
from mavi_async.redis._server import Server

__all__ = ["warn_of_losses"]

log = logging.getLogger("mavi_async")


async def warn_of_losses(server: Server) -> bool:
    """Warn of settings by which results that were paid for get lost.

    ``INFO`` tells them also where a provider forbids ``CONFIG``.

    Returns:
        False if the server could not be reached, and should be asked another time.
    """
    try:
        told = await server.command("INFO")
    except StoreError as error:
        log.debug("whether the store keeps what it acknowledges is open: %s", error)
        return isinstance(error.__cause__, ResponseError)
    policy, has_log = told.get("maxmemory_policy"), told.get("aof_enabled")
    if policy not in (None, "noeviction"):
        log.warning(
            "the store on %s may evict results that were paid for (its maxmemory-policy is %s): "
            "set it to noeviction",
            server.address,
            policy,
        )
    if has_log == 0:
        log.warning(
            "the store on %s forgets at a crash what it has acknowledged: set appendonly to yes",
            server.address,
        )
    if policy is None or has_log is None:
        log.debug("%s does not tell whether it keeps what it acknowledges", server.address)
    return True
