"""How receivers are set up: what is refused, and what each option does."""

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from mavi_async import CallbackLimits, ConfigurationError, Dispatcher
from mavi_async.aiohttp import add_callback_route
from mavi_async.asgi import CallbackApp
from mavi_async.fastapi import callback_router

if TYPE_CHECKING:
    from tests.receivers.conftest import Serve

Build = Callable[..., object]
Callback = Callable[..., bytes]


def build_aiohttp(dispatcher: Dispatcher, **options: Any) -> None:
    """Build aiohttp's receiver."""
    add_callback_route(web.Application(), dispatcher, **options)


@pytest.fixture(params=[CallbackApp, callback_router, build_aiohttp])
def build(request: pytest.FixtureRequest) -> Build:
    """What makes each of the receivers."""
    make: Build = request.param
    return make


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        [],
        (),
        "short",
        "x" * 15,
        "x" * 257,
        "with a space in it",
        "with/a/slash/in/it",
        "with%20percent%20signs",
        "non-ASCII-tökens-are-out",
        "newline-at-the-end-of-it\n",
        b"bytes-are-no-path-tokens",
        12345678901234567890,
        ["long-enough-0123456789", ""],
        ["long-enough-0123456789", None],
        ["long-enough-0123456789", "weak"],
    ],
)
def test_missing_or_weak_token_is_refused(build: Build, token: object) -> None:
    """A receiver is not built without a token that is hard to guess; the error does not show it."""
    with pytest.raises(ConfigurationError, match="token") as caught:
        build(Dispatcher(), token=token)

    assert not token or str(token).strip() not in str(caught.value)


def test_token_left_out_is_refused(build: Build) -> None:
    """Forgetting the token is not the way to do without one."""
    with pytest.raises(ConfigurationError, match="unsigned"):
        build(Dispatcher())


def test_weak_token_is_refused_even_where_none_is_needed(build: Build) -> None:
    """Who passes a token means it: an empty environment variable does not open the door."""
    with pytest.raises(ConfigurationError, match="token"):
        build(Dispatcher(), token="", allow_unauthenticated=True)


@pytest.mark.parametrize(
    "path",
    [
        None,
        7,
        b"/mavi",
        "mavi/callback",
        "https://host.test/mavi",
        "/mavi?x",
        "/mavi#x",
        "/{anything}",
        "/mavi%20callback",
        "/mavi callback",
        "/mavi\n",
        "/mavi\0",
        "\\mavi",
        "/mavi\\callback",
    ],
)
def test_unusable_path_is_refused(build: Build, token: str, path: object) -> None:
    """A path that would never match, or match too much, is refused."""
    with pytest.raises(ConfigurationError, match="path"):
        build(Dispatcher(), token=token, path=path)


@pytest.mark.parametrize(
    "limits",
    [
        {"read_timeout": 0},
        {"read_timeout": -1},
        {"read_timeout": float("nan")},
        {"read_timeout": float("inf")},
        {"read_timeout": None},
        {"max_body_bytes": 0},
        {"max_body_bytes": "16 MB"},
        {"max_body_bytes": 1e6},
        {"max_body_bytes": True},
        {"max_buffered_bytes": -1},
        {"max_buffered_bytes": None},
        {"max_body_bytes": 2_000, "max_buffered_bytes": 1_999},
    ],
)
def test_impossible_limits_are_refused(build: Build, token: str, limits: dict[str, Any]) -> None:
    """Limits that no request could keep, or that are none, are refused at once."""
    with pytest.raises(ConfigurationError, match=r"max_|read_timeout"):
        build(Dispatcher(), token=token, limits=CallbackLimits(**limits))


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/mavi/callback", "/mavi/callback/", "/a", "/x.y/z"])
async def test_without_a_token_the_path_is_exact(
    serve: "Serve", callback: Callback, path: str
) -> None:
    """Without authentication the path itself answers, and nothing below or beside it."""
    service = await serve(token=None, allow_unauthenticated=True, path=path)
    targets = ["", "/", "//", "/x", "x", "?x=1"]
    statuses = {
        target: (
            await service.raw(method="POST", target=service.path + target, body=callback("job"))
        ).status
        for target in targets
    }

    assert {"": 200, "/": 404, "//": 404, "/x": 404, "x": 404, "?x=1": 200} == statuses
    assert 405 == (await service.raw(method="GET", target=service.path)).status


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["asgi", "fastapi", "aiohttp"])
@pytest.mark.parametrize("path", ["", "/"])
async def test_path_may_be_empty(serve: "Serve", callback: Callback, token: str, path: str) -> None:
    """A service that does nothing else may have the token, or nothing, as its whole path."""
    guarded = await serve(path=path)
    bare = await serve(path=path, token=None, allow_unauthenticated=True)
    body = callback("job")
    statuses = [
        (await service.raw(method="POST", target=target, body=body)).status
        for service, target in (
            (guarded, f"/{token}"),
            (guarded, "/"),
            (guarded, f"/{token}/"),
            (guarded, "/x"),
            (bare, "/"),
            (bare, "/x"),
        )
    ]

    assert [200, 404, 404, 404, 200, 404] == statuses


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/a", "/a/b/c", "/a.b/c", "/mavi/callback/", "/a+b/(c)"])
async def test_path_is_taken_literally(serve: "Serve", callback: Callback, path: str) -> None:
    """Any plain path will do; no character of it is a pattern."""
    service = await serve(path=path)
    other = service.path.replace(".", "x").replace("+", "")

    assert 200 == (await service.post(callback("job"))).status_code
    if other != service.path:
        target = f"{other}/{service.url.rpartition('/')[2]}"
        assert 404 == (await service.raw(method="POST", target=target, body=b"{}")).status


@pytest.mark.parametrize("party", ["fastapi", "aiohttp"])
def test_missing_extra_says_what_to_install(party: str) -> None:
    """Without its party installed a bridge says which extra to install."""
    code = (
        "import sys\n"
        f"sys.modules[{party!r}] = None\n"
        "from mavi_async import ConfigurationError\n"
        "try:\n"
        f"    import mavi_async.{party}\n"
        "except ConfigurationError as error:\n"
        "    print(error)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert f'pip install "mavi-async[{party}]"' in shown.stdout
