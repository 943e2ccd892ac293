"""Receivers of callbacks to compare, and the server that runs one of them."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response as PlainResponse
from starlette.routing import Route

from mavi_async import Dispatcher, MemoryStore
from mavi_async._records import Submission
from mavi_async.asgi import CallbackApp

__all__ = ["PATH", "RECEIVERS", "run_receiver"]

TOKEN = "benchmark-token-0123456789"
PATH = f"/mavi/callback/{TOKEN}"

ASGIApp: TypeAlias = Callable[..., Awaitable[None]]


class Segment(BaseModel):
    """As people model the payload today."""

    start: float
    end: float
    speaker: str


class Usage(BaseModel):
    """As people model the payload today."""

    duration: float
    model: str
    output_tokens: int
    prompt_tokens: int


class Result(BaseModel):
    """As people model the payload today."""

    data: list[Segment]
    usage_metadata: Usage


class Report(BaseModel):
    """As people model the payload today."""

    data: Result
    msg: str
    success: bool


class Callback(BaseModel):
    """As people model the payload today."""

    code: str
    msg: str
    data: Report
    failed: bool
    success: bool
    task_id: str


async def bare(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Read the body and answer 204."""
    assert scope["type"] == "http"
    chunks = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    b"".join(chunks)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def make_bare(_: int) -> ASGIApp:
    """The limit."""
    return bare


def make_mavi_async(count: int) -> ASGIApp:
    """This package with the memory store, for callbacks of jobs that were submitted."""
    store = MemoryStore()

    async def submit() -> None:
        for number in range(count):
            await store.put_submission(Submission(f"{number:032x}", "me", "re_1", time.time()))

    asyncio.run(submit())
    return CallbackApp(Dispatcher(store=store), token=TOKEN)


def make_starlette(_: int) -> ASGIApp:
    """A route that reads the body as JSON."""

    async def callback(request: Request) -> PlainResponse:
        str(json.loads(await request.body())["task_id"])
        return PlainResponse(status_code=204)

    return Starlette(routes=[Route(PATH, callback, methods=["POST"])])


def make_fastapi(_: int) -> ASGIApp:
    """A route that takes a model of the payload."""
    app = FastAPI()

    @app.post(PATH, status_code=204)
    async def callback(_: Callback) -> Response:
        return Response(status_code=204)

    return app


RECEIVERS: dict[str, Callable[[int], ASGIApp]] = {
    "bare ASGI": make_bare,
    "mavi_async": make_mavi_async,
    "Starlette and json.loads": make_starlette,
    "FastAPI with a model": make_fastapi,
}


def run_receiver(pipe: Connection, name: str, count: int) -> None:
    """Serve a receiver; whenever something is received, tell the CPU time until then."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        RECEIVERS[name](count),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="error",
    )

    def answer() -> None:
        pipe.send(listener.getsockname()[1])
        while pipe.recv() is not None:
            pipe.send(time.process_time())
        server.should_exit = True

    server = uvicorn.Server(config)
    threading.Thread(target=answer, daemon=True).start()
    server.run([listener])
