"""Receive MAVI's callbacks in FastAPI."""

from collections.abc import Sequence

from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import ConfigurationError
from mavi_async._receiver import (
    DEFAULT_LIMITS,
    DEFAULT_PATH,
    CallbackLimits,
    Receiver,
    checked_path,
)
from mavi_async.asgi import Receive, Scope, Send, answer_callback

try:
    from fastapi import APIRouter
    from starlette.exceptions import HTTPException
except ModuleNotFoundError as error:
    raise ConfigurationError('this needs FastAPI: pip install "mavi-async[fastapi]"') from error

__all__ = ["callback_router"]


def callback_router(
    dispatcher: Dispatcher,
    *,
    token: str | Sequence[str] | None = None,
    path: str = DEFAULT_PATH,
    allow_unauthenticated: bool = False,
    limits: CallbackLimits = DEFAULT_LIMITS,
) -> APIRouter:
    """Make a router that answers ``POST <path>/<token>``; it stays out of the OpenAPI schema.

    ::

        app.include_router(callback_router(client.dispatcher, token=os.environ["TOKEN"]))

    Args:
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
    endpoint = _Endpoint(
        Receiver(
            dispatcher,
            token=token,
            allow_unauthenticated=allow_unauthenticated,
            limits=limits,
        )
    )
    prefix = checked_path(path)
    router = APIRouter()
    # Everything below the path is matched, with any method: a wrong token, a missing one and a
    # trailing slash then get the 404 of an unknown path, and no redirect gives the path away.
    for route in (prefix or "/", prefix + "/{token:path}"):
        router.add_route(route, endpoint, include_in_schema=False)  # type: ignore[arg-type] # an ASGI app
    return router


class _Endpoint:
    """An ASGI endpoint; being no function, it is called for every method."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = scope["path_params"].get("token")
        # The "$" of Starlette's patterns also matches before a newline that ends the path.
        if scope["path"].endswith("\n") or not self._receiver.admits(token):
            # Starlette's own, as for an unknown path: handlers of FastAPI's see neither.
            raise HTTPException(404)
        await answer_callback(self._receiver, scope, receive, send)
