"""The token in the path: without it, a receiver is not there."""

import itertools
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI
from fastapi.exceptions import HTTPException as FastAPIError
from fastapi.responses import PlainTextResponse
from starlette.requests import Request

from mavi_async import Dispatcher
from mavi_async.asgi import CallbackApp
from mavi_async.fastapi import callback_router

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.receivers.conftest import Serve

METHODS = ("POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
OLD = "the-old-token-0123456789"
NEW = "the-new-token-9876543210"


def wrong_targets(path: str, token: str) -> dict[str, str]:
    """Every way not to know the token."""
    changed = "A" if token[-1] != "A" else "B"
    return {
        "none": path,
        "empty": f"{path}/",
        "two slashes only": f"{path}//",
        "same length": f"{path}/{token[:-1]}{changed}",
        "first character differs": f"{path}/{changed}{token[1:]}",
        "prefix": f"{path}/{token[:-1]}",
        "one character": f"{path}/{token[0]}",
        "without its first": f"{path}/{token[1:]}",
        "suffix": f"{path}/{token}x",
        "twice": f"{path}/{token}{token}",
        "twice with a slash": f"{path}/{token}/{token}",
        "other case": f"{path}/{token.swapcase()}",
        "lower case": f"{path}/{token.lower()}",
        "trailing slash": f"{path}/{token}/",
        "double slash": f"{path}//{token}",
        "encoded slash behind": f"{path}/{token}%2F",
        "non-ASCII": f"{path}/{'%C3%A9' * len(token)}",
        "ends in non-ASCII": f"{path}/{token[:-1]}%C3%A9",
        "not UTF-8": f"{path}/{token}%FF",
        "encoded twice": f"{path}/{''.join(f'%25{ord(each):02X}' for each in token)}",
        "encoded wrong one": f"{path}/%{ord(changed):02X}{token[1:]}",
        "space behind": f"{path}/{token}%20",
        "space before": f"{path}/%20{token}",
        "newline behind": f"{path}/{token}%0A",
        "NUL behind": f"{path}/{token}%00",
        "in the query": f"{path}?token={token}",
        "in the query behind a slash": f"{path}/?{token}",
        "as a parameter": f"{path}/;{token}",
        "other path": f"{path}x/{token}",
        "no path": f"/{token}",
        "parent": f"{path}/x%2F..%2F{token}",
        "very long": f"{path}/{token * 100}",
        "placeholder": f"{path}/%7Btoken%7D",
    }


@pytest.mark.fault("a wrong token")
@pytest.mark.asyncio
@pytest.mark.parametrize("method", METHODS)
async def test_wrong_token_is_an_unknown_route(serve: "Serve", token: str, method: str) -> None:
    """Without the token every path below gets, byte for byte, what an unknown route gets."""
    # In the mounted application an unknown route outside of the mount is the one to look like.
    service = await serve()
    unknown = (await service.raw(method=method, target="/nothing/here")).fingerprint
    targets = wrong_targets(service.path, token)
    answers = {
        name: (await service.raw(method=method, target=target, body=b"{}")).fingerprint
        for name, target in targets.items()
    }

    assert dict.fromkeys(targets, unknown) == answers
    assert unknown[0] == 404


@pytest.mark.fault("a wrong token")
@pytest.mark.asyncio
async def test_raw_bytes_in_the_path_are_harmless(serve: "Serve", token: str) -> None:
    """Bytes outside of ASCII in the request line are treated as they are on an unknown route."""
    service = await serve()
    for end in ("\xe9", "\xff\xfe", "\xe9" * len(token)):
        target = f"{service.path}/{end}"
        got = await service.raw(method="POST", target=target, body=b"{}")
        elsewhere = target.replace("mavi", "nada")
        unknown = await service.raw(method="POST", target=elsewhere, body=b"{}")

        assert unknown.fingerprint[:2] == got.fingerprint[:2]
        assert unknown.body == got.body.replace(b"mavi", b"nada")
        assert got.status in (400, 404)


@pytest.mark.asyncio
async def test_right_token_takes_posts_alone(serve: "Serve", token: str) -> None:
    """With the token, other methods get 405 and are told which one is allowed."""
    service = await serve()
    for method in METHODS[1:]:
        answer = await service.raw(method=method, target=f"{service.path}/{token}", body=b"{}")

        assert (405, "POST") == (answer.status, answer.header("allow"))


@pytest.mark.asyncio
async def test_query_does_not_matter(serve: "Serve", callback: "Callable[..., bytes]") -> None:
    """A query behind the right token changes nothing."""
    service = await serve()
    target = service.url.partition("127.0.0.1:")[2].partition("/")[2]
    answer = await service.raw(method="POST", target=f"/{target}?x=1", body=callback("job"))

    assert 200 == answer.status


@pytest.mark.asyncio
async def test_tokens_rotate(serve: "Serve", callback: "Callable[..., bytes]") -> None:
    """Of two tokens both are taken; the one that is dropped becomes an unknown route."""
    both = await serve(token=[OLD, NEW])
    after = await serve(token=(NEW,))
    statuses = [
        (
            await service.raw(method="POST", target=f"{service.path}/{token}", body=callback("job"))
        ).status
        for service, token in itertools.product((both, after), (OLD, NEW))
    ]

    assert [200, 200, 404, 200] == statuses


@pytest.mark.asyncio
@pytest.mark.parametrize("prefix", ["", "/hooks"])
async def test_route_is_not_in_the_schema(prefix: str, token: str) -> None:
    """FastAPI's OpenAPI schema does not mention the route."""
    app = FastAPI()
    app.include_router(callback_router(Dispatcher(), token=token), prefix=prefix)

    assert {} == app.openapi()["paths"]


@pytest.mark.asyncio
@pytest.mark.parametrize("handled", [404, FastAPIError])
async def test_own_error_pages_give_nothing_away(
    handled: int | type[Exception], token: str
) -> None:
    """An application's own page for unknown paths is shown for a wrong token, or for neither."""
    app = FastAPI()

    @app.exception_handler(handled)
    async def show_page(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("nothing to see", 404)

    app.include_router(callback_router(Dispatcher(), token=token))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as http:
        unknown = await http.post("/nothing/here")
        got = await http.post("/mavi/callback/wrong")

    assert (unknown.status_code, unknown.content) == (got.status_code, got.content)


@pytest.mark.fault("a wrong token")
@pytest.mark.asyncio
async def test_wrong_token_is_not_read_for(serve: "Serve") -> None:
    """A wrong token is answered before the body has come, however much of it is announced."""
    service = await serve()
    connection = await service.begin(
        "Content-Length: 100000000", target=f"{service.path}/not-the-token-of-this-one"
    )

    assert 404 == (await connection.answer()).status


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/mavi/callback/\udcff", "/mavi/callback/é", "/mavi/callbäck"])
async def test_any_text_can_be_offered(path: str, token: str) -> None:
    """Text that no path of a real server holds is refused like any other wrong token."""
    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    await CallbackApp(Dispatcher(), token=token)(scope, receive, send)

    assert "'status': 404" in repr(sent)


@pytest.mark.asyncio
async def test_websockets_are_refused(token: str) -> None:
    """A websocket is closed before it is accepted."""
    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": f"/mavi/callback/{token}", "headers": []}
    await CallbackApp(Dispatcher(), token=token)(scope, receive, send)

    assert [{"type": "websocket.close", "code": 1000}] == sent


@pytest.mark.asyncio
async def test_lifespan_is_acknowledged(token: str) -> None:
    """Served on its own, the application answers the server's start and end."""
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return next(messages)

    await CallbackApp(Dispatcher(), token=token)({"type": "lifespan"}, receive, send)

    assert [
        {"type": "lifespan.startup.complete"},
        {"type": "lifespan.shutdown.complete"},
    ] == sent
