"""Receive MAVI's callbacks in aiohttp."""

from collections.abc import Sequence
from typing import Final

from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import ConfigurationError
from mavi_async._receiver import (
    DEFAULT_LIMITS,
    DEFAULT_PATH,
    CallbackLimits,
    Receiver,
    checked_path,
)

try:
    from aiohttp import web
except ModuleNotFoundError as error:
    raise ConfigurationError('this needs aiohttp: pip install "mavi-async[aiohttp]"') from error

__all__ = ["add_callback_route"]

_DECOMPRESSED: Final = ("gzip", "deflate", "br", "zstd")
"""What aiohttp decompresses on its own; it hands over everything else as it came."""


def add_callback_route(
    app: web.Application,
    dispatcher: Dispatcher,
    *,
    token: str | Sequence[str] | None = None,
    path: str = DEFAULT_PATH,
    allow_unauthenticated: bool = False,
    limits: CallbackLimits = DEFAULT_LIMITS,
) -> None:
    """Make an application answer ``POST <path>/<token>``.

    Args:
        app: The application; its ``client_max_size`` does not apply to callbacks.
        dispatcher: Where callbacks are fed to, such as ``client.dispatcher``.
        token: The secret at the end of the path, or several while one replaces another.
        path: What stands before the token.
        allow_unauthenticated: Whether `token` may be left out. Anybody who finds the URL can
            then answer for MAVI.
        limits: How much a request may ask of this process.

    Raises:
        ConfigurationError: If the token is missing or too weak, or the path unusable.

    Source: MAVI API, webhook callbacks; answers as `mavi_async.asgi.CallbackApp`.
    """
    receiver = Receiver(
        dispatcher,
        token=token,
        allow_unauthenticated=allow_unauthenticated,
        limits=limits,
    )

    async def handle(request: web.Request) -> web.Response:
        if not receiver.admits(request.match_info.get("token")):
            raise web.HTTPNotFound
        encoding = request.headers.get("Content-Encoding", "")
        answer = await receiver.receive(
            request.method,
            request.headers.get("Content-Length"),
            "" if encoding.lower() in _DECOMPRESSED else encoding,
            request.content.iter_any(),
        )
        headers = dict(answer.headers)
        response = web.Response(status=answer.status, body=answer.body, headers=headers)
        if "connection" in headers:
            response.force_close()
        return response

    prefix = checked_path(path)
    app.router.add_route("*", prefix or "/", handle)
    app.router.add_route("*", prefix + "/{token:.*}", handle)
