"""A submitter in a process of its own: what it needs comes as JSON; it notes all that it gets.

It starts where the one before it was killed: it takes up what is in the store, and submits again
what has an idempotency key. What has none is submitted once, by the first of them.
"""

import asyncio
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from mavi_async import MaviClient, SpeakerTask, SQLiteStore, SubmitOutcomeUnknown
from mavi_async.stores import Intent, Submission


class DyingBeforeTheTaskRow(SQLiteStore):
    """A store whose process does not live to keep an accepted job."""

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        """Die."""
        os.kill(os.getpid(), signal.SIGKILL)


class DyingBeforeTheRequest(SQLiteStore):
    """A store whose process does not live to send what it intended to."""

    async def begin_intent(self, intent: Intent) -> Intent:
        """Keep an intent, and die."""
        kept = await super().begin_intent(intent)
        os.kill(os.getpid(), signal.SIGKILL)
        return kept


class DyingOnceAccepted(SQLiteStore):
    """A store whose process dies with the last of its submits, all of them recorded."""

    accepted = 0

    async def put_submission(self, submission: Submission, *, intent_id: str | None = None) -> None:
        """Keep a job, and die if it is the last one."""
        await super().put_submission(submission, intent_id=intent_id)
        self.accepted += 1
        if self.accepted == len(options["keyed"]) + len(options["unkeyed"]):
            os.kill(os.getpid(), signal.SIGKILL)


STORES = {
    None: SQLiteStore,
    "before the request": DyingBeforeTheRequest,
    "before the task row": DyingBeforeTheTaskRow,
    "once all are accepted": DyingOnceAccepted,
}


class Notes:
    """What became of each recording, one line each; a kill leaves no line half-written."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        lines = path.read_text().splitlines()
        self.got = {each["asset_id"] for each in map(json.loads, lines) if each["what"] == "result"}

    def add(self, what: str, **facts: object) -> None:
        """Write a line down at once."""
        os.write(self._file, json.dumps({"what": what, **facts}).encode() + b"\n")


async def collect(task: SpeakerTask) -> None:
    """Await a result."""
    result = await task
    digest = hashlib.sha256(result.raw).hexdigest()
    notes.add("result", asset_id=task.asset_id, task_id=task.task_id, sha256=digest)


async def submit(client: MaviClient, asset_id: str, key: str | None) -> None:
    """Submit a recording and await its result."""
    try:
        task = await client.submit_speaker(asset_id, idempotency_key=key)
    except SubmitOutcomeUnknown as error:
        notes.add("unknown", asset_id=asset_id, intent_id=error.intent_id)
    else:
        notes.add("task", asset_id=asset_id, task_id=task.task_id)
        await collect(task)


async def main() -> None:
    """Take up, submit, await."""
    store = STORES[options["dies"]](
        options["path"], clock=lambda: time.time() + options["seconds_ahead"]
    )
    async with MaviClient(
        options["api_key"],
        base_url=options["base_url"],
        requests_per_second=options["requests_per_second"],
        store=store,
        result_timeout=60.0,
    ) as client:
        resumed = await client.resume()
        notes.add("resumed", task_ids=[task.task_id for task in resumed])
        keyed = [each for each in options["keyed"] if each not in notes.got]
        await asyncio.gather(
            *map(collect, resumed),
            *(submit(client, each, f"key of {each}") for each in keyed),
            *(submit(client, each, None) for each in options["unkeyed"]),
        )
    await store.aclose()


options: dict[str, Any] = json.loads(sys.argv[1])
notes = Notes(Path(options["notes"]))
asyncio.run(main())
