"""Everything at once: many hosts and waiters, hints cut off all the while, a server that dies."""

import asyncio
import contextlib
import json
import random
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from tests.conftest import RedisServer, StartRedis
    from tests.redis.conftest import OpenStore

HOSTS: Final = 4
SCRIPT: Final = Path(__file__).with_name("run_chaos.py")


def body_of(task_id: str, segments: int) -> bytes:
    """The callback of a job."""
    spoken = [
        {"start": each + 0.25, "end": each + 0.75, "speaker": f"SPEAKER_{each % 3:02}"}
        for each in range(segments)
    ]
    data = {"data": {"data": spoken}, "msg": "done", "success": True}
    return json.dumps({"code": "0000", "data": data, "task_id": task_id}).encode()


@attrs.define(eq=False)
class Host:
    """A process that receives callbacks, and awaits jobs of its own."""

    process: Process
    awaited: int

    async def say(self) -> dict[str, str]:
        """The next thing that it tells."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, "the process has died"
        said: dict[str, str] = json.loads(line)
        return said

    async def started(self) -> str:
        """Where it receives, once it does."""
        return (await self.say())["url"]

    async def results(self) -> dict[str, str]:
        """What its waiters got, once all have something."""
        said = [await self.say() for _ in range(self.awaited)]
        return {each["task_id"]: each["body"] for each in said}

    async def end(self) -> int | None:
        """Let it close in good order."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await self.process.wait()


@asynccontextmanager
async def a_host(
    folder: Path, url: str, namespace: str, task_ids: Sequence[str]
) -> AsyncIterator[Host]:
    """A host that shares nothing with others but the server's URL."""
    options = {"url": url, "namespace": namespace, "task_ids": task_ids}
    process = await create_subprocess_exec(
        *(sys.executable, str(SCRIPT), json.dumps(options)),
        cwd=folder,
        stdin=PIPE,
        stdout=PIPE,
        limit=2**24,
    )
    try:
        yield Host(process, len(task_ids))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@attrs.define(eq=False)
class Mavi:
    """Sends each callback to any host until one acknowledges it.

    Attributes:
        milestones: How many acknowledgements set an event.
        refused: Set when a callback is to be sent again.
        up: Set while that can succeed.
    """

    bodies: dict[str, bytes]
    urls: Sequence[str]
    chance: random.Random
    milestones: dict[int, asyncio.Event]
    acknowledged: list[str] = attrs.field(factory=list)
    refused: asyncio.Event = attrs.field(factory=asyncio.Event)
    up: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def deliver_all(self) -> None:
        """Send all, in any order and several at once."""
        self.up.set()
        order = self.chance.sample(list(self.bodies), len(self.bodies))
        remaining = iter(order)
        async with httpx.AsyncClient(timeout=30) as sender, asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(self._deliver(sender, remaining))

    async def _deliver(self, sender: httpx.AsyncClient, remaining: Iterator[str]) -> None:
        for task_id in remaining:
            while (status := await self._post(sender, task_id)) != 200:
                assert status == 503
                self.refused.set()
                await self.up.wait()
            self.acknowledged.append(task_id)
            if milestone := self.milestones.get(len(self.acknowledged)):
                milestone.set()

    async def _post(self, sender: httpx.AsyncClient, task_id: str) -> int:
        url = self.chance.choice(self.urls)
        return (await sender.post(url, content=self.bodies[task_id])).status_code


async def restart_at_milestones(server: "RedisServer", mavi: Mavi) -> None:
    """Kill a server, and start it once somebody has suffered from it."""
    for milestone in mavi.milestones.values():
        await milestone.wait()
        mavi.up.clear()
        mavi.refused.clear()
        server.kill()
        await mavi.refused.wait()
        await asyncio.to_thread(server.start)
        mavi.up.set()


class Cutter:
    """Kills the connections that listen, twenty times a second, whenever there is a server."""

    def __init__(self) -> None:
        self.cut = 0

    async def run(self, url: str) -> None:
        """Do it until cancelled."""
        admin: Any
        async with Redis.from_url(url) as admin:
            while True:
                with contextlib.suppress(RedisError, OSError):
                    self.cut += await admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
                await asyncio.sleep(0.05)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """One for each host."""
    found = [tmp_path / f"host{number}" for number in range(HOSTS)]
    for each in found:
        each.mkdir()
    return found


@pytest.mark.fault("the Redis server is killed")
@pytest.mark.fault("hints get lost")
@pytest.mark.parametrize(
    ("count", "restarts"), [(100, 1), pytest.param(1000, 4, marks=pytest.mark.torture)]
)
@pytest.mark.asyncio
async def test_every_waiter_is_served_whatever_dies(
    count: int,
    restarts: int,
    start_redis: "StartRedis",
    open_store: "OpenStore",
    namespace: str,
    folders: list[Path],
) -> None:
    """Each gets its own body from whichever host received it, and what was acknowledged stays."""
    server, chance, cutter = start_redis(), random.Random(count), Cutter()
    bodies = {f"t{each}": body_of(f"t{each}", chance.randrange(1, 200)) for each in range(count)}
    milestones = {
        count * each // (restarts + 1): asyncio.Event() for each in range(1, restarts + 1)
    }
    async with AsyncExitStack() as stack, asyncio.timeout(300):
        hosts = [
            await stack.enter_async_context(
                a_host(folder, server.url, namespace, list(bodies)[each::HOSTS])
            )
            for each, folder in enumerate(folders)
        ]
        urls = await asyncio.gather(*(host.started() for host in hosts))
        mavi = Mavi(bodies, urls, chance, milestones)
        cutting = asyncio.create_task(cutter.run(server.url))
        results, *_ = await asyncio.gather(
            asyncio.gather(*(host.results() for host in hosts)),
            mavi.deliver_all(),
            restart_at_milestones(server, mavi),
        )
        cutting.cancel()
        await asyncio.wait([cutting])
        ended = [await host.end() for host in hosts]
    server.kill()
    server.start()
    store = open_store(server.url)
    kept = {each: await store.get_callback(each) for each in mavi.acknowledged}

    assert bodies == {each: body.encode() for one in results for each, body in one.items()}
    assert bodies == kept
    assert [0] * HOSTS == ended
    assert cutter.cut > restarts
