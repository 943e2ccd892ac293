"""The commands and their options; each module behind a command is loaded when it runs."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import cyclopts
from cyclopts import Parameter
from rich.text import Text

import mavi_async
from mavi_async._errors import MaviError
from mavi_async.cli._text import make_console, safe_text

__all__ = ["run"]

_INTERRUPTED: Final = 130

app = cyclopts.App(
    name="mavi-async",
    help="Submit recordings to MAVI, be called back, see who speaks when.",
    version=lambda: mavi_async.__version__,
)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    try:
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


@app.command
def demo(
    *,
    rate: Annotated[float, Parameter(validator=cyclopts.validators.Number(gte=0.1, lte=1000))] = 2,
    callback_delay: Annotated[
        float, Parameter(validator=cyclopts.validators.Number(gte=0, lte=60))
    ] = 2,
    count: Annotated[int, Parameter(validator=cyclopts.validators.Number(gte=1, lte=1000))] = 6,
    replay: Path | None = None,
    save_svg: Path | None = None,
) -> int:
    """See it work: a client, callbacks and an emulated MAVI, all on this machine.

    Needs no account, no network and no files. Some callbacks come early, twice and late.

    Args:
        rate: Requests per second that the emulated account is allowed.
        callback_delay: Seconds from a submit to its callback.
        count: How many recordings.
        replay: A folder of RTTM files to use as recordings instead of invented ones.
        save_svg: A file to save a picture of the output to.
    """
    from mavi_async.cli._demo import DemoOptions, run_demo

    return run_demo(DemoOptions(rate, callback_delay, count, replay, save_svg))


@app.command
def emulate(
    *,
    port: int = 0,
    rate: float = 1.0,
    limiter: Literal["strict", "bucket2", "fixed", "sliding"] = "strict",
    rejection: Literal["429", "200", "400"] = "429",
    envelope: Literal["0000", "200"] = "0000",
    callback_delay: float = 2.0,
    webhook_url: str | None = None,
    replay: Path | None = None,
    api_key: str | None = None,
) -> int:
    """Serve an emulated MAVI on 127.0.0.1 until Ctrl-C.

    Args:
        port: The port; 0 is any free one.
        rate: Requests per second that the account is allowed.
        limiter: How the limit is kept.
        rejection: What a request over the limit gets: HTTP 429, HTTP 200 with the code 0429, or
            HTTP 400 with the text that also stands for bad parameters.
        envelope: The code of success.
        callback_delay: Seconds from a submit to its callback.
        webhook_url: Where callbacks go.
        replay: A folder of RTTM files; a file's name without .rttm is an asset id.
        api_key: The only key that it takes; a made-up one, never one of MAVI's.
    """
    from mavi_async.cli._emulate import run_emulator
    from mavi_async.emulator import Emulator
    from mavi_async.emulator._settings import DEFAULT_API_KEY

    emulator = Emulator(
        rate,
        replay=replay,
        webhook_url=webhook_url,
        api_key=DEFAULT_API_KEY if api_key is None else api_key,
        limiter=limiter,
        rejection=rejection,
        envelope=envelope,
        callback_delay=callback_delay,
        port=port,
    )
    return run_emulator(emulator)


@app.command
def speakers(
    asset_ids: list[str],
    /,
    *,
    listen: str,
    token: str | None = None,
    base_url: str | None = None,
    rate: float = 1.0,
    timeout: float = 3600.0,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Run speaker jobs and print who speaks when in each recording.

    The API key is read from MAVI_API_KEY. Callbacks are received at --listen, to which the
    webhook URL in MAVI's console must lead, over HTTPS. Results go to standard output, everything
    else to standard error. The exit code is 0 if all jobs succeeded, 1 if some failed, 2 if the
    set-up is wrong.

    Args:
        asset_ids: The uploaded recordings.
        listen: Where to receive callbacks, as HOST:PORT.
        token: The secret at the end of the webhook URL; better set as MAVI_CALLBACK_TOKEN, since
            other users of this machine can see options. By default a new one is made and shown.
        base_url: Where the API is; by default MAVI_BASE_URL, or MAVI's own.
        rate: The account's requests per second.
        timeout: Seconds to wait for each callback.
        as_json: Write a JSON object a line instead of drawings.
    """
    from mavi_async.cli._speakers import SpeakersOptions, run_speakers

    token = token or os.environ.get("MAVI_CALLBACK_TOKEN") or None
    return run_speakers(SpeakersOptions(asset_ids, listen, token, base_url, rate, timeout, as_json))
