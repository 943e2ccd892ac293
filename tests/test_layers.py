"""The layers of the package, read from its imports without importing anything."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mavi_async"
LAYERS = (
    {"_errors", "_segments"},
    {
        "_answers",
        "_asset",
        "_asset_wire",
        "_arguments",
        "_backoff",
        "_batch_records",
        "_bridges",
        "_cleanup",
        "_configuration",
        "_diarization",
        "_diarized",
        "_json",
        "_legible",
        "_multipart",
        "_pacing",
        "_records",
        "_registry",
        "_retry",
        "_signed_url",
        "_rows",
        "_structure",
        "_sweep",
        "_talk",
        "_wire",
        "_words",
        "formats",
    },
    {
        "_asset_task",
        "_background",
        "_content",
        "_cost",
        "_departures",
        "_discretion",
        "_file_content",
        "_gate",
        "_length",
        "_loop",
        "_nap",
        "_reader",
        "_secret",
        "_source",
        "_task",
        "_trace",
        "_transport",
        "_turn",
        "stores",
    },
    {"_dispatcher", "_inbox", "_lookout", "_polling", "_receipts", "_silence", "_unmatched"},
    {
        "_asset_calls",
        "_assets",
        "_batch",
        "_batch_calls",
        "_batch_course",
        "_batch_identity",
        "_batch_run",
        "_client",
        "_decisions",
        "_diarize_calls",
        "_endpoints",
        "_lifecycle",
        "_patience",
        "_questions",
        "_receiver",
        "_recordings",
        "_speaker_calls",
        "_speaker_jobs",
        "_submit",
        "_upload",
    },
    {"__init__", "__main__", "aiohttp", "asgi", "cli", "emulator", "fastapi", "redis", "testing"},
)
LAYER_OF = {module: layer for layer, modules in enumerate(LAYERS) for module in modules}
IMPURE = {"anyio", "asyncio", "httpx", "logging", "socket", "sqlite3", "time"}


def module_of(path: Path) -> str:
    """The module or sub-package, directly below the package, that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """What a file imports: top-level package, and module below it (`__init__` for a name)."""
    home = ["mavi_async", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_bytes())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) + 1 - node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{source}.{alias.name}" for alias in node.names]
        for name in names:
            top, below = f"{name}.".split(".")[:2]
            yield top, below if below in LAYER_OF else "__init__"


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_go_down(path: Path) -> None:
    """A module imports its own layer and those below, and the pure layers do no I/O."""
    module = module_of(path)
    assert module in LAYER_OF, f"{module} is new: add it to its layer in {Path(__file__).name}"
    layer, imports = LAYER_OF[module], set(imports_of(path))

    assert set() == {
        below for top, below in imports if top == "mavi_async" and LAYER_OF[below] > layer
    }
    assert set() == {top for top, _ in imports if layer <= 1 and top in IMPURE}


def test_httpx_has_one_door() -> None:
    """Below the bridges, the transport alone imports httpx."""
    users = {
        module_of(path)
        for path in PACKAGE.rglob("*.py")
        if "httpx" in {top for top, _ in imports_of(path)}
    }

    assert users - LAYERS[-1] <= {"_transport"}
