"""A `RedisStore` beyond the contract: what it puts on the server, and how it is used."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio
import attrs
import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from mavi_async import ConfigurationError, MaviClient, StoreError, TaskStateError
from mavi_async._records import Intent, IntentState, Put, Submission, Unmatched, Verdict
from mavi_async.redis import RedisStore
from mavi_async.stores import Lane

if TYPE_CHECKING:
    from tests.conftest import StartRedis
    from tests.redis.conftest import OpenStore, UseAllOf, Watch

LANE = Lane("https://lane.example", "account", "/path")
SECRET = "canary-5f0e1d2c"


def intent_of(name: str, state: IntentState = IntentState.SENDING) -> Intent:
    """A submission with a key of its own, whose request was made long ago."""
    return Intent(name, "mine", "re_1", state, 1.5, 2.5, f"key of {name}")


async def keys_of(client: "Redis", tag: str) -> dict[str, int]:
    """The keys of a namespace, without the tag, and for how many milliseconds each will stay."""
    found = [key.decode() async for key in client.scan_iter(f"mavi:{{{tag}}}:*", count=10_000)]
    looks = client.pipeline(transaction=True)  # all at one moment
    for key in found:
        looks.pttl(key)
    left = await looks.execute()
    return {key.rpartition("}:")[2]: ms for key, ms in zip(found, left, strict=True)}


def tag_of(store: RedisStore) -> str:
    """What stands in braces in all keys of a store."""
    return store._prefix.partition("{")[2].partition("}")[0]


@pytest.mark.asyncio
async def test_all_keys_are_in_one_slot(
    store: RedisStore, client: "Redis", use_all_of: "UseAllOf"
) -> None:
    """Of every kind there is, that of a single call and that of a rate included."""
    await use_all_of(store)
    names = await keys_of(client, tag_of(store))

    assert set(store._keys) <= {f"{store._prefix}{name}" for name in names}
    assert {"call", "rate"} <= {name.partition(":")[0] for name in names}
    assert 1 == len({key_slot(f"{store._prefix}{name}".encode()) for name in names})


@pytest.mark.asyncio
async def test_names_that_keys_could_not_have(open_store: "OpenStore") -> None:
    """A namespace is any text, and names the same data everywhere."""
    for name in ("{x}y", "", "a b\n", "\N{SNOWMAN}"):
        named = f"{name}{tag_of(open_store())}"
        await open_store(namespace=named).put_callback("t", b"1", seen=True)
        same, other = open_store(namespace=named), open_store()

        assert b"1" == await same.get_callback("t")
        assert None is await other.get_callback("t")


@pytest.mark.asyncio
async def test_what_nobody_uses_goes_by_itself(
    open_store: "OpenStore", client: "Redis", use_all_of: "UseAllOf"
) -> None:
    """All of it at the same time, but for when a callback came last."""
    store = open_store(ttl=100.0)
    await use_all_of(store)
    staying = await keys_of(client, tag_of(store))
    left = {name: ms for name, ms in staying.items() if not name.startswith(("call:", "rate:"))}

    assert -1 == left.pop("last")
    assert 100_000 < min(left.values())
    assert max(left.values()) <= 200_000
    assert max(left.values()) - min(left.values()) < 50
    for name in left:
        await client.pexpire(store._prefix + name, 99_000)
    await store.put_callback("another", b"body", seen=True)
    staying = await keys_of(client, tag_of(store))
    assert 150_000 < min(staying[name] for name in left)


@pytest.mark.asyncio
async def test_a_key_that_is_made_anew_goes_with_the_others(
    open_store: "OpenStore", client: "Redis", use_all_of: "UseAllOf"
) -> None:
    """One that was empty is gone, and so is what it was told."""
    store = open_store(ttl=100.0)
    await use_all_of(store)
    before = await keys_of(client, tag_of(store))
    for name in ("pending", "done", "collected", "seen", "unmatched"):
        await store.forget(name)
    emptied = before.keys() - await keys_of(client, tag_of(store))
    for each in store._keys:
        await client.pexpire(each, 150_000)
    await use_all_of(store)
    left = await keys_of(client, tag_of(store))

    assert {"bodies", "jobs", "pending", "done", "uncollected", "collected", "seen"} <= emptied
    assert 140_000 < min(left[name] for name in before if name in emptied)
    assert max(left[name] for name in before if name in emptied) <= 150_000


@pytest.mark.asyncio
async def test_only_keys_that_may_be_new_are_asked_when_they_go(
    store: RedisStore, client: "Redis", use_all_of: "UseAllOf"
) -> None:
    """Each look is a command more, and all others of a server wait for it."""

    async def looks() -> int:
        commands: Any = await client.info("commandstats")
        return int(commands["cmdstat_pttl"]["calls"])

    await use_all_of(store)
    before = await looks()
    await store.put_submission(Submission("another", "mine", "re_1", 1.5))
    await store.put_callback("another", b"body", seen=True)
    between = await looks()
    await store.put_submission(Submission("another", "mine", "re_1", 1.5))
    await store.put_callback("another", b"body", seen=True)

    assert before + 4 + 6 == between
    assert between + 3 + 1 == await looks()


@pytest.mark.asyncio
async def test_a_call_that_is_sent_again_gets_its_answer_again(
    open_store: "OpenStore", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer got lost, so it is not known that it was carried out: it is not done twice."""
    now = [1_000_000.0]
    store = open_store(max_unknown=1, clock=lambda: now[0])
    await store.put_callback("old", b"body", seen=False)
    now[0] += 3600
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "put": lambda: store.put_callback("t", b"1", seen=False),
        "replace": lambda: store.replace_callback("t", old=b"1", new=b"2"),
        "adopt": lambda: store.adopt("i", "t"),
        "update": lambda: store.update_intent(
            "i", IntentState.UNKNOWN, only_if=IntentState.ACCEPTED
        ),
        "forget": lambda: store.forget("t"),
        "reserve": lambda: store.pacer(LANE, 1.0).reserve(),
    }
    await store.begin_intent(intent_of("i"))
    found: list[Any] = []
    for name, call in calls.items():
        with monkeypatch.context() as patch:
            patch.setattr(store, "_new_call", f"{store._prefix}call:{name}".__str__)
            found.append([await call(), await call()])

    evicted = (Unmatched("old", b"body", evicted=True),)
    assert [
        [Put(Verdict.FIRST, evicted=evicted)] * 2,
        [True, True],
        [Submission("t", "mine", "re_1", 1.5)] * 2,
        [True, True],
        [True, True],
    ] == found[:-1]
    assert 1 == len({(slot.number, slot.at) for slot in found[-1]})
    assert None is await store.get_callback("t")


@pytest.mark.asyncio
async def test_texts_that_nobody_expects_come_back(store: RedisStore) -> None:
    """Whatever stands in a key, an asset or an account."""
    odd = "\ud800 {x}:\0\r\n'\N{SNOWMAN}"
    intent = attrs.evolve(intent_of("i"), account=odd, asset_id=odd, idempotency_key=odd)
    await store.begin_intent(intent)

    expected = attrs.evolve(intent, state=IntentState.UNKNOWN)
    assert expected == await store.find_intent(odd, odd)
    assert (expected,) == await store.list_intents(IntentState.UNKNOWN, odd)


@pytest.mark.asyncio
async def test_a_server_that_forgot_the_scripts_is_told_them_again(
    store: RedisStore, client: "Redis"
) -> None:
    """In the middle of anything."""
    await store.put_callback("t", b"body", seen=False)
    await client.script_flush()
    puts = await asyncio.gather(
        *(store.put_callback(f"t{number}", b"body", seen=False) for number in range(50))
    )
    await client.script_flush()
    slot = await store.pacer(LANE, 1.0).reserve()

    assert {Verdict.FIRST} == {put.verdict for put in puts}
    assert slot.interval == 1.0


@pytest.mark.asyncio
async def test_cancelled_calls_leave_all_connections_usable(store: RedisStore) -> None:
    """Wherever they were: each call gets its own answer, and none waits for a connection."""
    for number in range(150):
        task = asyncio.create_task(store.put_callback(f"t{number}", b"body", seen=True))
        for _ in range(number % 30):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with anyio.move_on_after(0.0001 * (number % 7)):
            await store.get_callback(f"t{number}")
    async with asyncio.timeout(30):
        bodies = [str(number).encode() for number in range(200)]
        await asyncio.gather(*(store.put_callback(f"u{int(b)}", b, seen=True) for b in bodies))
        kept = await asyncio.gather(*(store.get_callback(f"u{number}") for number in range(200)))

    assert bodies == kept


@pytest.mark.asyncio
async def test_a_closed_store_leaves_nothing_and_opens_again(
    store: RedisStore, client: "Redis", watch: "Watch"
) -> None:
    """Neither tasks nor connections; who watched is told no more."""
    before, tasks = len(await client.client_list()), asyncio.all_tasks()
    heard: list[str | None] = []
    await store.watch(heard.append)
    stop = await watch(store, heard.append)
    await store.put_callback("t", b"body", seen=True)
    await store.aclose()

    assert tasks == asyncio.all_tasks()
    while len(await client.client_list()) > before:  # noqa: ASYNC110 - the server notices by itself
        await asyncio.sleep(0.001)
    heard.clear()
    assert b"body" == await store.get_callback("t")
    await store.put_callback("u", b"body", seen=True)
    stop()
    assert [] == heard


@pytest.mark.asyncio
async def test_closing_waits_for_what_is_under_way(store: RedisStore, client: "Redis") -> None:
    """Those calls succeed, and leave no connection behind."""
    before = len(await client.client_list())
    puts = [
        asyncio.create_task(store.put_callback(f"t{number}", b"body", seen=True))
        for number in range(8)
    ]
    await asyncio.sleep(0)
    await store.aclose()

    assert {Verdict.FIRST} == {put.result().verdict for put in puts}
    while len(await client.client_list()) > before:  # noqa: ASYNC110 - the server notices by itself
        await asyncio.sleep(0.001)


@pytest.mark.asyncio
async def test_a_listener_ends_with_its_last_watcher(
    store: RedisStore, client: "Redis", watch: "Watch"
) -> None:
    """And begins again with the next."""
    await store.get_callback("t")
    tasks = asyncio.all_tasks()
    for _ in range(3):
        stops = [await watch(store, lambda _: None) for _ in range(2)]
        assert 1 == len(asyncio.all_tasks() - tasks)
        for stop in stops:
            stop()
            stop()
        while asyncio.all_tasks() - tasks:  # noqa: ASYNC110 - it ends by itself
            await asyncio.sleep(0)


def test_a_store_serves_one_event_loop_after_another(redis_url: str, namespace: str) -> None:
    """Each has connections of its own, and those of a loop that ended are not used."""
    store = RedisStore(redis_url, namespace=namespace)

    async def use(body: bytes) -> bytes | None:
        await store.put_callback("t", body, seen=True)
        await store.watch(lambda _: None)
        found = await store.get_callback("t")
        await store.aclose()
        return found

    assert [b"1", b"1"] == [asyncio.run(use(body)) for body in (b"1", b"2")]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trio_is_told_at_once() -> None:
    """redis-py runs under asyncio alone."""
    store = RedisStore("redis://127.0.0.1:1")
    with pytest.raises(TaskStateError, match="asyncio alone"):
        await store.get_callback("t")
    with pytest.raises(TaskStateError, match="asyncio alone"):
        await store.watch(lambda _: None)


@pytest.mark.asyncio
async def test_a_given_client_is_used_and_left_open(
    redis_url: str, namespace: str, watch: "Watch", use_all_of: "UseAllOf"
) -> None:
    """With whatever settings it has, RESP3 included; hints come through it as well."""
    async with Redis.from_url(redis_url, protocol=3, health_check_interval=1) as given:
        store = RedisStore(given, namespace=namespace)
        arrived = asyncio.Event()
        stop = await watch(store, lambda _: arrived.set())
        await use_all_of(store)
        async with asyncio.timeout(30):
            await arrived.wait()
        stop()
        await store.aclose()

        assert await given.ping()
        assert b"body" == await store.get_callback("done")
        await store.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://127.0.0.1:6379",
        f"redis://:{SECRET}@127.0.0.1:port",
        f"redis://:{SECRET}#1@127.0.0.1:6379",
        f"redis://:{SECRET}@127.0.0.1:6379?nonsense=1",
        f"redis://:{SECRET}@127.0.0.1:6379?socket_timeout=soon",
        f"redis://:{SECRET}@127.0.0.1:6379?decode_responses=True",
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    """At once, and without repeating it: there may be a password in it."""
    with pytest.raises(ConfigurationError) as caught:
        RedisStore(url)

    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


def test_a_client_that_decodes_is_refused() -> None:
    """Bodies are not text."""
    with pytest.raises(ConfigurationError, match="bytes"):
        RedisStore(Redis(decode_responses=True))


@pytest.mark.parametrize("ttl", [-1.0, float("inf"), float("nan")])
def test_a_time_that_is_none_is_refused(ttl: float) -> None:
    """What is kept for ever would fill the server."""
    with pytest.raises(ConfigurationError, match="ttl"):
        RedisStore("redis://127.0.0.1", ttl=ttl)


@pytest.mark.asyncio
async def test_the_password_is_told_to_nobody(
    start_redis: "StartRedis", caplog: pytest.LogCaptureFixture
) -> None:
    """Neither where it is wrong nor where it is right."""
    server = start_redis("--requirepass", SECRET)
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    for password in (SECRET, f"{SECRET}-wrong"):
        store = RedisStore(f"{server.url}?password={password}", max_unknown=0)
        with pytest.raises(StoreError) as caught:
            await store.put_callback("t", b"body", seen=False)
        told += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
        told += [repr(store), repr(vars(store))]
        await store.aclose()

    assert "the store is full" in told[0]
    assert "check the user and password" in told[5]
    assert SECRET not in " ".join([*told, caplog.text])


@pytest.mark.asyncio
async def test_a_client_uses_it_as_any_other_store(store: RedisStore) -> None:
    """Closing the client leaves the store that it was given."""
    async with MaviClient("sk-mavi-test-0123", store=store) as client:
        task = client.speaker_task("t1")
        waiting = asyncio.create_task(task.wait(timeout=30))
        body = b'{"code": "0000", "task_id": "t1", "data": {"data": {"data": []}}}'
        await client.dispatcher.feed(body)
        await asyncio.gather(waiting, return_exceptions=True)

    assert body == await store.get_callback("t1")
