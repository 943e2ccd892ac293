"""The list of commands, and what becomes of their errors."""

import sys
from collections.abc import Sequence
from typing import Final

import cyclopts
from rich.text import Text

import mavi_async
from mavi_async._errors import MaviError
from mavi_async.cli._batch_commands import batch, listen
from mavi_async.cli._commands import demo, doctor, emulate, resume, speakers
from mavi_async.cli._result_commands import export, score, show
from mavi_async.cli._store_commands import adopt, callbacks, forget, replay, tasks
from mavi_async.cli._text import make_console, safe_text
from mavi_async.cli._upload_commands import upload

__all__ = ["run"]

_INTERRUPTED: Final = 130

app = cyclopts.App(
    name="mavi-async",
    help="Submit recordings to MAVI, be called back, see who speaks when.",
    version=lambda: mavi_async.__version__,
)
for command in (
    demo, emulate, doctor, upload, speakers, batch, resume, listen, show, export, score,
    tasks, callbacks, replay, adopt, forget,
):  # fmt: skip
    app.command(command)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    try:
        app.console = make_console(sys.stdout)  # for help and version
        command, bound, _ = app.parse_args(arguments, print_error=False, exit_on_error=False)
        code: object = command(*bound.args, **bound.kwargs)
    except cyclopts.CycloptsError as error:
        return _complain(f"{error}\nmavi-async --help lists commands and options.")
    except MaviError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code if isinstance(code, int) else 0


def _complain(message: str) -> int:
    lines = "\n".join(safe_text(line) for line in message.splitlines() if line.strip())
    make_console(sys.stderr).print(Text(f"mavi-async: {lines}"), soft_wrap=True)
    return 2
