"""What the doctor finds on the whole way, and that it says what to fix."""

import asyncio
import email.utils
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from mavi_async import Dispatcher, MemoryStore, SQLiteStore, TaskStore
from mavi_async.asgi import CallbackApp
from mavi_async.cli import _check_webhook, _exchange
from mavi_async.cli._check_webhook import PublicUrl
from mavi_async.emulator import Emulator
from mavi_async.emulator._serving import LoopbackServer, ServerThread, Serves, loopback_listener

if TYPE_CHECKING:
    from tests.cli.conftest import Shelf, WithStore

Run = Callable[..., subprocess.CompletedProcess[str]]
PATH = "/mavi/callback/"


@attrs.define
class Stranger:
    """A server that answers everything in one way, and remembers what it was sent."""

    url: str
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = attrs.field(factory=dict)
    asked: list[tuple[str, dict[str, str]]] = attrs.field(factory=list)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    """A server that is not what is looked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            found.asked.append((self.path, dict(self.headers)))
            self.send_response_only(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Stranger(f"http://127.0.0.1:{server.server_port}")
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield found
        server.shutdown()
        serving.join()


@pytest.fixture
def serve(token: str) -> Iterator[Callable[[Callable[[], TaskStore]], str]]:
    """Start a service with a store of its own, and return its webhook URL."""
    threads: list[ServerThread] = []

    def serve(make_store: Callable[[], TaskStore]) -> str:
        listener = loopback_listener(0)

        async def main(serves: Serves) -> None:
            store = make_store()
            async with Dispatcher(store=store) as dispatcher:
                app = CallbackApp(dispatcher, token=token)
                server = LoopbackServer(app, on_serving=lambda: serves(server.request_stop))
                await server.serve([listener])
            await store.aclose()

        thread = ServerThread(main)
        thread.start()
        threads.append(thread)
        return f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}{token}"

    yield serve
    for thread in threads:
        thread.stop()


def findings(ended: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    """What a doctor with --json wrote, by check."""
    return {each["check"]: each for each in map(json.loads, ended.stdout.splitlines())}


def test_all_is_well(
    call: Run, settings: dict[str, str], port: int, token: str, with_store: "WithStore"
) -> None:
    """Every check is a line, and no probe stays behind."""
    url = f"http://127.0.0.1:{port}{PATH}{token}"
    ended = call("doctor", "--listen", f"127.0.0.1:{port}", MAVI_WEBHOOK_URL=url, **settings)
    kept = with_store(lambda store: store.list_unmatched())
    last = with_store(lambda store: store.last_callback_at())

    assert (0, "") == (ended.returncode, ended.stderr)
    assert (
        "key, base URL, key accepted, clock, store, jobs, store rights, store content, disk, "
        "webhook, large callback"
    ) == ", ".join(line[9:24].strip() for line in ended.stdout.splitlines() if line[:3] == "ok ")
    assert ended.stdout.endswith("\nNothing to fix.\n")
    assert () == tuple(kept)
    assert None is last


def test_nothing_is_set(call: Run) -> None:
    """What can be checked is checked all the same, and each failure names its fix."""
    ended = call("doctor", "--json", MAVI_BASE_URL="http://example.com")
    found = findings(ended)

    assert 1 == ended.returncode
    assert "export MAVI_API_KEY=" in found["key"]["fix"]
    assert "base_url is http" in found["base URL"]["text"]
    assert ["skipped"] * 3 == [
        found[name]["status"] for name in ("key accepted", "clock", "webhook")
    ]
    assert "ok" == found["store"]["status"]


@pytest.mark.parametrize("key", ["sk-mavi-of-somebody-else", "two words"])
def test_a_wrong_key(call: Run, settings: dict[str, str], emulator: Emulator, key: str) -> None:
    """It is refused, and not shown."""
    ended = call("doctor", **{**settings, "MAVI_API_KEY": key})

    assert 1 == ended.returncode
    assert "failed   key" in ended.stdout
    assert "copy" in ended.stdout
    assert key not in ended.stdout
    assert 0 == emulator.jobs_created


def test_the_key_goes_to_nobody_else(
    call: Run, settings: dict[str, str], stranger: Stranger
) -> None:
    """A redirect is not followed, and the webhook never sees the key."""
    stranger.status = 307
    stranger.headers["Location"] = f"{stranger.url}/elsewhere"
    webhook = f"{stranger.url}{PATH}{settings['MAVI_CALLBACK_TOKEN']}"
    ended = call(
        "doctor", "--base-url", stranger.url, "--webhook-url", webhook, "--json", **settings
    )
    found = findings(ended)

    assert "a redirect" in found["base URL"]["text"]
    assert "HTTP 307: a redirect" == found["webhook"]["text"]
    assert ["/re_0/metadata", webhook.removeprefix(stranger.url)] == [
        path for path, _ in stranger.asked
    ]
    assert [True, False] == ["Authorization" in headers for _, headers in stranger.asked]


@pytest.mark.parametrize(
    ("status", "body", "check", "words"),
    [
        (200, b'{"code": "0403", "msg": "\\u001b[2Jno"}', "key accepted", "code 0403, [2Jno"),
        (200, b'{"code": 9009}', "key accepted", "HTTP 200, code 9009"),
        (403, b"<html>", "key accepted", "refuses the key: HTTP 403"),
        (400, b'{"code": 400}', "key accepted", "the API takes the key"),
        (429, b"", "key accepted", "the API takes the key"),
        (200, b"<html>", "base URL", "answers HTTP 200, and not as the API does"),
        (404, b'{"status": 404}', "base URL", "answers HTTP 404, and not as the API does"),
        (503, b'{"status": 503}', "base URL", "answers HTTP 503: the API is out of order"),
    ],
)
def test_answers_of_the_api(
    call: Run, settings: dict[str, str], stranger: Stranger,
    status: int, body: bytes, check: str, words: str,
) -> None:  # fmt: skip
    """Refusals of the key are told from a wrong address, from trouble, and from consent."""
    stranger.status, stranger.body = status, body
    ended = call("doctor", "--base-url", stranger.url, "--json", **settings)
    found = findings(ended)[check]

    assert words in found["text"].replace("\x1b", "")
    assert ("ok" == found["status"]) == ("takes the key" in words)


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("https://no-such-host.invalid/api", "does not resolve"),
        ("http://127.0.0.1:9/api", "127.0.0.1:9 refuses connections"),
    ],
)
def test_no_way_to_the_api(call: Run, settings: dict[str, str], base_url: str, words: str) -> None:
    """A name that does not resolve, and nobody who listens, are told apart."""
    ended = call("doctor", "--base-url", base_url, **settings)

    assert 1 == ended.returncode
    assert words in ended.stdout


def test_a_proxy_in_between(call: Run, settings: dict[str, str]) -> None:
    """Where the environment sets one, it may be what does not answer."""
    base_url = "https://example.com/serve/api/v2"
    extra = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    ended = call("doctor", "--json", "--base-url", base_url, **settings, **extra)

    assert "see HTTPS_PROXY and NO_PROXY" in findings(ended)["base URL"]["fix"]


def test_no_tls(call: Run, settings: dict[str, str], stranger: Stranger) -> None:
    """A port that speaks no TLS is said to be one."""
    base_url = stranger.url.replace("http:", "https:")
    found = findings(call("doctor", "--json", "--base-url", base_url, **settings))

    assert "no TLS connection to 127.0.0.1:" in found["base URL"]["text"]


@pytest.mark.parametrize(("seconds", "way"), [(-3600, "ahead of"), (90, "behind")])
def test_the_clock(
    call: Run, settings: dict[str, str], stranger: Stranger, seconds: float, way: str
) -> None:
    """A clock that is off is noticed, and why it matters is said."""
    stranger.headers["Date"] = email.utils.formatdate(time.time() + seconds, usegmt=True)
    found = findings(call("doctor", "--json", "--base-url", stranger.url, **settings))

    assert "failed" == found["clock"]["status"]
    assert f"s {way} the API's" in found["clock"]["text"]
    assert "unknown" in found["clock"]["fix"]


@pytest.mark.parametrize("date", ["", "soon", "Mon, 01 Jan 99999 00:00:00 GMT"])
def test_no_clock_to_compare_with(
    call: Run, settings: dict[str, str], stranger: Stranger, date: str
) -> None:
    """Nonsense is no date."""
    stranger.headers["Date"] = date
    found = findings(call("doctor", "--json", "--base-url", stranger.url, **settings))

    assert "skipped" == found["clock"]["status"]


def test_jobs_are_counted(call: Run, settings: dict[str, str], shelf: "Shelf") -> None:
    """What needs a hand is said, with the command."""
    found = findings(call("doctor", "--json", **settings))["jobs"]

    assert "pending: 1, unknown: 1, orphaned: 1; mavi-async tasks says what to do" == found["text"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are another thing there")
def test_rights(call: Run, settings: dict[str, str], shelf: "Shelf", store_path: Path) -> None:
    """A file that was open is closed; a folder in which others may write is for its owner."""
    store_path.chmod(0o644)
    opened = findings(call("doctor", "--json", **settings))["store rights"]
    store_path.parent.chmod(0o777)
    writable = findings(call("doctor", "--json", **settings))["store rights"]

    assert "was open to others, mode 0644; now it is not" in opened["text"]
    assert 0o600 == store_path.stat().st_mode & 0o777
    assert ("failed", f"chmod go-w {store_path.parent}") == (writable["status"], writable["fix"])


def test_a_store_that_is_none(call: Run, settings: dict[str, str], store_path: Path) -> None:
    """What keeps it from being used is said, and the other checks go on."""
    store_path.parent.mkdir()
    store_path.write_bytes(b"nonsense" * 1000)
    ended = call("doctor", "--json", **settings)
    found = findings(ended)

    assert 1 == ended.returncode
    assert f"the store {store_path} failed" in found["store"]["text"]
    assert "--store or MAVI_STORE" in found["store"]["fix"]
    assert "SQLite cannot read it" in found["store content"]["text"]
    assert "callbacks --save" not in found["store content"]["fix"]
    assert "put a backup in its place" in found["store content"]["fix"]
    assert "webhook" in found


def test_a_damaged_store(
    call: Run, settings: dict[str, str], shelf: "Shelf", store_path: Path
) -> None:
    """It is found, and what to do about it said."""
    with sqlite3.connect(store_path) as connection:
        page = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'intent_by_age'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    with store_path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    ended = call("doctor", "--json", **settings)
    saved = call("callbacks", "--save", str(store_path.with_name("saved")))
    found = findings(ended)

    assert (1, 0) == (ended.returncode, saved.returncode)
    assert "mavi-async callbacks --save FILE" in found["store content"]["fix"]
    assert ("failed", "failed") == (found["store"]["status"], found["store content"]["status"])
    assert "the file is damaged" in found["store content"]["text"]


def test_a_full_disk(call: Run, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Little room is a failure before it is a loss."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5_000_000))
    found = findings(call("doctor", "--json", **settings))["disk"]

    assert ("failed", "0.0 GB free") == (found["status"], found["text"])


@pytest.mark.parametrize(
    ("status", "body", "words", "fix"),
    [
        (404, b"Not Found", "the token or the path is wrong", "MAVI_CALLBACK_TOKEN"),
        (405, b"", "takes no POST", "POST alone"),
        (401, b"", "a login, firewall or filter in front refuses it", "without a login"),
        (403, b"", "a login, firewall or filter in front refuses it", "without a login"),
        (413, b"", "a proxy's limit", "client_max_body_size 16m"),
        (400, b"", "takes it for malformed", "drops bodies"),
        (418, b"", "it is refused", "see the log"),
        (500, b"", "the service fails", "service's log"),
        (502, b"", "the proxy does not reach the receiver", "start the service"),
        (503, b"<html>", "the proxy does not reach the receiver", "start the service"),
        (503, b'{"error": "later"}', "the receiver cannot keep callbacks now", "store is down"),
        (200, b"<html>Welcome", "something else answers", "they would be lost"),
        (204, b"", "something else answers", "they would be lost"),
        (200, b'{"delivery": "stored"}', "and it is not in", "use one store"),
    ],
)
def test_answers_of_the_webhook(
    call: Run, settings: dict[str, str], stranger: Stranger,
    status: int, body: bytes, words: str, fix: str,
) -> None:  # fmt: skip
    """Each way to lose callbacks is told from the others."""
    stranger.status, stranger.body = status, body
    url = f"{stranger.url}{PATH}{settings['MAVI_CALLBACK_TOKEN']}"
    ended = call("doctor", "--json", "--webhook-url", url, **settings)
    found = findings(ended)["webhook"]

    assert (1, "failed") == (ended.returncode, found["status"])
    assert words in found["text"]
    assert fix in found["fix"]
    assert 1 == len(stranger.asked)


def test_a_running_service(
    call: Run,
    settings: dict[str, str],
    serve: Callable[[Callable[[], TaskStore]], str],
    store_path: Path,
    with_store: "WithStore",
) -> None:
    """A service with the same store is heard of through it, and no probe stays behind."""
    url = serve(lambda: SQLiteStore(store_path))
    found = findings(call("doctor", "--json", "--webhook-url", url, **settings))

    assert ("ok", "ok") == (found["webhook"]["status"], found["large callback"]["status"])
    assert () == tuple(with_store(lambda store: store.list_unmatched()))


@pytest.mark.parametrize("listens", [True, False])
def test_a_service_with_another_store(
    call: Run,
    settings: dict[str, str],
    serve: Callable[[Callable[[], TaskStore]], str],
    port: int,
    listens: bool,
) -> None:
    """What is kept elsewhere has not arrived."""
    url = serve(MemoryStore)
    options = ("--listen", f"127.0.0.1:{port}") if listens else ()
    found = findings(call("doctor", "--json", "--webhook-url", url, *options, **settings))

    assert "failed" == found["webhook"]["status"]
    where = f"not the one at 127.0.0.1:{port}" if listens else "it is not in"
    assert where in found["webhook"]["text"]


def test_late(
    call: Run,
    settings: dict[str, str],
    port: int,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What arrives too slowly is no success."""
    monkeypatch.setattr(_check_webhook, "_LATE", -1.0)
    url = f"http://127.0.0.1:{port}{PATH}{token}"
    options = ("--listen", f"127.0.0.1:{port}", "--webhook-url", url)
    found = findings(call("doctor", "--json", *options, **settings))

    assert "it arrived, but the answer took " in found["webhook"]["text"]
    assert "large callback" not in found


@pytest.mark.parametrize("gets_through", [True, False])
def test_an_answer_that_does_not_come_back(
    call: Run,
    settings: dict[str, str],
    shelf: "Shelf",
    store_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gets_through: bool,
) -> None:
    """Having arrived without an answer is told from not having arrived."""
    monkeypatch.setattr(_exchange, "_ALL_SECONDS", 0.5)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
        if gets_through:
            store = SQLiteStore(store_path)
            await store.put_callback(json.loads(body)["task_id"], body, seen=False)
            await store.aclose()
        await reader.read()
        writer.close()

    async def main(serves: Serves) -> None:
        stop = asyncio.Event()
        serves(stop.set)
        async with await asyncio.start_server(silent, sock=listener):
            await stop.wait()

    listener = loopback_listener(0)
    thread = ServerThread(main)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}{settings['MAVI_CALLBACK_TOKEN']}"
    try:
        found = findings(call("doctor", "--json", "--webhook-url", url, **settings))["webhook"]
    finally:
        thread.stop()

    words = "it arrived, but no answer came back" if gets_through else "does not answer in time"
    assert words in found["text"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "it is a URL such as"),
        ("http://[::1", "it is a URL such as"),
        ("http://example.com/mavi/callback/callback-token-0123456789", "MAVI posts to https alone"),
        ("https://example.com/mavi/callback/short", "a callback token is 16 to 256"),
        ("https://example.com/mavi/callback/another-token-0123456789", "in another token than"),
    ],
)
def test_a_wrong_webhook_url(call: Run, settings: dict[str, str], url: str, words: str) -> None:
    """It is found out before anything is sent."""
    ended = call("doctor", "--webhook-url", url, **settings)

    assert 1 == ended.returncode
    assert words in ended.stdout
    assert "another-token" not in ended.stdout


def test_what_cannot_be_listened_on(
    call: Run, settings: dict[str, str], stranger: Stranger
) -> None:
    """A port that is taken is a finding; nothing to try is a wrong option."""
    address = stranger.url.removeprefix("http://")
    url = f"{stranger.url}{PATH}{settings['MAVI_CALLBACK_TOKEN']}"
    taken = call("doctor", "--listen", address, "--webhook-url", url, **settings)
    without = call("doctor", "--listen", address, **settings)

    assert (1, 2) == (taken.returncode, without.returncode)
    assert f"cannot listen on {address}" in taken.stdout
    assert "--webhook-url, MAVI_WEBHOOK_URL" in without.stderr


@pytest.mark.asyncio
async def test_real_callbacks_are_kept_meanwhile() -> None:
    """The doctor's receiver may be where MAVI posts to: only probes are thrown away."""
    store = MemoryStore()
    here = _check_webhook._Here(store, "127.0.0.1:8080")
    await here.put_callback("t1", b"{}", seen=False)
    await here.put_callback("doctor-1", b"{}", seen=False)

    assert b"{}" == await store.get_callback("t1")
    assert None is await store.get_callback("doctor-1")
    assert [True, False] == [await here.found(each) for each in ("doctor-1", "doctor-2")]


def test_a_webhook_url_shows_no_secret(token: str) -> None:
    """Not even by accident, in a traceback or a log."""
    url = PublicUrl.parse(f"https://user:word@example.com/hooks/{token}")

    assert "PublicUrl(host='example.com')" == repr(url)
