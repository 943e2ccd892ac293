"""The emulator on its own."""

import contextlib
import shlex
import sys
import threading

from rich.text import Text

from mavi_async.cli._text import make_console
from mavi_async.emulator import Emulator

__all__ = ["run_emulator"]


def run_emulator(emulator: Emulator) -> int:
    """Serve until Ctrl-C and return the exit code.

    Args:
        emulator: Not started yet.

    Raises:
        ConfigurationError: If the port is taken or the replay folder cannot be used.
    """
    console = make_console(sys.stdout)
    with emulator:
        console.print(Text(_introduction(emulator)), soft_wrap=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    counts = f"jobs created: {emulator.jobs_created}, requests rejected: {emulator.rejections}"
    console.print(Text(f"\n{counts}"), soft_wrap=True)
    return 0


def _introduction(emulator: Emulator) -> str:
    webhook = (
        "callbacks go to the webhook URL that was given"
        if emulator.webhook_url
        else "submits are refused until there is a webhook URL: give one with --webhook-url, or\n"
        f"  curl -X PUT {emulator.control_url}/webhook "
        """-H 'Content-Type: application/json' -d '{"url": "http://…"}'"""
    )
    return (
        f"The MAVI API, emulated at {emulator.base_url}\n"
        f"  key {emulator.api_key}\n"
        f"  {webhook}\n\n"
        f"export MAVI_BASE_URL={shlex.quote(emulator.base_url)}\n"
        f"export MAVI_API_KEY={shlex.quote(emulator.api_key)}\n\n"
        f"Ctrl-C stops it."
    )
