"""What the board makes of each step, and how it is shown."""

import asyncio
import io
import logging

import attrs
import pytest
from rich.console import Console

from mavi_async._records import Intent, IntentState, Pacing, Submission
from mavi_async.cli._board import Board, NotSubmitted, Stage
from mavi_async.cli._progress import Progress, board_table
from mavi_async.cli._watched import watched_store
from mavi_async.stores import MemoryStore, TaskStore


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def intent(asset_id: str) -> Intent:
    """An intent that does not expire."""
    return Intent(f"intent-{asset_id}", "account", asset_id, IntentState.SENDING, 0.0, 1e12)


def shown(board: Board, *, width: int = 100) -> list[str]:
    """The board as it stands, as lines."""
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(board_table(board))
    return [" ".join(line.split()) for line in capture.get().splitlines()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(["re_1", "re_2"], plans={"re_2": "late"}, clock=clock)


async def submit(store: TaskStore, asset_id: str, task_id: str) -> None:
    """What the client does with a store when it submits."""
    await store.begin_intent(intent(asset_id))
    await store.put_submission(Submission(task_id, "account", asset_id, 0.0))
    await store.update_intent(f"intent-{asset_id}", IntentState.ACCEPTED, task_id=task_id)


@pytest.mark.asyncio
async def test_each_step_moves_the_row(board: Board, clock: Clock) -> None:
    """Queued, being submitted, waiting for its callback, done."""
    store = watched_store(board, MemoryStore())
    stages = [board.rows["re_1"].stage]
    await store.begin_intent(intent("re_1"))
    stages.append(board.rows["re_1"].stage)
    await store.put_submission(Submission("task-1", "account", "re_1", 0.0))
    clock.now += 2.5
    stages.append(board.rows["re_1"].stage)
    assert "> re_1 waiting for callback 2.5 s" == shown(board)[0]
    await store.put_callback("task-1", b"{}", seen=True)
    board.done("re_1")
    stages.append(board.rows["re_1"].stage)

    assert [Stage.QUEUED, Stage.SENDING, Stage.RUNNING, Stage.DONE] == stages
    assert [
        "✓ re_1 done callback 2.5 s after its submit",
        "· re_2 queued for a slot its callback is made to come late",
    ] == shown(board)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("second", "note"),
    [
        (b"first", "callback came twice: the repeat was acknowledged and changed nothing"),
        (b"other", "a second, different callback came: the first one counts"),
    ],
)
async def test_a_second_callback(board: Board, second: bytes, note: str) -> None:
    """A repeat and a contradiction are told apart."""
    store = watched_store(board, MemoryStore())
    await submit(store, "re_1", "task-1")
    await store.put_callback("task-1", b"first", seen=True)
    await store.put_callback("task-1", second, seen=False)

    assert note == board.rows["re_1"].note
    assert 2 == board.callbacks


@pytest.mark.asyncio
async def test_hearing_callbacks(board: Board) -> None:
    """Whoever waits for a number of them goes on with the last."""
    store = watched_store(board, MemoryStore())
    await store.put_callback("task-1", b"{}", seen=False)
    waiting = asyncio.create_task(board.hear(2))
    await asyncio.sleep(0)
    assert not waiting.done()
    await store.put_callback("task-1", b"{}", seen=False)
    await waiting

    assert 2 == board.callbacks


@pytest.mark.asyncio
async def test_an_early_callback(board: Board) -> None:
    """It is nobody's until the answer to the submit names its job."""
    said: list[tuple[str, str]] = []
    board.on_change = lambda asset_id, text: said.append((asset_id, text))
    store = watched_store(board, MemoryStore())
    await store.put_callback("task-1", b"{}", seen=False)
    await submit(store, "re_1", "task-1")

    assert ("", "a callback for a task_id that no answer has named yet: kept") == said[0]
    assert board.rows["re_1"].note.startswith("callback came before the answer to its submit")


@pytest.mark.asyncio
async def test_a_request_that_is_sent_again(board: Board) -> None:
    """The row says so."""
    store = watched_store(board, MemoryStore())
    await store.begin_intent(intent("re_1"))
    assert "" == board.rows["re_1"].note
    await store.update_intent("intent-re_1", IntentState.NOT_SENT)
    await store.begin_intent(intent("re_1"))

    assert "submitted again: the first request created no job" == board.rows["re_1"].note


@pytest.mark.asyncio
async def test_nothing_leaves_after_a_refusal(board: Board) -> None:
    """Whoever comes to the store too late to be cancelled is turned away, and leaves no trace."""
    inner = MemoryStore()
    store = watched_store(board, inner)
    await store.begin_intent(intent("re_1"))

    assert ["re_2"] == board.refused("re_1", "HTTP 401")
    with pytest.raises(NotSubmitted, match="not submitted, since MAVI refused re_1: HTTP 401"):
        await store.begin_intent(intent("re_2"))
    assert None is await inner.get_intent("intent-re_2")


@pytest.mark.asyncio
async def test_jobs_of_others(board: Board) -> None:
    """The callback of a job that another run submitted belongs to no row."""
    said: list[tuple[str, str]] = []
    board.on_change = lambda asset_id, text: said.append((asset_id, text))
    inner = MemoryStore()
    await inner.put_submission(Submission("task-9", "account", "re_9", 0.0))
    await watched_store(board, inner).put_callback("task-9", b"{}", seen=False)

    assert [("", "a callback for a job that is not waited for here: kept")] == said


@pytest.mark.asyncio
async def test_a_job_of_an_earlier_run(board: Board, clock: Clock) -> None:
    """The row says that it is not paid for again, and counts from when it was submitted."""
    board.attached("re_1", "task-1", seconds=8.0)
    before = board.rows["re_1"].note
    waits = shown(board)[0]
    clock.now += 0.5
    await watched_store(board, MemoryStore()).put_callback("task-1", b"{}", seen=True)

    assert (Stage.RUNNING, "task-1") == (board.rows["re_1"].stage, board.rows["re_1"].task_id)
    assert "task task-1: submitted by an earlier run, which is not paid for again" == before
    assert waits.startswith("> re_1 waiting for callback 8.0 s ")
    assert "callback 8.5 s after its submit" == board.rows["re_1"].note


@pytest.mark.asyncio
async def test_a_submission_of_another_run(board: Board) -> None:
    """Whoever waits for it sends nothing, and says nothing else."""
    said: list[tuple[str, str]] = []
    board.on_change = lambda asset_id, text: said.append((asset_id, text))
    inner = MemoryStore()
    store = watched_store(board, inner)
    others = attrs.evolve(intent("re_1"), intent_id="other", idempotency_key="key")
    await inner.begin_intent(others)
    assert others == await store.begin_intent(attrs.evolve(intent("re_1"), idempotency_key="key"))
    stages = [board.rows["re_1"].stage]
    await inner.update_intent("other", IntentState.NOT_SENT)
    await store.find_intent("account", "key")
    stages.append(board.rows["re_1"].stage)

    assert [Stage.ELSEWHERE, Stage.QUEUED] == stages
    assert [("re_1", "another run submits it"), ("re_1", "queued for a slot")] == said


@pytest.mark.asyncio
async def test_a_submission_that_was_decided_meanwhile(board: Board) -> None:
    """An intent that was adopted before its next try is not sent again."""
    inner = MemoryStore()
    store = watched_store(board, inner)
    await inner.begin_intent(intent("re_1"))
    await inner.update_intent("intent-re_1", IntentState.ACCEPTED, task_id="task-1")
    await store.begin_intent(intent("re_1"))

    assert Stage.QUEUED is board.rows["re_1"].stage


@pytest.mark.asyncio
async def test_a_request_that_created_no_job(board: Board) -> None:
    """It waits for its next try; nothing of it may be running, and a refusal stops it."""
    store = watched_store(board, MemoryStore())
    await store.begin_intent(intent("re_1"))
    await store.update_intent("intent-re_1", IntentState.NOT_SENT)

    assert Stage.QUEUED is board.rows["re_1"].stage
    assert "re_1" in board.refused("re_2", "HTTP 401")


@pytest.mark.asyncio
async def test_a_request_that_is_leaving(board: Board) -> None:
    """It counts as sent while its intent is being kept: a refusal cannot hold it back any more."""

    class Slow(MemoryStore):
        async def begin_intent(self, intent: Intent) -> Intent:
            assert [] == board.refused("re_2", "HTTP 401")
            return await super().begin_intent(intent)

    board.skipped("re_2")
    await watched_store(board, Slow()).begin_intent(intent("re_1"))

    assert Stage.SENDING is board.rows["re_1"].stage


@pytest.mark.asyncio
async def test_a_job_that_is_recorded_late(board: Board) -> None:
    """A row that is done stays so."""
    store = watched_store(board, MemoryStore())
    await store.begin_intent(intent("re_1"))
    board.attached("re_1", "task-1", seconds=0.0)
    board.done("re_1")
    await store.put_submission(Submission("task-1", "account", "re_1", 0.0))

    assert Stage.DONE is board.rows["re_1"].stage


def test_a_failure(board: Board) -> None:
    """The reason takes the place of the note, without what could steer the terminal."""
    board.failed("re_1", "it said \x1b[2J[red]no")

    assert "✗ re_1 failed it said [2J[red]no" == shown(board)[0]


@pytest.mark.asyncio
async def test_a_long_board_shows_what_is_under_way(clock: Clock) -> None:
    """A hundred recordings take twelve lines, and one that counts them."""
    board = Board([f"re_{number}" for number in range(100)], clock=clock)
    store = watched_store(board, MemoryStore())
    for number in range(80):
        board.done(f"re_{number}")
    await submit(store, "re_99", "task-99")
    lines = shown(board)

    assert 13 == len(lines)
    assert "> re_99 waiting for callback 0.0 s" == lines[0]
    assert "100 in all 19 queued for a slot, 1 waiting for callback, 80 done" == lines[-1]


def test_signs_for_a_terminal_without_unicode(board: Board) -> None:
    """Everything is ASCII."""
    board.done("re_1")
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(board_table(board, spinners={}, ascii_only=True))

    assert capture.get().isascii()


def test_what_the_package_logs_becomes_a_note(board: Board) -> None:
    """A warning is a line between the others, and nobody listens after the end."""
    stream = io.StringIO()
    with Progress(board, Console(file=stream, force_terminal=False)):
        logging.getLogger("mavi_async").warning("look: %s", "\x1b[1mhere")
    logging.getLogger("mavi_async").debug("not this")

    assert "look: [1mhere\n" == stream.getvalue()


@pytest.mark.asyncio
async def test_the_queue_is_told(board: Board) -> None:
    """Below the rows, and whenever a request leaves; not where nobody waits."""
    said: list[str] = []
    board.on_change = lambda _, text: said.append(text)
    store = watched_store(board, MemoryStore())
    queue_was_told = [line for line in shown(board) if "queued," in line]
    board.queue = lambda: Pacing(3, 125.4)

    await store.begin_intent(intent("re_1"))

    assert [] == queue_was_told
    assert "3 queued, about 2:05 in all" == shown(board)[-1]
    assert ["being submitted; 3 queued, about 2:05 in all"] == said
