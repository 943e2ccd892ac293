"""The page of faults and the tests that show them say the same."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "faults.md"


def rows() -> list[str]:
    """The names of the faults on the page."""
    cells = re.findall(r"^\| (.+?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    return [cell for cell in cells if cell != "fault"]


def marks(path: Path) -> Iterator[tuple[str, str]]:
    """The tests of a file that are marked, and the fault that each shows."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if ast.unparse(decorator).startswith("pytest.mark.fault("):
                    assert isinstance(decorator, ast.Call)
                    yield node.name, ast.literal_eval(decorator.args[0])


def test_each_row_of_the_page_has_a_test_and_each_mark_a_row() -> None:
    """A fault that nobody makes happen is a promise that nobody has seen kept."""
    found = [mark for path in TESTS.rglob("test_*.py") for mark in marks(path)]

    assert len(rows()) == len(set(rows())) > 30
    assert set(rows()) == {fault for _, fault in found}
    assert {True} == {name.startswith("test_") for name, _ in found}
