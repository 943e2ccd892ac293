"""Results to draw: real, long, and with names that mean harm."""

import random
from pathlib import Path
from typing import Final

import pytest

from mavi_async import Diarization, SpeakerSegment
from mavi_async._segments import Usage
from mavi_async.formats._rttm import read_rttm

HOSTILE: Final = (
    "<script>document.title='run'</script>",
    "</script><script>document.title='run'</script>",
    "<img src=x onerror=document.title='run'>",
    '" onmouseover="document.title=\'run\'" x="',
    "' autofocus onfocus='document.title=1",
    "<!--",
    "]]>",
    "</title></style></textarea></noscript>",
    "${policy} $data {{7*7}}",
    "https://example.com/x.js",
    "W" * 1_000_000,
    "\u202egnp.exe\u202c",
    "z" + "\u0301" * 500,
    "\ufdfd" * 40,
    "\ud800",
    "\x00\x1b[31m\r\n\t\ufffe",
    "",
    "שלום",
    "👩‍💻 & Söhne",
)


@pytest.fixture(scope="session")
def recording(shared_data: Path) -> Path:
    """A recording of two speakers."""
    return shared_data / "audio" / "libri2spk.flac"


@pytest.fixture(scope="session")
def conversation(recording: Path) -> Diarization:
    """Who speaks when in that recording."""
    return real_result(recording.with_suffix(".rttm"), duration=55.523)


@pytest.fixture(scope="session")
def crowd(shared_data: Path) -> Diarization:
    """Twenty speakers, with overlaps, of whom one speaks most of the time."""
    return real_result(shared_data / "rttm" / "voxconverse_dev" / "kdfqk.rttm")


@pytest.fixture(scope="session")
def long_talk() -> Diarization:
    """As many segments as ten times the longest real recording that was found: 17,180."""
    chance = random.Random(7)
    start = 0.0
    segments: list[SpeakerSegment] = []
    while len(segments) < 17_180:
        speaker = f"SPEAKER_{min(int(chance.expovariate(0.2)), 19):02}"
        end = start + 0.3 + chance.expovariate(0.4)
        segments.append(SpeakerSegment(start, end, speaker))
        start = max(0.0, end + chance.uniform(-0.4, 1))
    return Diarization.from_segments(segments, uri="long")


@pytest.fixture(scope="session")
def hostile() -> Diarization:
    """Each of many names that mean harm, and one more as the name of the recording."""
    return Diarization.from_segments(
        [SpeakerSegment(n, n + 1.5, name) for n, name in enumerate(HOSTILE)],
        uri="</title><script>document.title='run'</script>",
    )


def real_result(path: Path, *, duration: float | None = None) -> Diarization:
    read = read_rttm(path.read_text())
    return Diarization.from_segments(read, uri=path.stem, usage=Usage(duration=duration))
