"""Two processes that share a store: ``web`` receives callbacks, ``work`` submits recordings.

``web`` needs no API key: all that it does is to keep what MAVI posts. ``work`` goes through a list
of asset ids and writes one RTTM file for each. Either may be killed at any moment and started
again: ``work`` then takes up what it had submitted, and submits nothing twice.

The environment says how: MAVI_STORE (a file, or the URL of a Redis server), MAVI_CALLBACK_TOKEN for
``web``, MAVI_API_KEY for ``work``, and if need be MAVI_BASE_URL and MAVI_REQUESTS_PER_SECOND.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote

import attrs
from aiohttp import web

from mavi_async import (
    Delivery,
    Diarization,
    Dispatcher,
    MaviClient,
    MaviError,
    RateLimited,
    SpeakerTask,
    SQLiteStore,
    StoreError,
    SubmitOutcomeUnknown,
    TaskError,
    TaskStore,
)
from mavi_async.aiohttp import add_callback_route

log = logging.getLogger("service")


def open_store(where: str) -> TaskStore:
    """Open the store that a URL or a path names; both processes share it."""
    if where.startswith(("redis://", "rediss://", "unix://")):
        # Only where it is wanted: it needs redis-py.
        from mavi_async.redis import RedisStore

        return RedisStore(where)
    return SQLiteStore(where)


class CountingDispatcher(Dispatcher):
    """Counts the callbacks that this process was sent, for the health endpoint."""

    received = 0

    async def feed(self, body: bytes | str | Mapping[str, object]) -> Delivery:
        """Take a callback, and count it once it is kept."""
        delivery = await super().feed(body)
        self.received += 1
        log.info("a callback came: %s", delivery.value)
        return delivery


def make_web() -> web.Application:
    """Build the web application."""
    store = open_store(os.environ["MAVI_STORE"])
    dispatcher = CountingDispatcher(store=store)

    async def keep(_: web.Application) -> AsyncIterator[None]:
        async with contextlib.aclosing(store), dispatcher:
            yield

    async def health(_: web.Request) -> web.Response:
        """Tell how this process is; 503 where it cannot reach the store."""
        try:
            last = await store.last_callback_at()
        except StoreError as error:
            return web.json_response({"error": str(error)}, status=503)
        return web.json_response({"callbacks_here": dispatcher.received, "last_callback_at": last})

    app = web.Application()
    app.cleanup_ctx.append(keep)
    app.router.add_get("/health", health)
    add_callback_route(app, dispatcher, token=os.environ["MAVI_CALLBACK_TOKEN"])
    return app


@attrs.define
class Work:
    """One run through a list of recordings.

    Attributes:
        client: Entered already.
        results: The folder for the results; what is in it is done.
        failures: How many recordings somebody has to look at.
    """

    client: MaviClient
    results: Path
    failures: int = 0

    async def run(self, asset_ids: list[str]) -> None:
        """See to it that every recording has its result, whatever was done of that before."""
        resumed = await self.client.resume()
        log.info("%d jobs of an earlier run are to be collected", len(resumed))
        known = {task.asset_id for task in resumed}
        async with asyncio.TaskGroup() as group:
            for task in resumed:
                group.create_task(self.save(task))
            for asset_id in dict.fromkeys(asset_ids):
                if asset_id not in known and not self.place(asset_id).exists():
                    group.create_task(self.diarize(asset_id))

    async def diarize(self, asset_id: str) -> None:
        """Submit a recording, or get its job if it has one already, and save the result."""
        try:
            # With the key, also what was received right before a crash, and not saved, is there.
            task = await self.client.submit_speaker(asset_id, idempotency_key=f"work:{asset_id}")
        except (SubmitOutcomeUnknown, RateLimited) as error:
            self.note_failure(asset_id, error)  # the others can go on
        else:
            log.info("%s is job %s", asset_id, task.task_id)
            await self.save(task)

    async def save(self, task: SpeakerTask) -> None:
        """Await a job and write its result, whole or not at all."""
        asset_id = task.asset_id or task.task_id
        try:
            diarization = await task
        except TaskError as error:
            self.note_failure(asset_id, error)
            return
        place = self.place(asset_id)
        unfinished = place.with_suffix(".unfinished")
        unfinished.write_text(rttm(diarization))
        unfinished.replace(place)
        log.info("%s is in %s", asset_id, place)

    def note_failure(self, asset_id: str, error: MaviError) -> None:
        """Leave a recording to somebody."""
        self.failures += 1
        log.error("%s: %s", asset_id, error)

    def place(self, asset_id: str) -> Path:
        """The file for a result."""
        return self.results / f"{quote(asset_id, safe='')}.rttm"


def rttm(diarization: Diarization) -> str:
    """Write a result as RTTM, the field's format."""
    return "".join(
        f"SPEAKER {diarization.uri} 1 {each.start:.3f} {each.duration:.3f} "
        f"<NA> <NA> {each.speaker} <NA> <NA>\n"
        for each in diarization
    )


async def go_through(asset_ids: list[str], results: Path) -> int:
    """Go through a list until all is done; return the exit code."""
    store = open_store(os.environ["MAVI_STORE"])
    rate = float(os.environ.get("MAVI_REQUESTS_PER_SECOND", "1"))
    client = MaviClient(store=store, requests_per_second=rate)
    run = Work(client, results)
    try:
        # Leaving the client waits for requests under way, so that no job is left without its id.
        async with contextlib.aclosing(store), client:
            await run.run(asset_ids)
    except* MaviError as errors:  # the key, the credits, the store: the others would fail as well
        run.failures += 1
        log.error("given up, start it again to go on: %s", errors.exceptions[0])
    return 1 if run.failures else 0


async def work(asset_ids: list[str], results: Path) -> int:
    """Do the same, or stop in good order at a signal."""
    going = asyncio.create_task(go_through(asset_ids, results))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, going.cancel)
    try:
        return await going
    except asyncio.CancelledError:
        log.info("stopped: start it again to go on")
        return 0


def main() -> int:
    """Be what the command line says."""
    parser = argparse.ArgumentParser(description="Receive callbacks, or submit recordings.")
    commands = parser.add_subparsers(dest="command", required=True)
    receiving = commands.add_parser("web", help="receive callbacks")
    receiving.add_argument("--port", type=int, default=8000)
    working = commands.add_parser("work", help="submit recordings and save their results")
    working.add_argument("asset_ids", type=Path, metavar="LIST", help="a file: one asset id a line")
    working.add_argument("results", type=Path, metavar="FOLDER", help="where the results go")
    options = parser.parse_args()

    logging.basicConfig(level="INFO", format="%(levelname)s %(name)s: %(message)s")
    if options.command == "web":
        # The callback's token is part of its path, which an access log would have.
        web.run_app(make_web(), host="127.0.0.1", port=options.port, access_log=None)
        return 0
    options.results.mkdir(parents=True, exist_ok=True)
    return asyncio.run(work(options.asset_ids.read_text().split(), options.results))


if __name__ == "__main__":
    sys.exit(main())
