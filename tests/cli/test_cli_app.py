"""What holds for every command."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = [
    "adopt", "callbacks", "demo", "doctor", "emulate", "export", "forget", "replay", "resume",
    "score", "show", "speakers", "tasks", "upload",
]  # fmt: skip


def python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run some code in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("module", ["cyclopts", "platformdirs", "rich", "starlette", "uvicorn"])
def test_a_missing_extra_is_one_clear_line(module: str, environment: dict[str, str]) -> None:
    """The line says what to install."""
    code = f"import sys; sys.modules[{module!r}] = None; import mavi_async.cli as c; c.main()"
    ended = python(code, environment)

    assert 2 == ended.returncode
    assert 'mavi-async: the command line needs: pip install "mavi-async[cli]"\n' == ended.stderr
    assert "" == ended.stdout


def test_nothing_is_loaded_before_it_is_needed(environment: dict[str, str]) -> None:
    """The package does not load the command line, and that loads nothing until it runs."""
    code = (
        "import sys, mavi_async\n"
        "assert 'mavi_async.cli' not in sys.modules\n"
        "import mavi_async.cli\n"
        # Not rich: httpx loads it where it is installed.
        "assert not {'cyclopts', 'mavi_async.cli._app', 'uvicorn'} & set(sys.modules)\n"
    )

    assert 0 == python(code, environment).returncode


def test_version(run: Run) -> None:
    """The version is that of the distribution."""
    ended = run("--version")

    assert (0, version("mavi-async")) == (ended.returncode, ended.stdout.strip())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["demo", "emulate", "speakers", "doctor"]),
        (("--help",), [*COMMANDS, "--version"]),
        (("demo", "--help"), ["--replay", "--rate", "--save-svg"]),
        (("emulate", "--help"), ["--port", "--webhook-url", "bucket2", "0429"]),
        (("upload", "--help"), ["--wait", "--via", "signed-url", "MAVI_API_KEY", "exit code"]),
        (("speakers", "--help"), ["--listen", "--token", "MAVI_API_KEY", "--json", "exit code"]),
        (("resume", "--help"), ["--listen", "--store", "MAVI_STORE", "Nothing is submitted"]),
        (("doctor", "--help"), ["--webhook-url", "MAVI_WEBHOOK_URL", "exit code", "--listen"]),
        (("callbacks", "--help"), ["--save", "--all", "without the bodies"]),
        (("forget", "--help"), ["--yes", "paid for"]),
    ],
)
def test_help(call: Run, arguments: tuple[str, ...], words: list[str]) -> None:
    """Each command says what it takes."""
    ended = call(*arguments)

    assert 0 == ended.returncode
    assert [] == [word for word in words if word not in " ".join(ended.stdout.split())]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("dance",), "dance"),
        (("demo", "--rate", "fast"), "rate"),
        (("demo", "--rate", "0"), "rate"),
        (("demo", "--count", "0"), "count"),
        (("demo", "--replay", "no-such-folder"), "no-such-folder"),
        (("demo", "--save-svg", "no-such-folder/demo.svg"), "no-such-folder"),
        (("emulate", "--limiter", "none"), "limiter"),
        (("emulate", "--webhook-url", "example.com"), "webhook"),
        (("emulate", "--port", "99999"), "port"),
        (("speakers", "--listen", "127.0.0.1:0"), "asset"),
        (("speakers", "re_1"), "listen"),
        (("speakers", "re_1", "--listen", "127.0.0.1:0", "--key", "x"), "--key"),
        (("resume", "re_1"), "re_1"),
        (("adopt", "i1"), "task"),
        (("forget", "--yes"), "ids"),
        (("show",), "results"),
        (("replay",), "file"),
        (("callbacks", "--save"), "save"),
        (("tasks", "--store"), "store"),
        (("tasks", "--store", "."), "give the path of a file"),
        (("tasks", "--store", ""), "give the path of a file"),
        (("doctor", "--no-json"), "--no-json"),
    ],
)
def test_wrong_usage(call: Run, arguments: tuple[str, ...], word: str) -> None:
    """One message on standard error, and exit code 2."""
    ended = call(*arguments)

    assert 2 == ended.returncode
    assert ended.stderr.startswith("mavi-async: ")
    assert word in ended.stderr.lower()
    assert "" == ended.stdout


def test_what_is_wrong_is_shown_safely(run: Run) -> None:
    """Not even a mistyped command steers the terminal."""
    ended = run("\x1b[2J[red]dance")

    assert 2 == ended.returncode
    assert "[2J[red]dance" in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is there alone")
@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("show", "talk.rttm"), ("show", "talk.rttm", "--json")],
    ids=" ".join,
)
def test_a_full_disk_is_one_line(
    arguments: tuple[str, ...], call: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was to be printed, and however: what is wrong, and no traceback."""
    monkeypatch.chdir(tmp_path)
    Path("talk.rttm").write_text("SPEAKER talk 1 0 5 <NA> <NA> A <NA> <NA>\n")
    with monkeypatch.context() as patch, open("/dev/full", "w") as full:  # noqa: PTH123
        patch.setattr("sys.stdout", full)
        ended = call(*arguments)

    line = "mavi-async: cannot write to standard output: No space left on device\n"
    assert (2, line) == (ended.returncode, ended.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is there alone")
def test_messages_that_nobody_can_read_end_nothing(
    call: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with one result hides no other, also where it cannot be said."""
    monkeypatch.chdir(tmp_path)
    Path("talk.rttm").write_text("SPEAKER talk 1 0 5 <NA> <NA> A <NA> <NA>\n")
    with monkeypatch.context() as patch, open("/dev/full", "w") as full:  # noqa: PTH123
        patch.setattr("sys.stderr", full)
        ended = call("show", "missing.rttm", "talk.rttm")

    assert 1 == ended.returncode
    assert "talk  0:05, 1 speaker" in ended.stdout
