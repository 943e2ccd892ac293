"""The API key is in nothing that can be looked at."""

import asyncio
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
import respx

from mavi_async import ConfigurationError, MaviClient, MaviError, MemoryStore
from mavi_async.emulator import Emulator, Fault

# With characters that JSON may escape and that mean something in a regular expression.
KEY = 'sk-mavi-CANARY/+=."$(0*x)\\'
TEXT = "CANARY"
FAST = 100_000.0
SUBMIT = "/transcriptions/async-generate-speaker"


def escaped(character: str) -> str:
    """A character as JSON may spell any of them."""
    return f"\\u{ord(character):04X}"


SPELLINGS = {
    "plain": json.dumps(KEY),
    "slashes": json.dumps(KEY).replace("/", "\\/"),
    "letters": '"' + "".join(map(escaped, KEY)) + '"',
    "lower": '"' + "".join(map(escaped, KEY)).lower() + '"',
    "mixed": '"' + KEY[:9] + "".join(map(escaped, KEY[9:])) + '"',
}


def echo(status: int, spelled: str, *, field: str = "msg", before: str = "") -> httpx.Response:
    """An answer that repeats the key in one of its fields."""
    fields = {"code": str(status), "msg": '"no"', "data": "null"}
    fields[field] = f'"{before}{spelled[1:]}'
    body = ",".join(f'"{name}":{value}' for name, value in fields.items())
    return httpx.Response(status, content=f"{{{body}}}".encode())


OUTCOMES: list[Any] = [
    *(echo(status, SPELLINGS["plain"]) for status in (200, 302, 400, 401, 402, 404, 418, 503)),
    *(echo(401, spelled) for spelled in SPELLINGS.values()),
    *(echo(401, spelled, field="code") for spelled in SPELLINGS.values()),
    *(echo(401, spelled, before="x" * 490) for spelled in SPELLINGS.values()),
    *(echo(200, spelled, field="data") for spelled in SPELLINGS.values()),
    httpx.Response(500, text=f"<html>Authorization: {KEY}</html>"),
    httpx.Response(200, json={"code": "0000", "data": {"task_id": KEY}}),
    httpx.Response(429, json={"code": 429, "msg": KEY}, headers={"retry-after": KEY}),
    httpx.ConnectError(f"could not connect with {KEY}"),
    httpx.ReadTimeout(f"no answer to {KEY}"),
    ValueError(f"a bug near {KEY}"),
]


def observable(error: BaseException) -> str:
    """All that an error report may show, with the locals of every frame but the test's own."""
    trace = error.__traceback__.tb_next if error.__traceback__ else None
    shown = traceback.TracebackException(type(error), error, trace, capture_locals=True)
    try:
        pickled = pickle.dumps(error).decode("latin-1")
    except Exception as failure:  # noqa: BLE001 - what a report would show instead
        pickled = repr(failure)
    return "\n".join(
        [str(error), repr(error), repr(vars(error)), repr(error.args), pickled, *shown.format()]
    )


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that is logged, by anybody, at any level."""
    with caplog.at_level(logging.DEBUG):
        yield lambda: "\n".join(
            f"{record.getMessage()} {record.__dict__}" for record in caplog.records
        )


@pytest.mark.fault("an error report")
@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("method", ["submit_speaker", "generate_speaker"])
@pytest.mark.asyncio
async def test_no_outcome_shows_the_key(
    method: str, outcome: Any, logged: Callable[[], str], delays: list[float]
) -> None:
    """Whatever comes of a request, even an echo of the key, no error and no log shows it."""
    store = MemoryStore()
    with respx.mock:
        respx.post(path__regex="generate-speaker$").mock(side_effect=lambda _: fresh(outcome))
        client = MaviClient(KEY, requests_per_second=FAST, retry="never", store=store)
        async with client:
            call: Callable[[str], Awaitable[object]] = getattr(client, method)
            with pytest.raises(MaviError) as caught:
                await call("re_1")

    assert TEXT not in observable(caught.value)
    assert TEXT not in logged()
    assert TEXT not in repr(list(store._intents.oldest_first(0)))


def fresh(outcome: Any) -> httpx.Response:
    """Return a copy of an answer, or raise an exception."""
    if isinstance(outcome, Exception):
        raise outcome
    return httpx.Response(
        outcome.status_code, content=outcome.content, headers=dict(outcome.headers)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "ftp://host"},
        {"requests_per_second": -1},
        {"retry": "always"},
        {"close_timeout": None},
        {"api_key": KEY + " "},
        {"api_key": KEY + "\n\n"},
        {"api_key": KEY.encode()},
        {"api_key": (KEY,)},
    ],
    ids=str,
)
def test_no_configuration_error_shows_the_key(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a wrong key nor a right one beside a wrong option shows in a report."""
    with pytest.raises(ConfigurationError) as caught:
        MaviClient(**{"api_key": KEY, **options})
    reports = [observable(caught.value)]
    api_key = options.pop("api_key", KEY)
    if isinstance(api_key, str):
        monkeypatch.setenv("MAVI_API_KEY", api_key)
        with pytest.raises(ConfigurationError) as caught:
            MaviClient(**options)
        reports.append(observable(caught.value))

    assert [TEXT in report for report in reports] == [False] * len(reports)


@pytest.mark.asyncio
async def test_no_object_shows_the_key() -> None:
    """The client and all that it holds can be printed; its key is not pickled or copied."""
    async with MaviClient(KEY) as client:
        task = client.speaker_task("t1")
        endpoints = client._endpoints
        holders = (client, endpoints, endpoints._transport)
        shown = [repr(client), repr(task), *(repr(vars(each)) for each in holders)]
        with pytest.raises((AttributeError, TypeError, pickle.PicklingError)) as not_pickled:
            pickle.dumps(client)
        shown.append(observable(not_pickled.value))
        for refuse in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not pickled or copied") as caught:
                refuse(client._endpoints._transport._key)
            shown.append(observable(caught.value))

    assert TEXT not in "\n".join(shown)


@pytest.mark.fault("an error report")
@pytest.mark.parametrize(
    "fault",
    [
        Fault("401"),
        Fault("answer", status=200, body=json.dumps({"code": "0403", "msg": KEY})),
        Fault("answer", status=500, body=KEY),
        Fault("reset"),
        Fault("close", after_bytes=20),
        Fault("hang"),
        None,
    ],
    ids=repr,
)
@pytest.mark.asyncio
async def test_nothing_on_a_socket_shows_the_key(
    fault: Fault | None, logged: Callable[[], str]
) -> None:
    """With real connections, and every library's debug log, the key stays unseen."""
    with Emulator(FAST, api_key=KEY, webhook_url="http://127.0.0.1:9/callback") as emulator:
        emulator.inject(*([fault] if fault else []))
        client = MaviClient(
            KEY, base_url=emulator.base_url, requests_per_second=FAST, submit_timeout=0.5
        )
        async with client:
            report = ""
            try:
                task = await client.submit_speaker("re_1")
                await task.wait(0)
            except MaviError as error:
                report = observable(error)

    assert report
    assert TEXT not in report
    assert TEXT not in logged()


@pytest.mark.asyncio
async def test_a_crash_report_of_all_tasks_shows_no_key() -> None:
    """The stacks of everything that runs during a submit, with locals, do not show the key."""
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_: httpx.Request) -> httpx.Response:
        inside.set()
        await go_on.wait()
        return httpx.Response(200, json={"code": "0000", "data": {"task_id": "t1"}})

    with respx.mock:
        respx.post(path__regex=f"{SUBMIT}$").mock(side_effect=hold)
        async with MaviClient(KEY, requests_per_second=FAST) as client:
            submit = asyncio.ensure_future(client.submit_speaker("re_1"))
            await inside.wait()
            ours = [
                frame
                for task in asyncio.all_tasks() - {asyncio.current_task()}
                for frame in task.get_stack()
                if "mavi_async" in frame.f_code.co_filename
            ]
            shown = "\n".join(repr(frame.f_locals) for frame in ours)
            go_on.set()
            await submit

    assert "re_1" in shown
    assert TEXT not in shown
