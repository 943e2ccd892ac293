"""A receiver and a submitter that share a SQLite file and can be killed at any moment."""

import contextlib
import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from mavi_async import SQLiteStore
from mavi_async.emulator import Emulator
from mavi_async.emulator._conversation import invent_conversation
from mavi_async.emulator._parcels import pack

TOKEN: Final = "token-0123456789abcdef"
FAST: Final = 200.0
# Whoever comes after a kill lives so much later that no intent of the dead is still sending.
LATER: Final = 120.0

HITS: Final = "phases that kills hit"

Process = subprocess.Popen[bytes]
Report = Callable[[Mapping[str, int]], None]


def callback_of(job: dict[str, Any]) -> bytes:
    """The body that a job is called back with."""
    [[parcel]] = pack("0000", job["task_id"], invent_conversation(job["asset_id"]), {})
    return parcel.body


@attrs.define
class Commits:
    """How many commits were seen.

    Attributes:
        begun: Those that began.
        ended: Those that ended.
        ended_in_delivery: Those that ended while a callback was being delivered.
    """

    begun: int = 0
    ended: int = 0
    ended_in_delivery: int = 0


@attrs.define
class Scene:
    """MAVI, which lives on, and two processes around one file, which may not.

    Attributes:
        emulator: Played in a thread of the test.
        folder: Where the file is.
        port: Where the receivers serve, one after the other.
    """

    emulator: Emulator
    folder: Path
    port: int
    receiver: Process | None = None
    submitter: Process | None = None
    _processes: list[Process] = attrs.field(factory=list)
    _submitters: int = 0
    _was_committing: bool = False
    _commits: Commits = attrs.field(factory=Commits)

    @property
    def path(self) -> Path:
        """The store's file."""
        return self.folder / "store.db"

    def start_receiver(self, *, dies: bool = False) -> None:
        """Start a receiver and return once it serves."""
        self.receiver = self._start(
            "run_receiver.py", path=str(self.path), port=self.port, token=TOKEN, dies=dies
        )
        assert self.receiver.stdout is not None
        assert self.receiver.stdout.readline() == b"serving\n"

    def start_submitter(
        self, *, keyed: Sequence[str] = (), unkeyed: Sequence[str] = (), dies: str | None = None
    ) -> None:
        """Start a submitter."""
        self._submitters += 1
        self.submitter = self._start(
            "run_submitter.py",
            path=str(self.path),
            notes=str(self._notes),
            base_url=self.emulator.base_url,
            api_key=self.emulator.api_key,
            requests_per_second=FAST,
            seconds_ahead=self.seconds_ahead,
            keyed=keyed,
            unkeyed=unkeyed,
            dies=dies,
        )

    def kill(self, *processes: Process | None) -> None:
        """Kill processes, all of them before any is waited for."""
        found = [each for each in processes if each is not None]
        for each in found:
            each.kill()
        for each in found:
            each.wait()

    def has_died(self, process: Process | None) -> bool:
        """Wait for a process's end and tell whether it was killed."""
        return process is not None and process.wait(60) == -signal.SIGKILL

    def end(self) -> None:
        """Kill what is left."""
        self.kill(*self._processes)
        for each in self._processes:
            if each.stdout is not None:
                each.stdout.close()

    @property
    def seconds_ahead(self) -> float:
        """By how much the clock of the newest submitter is ahead of the test's."""
        return LATER * (self._submitters - 1)

    def open_store(self, path: Path | None = None, *, later: bool = True) -> SQLiteStore:
        """A store of the test's own, in whose time all intents of the dead have ended."""
        ahead = LATER * self._submitters if later else 0.0
        return SQLiteStore(path or self.path, clock=lambda: time.time() + ahead)

    def jobs(self) -> list[dict[str, Any]]:
        """The jobs that MAVI would bill."""
        found: Any = self.emulator.state()["jobs"]
        return list(found)

    def accepted(self, *, before: float = float("inf")) -> list[dict[str, Any]]:
        """The jobs whose callback was answered with 2xx, if it was sent before some moment."""
        return [
            job
            for job in self.jobs()
            if any(each["status"] == 200 and each["sent_at"] < before for each in job["callbacks"])
        ]

    def notes(self, what: str) -> list[dict[str, Any]]:
        """What the submitters wrote down about one kind of thing."""
        if not self._notes.exists():
            return []
        # The last line may be being written.
        lines = self._notes.read_text().split("\n")[:-1]
        return [each for each in map(json.loads, lines) if each["what"] == what]

    def is_committing(self) -> bool:
        """Whether the journal says that a change of the file is under way."""
        journal = self.path.with_name(f"{self.path.name}-journal")
        with contextlib.suppress(FileNotFoundError), journal.open("rb") as file:
            return file.read(1) not in (b"", b"\0")
        return False

    def watch_commits(self) -> "Commits":
        """Look again, and count the commits that were seen so far; the shortest are missed."""
        seen, before = self._commits, self._was_committing
        self._was_committing = self.is_committing()
        if before and not self._was_committing:
            seen.ended += 1
            seen.ended_in_delivery += any(job["status"] == "delivering" for job in self.jobs())
        seen.begun += self._was_committing and not before
        return seen

    def copy_file(self) -> Path:
        """Copy the file as it lies there, for others to find it untouched."""
        place = self.folder / "copy"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for each in self.folder.glob("store.db*"):
            shutil.copy(each, place)
        return place / self.path.name

    def check_integrity(self) -> str:
        """What SQLite says about the file."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            [(verdict,)] = connection.execute("PRAGMA integrity_check").fetchall()
        return str(verdict)

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; fail where it never does."""
        give_up_at = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < give_up_at, f"{self.emulator.state()}"
            time.sleep(0.0001)

    def until_delivered(self) -> None:
        """Wait until every callback is acknowledged."""
        self.until(lambda: all(job["status"] == "delivered" for job in self.jobs()))

    @property
    def _notes(self) -> Path:
        return self.folder / "notes"

    def _start(self, script: str, **options: object) -> Process:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name(script)), json.dumps(options)],
            stdout=subprocess.PIPE,
        )
        self._processes.append(process)
        return process


SetScene = Callable[..., contextlib.AbstractContextManager[Scene]]


@contextlib.contextmanager
def scene_in(folder: Path, *, callback_delay: float = 0.05) -> Iterator[Scene]:
    """Set the scene in an empty folder."""
    emulator = Emulator(
        requests_per_second=1000.0,
        limiter="sliding",
        callback_delay=callback_delay,
        callback_tries=1000,
    )
    with emulator, socket.socket() as holder:
        # Not listening: while no receiver is there, callbacks are refused.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        emulator.webhook_url = f"http://127.0.0.1:{port}/mavi/callback/{TOKEN}"
        scene = Scene(emulator, folder, port)
        try:
            yield scene
        finally:
            scene.end()


@pytest.fixture
def set_scene() -> SetScene:
    """Sets scenes, each in a folder of its own."""
    return scene_in


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """One scene."""
    with scene_in(tmp_path) as scene:
        yield scene


@pytest.fixture
def body_of() -> Callable[[dict[str, Any]], bytes]:
    """The body that a job is called back with."""
    return callback_of


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Takes in which phases kills hit, for the end of the run."""

    def add(hits: Mapping[str, int]) -> None:
        request.node.user_properties.append((HITS, dict(hits)))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in which phases the kills hit."""
    hits: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for each in reports:
            if getattr(each, "when", None) == "call":
                hits.update(dict(each.user_properties).get(HITS, {}))
    if hits:
        found = ", ".join(f"{phase}: {count}" for phase, count in sorted(hits.items()))
        terminalreporter.write_line(f"SIGKILL hit {found}")
