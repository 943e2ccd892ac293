"""The ASGI application: all endpoints, and errors in the API's envelope."""

import time

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mavi_async._errors import ConfigurationError
from mavi_async.emulator._answers import plain_error
from mavi_async.emulator._control import answer_wrong_request
from mavi_async.emulator._requests import Refused, answer_gone, answer_refused, to_response

__all__ = ["build_app"]


def build_app(routes: list[Route]) -> ASGIApp:
    """Put the endpoints behind a clock that notes each request's arrival."""
    app = Starlette(
        routes=routes,
        exception_handlers={
            ClientDisconnect: answer_gone,
            ConfigurationError: answer_wrong_request,
            HTTPException: _answer_http_error,
            Refused: answer_refused,
        },
    )
    app.router.redirect_slashes = False

    async def clocked(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["arrived"] = time.monotonic()
        await app(scope, receive, send)

    return clocked


async def _answer_http_error(_request: Request, error: Exception) -> Response:
    """An unknown path or method, said as the API says it."""
    assert isinstance(error, HTTPException)  # noqa: S101 - tells type checkers
    response = to_response(plain_error(error.status_code, error.detail))
    response.headers.update(error.headers or {})
    return response
