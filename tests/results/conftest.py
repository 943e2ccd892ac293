"""Results to measure: made up ones of whole seconds, and all real ones."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from mavi_async import Diarization, SpeakerSegment

Make: TypeAlias = Callable[[str], Diarization]


@pytest.fixture(scope="session")
def make() -> Make:
    """Makes a result of a drawing: a line a speaker, a column a second, ``#`` where they speak."""

    def make(drawing: str) -> Diarization:
        segments: list[SpeakerSegment] = []
        for line in filter(None, map(str.strip, drawing.splitlines())):
            speaker, lane = line.split(" ", 1)
            for start in range(len(lane)):
                if lane[start] == "#" and lane[start - 1 : start] != "#":
                    length = len(lane[start:]) - len(lane[start:].lstrip("#"))
                    segments.append(SpeakerSegment(float(start), float(start + length), speaker))
        return Diarization.from_segments(segments)

    return make


def read(path: Path) -> Diarization:
    """Read an RTTM file, without what the package has for that."""
    rows = [line.split() for line in path.read_text().splitlines()]
    segments = [
        SpeakerSegment(float(start), float(start) + float(duration), speaker)
        for _, _, _, start, duration, _, _, speaker, *_ in rows
    ]
    return Diarization.from_segments(segments, uri=path.stem)


@pytest.fixture(scope="session")
def recordings(shared_data: Path) -> list[Diarization]:
    """All real annotations: meetings, debates and news with 1 to 20 speakers."""
    folder = shared_data / "rttm" / "voxconverse_dev"
    return [read(path) for path in sorted(folder.glob("*.rttm"))]
