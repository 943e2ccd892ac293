"""Another process on a store's file: ``run_sqlite.py DEED FILE ARGUMENT...``."""

import asyncio
import os
import sqlite3
import sys
import threading
import time
import warnings
from collections.abc import Callable
from itertools import count

from mavi_async import Dispatcher, SQLiteStore
from mavi_async.stores import Lane


def say(line: object) -> None:
    """Tell whoever started this."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def put(store: SQLiteStore, *task_ids: str) -> None:
    """Put a callback of each job, one after another."""
    for task_id in task_ids:
        await store.put_callback(task_id, b"body of " + task_id.encode(), seen=True)


async def feed(store: SQLiteStore, body: str) -> None:
    """Take a callback as a receiver does."""
    async with Dispatcher(store=store) as dispatcher:
        say(await dispatcher.feed(body))


async def put_many(store: SQLiteStore, prefix: str, many: str) -> None:
    """Do so once a line is read."""
    await store.last_callback_at()
    say("ready")
    sys.stdin.readline()
    await put(store, *(f"{prefix}-{number}" for number in range(int(many))))


async def put_on(store: SQLiteStore, prefix: str) -> None:
    """Put callbacks until killed, three at once, and say of which jobs they are kept."""

    async def put_one(number: int) -> None:
        await store.put_callback(f"{prefix}-{number}", b"body" * 5_000, seen=True)
        say(f"{prefix}-{number}")

    for number in count(step=3):
        await asyncio.gather(*map(put_one, range(number, number + 3)))


async def reserve(store: SQLiteStore, many: str) -> None:
    """Reserve slots of a fast lane, once a line is read, and say when they begin."""
    pacer = store.pacer(Lane("https://lane.example", "account", "/path"), 0.01)
    await store.last_callback_at()
    say("ready")
    sys.stdin.readline()
    for _ in range(int(many)):
        say((await pacer.reserve()).at)


def fork(store: SQLiteStore, many: str) -> None:
    """Fork while another thread is in the middle of a write, and have both sides go on."""
    warnings.simplefilter("ignore", DeprecationWarning)  # threads and forks: meant here
    asyncio.run(put(store, "before"))
    has_begun, is_over = threading.Event(), threading.Event()

    def write_slowly(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE summary SET last_callback_at = 1")
        has_begun.set()
        time.sleep(0.05)

    async def write_on() -> None:
        while not is_over.is_set():
            await store._connections.write(write_slowly)

    thread = threading.Thread(target=lambda: asyncio.run(write_on()))
    thread.start()
    children: list[int] = []
    for number in range(int(many)):
        has_begun.clear()
        has_begun.wait()
        children.append(_fork_child(store, number))
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    is_over.set()
    thread.join()
    asyncio.run(put(store, "after"))
    say(codes)


def _fork_child(store: SQLiteStore, number: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        asyncio.run(_work_as_child(store, number))
        code = 0
    finally:
        os._exit(code)


async def _work_as_child(store: SQLiteStore, number: int) -> None:
    if await store.get_callback("before") != b"body of before":
        raise RuntimeError("the child does not see what was put before")
    await put(store, *(f"child-{number}-{each}" for each in range(5)))
    await store.aclose()


def main(deed: Callable[..., object], path: str, *arguments: str) -> None:
    """Do a deed."""
    store = SQLiteStore(path)
    if asyncio.iscoroutinefunction(deed):

        async def run() -> None:
            await deed(store, *arguments)
            await store.aclose()

        asyncio.run(run())
    else:
        deed(store, *arguments)


if __name__ == "__main__":
    main(globals()[sys.argv[1]], *sys.argv[2:])
