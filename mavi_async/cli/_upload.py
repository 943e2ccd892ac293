"""Uploading files from the command line, with a bar for each."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from mavi_async._client import MaviClient
from mavi_async._configuration import checked_seconds
from mavi_async._errors import AuthenticationError, ConfigurationError, MaviError
from mavi_async._upload import Via
from mavi_async.cli._notes import logged_to
from mavi_async.cli._place import Place
from mavi_async.cli._text import make_console, safe_text

__all__ = ["UploadOptions", "run_upload"]

_SET_UP: Final = (AuthenticationError, ConfigurationError)
_WIDEST_NAME: Final = 28


@attrs.frozen
class UploadOptions:
    """What is asked for; `MaviClient` says what most of it means.

    Attributes:
        files: The recordings; each is uploaded once, however often it is named.
        via: Which way; ``None`` for what fits the size.
        wait: Whether to wait until jobs can be made of each.
        base_url: Where the API is.
        account: What the account is called in the store.
        rate: Requests per second.
        timeout: Seconds to wait for each, once it is uploaded.
        as_json: Whether results are written as JSON lines.
    """

    files: Sequence[Path]
    via: Via | None
    wait: bool
    base_url: str | None
    account: str | None
    rate: float
    timeout: float
    as_json: bool


def run_upload(options: UploadOptions, place: Place) -> int:
    """Upload the files and return the exit code: 2 where the set-up let nothing succeed.

    Raises:
        ConfigurationError: If nothing was uploaded because an option cannot be used.
    """
    checked_seconds(options.timeout, "--timeout")
    checked_seconds(options.rate, "--rate", positive=True)
    board = _Board(make_console(sys.stderr))
    outcomes = asyncio.run(_run(options, place, board))
    failures = [each for each in outcomes if isinstance(each, MaviError)]
    board.note(f"{len(outcomes) - len(failures)} of {len(outcomes)} files uploaded.")
    if not failures:
        return 0
    wrong_set_up = all(isinstance(error, _SET_UP) for error in failures)
    return 2 if wrong_set_up and len(failures) == len(outcomes) else 1


async def _run(options: UploadOptions, place: Place, board: "_Board") -> list[MaviError | None]:
    """Upload all files at once; the failure of one stops none of the others."""
    say = _say_json if options.as_json else _say_text
    out = make_console(sys.stdout)

    async def upload(client: MaviClient, file: Path) -> MaviError | None:
        row = board.add(file)
        try:
            task = await client.upload(
                file, via=options.via, on_progress=lambda sent, _: board.sent(row, sent)
            )
            board.uploaded(row, task.asset_id)
            asset = await task.wait(options.timeout) if options.wait else None
        except MaviError as error:
            board.failed(row, error)
            with board.aside():
                say(out, file, None, error)
            return error
        if asset is not None:
            board.usable(row)
        status = None if asset is None else asset.upload_status
        with board.aside():
            say(out, file, task.asset_id, status)
        return None

    files = dict.fromkeys(options.files)
    async with (
        place.open() as store,
        MaviClient(
            base_url=options.base_url,
            account=options.account,
            requests_per_second=options.rate,
            store=store,
        ) as client,
    ):
        with board:
            return await asyncio.gather(*(upload(client, file) for file in files))


def _say_text(out: Console, file: Path, asset_id: str | None, _: str | MaviError | None) -> None:
    if asset_id is not None:
        out.print(Text(f"{asset_id}  {safe_text(str(file))}"), soft_wrap=True)


def _say_json(
    out: Console, file: Path, asset_id: str | None, outcome: str | MaviError | None
) -> None:
    document: dict[str, object] = {"file": str(file), "asset_id": asset_id}
    if isinstance(outcome, MaviError):
        document |= {"ok": False, "error": type(outcome).__name__, "message": str(outcome)}
    else:
        document |= {"ok": True, "upload_status": outcome}
    # ASCII only, so that no name can steer the terminal it may end up in.
    out.out(json.dumps(document, ensure_ascii=True), highlight=False)


class _Board:
    """How far each file is: bars in a terminal, a line for each change anywhere else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._names: dict[TaskID, str] = {}
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            console=console,
            disable=not self._is_live,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> None:
        self._logged = logged_to(self.note)
        self._logged.__enter__()
        self._bars.start()

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        self._logged.__exit__(None, None, None)

    def add(self, file: Path) -> TaskID:
        """Begin a row."""
        name = safe_text(file.name, longest=_WIDEST_NAME)
        try:
            size = file.stat().st_size
        except OSError:  # the upload says what is wrong with it
            size = 0
        row = self._bars.add_task(name, total=size, state="waiting")
        self._names[row] = name
        return row

    def sent(self, row: TaskID, sent_bytes: int) -> None:
        """Move a bar."""
        self._bars.update(row, completed=sent_bytes, state="uploading")

    def uploaded(self, row: TaskID, asset_id: str) -> None:
        """Note that all of a file is there."""
        self._change(row, f"uploaded as {asset_id}")

    def usable(self, row: TaskID) -> None:
        """Note that jobs can be made of it."""
        self._change(row, "usable")

    def failed(self, row: TaskID, error: MaviError) -> None:
        """Note what went wrong."""
        self._bars.update(row, state="failed")
        self.note(f"failed: {self._names[row]}: {error}")

    def note(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(Text(safe_text(text)), soft_wrap=True)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for other output, on whichever stream."""
        self._bars.stop()
        try:
            yield
        finally:
            self._bars.start()

    def _change(self, row: TaskID, state: str) -> None:
        self._bars.update(row, state=state)
        if not self._is_live:
            self.note(f"{self._names[row]}: {state}")
