"""The commands on a Redis server in the place of a file."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from mavi_async import ConfigurationError, TaskStore
from mavi_async.cli._place import ServerPlace, find_place
from mavi_async.emulator import Emulator
from mavi_async.redis import RedisStore

if TYPE_CHECKING:
    from tests.cli.conftest import Shelf, WithStore
    from tests.conftest import StartRedis

Run = Callable[..., subprocess.CompletedProcess[str]]
T = TypeVar("T")
SECRET = "canary-9d2e7b41"
EVICTS = "may evict results that were paid for"
FORGETS = "forgets at a crash what it has acknowledged"


@pytest.fixture
def store_url(redis_url: str, namespace: str) -> str:
    """A namespace that no other test uses, as the commands take it."""
    return f"{redis_url}{'&' if '?' in redis_url else '?'}namespace={namespace}"


@pytest.fixture
def with_store(redis_url: str, namespace: str) -> "WithStore":
    """Do something with what is there, as on another host."""

    def with_store(do: Callable[[TaskStore], Coroutine[object, object, T]]) -> T:
        async def opened() -> T:
            store = RedisStore(redis_url, namespace=namespace)
            try:
                return await do(store)
            finally:
                await store.aclose()

        return asyncio.run(opened())

    return with_store


def findings(ended: subprocess.CompletedProcess[str], check: str) -> list[tuple[str, str]]:
    """What a doctor with --json wrote about something, and what to do about it."""
    found = map(json.loads, ended.stdout.splitlines())
    return [
        (each["status"], f"{each['text']} → {each['fix']}".rstrip(" →"))
        for each in found
        if each["check"] == check
    ]


def test_what_is_on_a_server_is_listed_shown_and_decided(
    call: Run, store_url: str, shelf: "Shelf", tmp_path: Path
) -> None:
    """Each command finds what the one before has left there, and names the server to the next."""
    store = ("--store", store_url)
    saved, done, orphaned = tmp_path / "saved.jsonl", shelf.done.task_id, shelf.orphaned
    listed = [json.loads(line) for line in call("tasks", "--json", *store).stdout.splitlines()]
    shown = call("show", done, *store)
    call("callbacks", "--save", str(saved), *store)
    adopted = call("adopt", shelf.unknown.intent_id, orphaned, *store)
    resumed = call("resume", "--account", "studio", "--timeout", "0", *store, MAVI_API_KEY="k" * 20)
    forgotten = [call("forget", orphaned, "--yes", MAVI_STORE=store_url) for _ in range(2)]
    replayed = call("replay", str(saved), *store)
    again = call("callbacks", "--json", MAVI_STORE=store_url)

    assert ["sending", "unknown", "orphaned", "pending", "arrived", "done"] == [
        each["state"] for each in listed
    ]
    assert f"mavi-async show {done} --store " in listed[-1]["next"]
    assert "SPEAKER_07" in shown.stdout
    assert "is the job of re_unknown" in adopted.stderr
    assert "re_unknown" in resumed.stdout
    assert [0, 1] == [each.returncode for each in forgotten]
    assert "stored: 1 (kept)" in replayed.stderr
    assert orphaned in again.stdout


def test_what_was_submitted_through_a_server_is_not_submitted_again(
    call: Run, settings: dict[str, str], emulator: Emulator, port: int, store_url: str
) -> None:
    """Whichever host the second run is on."""
    ended = [
        call(
            *("speakers", "re_1", "--listen", f"127.0.0.1:{port}", "--rate", "100"),
            **{**settings, "MAVI_STORE": store_url},
        )
        for _ in range(2)
    ]

    assert [0, 0] == [each.returncode for each in ended]
    assert ended[0].stdout == ended[1].stdout != ""
    assert 1 == emulator.jobs_created


def test_a_password_is_shown_nowhere(call: Run, start_redis: "StartRedis") -> None:
    """Neither where it is right nor where it is wrong; a word stands in its place."""
    url = start_redis("--requirepass", SECRET).url
    right, wrong = (f"{url}?password={each}" for each in (SECRET, f"{SECRET}x"))
    ended = [
        call("tasks", "--store", right),
        call("tasks", "--store", wrong),
        call("tasks", "--store", f"{right}#1"),
        call(
            "speakers", "re_1", "--listen", "127.0.0.1:0", "--store", wrong, MAVI_API_KEY="k" * 20
        ),
        call("doctor", "--json", "--base-url", "http://127.0.0.1:9", MAVI_STORE=wrong),
        call("doctor", "--json", "--base-url", "http://127.0.0.1:9", MAVI_STORE=right),
    ]

    assert f"No jobs in {url}?password=PASSWORD.\n" == ended[0].stderr
    assert [0, 2, 2] == [each.returncode for each in ended[:3]]
    assert "check the user and password in the URL" in ended[1].stderr
    assert "percent-encoded" in ended[2].stderr
    assert 0 != ended[3].returncode
    assert "check the user and password" in ended[3].stderr
    assert "failed" == findings(ended[4], "store")[0][0]
    assert "ok" == findings(ended[5], "store")[0][0]
    assert SECRET not in " ".join(each.stdout + each.stderr for each in ended)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h", "redis://h"),
        (f"redis://:{SECRET}@h:1/2?namespace=a%20b", "redis://:PASSWORD@h:1/2?namespace=a+b"),
        (f"rediss://u:a@{SECRET}@[::1]:7", "rediss://u:PASSWORD@[::1]:7"),
        (f"unix:///a/s?password={SECRET}&db=3", "unix:///a/s?password=PASSWORD&db=3"),
        (f"unix://u:{SECRET}@/a/s", "unix://u:PASSWORD@/a/s"),
    ],
)
def test_the_next_command_names_the_server(url: str, shown: str) -> None:
    """With a word in the place of a password that was given as an option."""
    place = find_place(url)

    assert isinstance(place, ServerPlace)
    assert shown == str(place) == place.option
    assert SECRET not in repr(place) + place.command("tasks")
    assert place.url == url.replace("?namespace=a%20b", "")
    assert place.namespace == ("a b" if "namespace" in url else "default")


@pytest.mark.parametrize(
    "url",
    [
        f"valkey://:{SECRET}@h",
        f"redis://:{SECRET}/1@h",
        f"redis://:1?{SECRET}@h",
        f"redis://:1#{SECRET}@h",
        f"redis://h:{SECRET}",
        "redis://",
        "unix://",
    ],
)
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    """Without repeating it: a part of it may be a password that was not encoded."""
    with pytest.raises(ConfigurationError, match="name a file, or redis://") as caught:
        find_place(url)

    assert SECRET not in repr(caught.value)


def test_a_server_that_does_not_answer(call: Run, unused_port: int) -> None:
    """It is said where it should be, and what to do; with nothing of a traceback."""
    url = f"redis://127.0.0.1:{unused_port}"
    ended = call("tasks", "--store", url)
    found = findings(
        call("doctor", "--json", "--base-url", "http://127.0.0.1:9", MAVI_STORE=url), "store"
    )

    assert 2 == ended.returncode
    assert f"127.0.0.1:{unused_port} (database 0)" in ended.stderr
    assert "look after the server and the way to it" in ended.stderr
    assert ["failed"] == [status for status, _ in found]
    assert "look at the URL and the server" in found[0][1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [("ok", "it evicts nothing, and has an append-only file")]),
        (
            ("--appendonly", "no", "--maxmemory-policy", "allkeys-lru"),
            [
                (
                    "failed",
                    f"it {EVICTS} (its maxmemory-policy is allkeys-lru) → set it to noeviction",
                ),
                ("failed", f"it {FORGETS} → set appendonly to yes"),
            ],
        ),
    ],
)
def test_a_doctor_looks_at_the_settings_of_the_server(
    options: tuple[str, ...],
    expected: list[tuple[str, str]],
    call: Run,
    start_redis: "StartRedis",
) -> None:
    """Results that were paid for are not for a cache; it is said once."""
    url = start_redis(*options).url
    ended = call("doctor", "--json", "--base-url", "http://127.0.0.1:9", "--store", url)

    assert expected == findings(ended, "store server")
    assert "appendonly" not in ended.stderr


def test_without_the_extra_it_is_named(
    call: Run, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is what to install."""
    for name in [name for name in sys.modules if name.startswith("mavi_async.redis")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    ended = call("tasks", "--store", store_url)

    assert 2 == ended.returncode
    assert 'pip install "mavi-async[redis]"' in ended.stderr
