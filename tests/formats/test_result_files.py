"""Results in files: JSON with all they hold, files whole or not at all, any format recognised."""

import json
import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError, MalformedResult, TaskFailed
from mavi_async._segments import SpeakerSegment, Usage
from mavi_async.formats import FORMATS, _files, format_named, format_of, load, save
from mavi_async.formats._json import read_json, write_json

RESULT = Diarization.from_segments(
    [SpeakerSegment(0.1, 2.5, "SPEAKER_00"), SpeakerSegment(2.25, 4.123456789, "SPEAKER_01")],
    task_id="a1b2",
    uri="re_1",
    usage=Usage(5.5, "pyannote", 0, 0),
)
CALLBACK: dict[str, object] = {
    "code": "0000",
    "message": "SUCCESS",
    "data": {
        "data": {
            "data": [{"start": 0.1, "end": 2.5, "speaker": "SPEAKER_00"}],
            "usage_metadata": {"duration": 5.5, "model": "pyannote"},
        },
        "success": True,
    },
    "task_id": "a1b2",
}
SEGMENTS = [{"start": 0, "end": 1.5, "speaker": "ann", "text": "hello"}]

# Half of a surrogate pair, too; both halves together would be read as the character they are.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.just("\udfff"), max_size=5)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.builds(SpeakerSegment, st.floats(-1e300, 1e300), st.floats(-1e9, 1e9), TEXTS),
        max_size=5,
    ),
    task_id=st.none() | TEXTS,
    uri=st.none() | TEXTS,
    usage=st.builds(
        Usage,
        st.none() | st.floats(0, 1e9),
        st.none() | TEXTS,
        st.none() | st.integers(0),
        st.none(),
    ),
    raw=st.binary(max_size=20),
)
def test_json_holds_everything(
    rows: list[SpeakerSegment], task_id: str | None, uri: str | None, usage: Usage, raw: bytes
) -> None:
    """What is read equals what was written in all that it has, on a line for each segment."""
    result = Diarization.from_segments(rows, task_id=task_id, uri=uri, usage=usage, raw=raw)
    text = write_json(result, include_raw=True)

    assert result == read_json(text) == read_json(write_json(result))
    assert raw == read_json(text).raw
    assert json.loads(text)["duration"] == result.duration
    assert len(text.encode().decode().splitlines()) == 10 + (len(result) + 1 if result else 0)


def test_json_of_others() -> None:
    """A list of segments is read, and a line of the command line, and a saved answer."""
    printed = {"asset_id": "re_1", "ok": True, "duration": 9, "model": "m", "segments": SEGMENTS}
    answer = {"code": 200, "data": {"model": "m", "items": SEGMENTS}}
    segment = SpeakerSegment(0, 1.5, "ann")

    assert (segment,) == read_json(json.dumps(SEGMENTS)).segments
    assert Diarization((segment,), uri="re_1", usage=Usage(9, "m")) == read_json(
        json.dumps(printed)
    )
    assert "re_2" == read_json(json.dumps(printed), "re_2").uri
    assert Diarization(
        (segment,), uri="re_3", usage=Usage(model="m"), raw=json.dumps(answer).encode()
    ) == read_json("\ufeff" + json.dumps(answer), "re_3")


def test_what_was_dropped_adds_up() -> None:
    """Segments without a length count on top of those that the document tells of."""
    rows = [*SEGMENTS, {"start": 1, "end": 1, "speaker": "ann"}]

    assert 3 == read_json(json.dumps({"segments": rows, "dropped": 2})).dropped


def test_what_is_null_is_not_there() -> None:
    """As other programs write what they do not know."""
    text = '{"segments": [], "dropped": null, "usage": null, "uri": null, "raw": null}'

    assert Diarization(()) == read_json(text)


def test_a_callback_is_told_from_a_result() -> None:
    """The body of a callback is read as what it is: a result, a failure, or neither."""
    body = json.dumps(CALLBACK)
    failed = json.dumps({**CALLBACK, "data": {"success": False, "msg": "no speech"}})

    assert Diarization.from_callback(body, uri="re_1") == read_json(body, "re_1")
    assert "a1b2" == read_json(body).uri
    with pytest.raises(TaskFailed, match="no speech"):
        read_json(failed)
    with pytest.raises(MalformedResult, match="not of the documented shape"):
        read_json(json.dumps({**CALLBACK, "data": {"data": 1}}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the JSON text is not JSON: .* at column 2"),
        ('{\n"segments": oh}', "line 2 of the JSON text is not JSON"),
        ('{"segments": [Infinity]}', "Infinity is not a number"),
        ('{"segments": 1' + "0" * 5000 + "}", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("1", "neither a result that was saved, nor a callback, nor a list of segments"),
        ("{}", "neither a result"),
        ('{"code": 200, "data": {}}', r"neither a result .*: \$.data.items"),
        ('{"code": 200, "task_id": 5}', r"neither a result .*: \$.task_id"),
        ('{"code": 200, "x": ' + "[" * 100 + "]" * 100 + "}", "neither a result .* nested deeper"),
        ("[5]", r"segment\[0\] of the JSON text: expected an object"),
        ('{"segments": {}}', r"\$.segments of the JSON text: expected a list"),
        ('{"segments": [{"speaker": "a"}]}', r"\$.segments\[0\] .*: the start is nothing"),
        ('{"segments": [], "usage": 1}', r"\$.usage of the JSON text: expected an object"),
        ('{"segments": [], "uri": 1}', r"\$.uri of the JSON text: expected a text"),
        ('{"segments": [], "dropped": 1.5}', r"\$.dropped .*: expected a whole number"),
        ('{"segments": [], "duration": 1e999}', "the duration is a number, not a finite number"),
        ('{"segments": [], "usage": {"duration": "1"}}', "the duration is '1'"),
        ('{"segments": [], "raw": "\\ud800"}', r"\$.raw of the JSON text"),
        ('{"segments": [], "dropped": -1}', r"\$.dropped of the JSON text: expected 0 or more"),
        ('{"segments": [], "duration": -1}', r"\$.duration of the JSON text: expected 0 or more"),
        ('{"segments": [], "usage": {"output_tokens": -1}}', r"\$.output_tokens .*: expected 0"),
        ('{"segments": [], "usage": 0}', r"\$.usage of the JSON text: expected an object"),
    ],
)
def test_what_is_wrong_with_json(text: str, message: str) -> None:
    """The error says where it is wrong, or that it is something else."""
    with pytest.raises(ConfigurationError, match=message):
        read_json(text)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_files_of_every_format(name: str, tmp_path: Path) -> None:
    """The suffix names the format, also in capitals; what can be read is read, and named."""
    each = format_named(name)
    path = tmp_path
    for suffix in each.suffixes:
        path = tmp_path / f"talk{suffix.upper()}"
        save(RESULT, path)

        assert each is format_of(path)
        assert each.write(RESULT).encode() == path.read_bytes()
    if each.read is None:
        with pytest.raises(ConfigurationError, match=f"{name} can be written, but not read back"):
            load(path)
    else:
        assert each.description
        assert 2 == len(load(path))
        assert ("re_1" if name in ("rttm", "json") else "talk") == load(path).uri
        assert "re_1" == load(path, uri="re_1").uri


@pytest.mark.parametrize("name", sorted(name for name, each in FORMATS.items() if each.read))
def test_content_tells_the_format(name: str, tmp_path: Path) -> None:
    """Without a telling suffix, the first line that says something does."""
    path = tmp_path / "result"
    text = FORMATS[name].write(RESULT)
    path.write_text(f"\r\n{text}" if name not in ("vtt", "csv") else text, encoding="utf-8-sig")

    assert 2 == len(load(path)) == len(load(path, name))


def test_labels_with_frequencies_are_recognised(tmp_path: Path) -> None:
    """What has tabs is Audacity's, which has lines that no other format has."""
    path = tmp_path / "labels.txt"
    path.write_text("0.5\t1.5\tAnn B.\n\\\t100\t200\n")

    assert ("Ann B.",) == load(path).speakers


def test_a_saved_callback_is_recognised(tmp_path: Path) -> None:
    """Whatever its file is called, and whether it is one line or many."""
    for name in ("callback.json", "body.txt", "a1b2"):
        for indent in (None, 1):
            path = tmp_path / name
            path.write_text(json.dumps(CALLBACK, indent=indent), encoding="utf-8")

            assert "a1b2" == load(path).uri


def test_rttm_of_several_recordings(tmp_path: Path) -> None:
    """One must be named; the file's name is not taken for it."""
    path = tmp_path / "all.rttm"
    path.write_text("".join(FORMATS["rttm"].write(attrs.evolve(RESULT, uri=u)) for u in "ab"))

    assert "b" == load(path, uri="b").uri
    with pytest.raises(ConfigurationError, match=r"all.rttm': .* 2 recordings \(a, b\)"):
        load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"SPEAKER a\n\xe9", "line 2 is not UTF-8 text: save the file as UTF-8"),
        (b"\xff\xfea", "line 1 is not UTF-16 text"),
        (b"\x89PNG", "line 1 is not UTF-8 text"),
        (b"hello", "neither its name nor its first line tells the format: name one of rttm, lab"),
        (b"", "there is nothing in it"),
        (b"\xef\xbb\xbf\n \n", "there is nothing in it"),
        (b"SPEAKER a 1 0 1", "line 1 of the RTTM text: expected 9 or 10 fields, found 5"),
    ],
)
def test_what_is_no_result(content: bytes, message: str, tmp_path: Path) -> None:
    """The error names the file and says what to do."""
    path = tmp_path / "file.txt"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=f"file.txt': .*{message}") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_files_of_praat_in_utf_16(tmp_path: Path) -> None:
    """Praat writes UTF-16 where a label is not ASCII."""
    path = tmp_path / "talk.TextGrid"
    path.write_text(FORMATS["textgrid"].write(RESULT.rename({"SPEAKER_00": "Zoë"})), "utf-16")

    assert ("Zoë", "SPEAKER_01") == load(path).speakers


def test_huge_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording given by mistake is refused before it fills the memory."""
    path = tmp_path / "talk.rttm"
    path.write_text(";" * 1001)
    monkeypatch.setattr(_files, "MAX_FILE_BYTES", 1001)
    assert 0 == len(load(path))
    monkeypatch.setattr(_files, "MAX_FILE_BYTES", 1000)

    with pytest.raises(ConfigurationError, match="larger than 64 MiB, which no result is"):
        load(path)


def test_formats_and_files_that_do_not_exist(tmp_path: Path) -> None:
    """The error lists what there is, or says what to create."""
    with pytest.raises(ConfigurationError, match="no format 'xml': use one of rttm, uem"):
        save(RESULT, tmp_path / "a", "xml")
    with pytest.raises(ConfigurationError, match=r"a.xml' names no format: use one of .rttm"):
        save(RESULT, tmp_path / "a.xml")
    with pytest.raises(ConfigurationError, match=r"e.wav': the suffix '.wav' is .* one of rttm,"):
        load(tmp_path / "e.wav")
    with pytest.raises(ConfigurationError, match=r"cannot read .*a.rttm': No such file"):
        load(tmp_path / "a.rttm")
    with pytest.raises(ConfigurationError, match=r"cannot write .*No such .*; create the folder"):
        save(RESULT, tmp_path / "new" / "a.rttm")
    with pytest.raises(ConfigurationError, match=r"cannot write .*; give the name of a file in it"):
        save(RESULT, tmp_path, "rttm")
    with pytest.raises(ConfigurationError, match=r"cannot write .*: [A-Z][a-z ]*$"):
        save(RESULT, tmp_path / ("x" * 300 + ".rttm"))


def test_a_file_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails leaves the file that was there, and nothing beside it."""
    path = tmp_path / "talk.rttm"
    save(RESULT, path)
    before = path.read_bytes()

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fail)
        with pytest.raises(ConfigurationError, match="No space left"):
            save(Diarization(()), path)

    assert [path] == list(tmp_path.iterdir())
    assert before == path.read_bytes()


def test_links_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    """The file behind a link is replaced, not the link; into a pipe it is written."""
    (tmp_path / "target").write_text("old")
    link = tmp_path / "talk.rttm"
    link.symlink_to(tmp_path / "target")
    save(RESULT, link)
    save(RESULT, os.devnull, "rttm")

    assert link.is_symlink()
    assert 2 == len(load(tmp_path / "target"))


def test_permissions_are_those_of_new_files(tmp_path: Path) -> None:
    """Others may read a result as they may read any file."""
    (tmp_path / "other").touch()
    save(RESULT, tmp_path / "talk.json")

    assert (tmp_path / "other").stat().st_mode == (tmp_path / "talk.json").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o400])
def test_a_file_keeps_its_permissions(mode: int, tmp_path: Path) -> None:
    """What was for some eyes only still is when it is replaced, whatever new files are."""
    path = tmp_path / "talk.json"
    path.touch()
    path.chmod(mode)
    (tmp_path / "link.json").symlink_to(path)

    save(RESULT, tmp_path / "link.json")

    assert mode == path.stat().st_mode & 0o777
    assert RESULT == load(path)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_standard_output_is_written_to(stream: str, tmp_path: Path) -> None:
    """Also where it leads to a file, which stays the same one: nothing that is in it is lost."""
    path = tmp_path / "printed"
    code = (
        "import sys; from mavi_async import Diarization\n"
        f"print('before', file=sys.{stream})\n"
        f"Diarization.from_records([], uri='x').save('/dev/{stream}', 'uem')\n"
        f"print('after', file=sys.{stream})"
    )
    with path.open("wb") as file:
        streams = {"stdout": file} if stream == "stdout" else {"stderr": file}
        subprocess.run([sys.executable, "-c", code], check=True, **streams)  # type: ignore[call-overload]

    assert "before\nx 1 0.000 0.001\nafter\n" == path.read_text()
