"""Diarization over HTTP, in any number of workers that share one store.

``POST /jobs`` submits a recording and answers 202 with its ``task_id``; ``GET /jobs/{task_id}``
answers 202 until the result is there. Both take ``?wait=SECONDS``. Whichever worker is asked, and
whichever worker gets MAVI's callback, the answer is the same: all that they know is in the store.

The environment says how: MAVI_API_KEY, MAVI_CALLBACK_TOKEN, MAVI_STORE (a file, or the URL of a
Redis server), and if need be MAVI_BASE_URL and MAVI_REQUESTS_PER_SECOND.
"""

import contextlib
import logging
import math
import os
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Final

import attrs
from fastapi import FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from mavi_async import (
    AuthenticationError,
    ClientClosed,
    ConfigurationError,
    Delivery,
    Dispatcher,
    DispatcherClosed,
    MaviClient,
    MaviError,
    OutOfCredits,
    PacingTimeout,
    RateLimited,
    ServiceUnavailable,
    SpeakerTask,
    SQLiteStore,
    StoreError,
    SubmitOutcomeUnknown,
    TaskStore,
    TaskTimeout,
    WebhookNotConfigured,
)
from mavi_async.fastapi import callback_router

LONGEST_WAIT: Final = 20.0
"""Seconds that a request is held open at most: a server that stops lets it finish."""
LONGEST_QUEUE: Final = 10.0
"""Seconds that a submit waits for its turn; whoever would wait longer is asked to come back."""

# What the caller can do next decides. Everything else is between this service and MAVI: 502.
STATUSES: Final[Mapping[type[MaviError], int]] = {
    ConfigurationError: 422,  # of an asset id, or of an idempotency key of another asset
    SubmitOutcomeUnknown: 409,  # no 5xx: those are sent again by many, and this may be billed
    OutOfCredits: 402,
    AuthenticationError: 500,
    WebhookNotConfigured: 500,
    RateLimited: 503,
    ServiceUnavailable: 503,
    PacingTimeout: 503,
    StoreError: 503,
    ClientClosed: 503,
    DispatcherClosed: 503,
}

log = logging.getLogger("service")

Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT)]
IdempotencyKey = Annotated[str | None, Header()]


class Recording(BaseModel):
    """What is to be diarized."""

    asset_id: str


class CountingDispatcher(Dispatcher):
    """Counts the callbacks that this process was sent, for the health endpoint."""

    received = 0

    async def feed(self, body: bytes | str | Mapping[str, object]) -> Delivery:
        """Take a callback, and count it once it is kept."""
        delivery = await super().feed(body)
        self.received += 1
        log.info("a callback came: %s", delivery.value)
        return delivery


def open_store(where: str) -> TaskStore:
    """Open the store that a URL or a path names; all workers share it."""
    if where.startswith(("redis://", "rediss://", "unix://")):
        # Only where it is wanted: it needs redis-py.
        from mavi_async.redis import RedisStore

        return RedisStore(where)
    return SQLiteStore(where)


def make_app() -> FastAPI:
    """Build the application; nothing is opened before its lifespan, so it may be forked."""
    logging.basicConfig(level="INFO", format="%(process)d %(levelname)s %(name)s: %(message)s")
    # The callback's token is part of its path, which an access log would have.
    logging.getLogger("uvicorn.access").disabled = True

    store = open_store(os.environ["MAVI_STORE"])
    dispatcher = CountingDispatcher(store=store)
    rate = float(os.environ.get("MAVI_REQUESTS_PER_SECOND", "1"))
    client = MaviClient(dispatcher=dispatcher, requests_per_second=rate)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with contextlib.aclosing(store), dispatcher, client:
            yield

    app = FastAPI(title="Who speaks when", lifespan=lifespan)
    app.include_router(callback_router(dispatcher, token=os.environ["MAVI_CALLBACK_TOKEN"]))
    app.add_exception_handler(MaviError, answer_error)

    @app.post("/jobs", status_code=202)
    async def submit(
        recording: Recording, wait: Wait = 0.0, idempotency_key: IdempotencyKey = None
    ) -> JSONResponse:
        """Submit a recording; the same Idempotency-Key gives the same job."""
        task = await client.submit_speaker(
            recording.asset_id, idempotency_key=idempotency_key, max_wait=LONGEST_QUEUE
        )
        return await answer(task, wait)

    @app.get("/jobs/{task_id}")
    async def result(task_id: str, wait: Wait = 0.0) -> JSONResponse:
        """Get the result of a job: 200, or 202 while it runs."""
        if await store.get_submission(task_id) is None:
            raise HTTPException(404, "no such job, or it is too old")
        return await answer(client.speaker_task(task_id), wait)

    @app.get("/health")
    async def health() -> dict[str, int | float | None]:
        """Tell how this worker is; 503 where it cannot reach the store."""
        return {
            "worker": os.getpid(),
            "callbacks_here": dispatcher.received,
            "queued_here": client.pacing.queued,
            "last_callback_at": await store.last_callback_at(),
        }

    return app


async def answer(task: SpeakerTask, wait: float) -> JSONResponse:
    """Answer with a job's result, or say where it will be."""
    try:
        diarization = await task.wait(timeout=wait)
    except TaskTimeout:
        place = f"/jobs/{task.task_id}"
        running = {"task_id": task.task_id, "status": "running"}
        return JSONResponse(running, 202, headers={"Location": place})
    return JSONResponse(
        {
            "task_id": task.task_id,
            "status": "done",
            "duration": diarization.duration,
            "talk_time": dict(diarization.chart()),
            "segments": [attrs.asdict(segment) for segment in diarization],
        }
    )


async def answer_error(_: Request, error: Exception) -> JSONResponse:
    """Answer what mavi_async raised, with a status that says what the caller can do next."""
    status = next((STATUSES[each] for each in type(error).mro() if each in STATUSES), 502)
    headers = {}
    if isinstance(error, RateLimited) and error.ambiguous:
        status = 422  # MAVI has one text for this and for an unknown asset
    elif status == 503:
        after = getattr(error, "estimated_wait", None) or getattr(error, "retry_after", None) or 5
        headers["Retry-After"] = str(math.ceil(after))
    # Those that somebody here has to see to: a key, the credits, what may have been billed.
    log.log(logging.ERROR if status in (402, 409, 500) else logging.WARNING, "%s", error)
    body = {"error": type(error).__name__, "message": str(error)}
    return JSONResponse(body, status, headers=headers)
