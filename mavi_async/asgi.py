"""Receive MAVI's callbacks in any ASGI server or framework."""

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from mavi_async._dispatcher import Dispatcher
from mavi_async._receiver import (
    DEFAULT_LIMITS,
    DEFAULT_PATH,
    Answer,
    CallbackLimits,
    Receiver,
    checked_path,
)

__all__ = ["CallbackApp"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NOT_FOUND: Final = Answer(404, b"Not Found", (("content-type", "text/plain; charset=utf-8"),))


class CallbackApp:
    """An ASGI application that answers ``POST <path>/<token>``.

    Serve it on its own, or mount it: ``app.mount("/hooks", CallbackApp(...))`` in Starlette
    answers ``/hooks/mavi/callback/<token>``. Everything else gets 404.

    It answers 200 once the callback is kept, also for duplicates and for jobs of other kinds;
    400 for what is not JSON with a ``task_id``; 405, 408 and 413 as their names say; 503 while
    the store is down, so that the callback is sent again.

    Args:
        dispatcher: Where callbacks are fed to, such as ``client.dispatcher``.
        token: The secret at the end of the path, or several while one replaces another.
        path: What stands before the token.
        allow_unauthenticated: Whether `token` may be left out. Anybody who finds the URL can
            then answer for MAVI.
        limits: How much a request may ask of this process.

    Raises:
        ConfigurationError: If the token is missing or too weak, or the path unusable.

    Source: MAVI API, webhook callbacks.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        token: str | Sequence[str] | None = None,
        path: str = DEFAULT_PATH,
        allow_unauthenticated: bool = False,
        limits: CallbackLimits = DEFAULT_LIMITS,
    ) -> None:
        self._path = checked_path(path)
        self._receiver = Receiver(
            dispatcher,
            token=token,
            allow_unauthenticated=allow_unauthenticated,
            limits=limits,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as the ASGI specification says."""
        if scope["type"] == "lifespan":
            await _acknowledge_lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        elif self._admits(scope):
            await answer_callback(self._receiver, scope, receive, send)
        else:
            await send_answer(_NOT_FOUND, send)

    def _admits(self, scope: Scope) -> bool:
        path: str = scope["path"]
        root: str = scope.get("root_path", "").rstrip("/")
        if path.startswith(root + "/"):
            path = path.removeprefix(root)
        if path == (self._path or "/"):
            return self._receiver.admits(None)
        prefix = self._path + "/"
        return path.startswith(prefix) and self._receiver.admits(path.removeprefix(prefix))


async def answer_callback(receiver: Receiver, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request whose token is valid."""
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length")
    # Trio asks that a generator which is not exhausted be closed.
    async with aclosing(_body(receive)) as chunks:
        answer = await receiver.receive(
            scope["method"],
            None if declared is None else declared.decode("latin-1"),
            headers.get(b"content-encoding", b"").decode("latin-1"),
            chunks,
        )
    await send_answer(answer, send)


async def send_answer(answer: Answer, send: Send) -> None:
    """Send an answer."""
    # In the order in which Starlette sends them: a 404 of ours looks like one of its own.
    headers = [(b"content-length", str(len(answer.body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _body(receive: Receive) -> AsyncGenerator[bytes, None]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the sender went away")
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _acknowledge_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
