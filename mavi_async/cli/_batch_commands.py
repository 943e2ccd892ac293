"""The commands for many recordings, and their options; modules are loaded when they run."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from mavi_async.cli._options import AsJson, File, Flag, Store, find_token

__all__ = ["batch", "listen"]

Files: TypeAlias = Annotated[list[Path], Parameter(allow_leading_hyphen=True)]
Formats: TypeAlias = Annotated[list[str] | None, Parameter(name="--format", negative="")]


def batch(
    recordings: Files,
    /,
    *,
    output: File,
    formats: Formats = None,
    resume: Flag = False,
    name: str | None = None,
    max_cost: float | None = None,
    assume_length: float | None = None,
    on_error: Literal["continue", "stop"] = "continue",
    listen: str | None = None,
    received_elsewhere: Flag = False,
    token: str | None = None,
    base_url: str | None = None,
    account: str | None = None,
    rate: float = 1.0,
    timeout: float = 3600.0,
    as_json: AsJson = False,
    store: Store = None,
) -> int:
    """Have many recordings done: uploaded, submitted, and their results written as they come.

    What it will cost is estimated first. Ctrl-C stops submitting and says how to go on; so does a
    crash, without a word: the same command with --resume uploads, submits and pays for what is
    missing.

    The API key is read from MAVI_API_KEY. Everything that is said is on standard error. The exit
    code is 0 if all recordings are done and written, 1 if some are not, 2 if the set-up is wrong,
    130 if it was interrupted.

    Args:
        recordings: Folders, which are searched with all that are below them; files; and manifests:
            CSV files whose first line names the columns path or asset_id, and perhaps name.
        output: The folder for the results, which are named after the recordings.
        formats: What to write each result as: rttm, uem, lab, json, jsonl, csv, vtt, srt,
            audacity, textgrid, svg or html; may be repeated. By default rttm.
        resume: Go on with what an earlier run began.
        name: What to call the batch in the store; by default after the output folder.
        max_cost: Refuse to begin where it would cost more than so many US dollars.
        assume_length: With --max-cost, seconds to count for a recording whose file does not tell
            how long it is.
        on_error: Whether one recording without a result keeps back those not submitted yet.
        listen: Where to receive callbacks, as HOST:PORT.
        received_elsewhere: Instead, another process receives them into the same store, such as
            `mavi-async listen`.
        token: The secret at the end of the webhook URL; better set as MAVI_CALLBACK_TOKEN, since
            other users of this machine can see options. By default a new one is made and shown.
        base_url: Where the API is; by default MAVI_BASE_URL, or MAVI's own.
        account: What to call the account in the store; by default a digest of the key.
        rate: The account's requests per second.
        timeout: Seconds to wait for each callback.
        as_json: Write a JSON object a line for each recording to standard output.
        store: The file or redis:// URL to keep jobs in; by default MAVI_STORE, or a file in your
            data folder. Better set a URL with a password as MAVI_STORE.
    """
    from mavi_async.cli._batch import run_batch
    from mavi_async.cli._batch_options import BatchOptions
    from mavi_async.cli._batch_plan import Budget
    from mavi_async.cli._place import find_place

    options = BatchOptions(
        paths=recordings,
        output=output,
        formats=formats or ["rttm"],
        name=name,
        resume=resume,
        budget=Budget(max_cost, assume_length),
        on_error=on_error,
        listen=listen,
        received_elsewhere=received_elsewhere,
        token=find_token(token),
        base_url=base_url,
        account=account,
        rate=rate,
        timeout=timeout,
        as_json=as_json,
    )
    return run_batch(options, find_place(store))


def listen(
    address: str,
    /,
    *,
    token: str | None = None,
    quiet: Flag = False,
    store: Store = None,
) -> int:
    """Receive callbacks into a store until Ctrl-C or SIGTERM, for commands that run elsewhere.

    The webhook URL in MAVI's console must lead here, over HTTPS. `batch`, `speakers` and `resume`
    then need no receiver of their own, on any host that has the same store. Needs no key. Each
    callback is a line on standard output.

    Args:
        address: Where to receive callbacks, as HOST:PORT.
        token: The secret at the end of the webhook URL; better set as MAVI_CALLBACK_TOKEN, since
            other users of this machine can see options. By default a new one is made and shown.
        quiet: Write nothing about what comes in.
        store: The file or redis:// URL to keep callbacks in; by default MAVI_STORE, or a file in
            your data folder. Better set a URL with a password as MAVI_STORE.
    """
    from mavi_async.cli._listen import ListenOptions, run_listen
    from mavi_async.cli._place import find_place

    return run_listen(ListenOptions(address, find_token(token), quiet), find_place(store))
