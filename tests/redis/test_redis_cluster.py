"""A cluster in the place of a server: all keys of a namespace are on one of its nodes."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis, RedisCluster
from redis.crc import key_slot

from mavi_async import StoreError
from mavi_async.redis import RedisStore

if TYPE_CHECKING:
    from tests.conftest import StartRedis
    from tests.redis.conftest import UseAllOf

SLOTS = 16_384


def free_ports(count: int) -> list[int]:
    """Ports that leave room for the one that a node talks to others on, 10,000 above."""
    found: list[int] = []
    while len(found) < count:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port: int = listener.getsockname()[1]
        if port < 55_000 and port not in found:
            found.append(port)
    return found


async def say(port: int, *words: object) -> Any:
    """Say something to one node."""
    node: Any
    async with Redis(port=port) as node:
        return await node.execute_command(*words)


async def is_ready(port: int, count: int) -> bool:
    """Whether a node knows who has which slot."""
    told = await say(port, "CLUSTER INFO")
    return (told["cluster_state"], told["cluster_size"]) == ("ok", str(count))


async def join(ports: Sequence[int]) -> None:
    """Make a cluster of nodes, each with as many slots."""
    for number, port in enumerate(ports):
        bounds = (SLOTS * each // len(ports) for each in (number, number + 1))
        await say(port, "CLUSTER", "ADDSLOTS", *range(*bounds))
        await say(port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for port in ports[1:]:
        await say(port, "CLUSTER", "MEET", "127.0.0.1", ports[0])
    for port in ports:
        while not await is_ready(port, len(ports)):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture(params=[pytest.param(1, marks=pytest.mark.torture), 3])
def count(request: pytest.FixtureRequest) -> int:
    """How many nodes there are."""
    found: int = request.param
    return found


@pytest_asyncio.fixture
async def ports(start_redis: "StartRedis", count: int) -> list[int]:
    """The ports of the nodes of a cluster."""
    ports = free_ports(count)
    for port in ports:
        start_redis("--cluster-enabled", "yes", "--port", str(port), "--bind", "127.0.0.1")
    await join(ports)
    return ports


@pytest_asyncio.fixture
async def cluster(ports: list[int]) -> AsyncIterator[RedisCluster]:
    """A client of the cluster."""
    async with RedisCluster(host="127.0.0.1", port=ports[0]) as client:
        yield client


def namespaces(count: int) -> list[str]:
    """One namespace for each node of a cluster, which are on that node."""
    found: dict[int, str] = {}
    for name in map(str, itertools.count()):
        slot = key_slot(RedisStore("redis://127.0.0.1", namespace=name)._prefix.encode())
        found.setdefault(slot * count // SLOTS, name)
        if len(found) == count:
            return [found[number] for number in range(count)]
    raise AssertionError("there is no end of names")


async def check(store: RedisStore, use_all_of: "UseAllOf") -> None:
    """Use a store, and look at what it has."""
    heard = asyncio.Event()
    stop = await store.watch(lambda _: heard.set())
    await use_all_of(store)
    if stop is not None:  # redis-py's clients of clusters could not listen for a long time
        async with asyncio.timeout(30):
            await heard.wait()
        stop()
    assert ["done"] == [each.task_id for each in await store.list_uncollected()]
    assert ["seen"] == list(await store.list_arrived(["seen", "pending"]))


@pytest.mark.asyncio
async def test_a_cluster_takes_all_that_a_store_asks(
    cluster: RedisCluster, count: int, use_all_of: "UseAllOf"
) -> None:
    """Each script names all of its keys, and they are on one node, whichever that is."""
    stores = [RedisStore(cluster, namespace=name) for name in namespaces(count)]
    for store in stores:
        await check(store, use_all_of)
        await store.aclose()

    assert count == len(stores)


@pytest.mark.asyncio
async def test_one_node_is_not_a_cluster(ports: list[int], count: int) -> None:
    """Its URL does for what it has itself; of the rest it is said what to give instead."""
    names = namespaces(count)
    stores = [RedisStore(f"redis://127.0.0.1:{ports[0]}", namespace=name) for name in names]
    await stores[0].put_callback("t", b"body", seen=True)
    for store in stores[1:]:
        with pytest.raises(StoreError, match=r"give the store a redis.asyncio.RedisCluster"):
            await store.put_callback("t", b"body", seen=True)

    assert b"body" == await stores[0].get_callback("t")
    for store in stores:
        await store.aclose()
