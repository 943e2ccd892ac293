"""Checks of everything between an API key and a result, and what to do about each failure."""

import json
import sys
from collections.abc import AsyncIterator
from typing import Final

import attrs
from rich.console import Console
from rich.text import Text

from mavi_async._errors import ConfigurationError
from mavi_async.cli._check_api import check_api
from mavi_async.cli._check_server import told_once
from mavi_async.cli._check_store import check_store
from mavi_async.cli._check_webhook import PublicUrl, check_webhook
from mavi_async.cli._finding import Finding, failed, skipped
from mavi_async.cli._notes import error_notes, logged_to
from mavi_async.cli._place import Place
from mavi_async.cli._text import make_console, safe_text

__all__ = ["DoctorOptions", "run_doctor"]

_STYLES: Final = {"ok": "green", "failed": "bold red", "skipped": "yellow"}
_WIDTH: Final = 14


@attrs.frozen
class DoctorOptions:
    """What is asked for.

    Attributes:
        base_url: Where the API is.
        webhook_url: Where MAVI posts to; ``None`` to leave that out.
        listen: Where to receive what is posted there, ``HOST:PORT``; ``None`` where a service
            does.
        token: The receiver's, if it is set.
        as_json: Whether to write JSON lines.
    """

    base_url: str | None
    webhook_url: str | None = attrs.field(repr=False)
    listen: str | None
    token: str | None = attrs.field(repr=False)
    as_json: bool


async def run_doctor(options: DoctorOptions, place: Place) -> int:
    """Check everything and return the exit code.

    Raises:
        ConfigurationError: If there is something to listen for and no URL.
    """
    if options.listen is not None and options.webhook_url is None:
        raise ConfigurationError("listening needs the URL to try: --webhook-url, MAVI_WEBHOOK_URL")
    console, failures = make_console(sys.stdout), 0
    with logged_to(error_notes()), told_once():
        async for finding in _checks(options, place):
            failures += finding.status == "failed"
            _write(finding, console) if options.as_json else _print(finding, console)
    if not options.as_json:
        verdict = f"To fix: {failures}" if failures else "Nothing to fix."
        console.print(Text(f"\n{verdict}", "bold"))
    return 1 if failures else 0


async def _checks(options: DoctorOptions, place: Place) -> AsyncIterator[Finding]:
    for finding in await check_api(options.base_url):
        yield finding
    for finding in await check_store(place):
        yield finding
    if options.webhook_url is None:
        fix = "--webhook-url or MAVI_WEBHOOK_URL: the URL that is set in MAVI's console"
        yield skipped("webhook", "whether callbacks arrive was not tried", fix)
        return
    try:
        url = PublicUrl.parse(options.webhook_url)
    except ConfigurationError as error:
        fix = "correct --webhook-url or MAVI_WEBHOOK_URL, and the URL in MAVI's console"
        yield failed("webhook", error.message, fix)
        return
    for finding in await check_webhook(url, place, listen_at=options.listen, token=options.token):
        yield finding


def _print(finding: Finding, console: Console) -> None:
    line = Text.assemble(
        (f"{finding.status:<9}", _STYLES[finding.status]),
        (f"{finding.check:<{_WIDTH}}  ", "bold"),
        safe_text(finding.text),
    )
    console.print(line, soft_wrap=not console.is_terminal)
    if finding.fix:
        console.print(Text(f"{'':9}{'':{_WIDTH}}  → {safe_text(finding.fix)}"), soft_wrap=True)


def _write(finding: Finding, console: Console) -> None:
    console.out(json.dumps(attrs.asdict(finding), ensure_ascii=True), highlight=False)
