"""Replaying annotations."""

from pathlib import Path

import pytest

from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment
from mavi_async.emulator import Emulator
from mavi_async.emulator._conversation import Conversation
from mavi_async.emulator._replay import read_replay

LINE = "SPEAKER talk 1 0.5 2.0 <NA> <NA> ann <NA> <NA>\n"


def test_a_file_is_an_asset(tmp_path: Path) -> None:
    """The file's name is the asset id, whatever recording it names inside."""
    (tmp_path / "re_1.rttm").write_text(LINE)
    (tmp_path / "re_2.rttm").write_text("")
    (tmp_path / "README").write_text("not RTTM")

    assert {
        "re_1": Conversation((SpeakerSegment(0.5, 2.5, "ann"),), 2.5),
        "re_2": Conversation((), 0.0),
    } == read_replay(tmp_path)


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    """A folder that is missing or empty is an error at the start, not an empty account."""
    with pytest.raises(ConfigurationError, match=r"no \.rttm file in the replay folder"):
        read_replay(tmp_path)
    with pytest.raises(ConfigurationError, match=r"cannot read the replay folder .*missing"):
        read_replay(tmp_path / "missing")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (LINE.encode() + b"SPEAKER talk\n", r"re_1\.rttm': line 2 of the RTTM text"),
        (b"\xff\xfe", r"re_1\.rttm' is not UTF-8 text"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    """The emulator does not start on it."""
    (tmp_path / "re_1.rttm").write_bytes(content)

    with pytest.raises(ConfigurationError, match=why), Emulator(replay=tmp_path):
        pass


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """A folder that poses as a file, for example."""
    (tmp_path / "re_1.rttm").mkdir()

    with pytest.raises(ConfigurationError, match=r"cannot read '.*re_1\.rttm'"):
        read_replay(tmp_path)
