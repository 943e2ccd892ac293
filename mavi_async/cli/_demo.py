"""The demo: the client against the emulator, with callbacks early, twice and late."""

import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import httpx
from rich.console import Console, RenderableType
from rich.text import Text

from mavi_async._client import MaviClient
from mavi_async._diarization import Diarization
from mavi_async._dispatcher import Dispatcher
from mavi_async._errors import MaviError
from mavi_async.cli._board import Board, Plan, Stage
from mavi_async.cli._jobs import run_jobs
from mavi_async.cli._picture import check_folder, save_svg
from mavi_async.cli._progress import Progress, board_table
from mavi_async.cli._receiver import callback_path, listen, new_token, receiving
from mavi_async.cli._text import make_console
from mavi_async.cli._timeline import Timeline
from mavi_async.cli._watched import watched_store
from mavi_async.emulator import Emulator, Fault
from mavi_async.emulator._faults import FaultKind
from mavi_async.stores import MemoryStore

__all__ = ["DemoOptions", "run_demo"]

_RECORDINGS: Final = (
    "re_customer_call",
    "re_town_hall",
    "re_phone_call",
    "re_all_hands",
    "re_doctor_visit",
    "re_lecture",
)
_PATIENCE: Final = 60.0
_FAULT_KINDS: Final[Mapping[Plan, FaultKind]] = {
    "late": "delay",
    "early": "early",
    "twice": "duplicate",
}
_PHRASES: Final[Mapping[Plan, str]] = {
    "late": "callback comes late",
    "early": "before the answer to its submit",
    "twice": "twice",
}


@attrs.frozen
class DemoOptions:
    """What the demo is asked for.

    Attributes:
        rate: Requests per second that the emulated account is allowed.
        callback_delay: Seconds from a submit to its callback.
        count: How many recordings.
        replay: A folder of RTTM files to use instead of invented conversations.
        svg: Where to save a picture of what is shown.
    """

    rate: float
    callback_delay: float
    count: int
    replay: Path | None
    svg: Path | None


def run_demo(options: DemoOptions) -> int:
    """Run the demo and return the exit code.

    Raises:
        ConfigurationError: If an option cannot be used.
    """
    if options.svg is not None:
        check_folder(options.svg)
    emulator = Emulator(options.rate, replay=options.replay, callback_delay=options.callback_delay)
    with emulator:
        demo = _Demo(options, emulator, make_console(sys.stdout))
        asyncio.run(demo.run())
    demo.print(Text(demo.summary()))
    if options.svg is not None:
        save_svg(demo.printed, options.svg, title="mavi-async demo")
    return 1 if demo.board.at(Stage.FAILED) else 0


class _Demo:
    """One run."""

    def __init__(self, options: DemoOptions, emulator: Emulator, console: Console) -> None:
        self._options = options
        self._emulator = emulator
        self._console = console
        self.asset_ids = _choose_recordings(options)
        self.board = Board(self.asset_ids, plans=_make_plans(self.asset_ids))
        self._progress = Progress(self.board, console)
        self.printed: list[RenderableType] = []

    async def run(self) -> None:
        """Submit everything at once and print each result as it comes."""
        self._introduce()
        token = new_token()
        dispatcher = Dispatcher(store=watched_store(self.board, MemoryStore()))
        with listen("127.0.0.1:0") as listener:
            port = listener.getsockname()[1]
            self._emulator.webhook_url = f"http://127.0.0.1:{port}{callback_path(token)}"
            self._emulator.inject(*self._faults())
            # A proxy from the environment has no business on loopback.
            async with (
                httpx.AsyncClient(trust_env=False) as http_client,
                MaviClient(
                    self._emulator.api_key,
                    base_url=self._emulator.base_url,
                    requests_per_second=self._options.rate,
                    dispatcher=dispatcher,
                    http_client=http_client,
                ) as client,
                receiving(dispatcher, listener, token),
            ):
                with self._progress:
                    await run_jobs(
                        client, self.asset_ids, self.board, self, timeout=self._patience()
                    )
                    await self._hear_repeats()
        self.print(board_table(self.board, ascii_only=self._console.options.ascii_only))
        self.print(Text())

    def succeeded(self, asset_id: str, diarization: Diarization) -> None:
        """Draw a result."""
        with self._progress.aside():
            self.print(Timeline(asset_id, diarization))
            self.print(Text())

    def failed(self, asset_id: str, error: MaviError) -> None:
        """Do nothing more: the board says it."""

    def print(self, what: RenderableType) -> None:
        """Print something that stays, and belongs in a picture."""
        self.printed.append(what)
        # A file or pipe has no width: whoever reads it wraps lines, if anybody does.
        self._console.print(
            what, soft_wrap=isinstance(what, Text) and not self._console.is_terminal
        )

    def summary(self) -> str:
        """Say what was measured at the server, and nothing else."""
        emulator, board = self._emulator, self.board
        times = emulator.submit_times
        span = times[-1] - times[0] if times else 0.0
        results = len(board.at(Stage.DONE))
        return (
            f"{emulator.jobs_created} jobs created at the server for {len(board.rows)} recordings, "
            f"submitted within {span:.1f} s at {self._options.rate:g} requests/s, "
            f"{emulator.rejections or 'none'} rejected.\n"
            f"{board.callbacks} callbacks received, {results} results."
        )

    def _introduce(self) -> None:
        plans: list[Plan] = [row.plan for row in self.board.rows.values() if row.plan is not None]
        odd = ", ".join(f"one {_PHRASES[plan]}" for plan in plans)
        self.print(
            Text(
                f"The MAVI API, emulated on 127.0.0.1: {self._options.rate:g} requests/s, results "
                f"called back after {self._options.callback_delay:g} s.\n"
                f"{len(self.asset_ids)} recordings are submitted at once; pacing gives each its "
                "turn.\n"
                f"Made to go wrong on purpose: {odd}.\n"
            )
        )

    async def _hear_repeats(self) -> None:
        """Wait for the repeat of a callback, which may come after everything is done."""
        done = self.board.at(Stage.DONE)
        expected = len(done) + sum(row.plan == "twice" for row in done)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.board.hear(expected), _PATIENCE)

    def _faults(self) -> list[Fault]:
        lateness = self._span() + self._options.callback_delay
        return [
            Fault(_FAULT_KINDS[row.plan], asset_id=row.asset_id, seconds=lateness)
            for row in self.board.rows.values()
            if row.plan is not None
        ]

    def _span(self) -> float:
        return (len(self.asset_ids) - 1) / self._options.rate

    def _patience(self) -> float:
        return self._span() + 2 * self._options.callback_delay + _PATIENCE


def _choose_recordings(options: DemoOptions) -> tuple[str, ...]:
    if options.replay is not None:
        return tuple(path.stem for path in sorted(options.replay.glob("*.rttm")))[: options.count]
    more = (f"re_{number:04}" for number in range(len(_RECORDINGS), options.count))
    return (*_RECORDINGS[: options.count], *more)


def _make_plans(asset_ids: Sequence[str]) -> dict[str, Plan]:
    """Spread the odd callbacks; the first to be submitted is the last to be called back."""
    apart = 2 if len(asset_ids) >= 2 * len(_FAULT_KINDS) - 1 else 1
    kinds: tuple[Plan, ...] = ("late", "early", "twice")
    return dict(zip(asset_ids[::apart], kinds, strict=False))
