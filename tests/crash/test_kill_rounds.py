"""SIGKILL at random moments: nothing acknowledged is lost, nothing is submitted a second time."""

import asyncio
import hashlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from mavi_async import MaviClient
from mavi_async.emulator import Fault
from mavi_async.stores import Intent, IntentState, Submission

if TYPE_CHECKING:
    from tests.crash.conftest import Report, Scene, SetScene

    BodyOf = Callable[[dict[str, Any]], bytes]

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system"
)

KEYED: Final = [f"re_keyed{number}" for number in range(12)]
UNKEYED: Final = [f"re_unkeyed{number}" for number in range(12)]
# Submits leave every 5 ms: the callbacks of the first wait for those of the last.
ALL_AT_ONCE: Final = [
    Fault("delay", asset_id=asset_id, seconds=0.3 - 0.005 * number)
    for number, asset_id in enumerate(KEYED + UNKEYED)
]
PHASES: Final = (
    "between intent and request",
    "between request and task row",
    "with jobs pending",
    "between put and 2xx",
    "during a commit",
    "between result and receipt",
)


@attrs.frozen
class Moment:
    """What a kill waits for, and for how long after that.

    Attributes:
        count: How often it has happened so far.
        delay: Seconds at most.
        most: How often it has to happen at most, since the last kill.
        victims: Who is killed then: the submitter, the receiver, or both.
    """

    count: Callable[["Scene"], int]
    delay: float
    most: int = 16
    victims: Sequence[str] = ("both", "both", "submitter", "receiver")


# Between them they hit all phases. What takes a fraction of a millisecond is hit after a commit.
MOMENTS: Final = (
    Moment(lambda scene: scene.emulator.jobs_created, 0.003),
    Moment(lambda scene: sum(job["status"] != "running" for job in scene.jobs()), 0.003),
    Moment(lambda scene: len(scene.notes("result")), 0.003),
    Moment(lambda scene: scene.watch_commits().begun, 0.0, 60, ("both",)),
    Moment(lambda scene: scene.watch_commits().ended, 0.001, 60, ("both",)),
    Moment(lambda scene: scene.watch_commits().ended_in_delivery, 0.0005, 4, ("both", "receiver")),
)


@attrs.frozen
class Wreck:
    """What a kill left behind.

    Attributes:
        at: When it was, on the monotonic clock.
        was_committing: Whether it hit a change of the file.
        stored: The jobs whose callback is in the file.
        pending: The jobs without one.
        uncollected: The jobs with one that nobody has, says the file.
        got: The jobs whose result was handed out, say the notes.
    """

    at: float
    was_committing: bool
    stored: frozenset[str]
    pending: frozenset[str]
    uncollected: frozenset[str]
    got: frozenset[str]


@attrs.frozen
class Books:
    """What the file says in the end, once every callback is acknowledged.

    Attributes:
        submissions: Each accepted job, by its id.
        pending: Those without a callback.
        unknown: The intents whose outcome nobody knows.
        others: How many intents are in another state than unknown and accepted.
        bodies: Each callback.
    """

    submissions: dict[str, Submission]
    pending: Sequence[Submission]
    unknown: Sequence[Intent]
    others: int
    bodies: dict[str, bytes | None]


@pytest.mark.fault("death during a submit")
@pytest.mark.fault("death before a callback is acknowledged")
@pytest.mark.fault("death during a submit")
@pytest.mark.fault("death during a commit")
@pytest.mark.fault("a restart")
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_moments(
    seed: int,
    tmp_path: Path,
    set_scene: "SetScene",
    body_of: "BodyOf",
    report: "Report",
) -> None:
    """Whatever is killed and when: the books of MAVI and of the store agree in the end."""
    report(play_round(seed, tmp_path, set_scene, body_of))


@pytest.mark.fault("death before a callback is acknowledged")
@pytest.mark.fault("death during a submit")
@pytest.mark.fault("death during a commit")
@pytest.mark.fault("a restart")
@pytest.mark.torture
def test_killed_fifty_times_over(
    tmp_path: Path,
    set_scene: "SetScene",
    body_of: "BodyOf",
    report: "Report",
) -> None:
    """Fifty rounds, and some more until the kills have hit every phase."""
    hits: Counter[str] = Counter()
    for seed in range(100, 300):
        if seed >= 150 and set(PHASES) <= set(hits):
            break
        folder = tmp_path / str(seed)
        folder.mkdir()
        hits += play_round(seed, folder, set_scene, body_of)
    report(hits)

    assert set(PHASES) == set(hits)


def play_round(seed: int, folder: Path, set_scene: "SetScene", body_of: "BodyOf") -> Counter[str]:
    """Kill once or twice, let the survivors finish, compare the books, adopt the orphans."""
    chance = random.Random(seed)
    with set_scene(folder, callback_delay=chance.choice([0.0, 0.2])) as scene:
        if seed % 2:
            scene.emulator.inject(*ALL_AT_ONCE)
        scene.start_receiver()
        scene.start_submitter(keyed=KEYED, unkeyed=UNKEYED)
        wrecks = [
            kill_somebody(scene, chance, MOMENTS[(seed + again) % len(MOMENTS)])
            for again in range(chance.choice([1, 2]))
        ]
        assert scene.submitter is not None
        assert 0 == scene.submitter.wait(60), f"seed {seed}"
        scene.until_delivered()
        scene.kill(scene.receiver)
        books = asyncio.run(read_books(scene))
        check_books(scene, books, body_of)
        adopted = asyncio.run(adopt_orphans(scene, books.unknown))
        check_orphans(scene, books, adopted, body_of)
        return phases_of(scene, wrecks, books)


def kill_somebody(scene: "Scene", chance: random.Random, moment: Moment) -> Wreck:
    """Kill one or both at a moment, look at what they leave, and start them again."""
    submitter, victims = scene.submitter, chance.choice(moment.victims)
    assert submitter is not None
    target = moment.count(scene) + chance.randint(1, moment.most)
    scene.until(lambda: moment.count(scene) >= target or submitter.poll() is not None)
    time.sleep(chance.uniform(0.0, moment.delay))
    scene.kill(
        submitter if victims != "receiver" else None,
        scene.receiver if victims != "submitter" else None,
    )
    wreck = asyncio.run(look_at_wreck(scene, both=victims == "both"))
    if victims != "submitter":
        scene.start_receiver()
    if victims != "receiver":
        scene.start_submitter(keyed=KEYED)
    return wreck


async def look_at_wreck(scene: "Scene", *, both: bool) -> Wreck:
    """See what a kill left, without mending it: that is for those who come next."""
    at, was_committing = time.monotonic(), both and scene.is_committing()
    got = frozenset(each["task_id"] for each in scene.notes("result"))
    store = scene.open_store(scene.copy_file() if both else None)
    pending, done, uncollected = (
        frozenset(each.task_id for each in found)
        for found in (
            await store.list_pending(),
            await store.list_done(),
            await store.list_uncollected(),
        )
    )
    unmatched = {each.task_id for each in await store.list_unmatched()}
    await store.aclose()
    return Wreck(at, was_committing, done | unmatched, pending, uncollected, got)


async def read_books(scene: "Scene") -> Books:
    """Read the file."""
    store = scene.open_store()
    pending, done = await store.list_pending(), await store.list_done()
    states = {state: await store.list_intents(state) for state in IntentState}
    bodies = {job["task_id"]: await store.get_callback(job["task_id"]) for job in scene.jobs()}
    await store.aclose()
    return Books(
        submissions={each.task_id: each for each in (*pending, *done)},
        pending=pending,
        unknown=states.pop(IntentState.UNKNOWN),
        others=len(states[IntentState.SENDING]) + len(states[IntentState.NOT_SENT]),
        bodies=bodies,
    )


def check_books(scene: "Scene", books: Books, body_of: "BodyOf") -> None:
    """Compare what MAVI bills, what the file says and what was handed out."""
    jobs = {job["task_id"]: job for job in scene.jobs()}
    results = {each["task_id"]: each["sha256"] for each in scene.notes("result")}
    orphans = {job["asset_id"] for name, job in jobs.items() if name not in books.submissions}
    unknown = Counter(each.asset_id for each in books.unknown)
    per_asset = Counter(job["asset_id"] for job in jobs.values())

    assert "ok" == scene.check_integrity()
    # Every callback was acknowledged by now, and each is there byte for byte.
    assert {name: body_of(job) for name, job in jobs.items()} == books.bodies
    # No job without a trace, and no trace without a job.
    assert set(books.submissions) <= set(jobs)
    assert orphans <= set(unknown)
    assert len(jobs) <= len(books.submissions) + len(books.unknown)
    assert (0, set()) == (books.others, set(books.pending))
    # Nothing is billed twice, key or no key.
    assert set(per_asset.values()) <= {1}
    assert set(unknown.values()) <= {1}
    # Whoever has a key is known to all, and whoever was handed a task finds it in the file.
    assert set(KEYED) <= set(per_asset) | set(unknown)
    assert {each["task_id"] for each in scene.notes("task")} <= set(books.submissions)
    # Every recorded job reached somebody, unaltered.
    assert {
        name: hashlib.sha256(body_of(jobs[name])).hexdigest() for name in books.submissions
    } == (results)


async def adopt_orphans(scene: "Scene", unknown: Sequence[Intent]) -> dict[str, bytes]:
    """Say of each unknown submission that made a job which one it is, and await it."""
    store, emulator = scene.open_store(), scene.emulator
    task_ids = {job["asset_id"]: job["task_id"] for job in scene.jobs()}
    adopted: dict[str, bytes] = {}
    async with MaviClient(emulator.api_key, base_url=emulator.base_url, store=store) as client:
        for intent in unknown:
            if intent.asset_id in task_ids:
                task = await client.adopt(intent.intent_id, task_ids[intent.asset_id])
                adopted[task.task_id] = (await task.wait(10)).raw
    await store.aclose()
    return adopted


def check_orphans(
    scene: "Scene", books: Books, adopted: dict[str, bytes], body_of: "BodyOf"
) -> None:
    """Every job is somebody's now, and only what made none is unknown."""
    after = asyncio.run(read_books(scene))
    jobs = {job["task_id"]: job for job in scene.jobs()}

    assert {name: body_of(jobs[name]) for name in adopted} == adopted
    assert set(jobs) == set(after.submissions)
    assert len(books.unknown) - len(adopted) == len(after.unknown)


def phases_of(scene: "Scene", wrecks: Sequence[Wreck], books: Books) -> Counter[str]:
    """Count what the kills cut in two."""
    billed = {job["asset_id"] for job in scene.jobs()}
    hits: Counter[str] = Counter()
    for intent in books.unknown:
        cut = "request and task row" if intent.asset_id in billed else "intent and request"
        hits[f"between {cut}"] += 1
    for wreck in wrecks:
        acknowledged = {job["task_id"] for job in scene.accepted(before=wreck.at)}
        hits["between put and 2xx"] += len(wreck.stored - acknowledged)
        hits["between result and receipt"] += len(wreck.uncollected & wreck.got)
        hits["with jobs pending"] += bool(wreck.pending)
        hits["during a commit"] += wreck.was_committing
    return +hits
