"""The commands that run something, and their options.

The modules behind a command are loaded when it runs.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter

from mavi_async.cli._options import AsJson, Flag, Output, Store, find_token

__all__ = ["demo", "doctor", "emulate", "resume", "speakers"]


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


def speakers(
    asset_ids: list[str],
    /,
    *,
    listen: str | None = None,
    received_elsewhere: Flag = False,
    token: str | None = None,
    base_url: str | None = None,
    account: str | None = None,
    rate: float = 1.0,
    timeout: float = 3600.0,
    again: Flag = False,
    output: Output = None,
    to: str | None = None,
    as_json: AsJson = False,
    store: Store = None,
) -> int:
    """Run speaker jobs and print who speaks when in each recording.

    Run it again after a crash: what was submitted is not submitted, and not paid for, again.

    The API key is read from MAVI_API_KEY. Callbacks are received at --listen, to which the
    webhook URL in MAVI's console must lead, over HTTPS. Results go to standard output, everything
    else to standard error. The exit code is 0 if all jobs succeeded, 1 if some failed, 2 if the
    set-up is wrong.

    Args:
        asset_ids: The uploaded recordings.
        listen: Where to receive callbacks, as HOST:PORT.
        received_elsewhere: Instead, another process receives them into the same store, such as
            `mavi-async listen`.
        token: The secret at the end of the webhook URL; better set as MAVI_CALLBACK_TOKEN, since
            other users of this machine can see options. By default a new one is made and shown.
        base_url: Where the API is; by default MAVI_BASE_URL, or MAVI's own.
        account: What to call the account in the store; by default a digest of the key.
        rate: The account's requests per second.
        timeout: Seconds to wait for each callback.
        again: Submit, and pay for, also what was submitted before.
        output: Where to write results instead of drawing them: a file, such as town.rttm, or a
            folder, in which each file is named after its recording.
        to: The format of the files: rttm, uem, lab, json, jsonl, csv, vtt, srt, audacity,
            textgrid, svg or html. By default the suffix of --output tells.
        as_json: Write a JSON object a line instead of drawings.
        store: The file or redis:// URL to keep jobs in; by default MAVI_STORE, or a file in your
            data folder. Better set a URL with a password as MAVI_STORE.
    """
    from mavi_async.cli._place import find_place
    from mavi_async.cli._speakers import SpeakersOptions, run_speakers

    options = SpeakersOptions(
        asset_ids,
        listen,
        received_elsewhere,
        find_token(token),
        base_url,
        account,
        rate,
        timeout,
        again,
        as_json,
        output,
        to,
    )
    return run_speakers(options, find_place(store))


def resume(
    *,
    listen: str | None = None,
    token: str | None = None,
    account: str | None = None,
    timeout: float = 3600.0,
    output: Output = None,
    to: str | None = None,
    as_json: AsJson = False,
    store: Store = None,
) -> int:
    """Wait for the jobs that were submitted before, and print their results.

    Those whose callback came meanwhile are printed at once. Nothing is submitted. The API key in
    MAVI_API_KEY tells whose jobs they are.

    Args:
        listen: Where to receive callbacks, as HOST:PORT; without it, another process receives
            them into the same store.
        token: The secret at the end of the webhook URL; better set as MAVI_CALLBACK_TOKEN.
        account: What the account is called in the store; by default a digest of the key.
        timeout: Seconds to wait for each callback; 0 prints what is here.
        output: Where to write results instead of drawing them: a file for a single one, or a
            folder, in which each file is named after its recording.
        to: The format of the files, as for speakers. By default the suffix of --output tells.
        as_json: Write a JSON object a line instead of drawings.
        store: The file or redis:// URL that jobs are kept in; by default MAVI_STORE, or a file in
            your data folder.
    """
    from mavi_async.cli._place import find_place
    from mavi_async.cli._resume import ResumeOptions, run_resume

    options = ResumeOptions(listen, find_token(token), account, timeout, as_json, output, to)
    return run_resume(options, find_place(store))


def doctor(
    *,
    webhook_url: str | None = None,
    listen: str | None = None,
    token: str | None = None,
    base_url: str | None = None,
    as_json: AsJson = False,
    store: Store = None,
) -> int:
    """Check key, API, clock, store and webhook, and say what to fix. Costs nothing.

    With a webhook URL, callbacks that answer no job are posted to it, and looked for. The exit
    code is 0 if all is well, 1 if something has to be fixed, 2 if the options are wrong.

    Args:
        webhook_url: The URL that is set in MAVI's console; better set as MAVI_WEBHOOK_URL, since
            its end is a secret, and other users of this machine can see options.
        listen: Where to receive what is posted there, as HOST:PORT; without it, the running
            service receives it, into the same store.
        token: What the receiver is told as MAVI_CALLBACK_TOKEN, to compare with the URL.
        base_url: Where the API is; by default MAVI_BASE_URL, or MAVI's own.
        as_json: Write a JSON object a line.
        store: The file or redis:// URL that jobs are kept in; by default MAVI_STORE, or a file in
            your data folder.
    """
    import asyncio

    from mavi_async.cli._doctor import DoctorOptions, run_doctor
    from mavi_async.cli._place import find_place

    url = webhook_url or os.environ.get("MAVI_WEBHOOK_URL") or None
    options = DoctorOptions(base_url, url, listen, find_token(token), as_json)
    return asyncio.run(run_doctor(options, find_place(store)))
