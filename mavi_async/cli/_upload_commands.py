"""The command that uploads, and its options. The module behind it is loaded when it runs."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from mavi_async.cli._options import AsJson, Store

__all__ = ["upload"]


def upload(
    files: list[Path],
    /,
    *,
    wait: Annotated[bool, Parameter(negative="")] = False,
    via: Literal["direct", "signed-url"] | None = None,
    base_url: str | None = None,
    account: str | None = None,
    rate: float = 1.0,
    timeout: float = 3600.0,
    as_json: AsJson = False,
    store: Store = None,
) -> int:
    """Upload recordings and print the asset id of each. Costs nothing.

    The API key is read from MAVI_API_KEY. Asset ids go to standard output, everything else to
    standard error. The exit code is 0 if all were uploaded, 1 if some failed, 2 if the set-up is
    wrong.

    Args:
        files: The recordings, in one of MAVI's formats.
        wait: Wait until jobs can be made of each.
        via: Through the API, or to a signed URL; by default what fits the size.
        base_url: Where the API is; by default MAVI_BASE_URL, or MAVI's own.
        account: What to call the account in the store; by default a digest of the key.
        rate: The account's requests per second.
        timeout: With --wait, seconds to wait for each once it is uploaded.
        as_json: Write a JSON object a line instead.
        store: Where the account's rate is shared; by default MAVI_STORE, or a file in your data
            folder.
    """
    from mavi_async.cli._place import find_place
    from mavi_async.cli._upload import UploadOptions, run_upload

    options = UploadOptions(files, via, wait, base_url, account, rate, timeout, as_json)
    return run_upload(options, find_place(store))
