"""The command line, ``mavi-async``; everything but `main` is loaded when it runs."""

import sys
from importlib.util import find_spec

__all__ = ["main"]

_NEEDED = ("cyclopts", "platformdirs", "rich", "starlette", "uvicorn")


def main() -> None:
    """Run the command line and exit: 0 all well, 1 some of it failed, 2 set up wrongly."""
    if any(find_spec(name) is None for name in _NEEDED):
        sys.stderr.write('mavi-async: the command line needs: pip install "mavi-async[cli]"\n')
        sys.exit(2)
    from mavi_async.cli._app import run

    sys.exit(run(sys.argv[1:]))
