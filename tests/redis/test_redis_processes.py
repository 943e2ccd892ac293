"""Several processes that submit for one account through one server."""

import asyncio
import itertools
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path
from typing import Any

import pytest

from mavi_async.emulator import Emulator

SCRIPT = Path(__file__).with_name("run_redis.py")


async def submit(redis_url: str, namespace: str, base_url: str, names: list[str]) -> list[str]:
    """Submit recordings in a process of its own, and return the ids of the jobs."""
    arguments = ["submit", redis_url, namespace, base_url, "10", *names]
    process = await create_subprocess_exec(sys.executable, str(SCRIPT), *arguments, stdout=PIPE)
    said, _ = await process.communicate()
    return said.decode().split()


@pytest.mark.alone
@pytest.mark.fault("several processes on one account")
@pytest.mark.asyncio
async def test_four_processes_share_the_rate_of_their_account(
    redis_url: str, namespace: str
) -> None:
    """Submits of four processes at once: each makes its job, once, and hardly any is refused."""
    names = [[f"re_{who}_{number}" for number in range(4)] for who in range(4)]
    with Emulator(
        10, api_key="sk-mavi-test-0123", webhook_url="http://127.0.0.1:9", callback_tries=1
    ) as mavi:
        found = await asyncio.gather(
            *(submit(redis_url, namespace, mavi.base_url, each) for each in names)
        )
        state: Any = mavi.state()

    made = {job["task_id"]: job["asset_id"] for job in state["jobs"]}
    assert sorted(itertools.chain(*names)) == sorted(made.values())
    assert names == [[made[task_id] for task_id in each] for each in found]
    assert mavi.rejections <= 6
