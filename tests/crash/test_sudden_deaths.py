"""SIGKILL exactly where it would hurt most."""

import asyncio
import hashlib
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mavi_async import ConfigurationError, Diarization, MaviClient
from mavi_async.stores import Intent, IntentState, Submission

if TYPE_CHECKING:
    from tests.crash.conftest import Scene

    BodyOf = Callable[[dict[str, Any]], bytes]

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system"
)


@pytest.mark.fault("death before a callback is acknowledged")
@pytest.mark.fault("death before a callback is acknowledged")
def test_dying_between_the_put_and_its_2xx_loses_nothing(scene: "Scene", body_of: "BodyOf") -> None:
    """A callback that was kept and not acknowledged stays, and its redelivery changes nothing."""
    scene.start_receiver(dies=True)
    scene.start_submitter(unkeyed=["re_1"])
    died = scene.has_died(scene.receiver)
    [job] = scene.jobs()
    accepted = scene.accepted()
    kept = asyncio.run(read_callback(scene, job["task_id"]))
    scene.start_receiver()
    scene.until_delivered()
    [result] = wait_for_results(scene, 1)

    assert died
    assert [] == accepted
    assert body_of(job) == kept == asyncio.run(read_callback(scene, job["task_id"]))
    assert hashlib.sha256(kept).hexdigest() == result["sha256"]
    assert [200] == [each["status"] for each in scene.jobs()[0]["callbacks"]][-1:]


@pytest.mark.fault("death during a submit")
@pytest.mark.fault("death during a submit")
@pytest.mark.parametrize(("dies", "jobs"), [("before the request", 0), ("before the task row", 1)])
def test_a_submit_cut_off_by_death_is_unknown_and_not_repeated(
    scene: "Scene", dies: str, jobs: int
) -> None:
    """Neither resuming nor the idempotency key submits again what may have been billed."""
    scene.start_receiver()
    scene.start_submitter(keyed=["re_1"], dies=dies)
    died = scene.has_died(scene.submitter)
    sending = asyncio.run(read_intents(scene, IntentState.SENDING, later=False))
    scene.start_submitter(keyed=["re_1"])
    assert scene.submitter is not None
    ended = scene.submitter.wait(60)
    scene.until_delivered()
    [intent] = asyncio.run(read_intents(scene, IntentState.UNKNOWN))

    assert died
    assert 0 == ended
    assert ["re_1"] == [each.asset_id for each in sending]
    assert jobs == scene.emulator.jobs_created
    assert intent.intent_id == sending[0].intent_id
    assert [intent.intent_id] == [each["intent_id"] for each in scene.notes("unknown")]
    assert [[]] == [each["task_ids"] for each in scene.notes("resumed")][1:]


@pytest.mark.fault("death during a submit")
@pytest.mark.fault("death during a submit")
def test_the_callback_of_a_submit_cut_off_by_death_can_be_adopted(
    scene: "Scene", body_of: "BodyOf"
) -> None:
    """Once somebody says whose it is, the orphaned callback resolves, also after a restart."""
    scene.start_receiver()
    scene.start_submitter(unkeyed=["re_1"], dies="before the task row")
    assert scene.has_died(scene.submitter)
    scene.until_delivered()
    [job] = scene.jobs()
    [intent] = asyncio.run(read_intents(scene, IntentState.UNKNOWN))
    result = asyncio.run(adopt(scene, intent, job["task_id"]))
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        asyncio.run(adopt(scene, intent, "another"))
    scene.start_submitter()
    assert scene.submitter is not None
    scene.submitter.wait(60)

    assert body_of(job) == result.raw
    assert [] == asyncio.run(read_intents(scene, IntentState.UNKNOWN))
    assert [[]] == [each["task_ids"] for each in scene.notes("resumed")][1:]
    assert 1 == scene.emulator.jobs_created


@pytest.mark.fault("a restart")
@pytest.mark.fault("a restart")
def test_restarting_with_pending_tasks_resumes_them_all(scene: "Scene", body_of: "BodyOf") -> None:
    """Jobs still pending, and those called back while nobody awaited, reach whoever is next."""
    early, late = (
        [f"re_{number}" for number in range(6)],
        [f"re_{number}" for number in range(6, 9)],
    )
    scene.start_receiver()
    scene.start_submitter(unkeyed=early, dies="once all are accepted")
    assert scene.has_died(scene.submitter)
    scene.until_delivered()
    scene.kill(scene.receiver)
    scene.start_submitter(keyed=late, dies="once all are accepted")
    assert scene.has_died(scene.submitter)
    collected = {each["task_id"] for each in scene.notes("result")}
    pending = asyncio.run(read_pending(scene))
    scene.start_receiver()
    scene.start_submitter()
    assert scene.submitter is not None
    ended = scene.submitter.wait(60)
    digests = {each["task_id"]: each["sha256"] for each in scene.notes("result")}

    assert 0 == ended
    assert sorted(late) == sorted(each.asset_id for each in pending)
    assert {job["task_id"] for job in scene.jobs()} == set(digests)
    assert {hashlib.sha256(body_of(job)).hexdigest() for job in scene.jobs()} == set(
        digests.values()
    )
    assert len(early) + len(late) == scene.emulator.jobs_created
    resumed = scene.notes("resumed")[-1]["task_ids"]
    assert {each.task_id for each in pending} <= set(resumed)
    assert {job["task_id"] for job in scene.jobs()} - collected <= set(resumed)


def wait_for_results(scene: "Scene", count: int) -> list[dict[str, Any]]:
    """Wait for the submitter's end and return what it got."""
    assert scene.submitter is not None
    assert 0 == scene.submitter.wait(60)
    results = scene.notes("result")
    assert count == len(results)
    return results


async def read_callback(scene: "Scene", task_id: str) -> bytes:
    """What is kept of a job."""
    store = scene.open_store()
    body = await store.get_callback(task_id)
    await store.aclose()
    return body or b""


async def read_pending(scene: "Scene") -> list[Submission]:
    """The jobs without a callback."""
    store = scene.open_store()
    pending = await store.list_pending()
    await store.aclose()
    return list(pending)


async def read_intents(scene: "Scene", state: IntentState, *, later: bool = True) -> list[Intent]:
    """The intents in a state: now, or once those of the dead have ended."""
    store = scene.open_store(later=later)
    intents = await store.list_intents(state)
    await store.aclose()
    return list(intents)


async def adopt(scene: "Scene", intent: Intent, task_id: str) -> Diarization:
    """Say whose a callback is, and await it."""
    store = scene.open_store()
    emulator = scene.emulator
    async with MaviClient(emulator.api_key, base_url=emulator.base_url, store=store) as client:
        task = await client.adopt(intent.intent_id, task_id)
        result = await task.wait(10)
    await store.aclose()
    return result
