"""What recordings will cost, as far as their files tell."""

import os
import struct
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from mavi_async import ConfigurationError, CostEstimate, estimate_cost

Write = Callable[[Path], object]


def write_wav(path: Path) -> None:
    """Two seconds."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 2 * 8000))


def write_piped_wav(path: Path) -> None:
    """Two seconds, by a program that could not go back to write that down."""
    write_wav(path)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)


def flac(samples: int) -> bytes:
    """The head of a file of 8,000 samples a second; 0 where they were not counted."""
    rate_channels_bits = struct.pack(">Q", 8000 << 44 | 15 << 36 | samples)
    info = struct.pack(">HH", 4096, 4096) + bytes(6) + rate_channels_bits + bytes(16)
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info


def mp3(frames: int) -> bytes:
    """Frames of 1,152 samples at 44,100 a second."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * frames


def mp4(seconds: int) -> bytes:
    """The head of a file."""
    header = struct.pack(">IIIII", 0, 0, 0, 1000, seconds * 1000) + bytes(80)
    inner = struct.pack(">I4s", len(header) + 8, b"mvhd") + header
    return (
        struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
        + struct.pack(">I4s", len(inner) + 8, b"moov")
        + inner
    )


@pytest.mark.parametrize(
    ("name", "write", "seconds"),
    [
        ("two.wav", write_wav, 2.0),
        ("two.WAV", write_wav, 2.0),
        ("piped.wav", write_piped_wav, 2.0),
        ("two.flac", lambda path: path.write_bytes(flac(16_000)), 2.0),
        ("film.mp4", lambda path: path.write_bytes(mp4(90)), 90.0),
        ("film.mov", lambda path: path.write_bytes(mp4(90)), 90.0),
        ("two.mp3", lambda path: path.write_bytes(mp3(77)), 2.0),
    ],
)
def test_lengths(name: str, write: Write, seconds: float, tmp_path: Path) -> None:
    """The seconds that a file plays, to about a sample or a frame."""
    write(tmp_path / name)
    estimate = estimate_cost([tmp_path / name])

    assert seconds == pytest.approx(estimate.seconds, abs=0.05)
    assert estimate.seconds / 1000 == estimate.usd
    assert () == estimate.unknown


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("no.wav", lambda path: None),
        ("folder.mp3", Path.mkdir),
        ("pipe.mp3", os.mkfifo if hasattr(os, "mkfifo") else Path.mkdir),
        ("empty.flac", Path.touch),
        ("piped.flac", lambda path: path.write_bytes(flac(0))),
        ("stream.aac", lambda path: path.write_bytes(mp3(77))),
        ("film.mkv", lambda path: path.write_bytes(b"\x1aE\xdf\xa3")),
        ("torn.mp4", lambda path: path.write_bytes(mp4(90)[:30])),
        ("no.mp4", lambda path: path.write_bytes(b"\xff\xff\xff\xffftyp" * 9)),
        ("zeros.mp3", lambda path: path.write_bytes(bytes(8_000_000))),
    ],
)
def test_what_does_not_tell(name: str, write: Write, tmp_path: Path) -> None:
    """It is named, in bounded time, rather than guessed at."""
    write(tmp_path / name)

    assert CostEstimate(0.0, (tmp_path / name,)) == estimate_cost([tmp_path / name])


def test_in_words(tmp_path: Path) -> None:
    """An estimate says that it is one, and what it leaves out."""
    write_wav(tmp_path / "two.wav")
    known = str(estimate_cost([tmp_path / "two.wav"] * 900))
    one = str(estimate_cost([tmp_path / "no.wav"]))

    assert "about USD 1.80 for 0:30:00 of audio" == known
    assert "about USD 0.00 for 0:00:00 of audio, and 1 recording of unknown length" == one


def test_asset_ids(tmp_path: Path) -> None:
    """What is uploaded already does not tell either, and may be assumed to have a length."""
    write_wav(tmp_path / "two.wav")
    estimate = estimate_cost([tmp_path / "two.wav", "re_1", "re_2"])

    assert ("re_1", "re_2") == estimate.unknown
    assert CostEstimate(22.0) == estimate.assuming(10.0)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "tinytag", None)

    with pytest.raises(ConfigurationError, match=r'pip install "mavi-async\[cost\]"'):
        estimate_cost([Path("two.wav")])
