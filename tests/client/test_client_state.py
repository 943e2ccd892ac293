"""When and where a client may be used."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
import respx

from mavi_async import (
    ClientClosed,
    Dispatcher,
    MaviClient,
    TaskStateError,
)

if TYPE_CHECKING:
    from tests.client.conftest import MakeBody, Until

KEY = "sk-mavi-0123456789abcdef"
FAST = 100_000.0
ACCEPTED = {"code": "0000", "msg": "success", "data": {"task_id": "t1"}}


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    """An API that accepts everything, as often as it is asked."""
    with respx.mock(assert_all_called=False) as router:
        router.post(path__regex="speaker$").mock(return_value=httpx.Response(200, json=ACCEPTED))
        yield router


@pytest.mark.asyncio
async def test_submitting_needs_an_entered_client(api: respx.MockRouter) -> None:
    """Outside of ``async with`` nothing is sent, and the error says what to write."""
    client = MaviClient(KEY)
    with pytest.raises(TaskStateError, match="async with MaviClient"):
        await client.submit_speaker("re_1")
    with pytest.raises(TaskStateError, match="async with MaviClient"):
        await client.generate_speaker("re_1")

    assert api.calls.call_count == 0


@pytest.mark.asyncio
async def test_a_client_is_entered_once(api: respx.MockRouter) -> None:
    """Entering an open client again is a bug, entering a closed one says that it is closed."""
    client = MaviClient(KEY, requests_per_second=FAST)
    async with client:
        with pytest.raises(TaskStateError, match="entered already"):
            await client.__aenter__()
        task = await client.submit_speaker("re_1")
    with pytest.raises(ClientClosed, match="entered once"):
        await client.__aenter__()

    assert task.task_id == "t1"


@pytest.mark.asyncio
async def test_a_closed_client_refuses_everything(api: respx.MockRouter) -> None:
    """After closing, submitting and attaching say so; closing again is allowed."""
    client = MaviClient(KEY)
    async with client:
        pass
    await client.aclose()
    for call in (client.submit_speaker, client.generate_speaker, client.diarize):
        with pytest.raises(ClientClosed, match="make a new one"):
            await call("re_1")
    with pytest.raises(ClientClosed, match="make a new one"):
        client.speaker_task("t1")

    assert api.calls.call_count == 0


@pytest.mark.asyncio
async def test_a_client_that_was_never_entered_can_be_closed() -> None:
    """Closing an unused client does nothing but close it."""
    client = MaviClient(KEY)
    await client.aclose()
    with pytest.raises(ClientClosed):
        await client.__aenter__()


@pytest.mark.fault("another event loop")
def test_a_client_belongs_to_one_loop(api: respx.MockRouter, body_of: "MakeBody") -> None:
    """In a second event loop, submitting, awaiting, feeding and entering say that it is one."""
    client = MaviClient(KEY, requests_per_second=FAST)
    sibling = MaviClient(KEY, requests_per_second=FAST, dispatcher=client.dispatcher)
    with (
        asyncio.Runner(loop_factory=asyncio.new_event_loop) as home,
        asyncio.Runner(loop_factory=asyncio.new_event_loop) as other,
    ):
        home.run(client.__aenter__())
        task = home.run(client.submit_speaker("re_1"))
        for call in (
            lambda: client.submit_speaker("re_1"),
            task.wait,
            lambda: client.dispatcher.feed(body_of("t1")),
            client.__aenter__,
            sibling.__aenter__,
        ):
            with pytest.raises(TaskStateError, match="another event loop"):
                other.run(call())
        delivery = home.run(client.dispatcher.feed(body_of("t1")))
        result = home.run(task.wait())
        home.run(client.aclose())

    assert delivery.value == "resolved"
    assert result.task_id == "t1"


FORK = """
import asyncio, os, sys
from mavi_async import Dispatcher, MaviClient, TaskStateError

async def main():
    client = MaviClient("sk-mavi-0123456789abcdef")
    async with client:
        task = client.speaker_task("t1")
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        caught = []
        for call in (
            lambda: client.submit_speaker("re_1"),
            lambda: client.generate_speaker("re_1"),
            lambda: client.dispatcher.feed(b'{"task_id": "t1"}'),
            task.wait,
        ):
            try:
                asyncio.run(call())
            except TaskStateError as error:
                caught.append("before the process forked" in str(error))
        os._exit(0 if caught == [True] * 4 else 3)

sys.exit(asyncio.run(main()))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_client_belongs_to_one_process() -> None:
    """In a forked process, submitting, feeding and awaiting say that it forked."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.asyncio
async def test_a_shared_dispatcher_serves_both_clients(
    api: respx.MockRouter, body_of: "MakeBody", until: "Until"
) -> None:
    """Two clients of one dispatcher may wait for the same job; closing one leaves the other."""
    dispatcher = Dispatcher()
    async with MaviClient(KEY, dispatcher=dispatcher) as first:
        async with MaviClient(KEY, dispatcher=dispatcher) as second:
            tasks = [first.speaker_task("t1"), second.speaker_task("t1")]
            waiters = [asyncio.ensure_future(task) for task in tasks]
            await until(lambda: all("1 waiting" in repr(task) for task in tasks))
            await dispatcher.feed(body_of("t1"))
            results = await asyncio.gather(*waiters)
        later = first.speaker_task("t2")
        delivery = await dispatcher.feed(body_of("t2"))

    assert tasks[0] is not tasks[1]
    assert results[0] == results[1]
    assert delivery.value == "resolved"
    assert later.done()
