"""A process that submits and one that receives, in aiohttp, on one store."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from mavi_async.emulator import Emulator, Fault
from mavi_async.emulator._conversation import invent_conversation
from mavi_async.formats._rttm import read_rttm

if TYPE_CHECKING:
    from tests.examples.conftest import Program, Start

ASSETS: Final = [f"re_{number:02}" for number in range(20)]


class Service:
    """The two programs, and what one leaves."""

    def __init__(self, start: "Start", emulator: Emulator, folder: Path) -> None:
        self.start = start
        self.emulator = emulator
        self.results = folder / "results"
        self.list = folder / "recordings.txt"

    def receive(self) -> "Program":
        """Start to receive."""
        return self.start("aiohttp_service", "service.py", "web", "--port", "0")

    async def announce(self, receiver: "Program") -> None:
        """Tell MAVI where callbacks go from now on."""
        await receiver.says("Running on")
        self.emulator.webhook_url = f"{receiver.url}/mavi/callback/token-0123456789abcdef"

    def work(self, asset_ids: list[str]) -> "Program":
        """Start to work off a list."""
        self.list.write_text("".join(f"{each}\n" for each in asset_ids))
        return self.start(
            "aiohttp_service", "service.py", "work", str(self.list), str(self.results)
        )

    def found(self) -> dict[str, list[tuple[float, float, str]]]:
        """The segments in the files, which are named after the recordings."""
        return {
            path.name: [
                (round(each.start, 3), round(each.end, 3), each.speaker)
                for each in read_rttm(path.read_text())
            ]
            for path in self.results.iterdir()
        }


def expected(*asset_ids: str) -> dict[str, list[tuple[float, float, str]]]:
    """What the files of some recordings should have."""
    return {
        f"{each}.rttm": [
            (segment.start, segment.end, segment.speaker)
            for segment in sorted(invent_conversation(each).segments)
        ]
        for each in asset_ids
    }


@pytest.fixture
def service(start: "Start", emulator: Emulator, tmp_path: Path) -> Service:
    """The two programs, not started."""
    return Service(start, emulator, tmp_path)


@pytest.mark.asyncio
async def test_work_is_killed(service: Service, emulator: Emulator) -> None:
    """What was submitted before a kill is collected after it; nothing is submitted twice.

    A recording that may have been billed is left to somebody, however often it is tried.
    """
    emulator.inject(Fault("reset", creates_job=True, asset_id=ASSETS[0]))
    first, receiver = service.work(ASSETS[:8]), service.receive()
    await first.says(" is job ", times=7)
    await first.says(f"ERROR service: {ASSETS[0]}: ")
    await first.kill()
    await service.announce(receiver)
    second = service.work(ASSETS)
    codes = await second.ends(), await receiver.stop()

    assert codes == (1, 0)
    assert service.found() == expected(*ASSETS[1:])
    assert emulator.jobs_created == len(ASSETS)
    assert "7 jobs of an earlier run are to be collected" in second.said
    assert f"ERROR service: {ASSETS[0]}: " in second.said


@pytest.mark.asyncio
@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_work_is_stopped(service: Service, emulator: Emulator) -> None:
    """Work that is stopped while it waits ends in good order, with what came until then."""
    emulator.inject(Fault("drop", asset_id="re_lost"))
    receiver, worker = service.receive(), service.work(["re_lost", "re_here"])
    await service.announce(receiver)
    await worker.says("re_here is in ")
    await worker.says("re_lost is job ")
    code = await worker.stop()

    assert code == 0
    assert service.found() == expected("re_here")
    assert "stopped: start it again to go on" in worker.said
