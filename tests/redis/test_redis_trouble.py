"""A server in trouble: killed, deaf, forgetful; and processes that share nothing but a server."""

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from mavi_async import Dispatcher, MaviClient, StoreError
from mavi_async.redis import RedisStore
from mavi_async.stores import Lane

if TYPE_CHECKING:
    from tests.conftest import StartRedis
    from tests.redis.conftest import OpenStore, Watch

KEY = "sk-mavi-test-0123"
SCRIPT = Path(__file__).with_name("run_redis.py")


def body_of(task_id: str) -> bytes:
    """The callback of a job."""
    segment = '{"start": 0.5, "end": 1.5, "speaker": "SPEAKER_00"}'
    data = f'{{"data": {{"data": [{segment}]}}, "msg": "done", "success": true}}'
    return f'{{"code": "0000", "data": {data}, "task_id": "{task_id}"}}'.encode()


@pytest.mark.parametrize(
    ("options", "warnings"),
    [
        ((), 0),
        (("--appendonly", "no"), 1),
        (("--maxmemory-policy", "allkeys-lru"), 1),
        (("--appendonly", "no", "--maxmemory-policy", "volatile-ttl"), 2),
    ],
)
@pytest.mark.asyncio
async def test_a_forgetful_server_is_told_of(
    options: tuple[str, ...],
    warnings: int,
    start_redis: "StartRedis",
    open_store: "OpenStore",
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once for each store: what was acknowledged and paid for would be lost."""
    store = open_store(start_redis(*options).url)
    await asyncio.gather(*(store.get_callback(f"t{number}") for number in range(10)))

    assert warnings == len(caplog.messages)
    told = caplog.text
    assert ("set appendonly to yes" in told) == ("--appendonly" in options)
    assert ("set it to noeviction" in told) == ("--maxmemory-policy" in options)


@pytest.mark.asyncio
async def test_a_server_that_tells_nothing_of_itself_is_used(
    start_redis: "StartRedis", open_store: "OpenStore", caplog: pytest.LogCaptureFixture
) -> None:
    """Providers forbid commands."""
    server = start_redis()
    admin: Any
    async with Redis.from_url(server.url) as admin:
        await admin.execute_command("ACL", "SETUSER", "default", "-info")
    caplog.set_level(logging.DEBUG, "mavi_async")
    store = open_store(server.url)
    await store.put_callback("t", b"body", seen=True)
    await store.get_callback("t")

    assert 1 == caplog.text.count("whether the store keeps what it acknowledges is open")


@pytest.mark.asyncio
async def test_nobody_listens(
    start_redis: "StartRedis",
    open_store: "OpenStore",
    caplog: pytest.LogCaptureFixture,
    watch: "Watch",
) -> None:
    """Every call says what to do, and works as soon as somebody does."""
    server = start_redis("--appendonly", "no")
    server.kill()
    store = open_store(server.url)
    for call in (store.get_callback("t"), store.watch(lambda _: None)):
        with pytest.raises(StoreError, match="calling again is safe"):
            await call
    with pytest.raises(StoreError, match="look after the server"):
        await store.pacer(Lane("https://lane.example", "a", "/path"), 1.0).reserve()
    await store.aclose()
    assert {asyncio.current_task()} == asyncio.all_tasks()
    server.start()

    await store.put_callback("t", b"body", seen=True)
    stop = await watch(store, lambda _: None)
    stop()
    assert b"body" == await store.get_callback("t")
    assert "set appendonly to yes" in caplog.text


@pytest.mark.asyncio
async def test_a_client_without_patience_of_its_own_is_given_up(
    start_redis: "StartRedis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its settings, no call takes for ever, and the next one works."""
    server = start_redis()
    async with Redis.from_url(server.url, socket_timeout=None) as given:
        store = RedisStore(given)
        await store.get_callback("t")
        server.signal(signal.SIGSTOP)
        with monkeypatch.context() as patch:
            patch.setattr("mavi_async.redis._server.STORE_SECONDS", 0.1)
            for call in (store.get_callback("t"), store.expire(), store.watch(lambda _: None)):
                with pytest.raises(StoreError, match="did not answer within"):
                    await call
        server.signal(signal.SIGCONT)

        assert None is await store.get_callback("t")
        await store.aclose()


@pytest.mark.fault("the Redis server is killed")
@pytest.mark.asyncio
async def test_a_server_that_is_killed_loses_nothing(
    start_redis: "StartRedis", open_store: "OpenStore"
) -> None:
    """With an append-only file: what was kept is there, who waits is served, nothing restarts."""
    server = start_redis()
    store, other = open_store(server.url), open_store(server.url)
    receiver = Dispatcher(store=other)
    ids = [f"t{number}" for number in range(40)]
    async with MaviClient(KEY, store=store) as client:
        tasks = [client.speaker_task(each) for each in ids]
        waiting = [asyncio.create_task(task.wait(timeout=60)) for task in tasks]
        await receiver.feed(body_of(ids[0]))
        assert ids[0] == (await waiting[0]).task_id  # so it listens
        kept = []
        for number, each in enumerate(ids[1:]):
            if number % 10 == 5:
                server.kill()
                with pytest.raises(StoreError):
                    await receiver.feed(body_of(each))
                server.start()
            await receiver.feed(body_of(each))
            kept.append(each)
        server.kill()
        server.start()
        found = [await other.get_callback(each) for each in kept]
        results = await asyncio.gather(*waiting)
    await receiver.aclose()

    assert [body_of(each) for each in kept] == found
    assert ids == [result.task_id for result in results]


@pytest.mark.fault("hints get lost")
@pytest.mark.asyncio
async def test_hints_that_are_cut_off_lose_nobody(
    start_redis: "StartRedis", open_store: "OpenStore"
) -> None:
    """The connections that listen are killed again and again, and every waiter is served."""
    server = start_redis()
    store, other = open_store(server.url), open_store(server.url)
    receiver = Dispatcher(store=other)
    ids = [f"t{number}" for number in range(60)]
    killer: Any
    async with Redis.from_url(server.url) as killer, MaviClient(KEY, store=store) as client:
        waiting = [asyncio.create_task(client.speaker_task(each).wait(timeout=60)) for each in ids]
        for each in ids:
            await killer.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await receiver.feed(body_of(each))
        results = await asyncio.gather(*waiting)
    await receiver.aclose()

    assert ids == [result.task_id for result in results]


@pytest.mark.asyncio
async def test_whoever_watches_is_told_to_look_after_each_connection(
    start_redis: "StartRedis",
    open_store: "OpenStore",
    caplog: pytest.LogCaptureFixture,
    watch: "Watch",
) -> None:
    """What came meanwhile was published to nobody."""
    server = start_redis()
    store, other = open_store(server.url), open_store(server.url)
    told: asyncio.Queue[str | None] = asyncio.Queue()
    stop = await watch(store, told.put_nowait)
    await other.put_callback("t1", b"body", seen=True)
    assert "t1" == await told.get()
    server.kill()
    async with asyncio.timeout(30):
        while "not heard of for now" not in caplog.text:  # noqa: ASYNC110 - a log sets no event
            await asyncio.sleep(0.01)
        server.start()
        assert None is await told.get()
    await other.put_callback("t2", b"body", seen=True)
    assert "t2" == await told.get()
    assert 1 == caplog.text.count("not heard of for now")
    stop()


Start = Callable[..., "subprocess.Popen[str]"]


def start_host(folder: Path, do: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a process in a folder of its own."""
    folder.mkdir()
    command = [sys.executable, str(SCRIPT), do, *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)


@pytest.mark.fault("the callback reaches another process")
def test_hosts_share_nothing_but_the_server(redis_url: str, namespace: str, tmp_path: Path) -> None:
    """What one receives, another awaits."""
    ids = ["t1", "t2", "t3"]
    bodies = [body_of(each).decode() for each in ids]
    waiting = start_host(tmp_path / "a", "wait", redis_url, namespace, *ids)
    assert waiting.stdout is not None
    first = waiting.stdout.readline()
    receiving = start_host(tmp_path / "b", "feed", redis_url, namespace, *bodies)
    said = [process.communicate()[0].splitlines() for process in (receiving, waiting)]

    assert "waiting\n" == first
    assert [["stored"] * 3, bodies] == said
    assert [0, 0] == [receiving.returncode, waiting.returncode]


@pytest.mark.fault("the disk or the store is full")
@pytest.mark.asyncio
async def test_a_full_server_is_told_of(start_redis: "StartRedis", open_store: "OpenStore") -> None:
    """What is there can be read, and what is kept is kept whole."""
    server = start_redis("--maxmemory", "12mb", "--maxmemory-policy", "noeviction")
    store = open_store(server.url)
    kept: list[str] = []

    async def put_on() -> None:
        for number in range(100):
            await store.put_callback(f"t{number}", bytes(1024 * 1024), seen=False)
            kept.append(f"t{number}")

    with pytest.raises(StoreError, match="raise its maxmemory"):
        await put_on()

    assert kept == [each.task_id for each in await store.list_unmatched()] != []
    assert None is await store.get_callback(f"t{len(kept)}")
    assert await store.forget("t0")


def test_a_store_is_shown_by_where_it_is() -> None:
    """Without what gives access."""
    stores = [
        RedisStore("rediss://user:hush@host.example:7000/3", namespace="studio"),
        RedisStore("unix:///run/redis.sock?password=hush"),
    ]

    assert [
        "RedisStore('host.example:7000 (database 3)', namespace='studio')",
        "RedisStore('/run/redis.sock (database 0)', namespace='default')",
    ] == list(map(repr, stores))
