"""Several processes that submit for one account through one server."""

import asyncio
import itertools
import json
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path
from typing import Any

import pytest

from mavi_async.emulator import Emulator

SCRIPT = Path(__file__).with_name("run_redis.py")
RECEIVER = Path(__file__).with_name("run_chaos.py")


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


@pytest.mark.fault("the callback reaches another process")
@pytest.mark.asyncio
async def test_one_host_submits_and_another_receives(
    redis_url: str, namespace: str, tmp_path: Path
) -> None:
    """They have the server's URL in common and nothing else, not even a folder."""
    folders = tmp_path / "a", tmp_path / "b"
    for each in folders:
        each.mkdir()
    options = {"url": redis_url, "namespace": namespace, "task_ids": []}
    names = [f"re_{number}" for number in range(3)]
    receiving = await create_subprocess_exec(
        *(sys.executable, str(RECEIVER), json.dumps(options)),
        cwd=folders[0],
        stdin=PIPE,
        stdout=PIPE,
    )
    assert receiving.stdout is not None
    webhook_url = json.loads(await receiving.stdout.readline())["url"]
    with Emulator(100, api_key="sk-mavi-test-0123", webhook_url=webhook_url) as mavi:
        submitting = await create_subprocess_exec(
            *(sys.executable, str(SCRIPT), "diarize", redis_url, namespace, mavi.base_url, *names),
            cwd=folders[1],
            stdout=PIPE,
        )
        said, _ = await submitting.communicate()
        state: Any = mavi.state()
    await receiving.communicate(b"")

    jobs = {job["asset_id"]: job["task_id"] for job in state["jobs"]}
    results = dict(line.split() for line in said.decode().splitlines())
    assert names == sorted(jobs)
    assert set(jobs.values()) == set(results)
    assert "0" not in results.values()
    assert [0, 0] == [submitting.returncode, receiving.returncode]
    assert [[], []] == [list(each.iterdir()) for each in folders]
