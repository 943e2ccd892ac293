"""A batch that is killed and run again: no recording is paid for twice, and none is missing."""

import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from mavi_async import MaviClient, SQLiteStore
from mavi_async.emulator import Emulator, Fault

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system"
)

TOKEN: Final = "token-0123456789abcdef"
# Each run lives so much later that no intent of the dead is still sending.
LATER: Final = 120.0

OF_UPLOADS: Final = (
    Fault("status"),
    Fault("status", upload_status="UPLOADING"),
    Fault("500", endpoint="metadata"),
    Fault("503", endpoint="upload"),
    Fault("reset", endpoint="upload", creates_job=True),
)
OF_JOBS: Final = (
    Fault("400"),
    Fault("401"),
    Fault("402"),
    Fault("403"),
    Fault("429"),
    Fault("500", creates_job=True),
    Fault("503"),
    Fault("answer", status=418),
    Fault("close", creates_job=True),
    Fault("drip", seconds=0.001),
    Fault("hang", creates_job=True),
    Fault("html"),
    Fault("reset"),
    Fault("conflict"),
    Fault("delay", seconds=0.3),
    Fault("drop"),
    Fault("duplicate"),
    Fault("early"),
    Fault("fail"),
    Fault("foreign"),
    Fault("malformed", variant="no_task_id"),
    Fault("malformed", variant="wrong_schema"),
    Fault("reorder"),
)


@attrs.define
class Night:
    """MAVI, which lives on, and the runs of one batch, which may not.

    Attributes:
        emulator: Played in a thread of the test.
        folder: Where the recordings and the store are.
        port: Where the runs receive callbacks, one after the other.
        options: What the runs are told.
    """

    emulator: Emulator
    folder: Path
    port: int
    options: dict[str, Any]
    runs: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start the next run."""
        self.runs += 1
        told = {
            "path": str(self.folder / "state" / "store.db"),
            "folder": str(self.folder / "recordings"),
            "notes": str(self.folder / f"notes-{self.runs}"),
            "port": self.port,
            "token": TOKEN,
            "base_url": self.emulator.base_url,
            "api_key": self.emulator.api_key,
            "seconds_ahead": LATER * self.runs,
            **self.options,
        }
        script = Path(__file__).with_name("run_batch.py")
        self.process = subprocess.Popen([sys.executable, str(script), json.dumps(told)])

    def kill_at(self, condition: Callable[[], bool]) -> None:
        """Kill the run once a condition holds."""
        assert self.process is not None
        give_up_at = time.monotonic() + 100
        while not condition():
            assert self.process.poll() is None, "the run ended before it was killed"
            assert time.monotonic() < give_up_at
            time.sleep(0.0005)
        self.process.kill()
        assert self.process.wait(30) == -signal.SIGKILL

    def kill(self) -> None:
        """Kill what is left."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """Let the run end."""
        assert self.process is not None
        assert self.process.wait(200) == 0

    def outcomes(self) -> list[dict[str, Any]]:
        """What the last run wrote down."""
        path = self.folder / f"notes-{self.runs}"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def assets(self) -> dict[str, str]:
        """The recording of each asset at MAVI."""
        found: Any = self.emulator.state()["assets"]
        return {each["asset_id"]: each["original_filename"] for each in found}

    def jobs(self) -> Counter[str]:
        """How many jobs each recording has at MAVI."""
        assets, found = self.assets(), self.emulator.state()["jobs"]
        assert isinstance(found, list)
        asset_ids: list[str] = [each["asset_id"] for each in found]
        return Counter(assets.get(asset_id, asset_id) for asset_id in asset_ids)

    def open_store(self) -> SQLiteStore:
        """The store as it is after the last run."""
        ahead = LATER * (self.runs + 1)
        return SQLiteStore(self.folder / "state" / "store.db", clock=lambda: time.time() + ahead)

    def unknown(self) -> set[str]:
        """What is left to be decided about."""

        async def ask() -> set[str]:
            store = self.open_store()
            async with MaviClient(
                self.emulator.api_key, base_url=self.emulator.base_url, store=store
            ) as client:
                found = {each.intent_id for each in await client.unknown_submissions()}
            await store.aclose()
            return found

        return asyncio.run(ask())


OpenNight = Callable[..., Night]


@pytest.fixture
def open_night(tmp_path: Path) -> Iterator[OpenNight]:
    """Prepare a batch of some recordings, with faults that are to come in some order."""
    emulator = Emulator(1e5, callback_delay=0.05, callback_tries=1000, upload_delay=0)
    (tmp_path / "recordings").mkdir()
    with emulator, socket.socket() as holder:
        # Not listening: while no run is there, callbacks are refused.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        emulator.webhook_url = f"http://127.0.0.1:{port}/mavi/callback/{TOKEN}"

        def prepare(files: int, assets: int, **options: float) -> Night:
            for number in range(files):
                path = tmp_path / "recordings" / f"talk-{number:03}"
                path.with_suffix(".flac").write_bytes(b"fLaC" + path.name.encode())
            asset_ids = [f"re_{number:03}" for number in range(assets)]
            night = Night(emulator, tmp_path, port, {"asset_ids": asset_ids, **options})
            nights.append(night)
            return night

        nights: list[Night] = []
        yield prepare
        for night in nights:
            night.kill()


def check_report(night: Night, count: int) -> Counter[str]:
    """Each recording is in the report once, as what MAVI knows of it says; return the counts."""
    jobs = night.jobs()
    assert 1 >= max(jobs.values())

    outcomes = {each["name"]: each for each in night.outcomes()}
    assert count == len(outcomes) == len(night.outcomes())
    for name, outcome in outcomes.items():
        state = outcome["state"]
        assert state in ("done", "failed", "pending", "unknown"), outcome
        if state in ("done", "pending"):
            assert outcome["task_id"] is not None, outcome
        if state != "unknown":
            assert jobs[name] == (outcome["task_id"] is not None), outcome
    unknown = {each["intent_id"] for each in outcomes.values() if each["state"] == "unknown"}
    assert night.unknown() == unknown
    return Counter(each["state"] for each in outcomes.values())


@pytest.mark.fault("death in the middle of a batch")
def test_a_kill(open_night: OpenNight) -> None:
    """What was uploaded is not sent again, what was submitted not paid for again."""
    night = open_night(12, 12, requests_per_second=40.0, result_timeout=2.0)
    faults: list[Any] = ["402", "reset", "fail", "drop"]
    night.emulator.inject(*(Fault(each, asset_id=f"re_00{n}") for n, each in enumerate(faults)))
    night.start()
    night.kill_at(lambda: night.emulator.jobs_created >= 12)
    jobs, uploads = night.jobs(), night.emulator.assets_created
    night.start()
    night.end()

    states = check_report(night, 24)
    assert jobs <= night.jobs()
    assert 12 == uploads == night.emulator.assets_created
    assert night.emulator.jobs_created > sum(jobs.values())
    # What the kill caught on its way has no known outcome, whichever recording that was.
    lost = states["unknown"] - 1
    assert lost in (0, 1)
    assert (1, 1) == (states["pending"], states["failed"])
    assert 21 - lost == states["done"]


@pytest.mark.torture
@pytest.mark.fault("death in the middle of a batch")
def test_kills_among_all_faults(open_night: OpenNight) -> None:
    """216 recordings, 5 % of each fault, three kills, each in another phase."""
    night = open_night(96, 120, requests_per_second=50.0, result_timeout=5.0)
    dice = random.Random(216)
    night.emulator.inject(
        *(fault for fault in OF_UPLOADS for _ in range(5)),
        *(
            attrs.evolve(fault, asset_id=f"re_{number:03}")
            for fault in OF_JOBS
            for number in dice.sample(range(120), 11)
        ),
    )
    moments: list[Callable[[], bool]] = [
        lambda: night.emulator.assets_created >= 50,
        lambda: night.emulator.jobs_created >= 60,
        lambda: night.emulator.jobs_created >= 120,
    ]
    for moment in moments:
        night.start()
        night.kill_at(moment)
    night.start()
    night.end()

    states = check_report(night, 216)
    assert {"done", "failed", "pending", "unknown"} == states.keys()
    assert 96 < states["done"]
    # Five files were refused, and five uploads broke off whose assets exist; each kill cut some.
    assert 96 <= night.emulator.assets_created <= 96 + 5 + 5 + 3 * 8
