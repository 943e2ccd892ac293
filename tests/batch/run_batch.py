"""A batch in a process of its own, which may be killed: what it needs comes as JSON.

It receives the callbacks itself, and writes down each outcome at once.
"""

import asyncio
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from mavi_async import BatchOutcome, MaviClient, SQLiteStore
from mavi_async.aiohttp import add_callback_route


def note(outcome: BatchOutcome[str | Path]) -> None:
    """Write a line down; a kill leaves none half-written."""
    line = {
        "name": Path(outcome.source).name,
        "state": outcome.state.value,
        "error": type(outcome.error).__name__,
        "task_id": outcome.task_id,
        "intent_id": outcome.intent_id,
    }
    os.write(notes, json.dumps(line).encode() + b"\n")


async def main() -> None:
    """Receive callbacks, and run the batch."""
    ahead = options["seconds_ahead"]
    store = SQLiteStore(options["path"], clock=lambda: time.time() + ahead)
    client = MaviClient(
        options["api_key"],
        base_url=options["base_url"],
        requests_per_second=options["requests_per_second"],
        store=store,
        submit_timeout=1.0,
        result_timeout=options["result_timeout"],
    )
    app = web.Application()
    add_callback_route(app, client.dispatcher, token=options["token"])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    with socket.socket() as listener:
        # The test holds the port as well, so that nobody else gets it between two runs.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", options["port"]))
        await web.SockSite(runner, listener).start()
        async with client, client.diarize_many(sources, name="night") as batch:
            async for outcome in batch:
                note(outcome)
        await runner.cleanup()
    await store.aclose()


options: dict[str, Any] = json.loads(sys.argv[1])
# One after the other, each file among the assets.
sources: list[str | Path] = [*options["asset_ids"], *sorted(Path(options["folder"]).iterdir())]
sources.sort(key=lambda source: Path(source).name[-3:])
notes = os.open(options["notes"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
asyncio.run(main())
