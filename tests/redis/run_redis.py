"""A process on a host of its own: it submits, keeps or awaits callbacks, in a shared store.

Its arguments are what to do, the server's URL, the namespace, and jobs; what it has done comes as
lines.
"""

import asyncio
import sys

from mavi_async import Dispatcher, MaviClient
from mavi_async.redis import RedisStore


async def feed(store: RedisStore, lines: list[str]) -> None:
    """Take callbacks as a receiver does."""
    dispatcher = Dispatcher(store=store)
    for body in lines:
        print((await dispatcher.feed(body)).value, flush=True)  # noqa: T201 - what was done
    await dispatcher.aclose()


async def wait(store: RedisStore, task_ids: list[str]) -> None:
    """Await jobs that others submitted."""
    async with MaviClient("sk-mavi-test-0123", store=store) as client:
        waiting = [asyncio.create_task(client.speaker_task(each).wait()) for each in task_ids]
        await asyncio.gather(*(store.get_callback(each) for each in task_ids))
        print("waiting", flush=True)  # noqa: T201 - what was done
        for result in await asyncio.gather(*waiting):
            print(result.raw.decode(), flush=True)  # noqa: T201 - what was done


async def submit(store: RedisStore, what: list[str]) -> None:
    """Submit recordings, all at once, at an API and a rate."""
    base_url, rate, *names = what
    async with MaviClient(
        "sk-mavi-test-0123", base_url=base_url, requests_per_second=float(rate), store=store
    ) as client:
        for task in await asyncio.gather(*map(client.submit_speaker, names)):
            print(task.task_id, flush=True)  # noqa: T201 - what was done


async def diarize(store: RedisStore, what: list[str]) -> None:
    """Submit recordings at an API, and await their results, which come to another host."""
    base_url, *names = what
    async with MaviClient(
        "sk-mavi-test-0123", base_url=base_url, requests_per_second=100, store=store
    ) as client:
        tasks = await asyncio.gather(*map(client.submit_speaker, names))
        for task, result in zip(tasks, await asyncio.gather(*tasks), strict=True):
            print(task.task_id, len(result.segments), flush=True)  # noqa: T201 - what was done


async def main() -> None:
    """Do what is asked."""
    do, url, namespace, *what = sys.argv[1:]
    store = RedisStore(url, namespace=namespace)
    await {"feed": feed, "wait": wait, "submit": submit, "diarize": diarize}[do](store, what)
    await store.aclose()


asyncio.run(main())
