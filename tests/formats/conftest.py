"""What the tests of formats share: all real annotations."""

from pathlib import Path

import pytest

from mavi_async._diarization import Diarization
from mavi_async.formats._rttm import read_rttm


@pytest.fixture(scope="session")
def recordings(shared_data: Path) -> list[Diarization]:
    """All real annotations: meetings, debates and news with 1 to 20 speakers."""
    files = sorted((shared_data / "rttm" / "voxconverse_dev").glob("*.rttm"))
    return [read_rttm(path.read_text(encoding="utf-8")) for path in files]
