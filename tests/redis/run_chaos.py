"""A worker on a host of its own, which receives callbacks and awaits jobs of its own.

Its argument is JSON. It tells its URL, and each job with its body when it has it, as lines of
JSON; it receives until its input ends.
"""

import asyncio
import contextlib
import json
import sys
from typing import Any, Final

import uvicorn

from mavi_async import MaviClient, MaviError
from mavi_async.asgi import CallbackApp
from mavi_async.redis import RedisStore

TOKEN: Final = "token-0123456789abcdef"


def say(**line: object) -> None:
    """Tell whoever started this."""
    print(json.dumps(line), flush=True)  # noqa: T201 - this is how the test learns it


async def wait(client: MaviClient, task_id: str) -> None:
    """Await a job that somebody submitted."""
    try:
        result = await client.speaker_task(task_id)
    except MaviError as error:
        say(task_id=task_id, body=repr(error))
    else:
        say(task_id=task_id, body=result.raw.decode())


async def input_end() -> None:
    """Return when whoever started this wants no more of it, or is gone."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()


async def main(options: dict[str, Any]) -> None:
    """Await and receive, both at once."""
    store = RedisStore(options["url"], namespace=options["namespace"])
    async with MaviClient("sk-mavi-test-0123", store=store, result_timeout=240.0) as client:
        app = CallbackApp(client.dispatcher, token=TOKEN)
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)
        )
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        listener = server.config.bind_socket()
        listener.listen()  # whoever learns the address may connect at once
        serving = asyncio.create_task(server.serve([listener]))
        async with asyncio.TaskGroup() as waiting:
            for each in options["task_ids"]:
                waiting.create_task(wait(client, each))
            say(url="http://{}:{}/mavi/callback/{}".format(*listener.getsockname(), TOKEN))
        await input_end()
        server.should_exit = True
        await serving
    await store.aclose()


asyncio.run(main(json.loads(sys.argv[1])))
