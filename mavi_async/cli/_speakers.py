"""Speaker jobs from the command line, with a receiver of its own for their callbacks."""

import hashlib
from collections.abc import Sequence
from typing import Final

import attrs

from mavi_async._client import MaviClient
from mavi_async._configuration import checked_asset_id, checked_seconds
from mavi_async._dispatcher import Dispatcher
from mavi_async._records import IntentState
from mavi_async.cli._destination import find_destination
from mavi_async.cli._entrance import Entrance, entered
from mavi_async.cli._jobs import run_jobs
from mavi_async.cli._place import Place
from mavi_async.cli._session import Session, run_session
from mavi_async.cli._watched import watched_store
from mavi_async.stores import TaskStore

__all__ = ["SpeakersOptions", "run_speakers"]

_LONGEST_ID: Final = 240


@attrs.frozen
class SpeakersOptions:
    """What is asked for; `MaviClient` says what most of it means.

    Attributes:
        asset_ids: The recordings; each is submitted once, however often it is named.
        listen: Where to receive callbacks, ``HOST:PORT``.
        received_elsewhere: Whether another process receives them into the same store.
        token: The secret in the callback's path; ``None`` makes one.
        base_url: Where the API is.
        account: What the account is called in the store.
        rate: Requests per second.
        timeout: Seconds to wait for each callback.
        again: Whether to submit also what was submitted by an earlier run.
        as_json: Whether results are written as JSON lines.
        output: A file or folder to write results to instead of drawing them.
        to: Name of its format; ``None`` for what the suffix of the file says.
    """

    asset_ids: Sequence[str]
    listen: str | None
    received_elsewhere: bool
    token: str | None = attrs.field(repr=False)
    base_url: str | None
    account: str | None
    rate: float
    timeout: float
    again: bool
    as_json: bool
    output: str | None
    to: str | None


def run_speakers(options: SpeakersOptions, place: Place) -> int:
    """Run the jobs and return the exit code.

    Raises:
        ConfigurationError: If nothing was submitted because an option cannot be used.
    """
    # The timeout is looked at again where it is used: after the job was accepted.
    checked_seconds(options.timeout, "--timeout")
    checked_seconds(options.rate, "--rate", positive=True)
    asset_ids = dict.fromkeys(options.asset_ids)
    # Before anything is paid for.
    destination = find_destination(options.output, options.to, asset_ids, as_json=options.as_json)
    session = Session(asset_ids, place, as_json=options.as_json, destination=destination)
    if options.listen is not None:
        session.resume += f" --listen {options.listen}"
    elsewhere = options.received_elsewhere
    with entered(options.listen, options.token, received_elsewhere=elsewhere) as entrance:
        session.made_token = entrance.makes_token
        return run_session(session, _run(options, session, place, entrance))


async def _run(
    options: SpeakersOptions, session: Session, place: Place, entrance: Entrance
) -> None:
    """Receive callbacks, submit, and hand out results."""
    async with (
        place.open() as store,
        Dispatcher(store=watched_store(session.board, store)) as dispatcher,
        MaviClient(
            base_url=options.base_url,
            account=options.account,
            requests_per_second=options.rate,
            dispatcher=dispatcher,
        ) as client,
        entrance.receiving(dispatcher, session.progress.note),
    ):

        async def key_of(asset_id: str) -> str:
            return await _find_key(
                store, client.account, checked_asset_id(asset_id), again=options.again
            )

        with session.progress:
            await run_jobs(
                client,
                session.board.rows,
                session.board,
                session,
                timeout=options.timeout,
                key_of=key_of,
            )


async def _find_key(store: TaskStore, account: str, asset_id: str, *, again: bool) -> str:
    """Return the idempotency key of a recording's latest job, or of the one after that.

    So a run that is repeated finds the jobs of the run before, and so does one that is repeated
    without ``--again`` after one with it.
    """
    if len(asset_id) > _LONGEST_ID:
        asset_id = hashlib.sha256(asset_id.encode()).hexdigest()
    number = 1
    while await store.find_intent(account, _key(asset_id, number + 1)) is not None:
        number += 1
    if again:
        latest = await store.find_intent(account, _key(asset_id, number))
        number += latest is not None and latest.state is not IntentState.NOT_SENT
    return _key(asset_id, number)


def _key(asset_id: str, number: int) -> str:
    return f"cli:{asset_id}" if number == 1 else f"cli {number}:{asset_id}"
