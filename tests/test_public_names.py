"""What `import mavi_async` offers, and what it leaves alone."""

import json
import subprocess
import sys
from types import ModuleType

import mavi_async

EXTRAS = {
    "aiohttp", "cyclopts", "fastapi", "httpx2", "matplotlib", "msgspec", "numpy", "orjson",
    "pandas", "polars", "pyannote", "redis", "rich", "starlette", "tinytag", "trio", "uvicorn",
}  # fmt: skip


def test_all_names_what_is_public() -> None:
    """`__all__` is sorted and lists every public name that is not a module."""
    public = sorted(
        name
        for name, value in vars(mavi_async).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    )

    assert public == mavi_async.__all__


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}; import json, sys; print(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(json.loads(run.stdout))


def test_import_loads_no_extra() -> None:
    """Importing the package loads no optional dependency that httpx does not load on its own."""
    of_dependencies = modules_after("import anyio, attrs, cattrs, httpx")

    assert set() == EXTRAS & (modules_after("import mavi_async") - of_dependencies)


def test_import_loads_nothing_of_uploads() -> None:
    """Most programs have their recordings uploaded elsewhere."""
    names = ["assets", "asset_wire", "content", "multipart", "questions", "signed_url", "source"]
    loaded = modules_after("import mavi_async")

    assert "mavi_async._transport" in loaded
    assert set() == loaded & {f"mavi_async._{name}" for name in [*names, "discretion", "upload"]}
