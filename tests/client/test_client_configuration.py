"""What a client is told once: where it comes from, and what is refused."""

import os
import subprocess
import sys
from typing import Any

import pytest
import respx

from mavi_async import ConfigurationError, Dispatcher, MaviClient, MemoryStore

KEY = "sk-mavi-0123456789abcdef"
ACCEPTED = {"code": "0000", "msg": "success", "data": {"task_id": "t1"}}
ENDPOINT = "/transcriptions/async-generate-speaker"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No set-up but what a test makes."""
    monkeypatch.delenv("MAVI_API_KEY", raising=False)
    monkeypatch.delenv("MAVI_BASE_URL", raising=False)


async def authorization_at(url: str, /, **options: Any) -> str:
    """Submit with a client and return the key that came with it to a base URL."""
    with respx.mock:
        route = respx.post(url + ENDPOINT).respond(json=ACCEPTED)
        async with MaviClient(**options) as client:
            await client.submit_speaker("re_1")
    value: str = route.calls[0].request.headers["authorization"]
    return value


@pytest.mark.asyncio
async def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and base URL come from the environment; a key's file may end with a newline."""
    monkeypatch.setenv("MAVI_API_KEY", "sk-mavi-environment\n")
    monkeypatch.setenv("MAVI_BASE_URL", "https://mavi.example/api/")

    assert await authorization_at("https://mavi.example/api") == "sk-mavi-environment"


@pytest.mark.asyncio
async def test_arguments_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is passed wins over the environment."""
    monkeypatch.setenv("MAVI_API_KEY", "sk-mavi-environment")
    monkeypatch.setenv("MAVI_BASE_URL", "https://mavi.example/api")
    base_url = "https://other.example:8443"

    assert await authorization_at(base_url, api_key=KEY, base_url=base_url) == KEY


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8080/api",
        "http://[::1]:8080/api",
        "http://localhost/api",
        "https://[2001:db8::1]/api",
        "HTTPS://Host.Example/api",
    ],
)
@pytest.mark.asyncio
async def test_base_urls_that_keep_the_key_safe(base_url: str) -> None:
    """Every https URL will do, and http on this host; the key reaches its origin."""
    assert await authorization_at(base_url, api_key=KEY, base_url=base_url) == KEY


@pytest.mark.asyncio
async def test_http_elsewhere_has_to_be_allowed() -> None:
    """A trusted network may be named as such."""
    base_url = "http://mavi.internal/api"
    options = {"api_key": KEY, "base_url": base_url, "allow_http": True}

    assert await authorization_at(base_url, **options) == KEY


def test_no_key_at_all() -> None:
    """Without any key the error says where one may be put."""
    with pytest.raises(ConfigurationError, match="pass api_key= or set MAVI_API_KEY"):
        MaviClient()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "short",
        "x" * 513,
        "sk-mavi-with space-0000",
        "sk-mavi-0123\n456789",
        "sk-mavi-0123456789\n\n",
        "sk-mavi-0123456789\r\n",
        "sk-mavi-0123456789\0",
        "sk-mavi-0123456789\u00e9",
        "\u0661" * 20,
        b"sk-mavi-0123456789",
        1234567890,
    ],
)
def test_unusable_keys(key: Any) -> None:
    """A key that cannot be one is refused without being repeated."""
    with pytest.raises(ConfigurationError, match="the API key is 8 to 512") as caught:
        MaviClient(key)

    assert str(key).strip() == "" or str(key) not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "ftp://host/api"}, "base_url is a URL"),
        ({"base_url": "host/api"}, "base_url is a URL"),
        ({"base_url": "https://"}, "base_url is a URL"),
        ({"base_url": "https://ho st/api"}, "base_url is a URL"),
        ({"base_url": "https://host/\n"}, "base_url is a URL"),
        ({"base_url": "https://h\u00f6st/api"}, "base_url is a URL"),
        ({"base_url": b"https://host/api"}, "base_url is a URL"),
        ({"base_url": "https://host:port/api"}, "port"),
        ({"base_url": "https://host:99999/api"}, "port"),
        ({"base_url": "https://user@host/api"}, "user name"),
        ({"base_url": "https://user:password@host/api"}, "user name"),
        ({"base_url": "https://host/api?key=1"}, "query and fragment"),
        ({"base_url": "https://host/api?"}, "query and fragment"),
        ({"base_url": "https://host/api#top"}, "query and fragment"),
        ({"base_url": "http://host/api"}, "allow_http=True"),
        ({"base_url": "http://127.0.0.1.example/api"}, "allow_http=True"),
        ({"requests_per_second": 0}, "requests_per_second is a positive"),
        ({"requests_per_second": -1}, "requests_per_second is a positive"),
        ({"requests_per_second": float("nan")}, "requests_per_second is a finite"),
        ({"requests_per_second": float("inf")}, "requests_per_second is a finite"),
        ({"requests_per_second": "1"}, "requests_per_second is a finite"),
        ({"requests_per_second": True}, "requests_per_second is a finite"),
        ({"result_timeout": -1}, "result_timeout is a non-negative"),
        ({"result_timeout": float("nan")}, "result_timeout is a finite"),
        ({"submit_timeout": 0}, "submit_timeout is a positive"),
        ({"submit_timeout": None}, "submit_timeout is a finite"),
        ({"close_timeout": -0.5}, "close_timeout is a non-negative"),
        ({"close_timeout": float("inf")}, "close_timeout is a finite"),
        ({"retry": "always"}, "retry is one of safe, never, allow_duplicates"),
        ({"retry": None}, "retry is one of"),
        pytest.param(
            {"store": MemoryStore(), "dispatcher": Dispatcher()},
            "give the store to the dispatcher",
            id="store and dispatcher",  # their `repr` differs between the processes of one run
        ),
    ],
    ids=repr,
)
def test_unusable_options(options: dict[str, Any], message: str) -> None:
    """Each unusable option is refused when the client is made, by name and without the key."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        MaviClient(KEY, **options)

    assert isinstance(caught.value, ValueError)
    assert KEY not in str(caught.value)


def test_the_dispatchers_own_store_may_be_named() -> None:
    """Giving a dispatcher together with its own store is no contradiction."""
    dispatcher = Dispatcher()

    assert MaviClient(KEY, dispatcher=dispatcher, store=dispatcher.store).dispatcher is dispatcher


@pytest.mark.parametrize(
    "asset_id", ["", " ", "re 1", "re_1\n", "re_\r\n1", "x" * 257, "r\u00e9", "x" * 1_000_000]
)
@pytest.mark.asyncio
async def test_unusable_asset_ids(asset_id: str) -> None:
    """An asset id that cannot be one costs no request."""
    with respx.mock:
        async with MaviClient(KEY) as client:
            for call in (client.submit_speaker, client.generate_speaker, client.diarize):
                with pytest.raises(ConfigurationError, match="asset_id is 1 to 256"):
                    await call(asset_id)


@pytest.mark.parametrize("task_id", ["", "a b", "a/b", "../etc", "x" * 129, "t1\n", None, 7])
def test_unusable_task_ids(task_id: Any) -> None:
    """A task id that cannot be one is refused before anything waits for it."""
    with pytest.raises(ConfigurationError, match="task_id is 1 to 128"):
        MaviClient(KEY).speaker_task(task_id)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), None])
@pytest.mark.asyncio
async def test_unusable_deadlines(timeout: Any) -> None:
    """The synchronous endpoint needs a positive, finite deadline."""
    async with MaviClient(KEY) as client:
        with pytest.raises(ConfigurationError, match="timeout is a"):
            await client.generate_speaker("re_1", timeout=timeout)


def test_importing_reads_nothing_from_the_environment() -> None:
    """A key that is set after the import is used, and a bad one does not harm the import."""
    program = (
        "import os, mavi_async\n"
        "os.environ['MAVI_API_KEY'] = 'sk-mavi-0123456789'\n"
        "del os.environ['MAVI_BASE_URL']\n"
        "mavi_async.MaviClient()\n"
    )
    environment = {**os.environ, "MAVI_API_KEY": "?", "MAVI_BASE_URL": "?"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
