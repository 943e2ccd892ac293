"""Taking up jobs again after a crash, an interruption or a timeout."""

import contextlib
from collections import Counter

import attrs

from mavi_async._client import MaviClient
from mavi_async._configuration import checked_seconds
from mavi_async._dispatcher import Dispatcher
from mavi_async._task import SpeakerTask
from mavi_async.cli._destination import check_options, find_destination
from mavi_async.cli._entrance import Entrance, entered
from mavi_async.cli._jobs import age, await_jobs
from mavi_async.cli._place import Place
from mavi_async.cli._session import Session, run_session
from mavi_async.cli._watched import watched_store
from mavi_async.stores import TaskStore

__all__ = ["ResumeOptions", "run_resume"]


@attrs.frozen
class ResumeOptions:
    """What is asked for.

    Attributes:
        listen: Where to receive callbacks, ``HOST:PORT``; ``None`` where another process does.
        token: The secret in the callback's path; ``None`` makes one.
        account: What the account is called in the store.
        timeout: Seconds to wait for each callback.
        as_json: Whether results are written as JSON lines.
        output: A file or folder to write results to instead of drawing them.
        to: Name of its format; ``None`` for what the suffix of the file says.
    """

    listen: str | None
    token: str | None = attrs.field(repr=False)
    account: str | None
    timeout: float
    as_json: bool
    output: str | None
    to: str | None


def run_resume(options: ResumeOptions, place: Place) -> int:
    """Wait for every job whose result nobody has yet, and return the exit code.

    Raises:
        ConfigurationError: If an option cannot be used.
    """
    checked_seconds(options.timeout, "--timeout")
    check_options(options.output, options.to, as_json=options.as_json)
    session = Session((), place, as_json=options.as_json)
    if options.listen is not None:
        session.resume += f" --listen {options.listen}"
    elsewhere = options.listen is None
    with entered(options.listen, options.token, received_elsewhere=elsewhere) as entrance:
        session.made_token = entrance.makes_token
        return run_session(session, _run(options, session, place, entrance))


async def _run(options: ResumeOptions, session: Session, place: Place, entrance: Entrance) -> None:
    board, note = session.board, session.progress.note
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(place.open())
        dispatcher = await stack.enter_async_context(Dispatcher(store=watched_store(board, store)))
        client = MaviClient(account=options.account, dispatcher=dispatcher)
        await stack.enter_async_context(client)
        tasks = _named(await client.resume())
        await _say_what_is_elsewhere(client, store, session)
        if not tasks:
            note(f"No job waits for its callback in {place}.")
            return
        destination = find_destination(options.output, options.to, tasks, as_json=options.as_json)
        if destination is not None:
            session.write_to(destination)
        await stack.enter_async_context(entrance.receiving(dispatcher, note))
        _show(tasks, session)
        with session.progress:
            await await_jobs(tasks, board, session, timeout=options.timeout)


def _named(tasks: list[SpeakerTask]) -> dict[str, SpeakerTask]:
    """Call each job by its recording, and by its ``task_id`` too where a recording has several."""
    times = Counter(task.asset_id for task in tasks)
    return {
        task.asset_id
        if task.asset_id is not None and times[task.asset_id] == 1
        else f"{task.asset_id} {task.task_id}": task
        for task in tasks
    }


def _show(tasks: dict[str, SpeakerTask], session: Session) -> None:
    for name, task in tasks.items():
        session.asset_ids[name] = task.asset_id or task.task_id
        session.board.add(name)
        session.board.waiting(name, task.task_id, seconds=age(task))


async def _say_what_is_elsewhere(client: MaviClient, store: TaskStore, session: Session) -> None:
    """A key of another account sees nothing of the jobs it is asked to take up."""
    others = Counter(
        job.account
        for job in (*await store.list_pending(), *await store.list_uncollected())
        if job.account != client.account
    )
    for account, count in others.items():
        session.progress.note(
            f"Jobs of another account: {count}. "
            f"With its key, or where it was named so: {session.resume} --account {account}"
        )
