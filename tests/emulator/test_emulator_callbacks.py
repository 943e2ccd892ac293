"""Callbacks over real sockets, and everything that can go wrong with them."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from mavi_async.emulator import Emulator, Fault
from mavi_async.emulator._callbacks import Courier
from mavi_async.emulator._jobs import Ledger
from mavi_async.emulator._parcels import Parcel

DEADLINE = 20


class Receiver(ThreadingHTTPServer):
    """A webhook that keeps what it is sent; it answers with each of `statuses`, then with 200."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/callback"
        self.bodies: list[bytes] = []
        self.content_types: set[str | None] = set()
        self.statuses: list[int] = []
        self.changed = threading.Condition()
        self.before_answer: Callable[[], object] = lambda: None

    def take(self, body: bytes, content_type: str | None) -> int:
        """Keep a body and return the status to answer with."""
        with self.changed:
            self.bodies.append(body)
            self.content_types.add(content_type)
            self.changed.notify_all()
            self.before_answer()
            return self.statuses.pop(0) if self.statuses else 200

    def wait_for(self, count: int) -> list[bytes]:
        """Wait until so many bodies have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.bodies) >= count, DEADLINE)
            return list(self.bodies)

    def task_ids(self, count: int) -> list[str]:
        """Wait for so many bodies and return what they are about."""
        return [json.loads(body)["task_id"] for body in self.wait_for(count)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Receiver)
        status = self.server.take(body, self.headers["content-type"])
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


@pytest.fixture
def emulator(receiver: Receiver) -> Iterator[Emulator]:
    with Emulator(1e6, webhook_url=receiver.url, callback_delay=0, callback_tries=3) as emulator:
        yield emulator


def submit(emulator: Emulator, asset_id: str = "re_1") -> str:
    """Submit as a client would, and return the task id."""
    response = httpx.post(
        emulator.base_url + "/transcriptions/async-generate-speaker",
        json={"asset_id": asset_id},
        headers={"Authorization": emulator.api_key},
    )
    task_id = response.json()["data"]["task_id"]
    assert isinstance(task_id, str)
    return task_id


def jobs_of(emulator: Emulator, statuses: Iterable[str]) -> list[Any]:
    """Wait until the jobs have these statuses, and return them as other processes see them."""
    expected = list(statuses)

    def look() -> list[Any]:
        jobs = httpx.get(f"{emulator.control_url}/state").json()["jobs"]
        return jobs if [job["status"] for job in jobs] == expected else []

    gave_up = threading.Event()
    timer = threading.Timer(DEADLINE, gave_up.set)
    timer.start()
    try:
        while not (jobs := look()):
            assert not gave_up.is_set(), emulator.state()
    finally:
        timer.cancel()
        timer.join()
    return jobs


def test_a_callback_is_what_the_synchronous_endpoint_says(
    emulator: Emulator, receiver: Receiver
) -> None:
    """It is sent once, as JSON, and carries the task id but not the asset id."""
    task_id = submit(emulator)
    [body] = receiver.wait_for(1)
    document = json.loads(body)
    response = httpx.post(
        emulator.base_url + "/transcriptions/sync-generate-speaker",
        json={"asset_id": "re_1"},
        headers={"Authorization": emulator.api_key},
    )
    [job] = jobs_of(emulator, ["delivered"])
    [attempt] = job.pop("callbacks")

    assert document["task_id"] == task_id
    assert document["data"]["data"]["data"] == response.json()["data"]["items"]
    assert b"re_1" not in body
    assert receiver.content_types == {"application/json"}
    assert job == {"task_id": task_id, "asset_id": "re_1", "status": "delivered"}
    assert (attempt["label"], attempt["status"], attempt["error"]) == ("result", 200, None)
    assert attempt["sent_at"] > emulator.submit_times[0]


def test_a_refused_callback_is_sent_again(emulator: Emulator, receiver: Receiver) -> None:
    """The same bytes, until they are accepted."""
    receiver.statuses = [503, 302]
    submit(emulator)
    [job] = jobs_of(emulator, ["delivered"])

    assert [attempt["status"] for attempt in job["callbacks"]] == [503, 302, 200]
    assert len(set(receiver.wait_for(3))) == 1


def test_tries_are_bounded(emulator: Emulator, receiver: Receiver) -> None:
    """A receiver that never accepts is left alone in the end."""
    receiver.statuses = [500] * 10
    submit(emulator)
    [job] = jobs_of(emulator, ["undelivered"])

    assert [attempt["status"] for attempt in job["callbacks"]] == [500, 500, 500]


def test_a_receiver_may_be_away(emulator: Emulator, receiver: Receiver) -> None:
    """Attempts without an answer say why."""
    emulator.webhook_url = "http://127.0.0.1:9/callback"
    submit(emulator)
    [job] = jobs_of(emulator, ["undelivered"])

    assert [attempt["error"] for attempt in job["callbacks"]] == ["ConnectError"] * 3
    assert receiver.bodies == []


def test_the_webhook_is_looked_up_at_each_try(emulator: Emulator, receiver: Receiver) -> None:
    """Taking it away and setting another one reaches callbacks already under way."""
    url = receiver.url
    receiver.statuses = [500]
    receiver.before_answer = lambda: setattr(emulator, "webhook_url", None)
    submit(emulator)
    receiver.wait_for(1)
    [job] = jobs_of(emulator, ["undelivered"])

    assert [attempt["error"] for attempt in job["callbacks"]] == [None, "no webhook", "no webhook"]

    receiver.before_answer = lambda: None
    emulator.webhook_url = url
    submit(emulator)

    assert len(receiver.wait_for(2)) == 2


def test_early(receiver: Receiver) -> None:
    """The callback is accepted before the submit is answered, whatever the usual delay."""
    with Emulator(webhook_url=receiver.url, callback_delay=3600) as emulator:
        emulator.inject(Fault("early"))
        task_id = submit(emulator)

        assert [json.loads(body)["task_id"] for body in receiver.bodies] == [task_id]
        assert emulator.state()["jobs"] == jobs_of(emulator, ["delivered"])


def test_reset_gives_up_callbacks(emulator: Emulator, receiver: Receiver) -> None:
    """What was held before does not come out after."""
    emulator.inject(Fault("reorder", seconds=3600))
    submit(emulator)
    jobs_of(emulator, ["held"])
    httpx.post(f"{emulator.control_url}/reset")
    tasks: list[str] = []
    for count in range(1, 4):
        tasks.append(submit(emulator))
        jobs_of(emulator, ["delivered"] * count)

    assert receiver.task_ids(3) == tasks


def test_delay(receiver: Receiver) -> None:
    """A later job overtakes a delayed one; stopping does not wait for it."""
    with Emulator(1e6, webhook_url=receiver.url, callback_delay=0) as emulator:
        emulator.inject(Fault("delay", seconds=3600))
        submit(emulator)
        second = submit(emulator)

        assert receiver.task_ids(1) == [second]
        assert [job["status"] for job in jobs_of(emulator, ["running", "delivered"])]


def test_delay_without_a_number(emulator: Emulator, receiver: Receiver) -> None:
    """It is some time, and the callback does come."""
    emulator.inject(Fault("delay"))
    tasks = [submit(emulator), submit(emulator)]

    assert receiver.task_ids(2) == tasks[::-1]


def test_duplicate(emulator: Emulator, receiver: Receiver) -> None:
    """As many copies as asked for, more than there are connections."""
    emulator.inject(Fault("duplicate", copies=50))
    submit(emulator)
    [job] = jobs_of(emulator, ["delivered"])

    assert len(job["callbacks"]) == 50
    assert len(set(receiver.wait_for(50))) == 1


def test_conflict_and_foreign(emulator: Emulator, receiver: Receiver) -> None:
    """Faults combine, and the order of what is sent stays."""
    emulator.inject(Fault("foreign"), Fault("conflict"))
    task_id = submit(emulator)
    [job] = jobs_of(emulator, ["delivered"])

    assert [attempt["label"] for attempt in job["callbacks"]] == [
        "foreign",
        "result",
        "conflict",
        "foreign",
    ]
    assert receiver.task_ids(4)[1:3] == [task_id, task_id]


def test_drop(emulator: Emulator, receiver: Receiver) -> None:
    """Nothing is sent, and the state says so."""
    emulator.inject(Fault("drop", asset_id="re_2"))
    submit(emulator, "re_2")
    second = submit(emulator)
    jobs_of(emulator, ["dropped", "delivered"])

    assert receiver.task_ids(1) == [second]


def test_reorder(emulator: Emulator, receiver: Receiver) -> None:
    """A held callback goes out after a later one."""
    emulator.inject(Fault("reorder", seconds=3600))
    first = submit(emulator)
    jobs_of(emulator, ["held"])
    second = submit(emulator)

    assert receiver.task_ids(2) == [second, first]


def test_reorder_of_everything(emulator: Emulator, receiver: Receiver) -> None:
    """Where all are held, the newest goes first."""
    emulator.inject(Fault("reorder", times=20))
    tasks = [submit(emulator) for _ in range(20)]
    received = receiver.task_ids(20)

    assert received[0] == tasks[-1]
    assert sorted(received) == sorted(tasks)
    jobs_of(emulator, ["delivered"] * 20)


def test_a_held_callback_waits_for_what_is_pending(emulator: Emulator, receiver: Receiver) -> None:
    """However short its patience: that counts only while there is nothing to wait for."""
    emulator.inject(Fault("delay", asset_id="re_1", seconds=0.2))
    emulator.inject(Fault("reorder", asset_id="re_2", seconds=0))
    tasks = [submit(emulator, "re_1"), submit(emulator, "re_2")]

    assert receiver.task_ids(2) == tasks


@pytest.mark.asyncio
async def test_a_bug_in_carrying_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A callback that cannot even be tried does not vanish in silence."""
    ledger = Ledger("http://[::1")
    job = ledger.open_job("re_1", {})
    courier = Courier(ledger, delay=0, tries=1, patience=1)
    task = courier.dispatch(job, lambda: [[Parcel("result", b"{}")]])
    await asyncio.wait([task])
    await courier.aclose()

    assert [record.message for record in caplog.records] == [
        "the emulator failed to carry a callback"
    ]
