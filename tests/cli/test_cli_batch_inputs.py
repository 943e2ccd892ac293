"""What a batch is made of: folders, manifests and files, looked at before anything is sent."""

import os
from pathlib import Path

import pytest

from mavi_async import ConfigurationError
from mavi_async.cli._batch_inputs import find_inputs
from mavi_async.cli._batch_planned import Planned


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with recordings at two levels and what is none."""
    monkeypatch.chdir(tmp_path)
    for name in ("talks/a.flac", "talks/day2/a.MP3", "talks/notes.txt", "talks/.b.mp3",
                 "talks/.git/c.mp3", "talks/out/d.mp3", "e.wav"):  # fmt: skip
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def found(*paths: str) -> dict[str, str]:
    """The recordings of these, by the names of their files."""
    inputs = find_inputs([Path(path) for path in paths], Path("talks/out"))
    return {each.name: str(each.source) for each in inputs.recordings}


def test_a_folder(folder: Path) -> None:
    """All that is below it, under the same names; what is passed over is counted."""
    inputs = find_inputs([Path("talks")], Path("talks/out"))

    assert [("a", "talks/a.flac"), ("day2/a", "talks/day2/a.MP3")] == [
        (each.name, str(each.source)) for each in inputs.recordings
    ]
    assert [
        "Passed over in talks: other files: 1 (.txt)",
        "Passed over in talks: hidden: 2",
    ] == inputs.passed_over


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links(folder: Path) -> None:
    """A link to a folder may lead back to where it is, and is not followed; one to a file is."""
    Path("talks/loop").symlink_to("..", target_is_directory=True)
    Path("talks/z.wav").symlink_to("../e.wav")
    inputs = find_inputs([Path("talks")], Path("out"))

    assert {"a", "day2/a", "out/d", "z"} == {each.name for each in inputs.recordings}
    assert "Passed over in talks: links to folders: 1" in inputs.passed_over


def test_files_and_folders(folder: Path) -> None:
    """Each recording once, however often it is named."""
    assert {"a": "talks/a.flac", "day2/a": "talks/day2/a.MP3", "e": "e.wav"} == found(
        "e.wav", "talks", "e.wav", "talks/a.flac"
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_manifest(folder: Path, separator: str) -> None:
    """Assets and files, named or not, as spreadsheets write it: with a mark, other columns."""
    rows = [
        ["Path", "speaker_count", "NAME", "asset_id"],
        ["e.wav", "2", "", ""],
        ["", "", "day1/first", "re_1"],
        [],
        ["talks/day2/a.MP3", "", " second ", ""],
        ["", "", "", "re:2"],
    ]
    text = "\r\n".join(separator.join(row) for row in rows)
    Path("list.csv").write_text(f"\ufeff{text}", encoding="utf-8")

    assert {
        "e": "e.wav",
        "day1/first": "re_1",
        "second": "talks/day2/a.MP3",
        "re_2-e360b22f": "re:2",
    } == found("list.csv")


def test_paths_are_relative_to_the_manifest(folder: Path) -> None:
    """Wherever the command runs; files keep the folders that are below it."""
    Path("talks/list.csv").write_text("path\nday2/a.MP3\n../e.wav\n")

    assert {"day2/a": "talks/day2/a.MP3", "e": "talks/../e.wav"} == found("talks/list.csv")


def test_every_wrong_line_is_named(folder: Path) -> None:
    """All at once, with what is wrong and where."""
    rows = ("path,asset_id,name", "e.wav,re_1,", ",,x", "no.wav,,", "talks/notes.txt,,", ",a b,",
            "e.wav,,../x", '"e.wav",,"a\nb"', "e.wav,,", "./e.wav,,y", ",re_1,/x",
            ",e.wav,")  # fmt: skip
    Path("list.csv").write_text("\n".join(rows))
    with pytest.raises(ConfigurationError) as caught:
        found("list.csv")
    expected = [
        "list.csv line 2: it has both 'asset_id' and 'path': give one",
        "list.csv line 3: it has neither 'asset_id' nor 'path': give one",
        "list.csv line 4: there is no file 'no.wav'",
        "list.csv line 5: MAVI does not take 'notes.txt'",
        "list.csv line 6: 'a b' is no asset_id; a file's is the column 'path'",
        "list.csv line 7: the name '../x' is none for a file in the output folder",
        "list.csv line 8: the name 'a\\nb' is none for a file in the output folder",
        "list.csv line 11: the same recording as list.csv line 10",
        "list.csv line 12: the name '/x' is none for a file in the output folder",
        "list.csv line 13: 'e.wav' is no asset_id; a file's is the column 'path'",
        "Nothing was sent: correct the manifest.",
    ]
    lines = caught.value.message.splitlines()

    assert len(expected) == len(lines)
    assert all(line.startswith(start) for start, line in zip(expected, lines, strict=True)), lines


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "list.csv line 1: it names the columns"),
        (b"file,name\ne.wav,x\n", "list.csv line 1: it names the columns"),
        (b"path,Path\ne.wav,x\n", "list.csv line 1: there are two columns 'path'"),
        (b"path\n\n\n", "list.csv names no recording"),
        (b"path\ne.wav\n\xff.wav\n", "list.csv: line 3 is not UTF-8: save it as CSV in UTF-8"),
        ("path\ne.wav".encode("utf-16"), "list.csv: it is UTF-16: save it as CSV in UTF-8"),
        (b'path\n"e.wav\n', "list.csv line 2: unexpected end of data"),
        (b"path\n" + b"x" * 5000 + b"/a.wav\n", "list.csv line 2: there is no file"),
    ],
)
def test_what_is_no_manifest(folder: Path, content: bytes, words: str) -> None:
    """The error says what to do about it."""
    Path("list.csv").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        found("list.csv")

    assert caught.value.message.startswith(words)


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["no.wav"], "there is no file or folder 'no.wav'"),
        (["no"], "there is no file or folder 'no'"),
        (["x" * 5000], "there is no file or folder"),
        (["talks/notes.txt"], "MAVI does not take 'notes.txt'"),
        (["no.csv"], "cannot read 'no.csv': No such file"),
        (["empty"], "no recordings in empty"),
        (["a.wav", "b.wav", "sub/A.flac"], "a.wav and sub/A.flac would both be written to A"),
    ],
)
def test_what_is_no_recording(folder: Path, paths: list[str], words: str) -> None:
    """A name that is wrong, and two recordings whose files would be one."""
    for name in ("empty", "sub"):
        Path(name).mkdir()
    for name in ("a.wav", "b.wav", "sub/A.flac"):
        Path(name).write_bytes(b"x")
    with pytest.raises(ConfigurationError) as caught:
        found(*paths)

    assert caught.value.message.startswith(words)


def test_one_recording_by_two_paths(folder: Path) -> None:
    """It is known to be the same, so that it is counted, and paid for, once."""
    one = Planned(Path("e.wav"), "e", "e.wav")
    other = Planned(Path("talks/../e.wav"), "e", "e.wav")

    assert one.identity == other.identity
