"""The examples themselves are run by conftest.py; this finds those that would not be."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
    *sorted((ROOT / "docs").glob("**/*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
RUN = {"python"}
SHOWN = {"bash", "console", "html", "json", "mermaid", "text", "toml", "yaml"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_block_says_its_language(page: Path) -> None:
    """A block without a language, or with a misspelt one, would silently never run."""
    fences = re.findall(r"^[ \t]*```+[ \t]*(.*)$", page.read_text("utf-8"), re.MULTILINE)
    languages = {fence for fence in fences[::2] if not fence.startswith("{")}

    assert languages <= RUN | SHOWN
