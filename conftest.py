"""What all tests share: the examples in the documentation, and data that is not shipped."""

import ast
import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser, SkipParser

import mavi_async

SHARED_DATA = Path(__file__).resolve().parent.parent / "shared" / "data"
NO_SHARED_DATA = "no ../shared/data beside the project"

# Where the tests are that take longest. Started first, none is left alone at the end of a run.
LONGEST = ["stateful", "soak", "crash", "end_to_end", "pictures", "faults", "examples", "cli"]

collect_ignore = ["tests/typing"]  # read by the type checkers, never run


def evaluate_python(example: Example) -> None:
    """Run a block; one that awaits runs on the event loop that its page keeps."""
    source = "\n" * (example.line + example.parsed.line_offset) + example.parsed
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source, example.path, "exec", flags=flags, dont_inherit=True)
    result = eval(code, example.namespace)  # noqa: S307 - our own pages
    if inspect.iscoroutine(result):
        example.namespace["_runner"].run(result)


def open_page(namespace: dict[str, Any]) -> None:
    """Give a page its event loop: a client that one block opens serves the next."""
    # The factory keeps the loop out of asyncio's global state, which the tests' plugins watch.
    namespace["_runner"] = asyncio.Runner(loop_factory=asyncio.new_event_loop)


def close_page(namespace: dict[str, Any]) -> None:
    """Close the page's event loop."""
    namespace["_runner"].close()


pytest_collect_file = Sybil(
    parsers=[CodeBlockParser("python", evaluate_python), SkipParser()],
    patterns=["README.md", "docs/*.md"],
    setup=open_page,
    teardown=close_page,
).pytest()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real annotations and recordings beside the project; skips without it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(NO_SHARED_DATA)
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def no_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust no certificates: all servers are on loopback, and no test needs them."""
    # httpx reads all of certifi's for each client, which took about an eighth of a run.
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE", raising=False)
        patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("no_certificates")))
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files come first; otherwise the order stays."""

    def place(item: pytest.Item) -> int:
        folder = item.path.parent
        names = [each.name for each in (folder, *folder.parents)]
        return next((n for n, name in enumerate(LONGEST) if name in names), len(LONGEST))

    items.sort(key=place)


def pytest_report_header() -> str:
    """Say which copy of the package is tested."""
    return f"mavi_async: {next(iter(mavi_async.__path__))}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the tests that the absence of the shared data left out."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NO_SHARED_DATA in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(f"skipped, {NO_SHARED_DATA}: {count}")
