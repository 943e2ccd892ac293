"""A receiver in a process of its own: what it needs comes as JSON, and a signal ends it."""

import json
import os
import signal
import socket
import sys

import uvicorn

from mavi_async import Dispatcher, SQLiteStore
from mavi_async.asgi import CallbackApp
from mavi_async.stores import Put


class DyingStore(SQLiteStore):
    """A store whose process does not live to acknowledge what it has kept."""

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a callback, and die."""
        put = await super().put_callback(task_id, body, seen=seen)
        os.kill(os.getpid(), signal.SIGKILL)
        return put


class Server(uvicorn.Server):
    """A server that says when it serves."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        print("serving", flush=True)  # noqa: T201 - this is how the test learns it


options = json.loads(sys.argv[1])
store = (DyingStore if options["dies"] else SQLiteStore)(options["path"])
app = CallbackApp(Dispatcher(store=store), token=options["token"])
config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
    # The test holds the port as well, so that nobody else gets it between two receivers.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options["port"]))
    Server(config).run([listener])
