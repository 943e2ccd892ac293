"""Whether the settings of a Redis or Valkey server let results get lost."""

import contextlib
import logging
from collections.abc import Iterator

from mavi_async._errors import MaviError
from mavi_async.cli._finding import Finding, failed, ok, skipped
from mavi_async.cli._place import ServerPlace

__all__ = ["check_server", "told_once"]


async def check_server(place: ServerPlace) -> list[Finding]:
    """Ask the server what it does with what it has acknowledged; nothing if it does not answer."""
    try:
        from mavi_async.redis._durability import read_durability
        from mavi_async.redis._server import Server, address_of, client_of

        client = client_of(place.url)
        try:
            durability = await read_durability(Server(client, address_of(client)))
        finally:
            await client.aclose()
    except MaviError:  # which is a finding already
        return []
    findings = [failed("store server", f"it {loss}", fix) for loss, fix in durability.losses()]
    if None in (durability.policy, durability.has_log):
        text = "it does not tell whether it evicts keys, and whether it has an append-only file"
        fix = "see that maxmemory-policy is noeviction and appendonly is yes"
        findings.append(skipped("store server", text, fix))
    return findings or [ok("store server", "it evicts nothing, and has an append-only file")]


@contextlib.contextmanager
def told_once() -> Iterator[None]:
    """Keep what `check_server` finds out of the log, where each store that is opened tells it."""
    log = logging.getLogger("mavi_async")

    def is_new(record: logging.LogRecord) -> bool:
        return record.module != "_durability"

    log.addFilter(is_new)
    try:
        yield
    finally:
        log.removeFilter(is_new)
