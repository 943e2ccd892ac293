"""Results written in other formats: where to, and how nothing is lost on the way."""

import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mavi_async import Diarization, SpeakerSegment
from mavi_async._errors import ConfigurationError
from mavi_async.cli._destination import Destination
from mavi_async.formats import FORMATS

if TYPE_CHECKING:
    from tests.cli.conftest import FullDisk, Shelf

Run = Callable[..., subprocess.CompletedProcess[str]]

TALK = Diarization.from_segments(
    [
        SpeakerSegment(0.0, 4.0, "A"),
        SpeakerSegment(3.0, 6.0, "B"),
        SpeakerSegment(4.25, 9.0, "A"),
        SpeakerSegment(9.5, 9.75, "C"),
    ],
    uri="talk",
)
HOSTILE = [
    "\x1b[2J\x1b[31mR",
    "a\tb\nc --> <v x>",
    "=cmd|'/C'!A0",
    "\u202eGNP",
    "\x9b31mC",
    "\ud800",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a result in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "talk.json").write_text(TALK.to_json())
    monkeypatch.chdir(folder)
    return folder


def test_every_format(call: Run, here: Path) -> None:
    """Each is what the package writes, on standard output and in a file of its suffix."""
    for name, each in FORMATS.items():
        file = f"talk{each.suffixes[0]}"
        printed = call("export", "talk.json", "--to", name)
        written = call("export", "talk.json", "--output", f"out-{file}")

        assert (0, each.write(TALK), "") == (printed.returncode, printed.stdout, printed.stderr)
        assert (0, "") == (written.returncode, written.stdout)
        assert f"talk: written to out-{file}\n" == written.stderr
        assert each.write(TALK).encode() == (here / f"out-{file}").read_bytes()


def test_the_help_names_every_format(call: Run) -> None:
    """One that is added must be told, by both commands that write it."""
    for command in ("export", "speakers"):
        words = call(command, "--help").stdout.replace(",", " ").replace(".", " ").split()

        assert [] == [name for name in FORMATS if name not in words]


A_B_A = [(0, 4, "A"), (3, 6, "B"), (4.25, 9, "A")]
C = (9.5, 9.75, "C")


@pytest.mark.parametrize(
    ("options", "segments"),
    [
        ("", [*A_B_A, C]),
        ("--rename C=x=y", [*A_B_A, (9.5, 9.75, "x=y")]),
        ("--merge-gaps 0.25", [*A_B_A, C]),
        ("--merge-gaps 0.3", [(0, 9, "A"), (3, 6, "B"), C]),
        ("--min-duration 1", A_B_A),
        ("--exclusive", [(0, 4, "A"), (4, 6, "B"), (6, 9, "A"), C]),
        # A name is given before pauses are closed, and short is what is short after that.
        ("--min-duration 1 --merge-gaps 0.6 --rename C=A", [(0, 9.75, "A"), (3, 6, "B")]),
        # What only becomes short by interruptions is not left out.
        ("--exclusive --min-duration 2.5", [(0, 4, "A"), (4, 6, "B"), (6, 9, "A")]),
    ],
)
def test_clean_up(options: str, segments: list[tuple[float, float, str]], call: Run) -> None:
    """In a fixed order, whatever the order of the options."""
    ended = call("export", *options.split(), "talk.json", "--to", "json")

    assert segments == [
        (s.start, s.end, s.speaker) for s in Diarization.from_json(ended.stdout).segments
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "name a format with --to: one of rttm, uem, lab, json, "),
        ("--output -", "name a format with --to: one of rttm, "),
        ("--output .", "name a format with --to: one of rttm, "),
        ("--to mp3", "there is no format 'mp3': use one of rttm, "),
        ("--output a.mp3", "the suffix of 'a.mp3' names no format: use one of .rttm, "),
        ("--output no/a.vtt", "cannot write 'no/a.vtt': there is no folder 'no': create it first"),
        ("--output no/no/ --to vtt", "cannot write 'no/no': No such file or directory"),
        ("--to vtt --rename A", "--rename is OLD=NEW, such as SPEAKER_00=Ann, not 'A'"),
        ("--to vtt --rename =A", "--rename is OLD=NEW, such as SPEAKER_00=Ann, not '=A'"),
        ("--to vtt --rename A=", "--rename is OLD=NEW, such as SPEAKER_00=Ann, not 'A='"),
        ("--to vtt --rename A=X --rename A=Y", "--rename gives A two names: X and Y"),
        ("--to vtt --rename X=Y", "there is no 'X': 'A', 'B', 'C' speak here"),
        ("--to vtt --merge-gaps -1", "--merge-gaps is -1.0: give a number of seconds, at least 0"),
        ("--to vtt --min-duration nan", "--min-duration is nan: give a number of seconds"),
        ("--to vtt --audio a.mp3", "--audio and --audio-src are for pages alone: --to html"),
        ("--to html --audio a.mp3", "cannot read 'a.mp3': No such file or directory"),
        ("--to html --audio a.doc", "browsers do not play 'a.doc': convert it to one of"),
        ("--to html --audio big.mp3", "at most 32: link it with --audio-src, or compress it"),
        ("--to html --audio-src ftp://x", "--audio-src is 'ftp://x': give a URL relative to the"),
        ("--to html --audio a --audio-src b", "give --audio to embed a file or --audio-src to"),
        ("--to vtt --from mp3", "there is no format 'mp3': use one of rttm, "),
        ("--to vtt --from svg", "svg can be written, but not read back: read one of"),
    ],
)
def test_what_cannot_be_done(options: str, words: str, call: Run, here: Path) -> None:
    """It is told in the words of the command line, and nothing is written."""
    with (here / "big.mp3").open("wb") as file:
        file.truncate(40 * 2**20)
    before = set(here.iterdir())
    ended = call("export", "talk.json", *options.split())

    assert (2, "") == (ended.returncode, ended.stdout)
    assert ended.stderr.startswith("mavi-async: ")
    assert words in ended.stderr
    assert before == set(here.iterdir())


def test_a_page_with_a_recording(call: Run, here: Path) -> None:
    """It is embedded, or linked."""
    (here / "talk.flac").write_bytes(b"fLaC")
    call("export", "talk.json", "--output", "one.html", "--audio", "talk.flac")
    call("export", "talk.json", "--output", "two.html", "--audio-src", "talk.flac")

    assert TALK.to_html(audio="talk.flac") == (here / "one.html").read_text("utf-8")
    assert TALK.to_html(audio_src="talk.flac") == (here / "two.html").read_text("utf-8")


def test_a_file_is_replaced_as_a_whole(call: Run, here: Path, full_disk: "FullDisk") -> None:
    """If anything goes wrong it stays what it was; nothing else is left behind."""
    page = here / "page.html"
    page.write_text("by hand")
    with full_disk():
        failed = call("export", "talk.json", "--output", "page.html")
    kept = page.read_text()
    os.link(page, here / "old.html")
    ended = call("export", "talk.json", "--output", "page.html")

    assert (2, "by hand") == (failed.returncode, kept)
    assert "cannot write 'page.html': No space left on device\n" in failed.stderr
    assert 0 == ended.returncode
    assert TALK.to_html() == page.read_text("utf-8")
    assert "by hand" == (here / "old.html").read_text()
    assert {"page.html", "old.html", "talk.json"} == {path.name for path in here.iterdir()}


@pytest.mark.skipif(os.name == "nt", reason="no named pipes there")
def test_a_pipe_stays_one(call: Run, here: Path) -> None:
    """What is no file is written to, and not replaced."""
    os.mkfifo(here / "pipe")
    reader = os.open(here / "pipe", os.O_RDWR | os.O_NONBLOCK)
    call("export", "talk.json", "--to", "uem", "--output", "pipe")
    text = os.read(reader, 1000)
    os.close(reader)

    assert TALK.to_uem().encode() == text
    assert (here / "pipe").is_fifo()


def test_a_file_may_become_itself(call: Run, here: Path) -> None:
    """It is read before it is written."""
    ended = call("export", "talk.json", "--rename", "A=Ann", "--output", "talk.json")

    assert 0 == ended.returncode
    assert ("Ann", "B", "C") == Diarization.load(here / "talk.json").speakers


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_one(call: Run, here: Path) -> None:
    """What it leads to is replaced."""
    (here / "real.rttm").write_text("old")
    (here / "link.rttm").symlink_to("real.rttm")
    call("export", "talk.json", "--output", "link.rttm")

    assert (here / "link.rttm").is_symlink()
    assert TALK.to_rttm() == (here / "real.rttm").read_text()


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_standard_output_is_no_file_to_replace(output: str, call: Run) -> None:
    """Whatever it is led to."""
    ended = call("export", "talk.json", "--to", "rttm", "--output", output)

    assert (0, TALK.to_rttm(), "") == (ended.returncode, ended.stdout, ended.stderr)


def test_a_folder(call: Run, here: Path) -> None:
    """It is made, and the file is named after the recording."""
    ended = call("export", "talk.json", "--to", "textgrid", "--output", "new/")
    again = call("export", "talk.json", "--to", "vtt", "--output", "new", "--uri", "../a b")

    assert (0, 0) == (ended.returncode, again.returncode)
    assert {"talk.TextGrid", "_a_b-2c2c791a.vtt"} == {p.name for p in (here / "new").iterdir()}


NAMES = [
    "a/b",
    "a_b",
    "..",
    ".x",
    "-x",
    "Town",
    "town",
    "x" * 300,
    "CON:",
    "\x1b[2J",
    "\ud800",
    "re_1.2",
]


def test_files_of_recordings(here: Path) -> None:
    """Each has one of its own, in the folder, also where the system knows no capital letters."""
    files = Destination.of("out", "rttm", NAMES).files
    paths = [path for path in files.values() if path is not None]

    assert len(NAMES) == len({str(path).casefold() for path in paths})
    assert {Path("out")} == {path.parent for path in paths}
    assert {True} == {path.name.isascii() and path.name.isprintable() for path in paths}
    assert 120 > max(len(path.name) for path in paths)
    assert set() == {path.name[0] for path in paths} & set(".-")
    assert Path("out/re_1.2.rttm") == files["re_1.2"]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("all.rttm", "'all.rttm' is one, and there are 2 recordings: give a folder for them"),
        ("-", "standard output is one, and there are 2 recordings: give a folder for them"),
    ],
)
def test_several_in_one_file(output: str, words: str) -> None:
    """It is refused, since few formats can hold them."""
    with pytest.raises(ConfigurationError, match=words):
        Destination.of(output, "rttm", ["re_1", "re_2"])


def test_what_is_exported_was_handed_out(call: Run, shelf: "Shelf", full_disk: "FullDisk") -> None:
    """But not before it was written."""

    def state() -> str:
        listed: list[dict[str, str]] = [
            json.loads(line) for line in call("tasks", "--json").stdout.splitlines()
        ]
        return next(each["state"] for each in listed if each["asset_id"] == "re_arrived")

    task_id = shelf.arrived.task_id
    with full_disk():
        failed = call("export", task_id, "--output", "town.rttm")
    before = state()
    ended = call("export", task_id, "--to", "rttm")

    assert (2, "arrived") == (failed.returncode, before)
    assert "SPEAKER re_arrived 1 0.000 60.000 <NA> <NA> SPEAKER_07 <NA> <NA>\n" == ended.stdout
    assert "done" == state()


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices are another thing there")
def test_a_reader_that_leaves(call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``head`` does, it has what it wanted; a full disk is told."""
    ours, theirs = os.pipe()
    os.close(ours)
    with monkeypatch.context() as patch, os.fdopen(theirs, "w") as closed:
        patch.setattr("sys.stdout", closed)
        assert 0 == call("export", "talk.json", "--to", "vtt").returncode
    with monkeypatch.context() as patch, open("/dev/full", "w") as full:  # noqa: PTH123
        patch.setattr("sys.stdout", full)
        ended = call("export", "talk.json", "--to", "vtt")

    assert 2 == ended.returncode
    assert "cannot write to standard output: No space left on device\n" in ended.stderr


def test_bytes_are_the_same_everywhere(call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever encoding and line ends the system has, a pipe gets UTF-8 and newlines."""
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out, encoding="ascii", newline="\r\n"))
    call("export", "talk.json", "--to", "rttm", "--rename", "A=Zoë")

    assert TALK.rename({"A": "Zoë"}).to_rttm().encode() == out.getvalue()


def test_names_do_not_steer_a_terminal(in_terminal: Run, here: Path) -> None:
    """What a pipe gets as it is, is seen in a terminal."""
    segments = [
        {"start": n, "end": n + 2, "speaker": name} for n, name in enumerate([*HOSTILE, "👩‍👧"])
    ]
    (here / "hostile.json").write_text(json.dumps(segments))
    ended = in_terminal("export", str(here / "hostile.json"), "--to", "audacity")
    lines = ended.stdout.splitlines()

    assert (0, 7) == (ended.returncode, len(lines))
    assert "0.000000\t2.000000\t\ufffd[2J\ufffd[31mR" == lines[0]
    assert "3.000000\t5.000000\t\ufffdGNP" == lines[3]
    assert "6.000000\t8.000000\t👩‍👧" == lines[6]
    assert set() == set("\x1b\x9b\u202e") & set(ended.stdout)
