"""Callback bodies of every kind: what is refused, what is kept, and what its waiter gets."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import pytest

from mavi_async import (
    CallbackLimits,
    Diarization,
    Dispatcher,
    MalformedResult,
    MemoryStore,
    TaskFailed,
)
from mavi_async._records import Put

if TYPE_CHECKING:
    from tests.receivers.conftest import Serve, Service

SEGMENT: Final = '{"start":0.5,"end":1.5,"speaker":"SPEAKER_00"}'
REFUSED: Final = "400, nothing kept"


class Recorder(MemoryStore):
    """A store that notes which jobs it was given bodies for."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    async def put_callback(self, task_id: str, body: bytes, *, seen: bool) -> Put:
        """Keep a body and note its job."""
        self.given.append(task_id)
        return await super().put_callback(task_id, body, seen=seen)


def with_segments(segments: str, rest: str = "") -> str:
    """A callback of the documented shape; ``JOB`` stands for its task id."""
    return (
        f'{{"code":"0000","message":"SUCCESS","data":{{"data":{{"data":{segments},'
        '"usage_metadata":{"duration":20.5,"model":"pyannote","output_tokens":0,'
        '"prompt_tokens":0}},"msg":"done","success":true},"task_id":"JOB"' + rest + "}"
    )


def with_segment(start: str = "0.5", end: str = "1.5", speaker: str = '"SPEAKER_00"') -> str:
    """A callback with one segment, its values as JSON."""
    return with_segments(f'[{{"start":{start},"end":{end},"speaker":{speaker}}}]')


def with_task_id(task_id: str) -> str:
    """A good callback with another task id, as JSON."""
    return with_segments(f"[{SEGMENT}]").replace('"JOB"', task_id)


def with_data(data: str, code: str = '"0000"') -> str:
    """A callback with other data, as JSON."""
    return f'{{"code":{code},"message":"SUCCESS","data":{data},"task_id":"JOB"}}'


GOOD: Final = with_segments(f"[{SEGMENT}]")
DIGITS: Final = "7" * 5_000
EVIL_NAME: Final = '<script>alert(1)</script>\\u001b[31m\\u0007 \\u202e & "quoted" '.replace(
    '"quoted"', '\\"quoted\\"'
)

NOT_CALLBACKS: Final[dict[str, str | bytes]] = {
    "empty": "",
    "blank": " \r\n\t ",
    "null": "null",
    "a list": "[]",
    "a list with a callback": f"[{GOOD}]",
    "a string": '"JOB"',
    "a callback in a string": json.dumps(GOOD),
    "a number": "12",
    "true": "true",
    "an empty object": "{}",
    "truncated": GOOD[:-1],
    "truncated in the middle": GOOD[: len(GOOD) // 2],
    "two documents": GOOD + GOOD,
    "two lines": f"{GOOD}\n{GOOD}\n",
    "trailing garbage": f"{GOOD}x",
    "trailing NUL": f"{GOOD}\0",
    "comment before": f"/* job */{GOOD}",
    "comment behind": f"{GOOD} // job",
    "trailing comma": GOOD.replace('"JOB"}', '"JOB",}'),
    "single quotes": GOOD.replace('"', "'"),
    "form": "task_id=JOB&code=0000",
    "XML": "<callback><task_id>JOB</task_id></callback>",
    "byte order mark": f"\ufeff{GOOD}",
    "UTF-16": GOOD.encode("utf-16"),
    "UTF-16 without mark": GOOD.encode("utf-16-le"),
    "UTF-32": GOOD.encode("utf-32"),
    "Latin-1": with_segment(speaker='"Zo\xeb"').encode("latin-1"),
    "invalid UTF-8": GOOD.encode().replace(b"SPEAKER", b"SPEA\xff\xfeER"),
    "overlong UTF-8": GOOD.encode().replace(b"SPEAKER", b"SPEA\xc0\xafER"),
    "surrogate in UTF-8": GOOD.encode().replace(b"SPEAKER", b"SPEA\xed\xa0\x80ER"),
    "raw NUL in a string": GOOD.replace("SPEAKER", "SPEA\0ER"),
    "raw control character in a string": GOOD.replace("SPEAKER", "SPEA\x1bER"),
    "raw newline in a string": GOOD.replace("SPEAKER", "SPEA\nER"),
    "deep list": '{"task_id":"JOB","data":' + "[" * 100_000 + "]" * 100_000 + "}",
    "deep object": '{"task_id":"JOB","data":' + '{"a":' * 100_000 + "1" + "}" * 100_001,
    "deep list alone": "[" * 100_000 + "]" * 100_000,
    "just too deep": '{"task_id":"JOB","data":' + "[" * 32 + "]" * 32 + "}",
    "a million unclosed brackets": "[" * 1_000_000,
    "a million unclosed braces": '{"a":' * 200_000,
    "a million closing brackets": "]" * 1_000_000,
    "integer of 5,000 digits": with_segment(end=DIGITS),
    "integer of a million digits": with_segment(end="7" * 1_000_000),
    "negative integer of 5,000 digits": with_segment(start=f"-{DIGITS}"),
    "NaN": with_segment(start="NaN"),
    "infinity": with_segment(end="Infinity"),
    "negative infinity": with_segment(start="-Infinity"),
    "hexadecimal": with_segment(end="0x10"),
    "leading zero": with_segment(end="010"),
    "bare fraction": with_segment(start=".5"),
    "task_id twice": GOOD.replace('"task_id"', '"task_id":"other","task_id"'),
    "task_id twice, once escaped": GOOD.replace('"task_id"', '"task\\u005fid":"other","task_id"'),
    "task_id missing": GOOD.replace("task_id", "task"),
    "task_id in data alone": '{"code":"0000","data":{"task_id":"JOB"}}',
    "task_id null": with_task_id("null"),
    "task_id a number": with_task_id("12"),
    "task_id true": with_task_id("true"),
    "task_id a list": with_task_id('["JOB"]'),
    "task_id an object": with_task_id('{"JOB":1}'),
    "task_id empty": with_task_id('""'),
    "task_id of 10 KB": with_task_id(f'"{"J" * 10_240}"'),
    "task_id of 129": with_task_id(f'"{"J" * 129}"'),
    "task_id a path": with_task_id('"../../etc/passwd"'),
    "task_id with a colon": with_task_id('"a:b"'),
    "task_id a pattern": with_task_id('"*"'),
    "task_id a hash tag": with_task_id('"{x}"'),
    "task_id with a line break": with_task_id('"JOB\\r\\nX-Evil: 1"'),
    "task_id with a newline behind": with_task_id('"JOB\\n"'),
    "task_id with SQL": with_task_id('"\'; DROP TABLE result; --"'),
    "task_id with a NUL": with_task_id('"JOB\\u0000"'),
    "task_id with a space": with_task_id('" JOB"'),
    "task_id with a lone surrogate": with_task_id('"JOB\\ud800"'),
    "task_id non-ASCII": with_task_id('"JÖB"'),
    "task_id full-width digits": with_task_id('"\uff11\uff12"'),
    "our own submit response": (
        '{"code":"0000","msg":"success","data":{"task_id":"JOB"},"failed":false,"success":true}'
    ),
}

KEPT: Final[dict[str, tuple[str, str]]] = {
    "documented": (GOOD, "1 segment"),
    "integer code": (GOOD.replace('"0000"', "200"), "1 segment"),
    "blanks around": (f" \r\n\t{GOOD}\n", "1 segment"),
    "no segments": (with_segments("[]"), "0 segments"),
    "no usage": (with_data(f'{{"data":{{"data":[{SEGMENT}]}}}}'), "1 segment"),
    "overlapping segments": (
        with_segments('[{"start":0,"end":9,"speaker":"A"},{"start":1,"end":3,"speaker":"B"}]'),
        "2 segments",
    ),
    "overlapping segments of one speaker": (
        with_segments('[{"start":0,"end":9,"speaker":"A"},{"start":1,"end":3,"speaker":"A"}]'),
        "2 segments",
    ),
    "start after end": (with_segment("2.5", "1.5"), "0 segments"),
    "start at end": (with_segment("1.5", "1.5"), "0 segments"),
    "negative start": (with_segment("-2.5"), "1 segment"),
    "negative zero": (with_segment("-0.0"), "1 segment"),
    "2^64": (with_segment(end=str(2**64)), "1 segment"),
    "denormal": (with_segment("5e-324"), "1 segment"),
    "1e308": (with_segment(end="1e308"), "1 segment"),
    "more fields": (with_segments(f"[{SEGMENT}]", ',"x":{"y":[1]}'), "1 segment"),
    "__proto__": (
        with_segments(f"[{SEGMENT}]", ',"__proto__":{"admin":true},"__class__":"x"'),
        "1 segment",
    ),
    "other keys twice": (with_segments(f"[{SEGMENT}]", ',"code":200,"code":"0000"'), "1 segment"),
    "task_id deeper as well": (with_segments(f"[{SEGMENT}]", ',"x":{"task_id":9}'), "1 segment"),
    "escaped key": (GOOD.replace("task_id", "task\\u005fid"), "1 segment"),
    "NUL as an escape": (with_segment(speaker='"A\\u0000B"'), "1 segment"),
    "surrogate pair": (with_segment(speaker='"\\ud83d\\ude00"'), "1 segment"),
    "megabyte name": (with_segment(speaker=f'"{EVIL_NAME * 20_000}"'), "1 segment"),
    "300,000 keys": (
        with_segments(f"[{SEGMENT}]", "".join(f',"key{n}":{n}' for n in range(300_000))),
        "1 segment",
    ),
    "just not too deep": (
        with_segments(f"[{SEGMENT}]", ',"x":' + "[" * 31 + "]" * 31),
        "1 segment",
    ),
    "integer of 4,000 digits": (with_segment(end="7" * 4_000), "$.data.data.data[0].end"),
    "1e400": (with_segment(end="1e400"), "$.data.data.data[0].end"),
    "true as start": (with_segment("true"), "$.data.data.data[0].start"),
    "text as start": (with_segment('"1.5"'), "$.data.data.data[0].start"),
    "null as end": (with_segment(end="null"), "$.data.data.data[0].end"),
    "a list as end": (with_segment(end="[1]"), "$.data.data.data[0].end"),
    "number as speaker": (with_segment(speaker="7"), "$.data.data.data[0].speaker"),
    "null as speaker": (with_segment(speaker="null"), "$.data.data.data[0].speaker"),
    "lone surrogate in speaker": (
        with_segment(speaker='"A\\ud800"'),
        "$.data.data.data[0].speaker",
    ),
    "second segment wrong": (
        with_segments(f'[{SEGMENT},{{"start":1,"end":2}}]'),
        "$.data.data.data[1].speaker",
    ),
    "segment null": (with_segments("[null]"), "$.data.data.data[0]"),
    "segment a list": (with_segments('[[0,1,"A"]]'), "$.data.data.data[0]"),
    "segments null": (with_segments("null"), "$.data.data.data"),
    "segments a string": (with_segments('"none"'), "$.data.data.data"),
    "segments an object": (with_segments("{}"), "$.data.data.data"),
    "data.data missing": (with_data('{"success":true}'), "$.data.data"),
    "data.data null": (with_data('{"data":null}'), "$.data.data"),
    "data.data a string": (with_data('{"data":"x"}'), "$.data.data"),
    "data.data a list": (with_data(f'{{"data":[{SEGMENT}]}}'), "$.data.data"),
    "data.data.data missing": (with_data('{"data":{}}'), "$.data.data.data"),
    "data missing": ('{"code":"0000","task_id":"JOB"}', "$.data"),
    "data null": (with_data("null"), "$.data"),
    "data a string": (with_data('"x"'), "$.data"),
    "data a list": (with_data("[]"), "$.data"),
    "code missing": ('{"task_id":"JOB"}', "$.code"),
    "code null": (with_data("{}", "null"), "$.code"),
    "code true": (with_data("{}", "true"), "$.code"),
    "success flag a string": (with_data('{"success":"true"}'), "$.data.success"),
    "another kind of job": (
        with_data('{"frames":[{"url":"https://cdn.test/1.jpg","time":1}]}'),
        "$.data.data",
    ),
    "code of a failure": (GOOD.replace('"0000"', '"0003"'), "failed with 0003"),
    "failure without data": (with_data("null", "500"), "failed with 500"),
    "code of success, flag of failure": (
        GOOD.replace('"success":true', '"success":false'),
        "failed with 0000",
    ),
    "code of failure, flag of success": (
        with_data('{"success":true}', '"9009"'),
        "failed with 9009",
    ),
    "outer flag of failure": (
        with_segments(f"[{SEGMENT}]", ',"success":false'),
        "failed with 0000",
    ),
    "outer failed flag": (with_segments(f"[{SEGMENT}]", ',"failed":true'), "failed with 0000"),
    "megabyte code": (with_data("{}", json.dumps("\x1b" * 200_000)), "failed with …"),
}


def bodies() -> Iterator[tuple[str, str, bytes, str]]:
    """Each body: what it is, its task id, itself, and what is to become of it."""
    everything = [(name, body, REFUSED) for name, body in NOT_CALLBACKS.items()]
    everything += [(name, body, outcome) for name, (body, outcome) in KEPT.items()]
    for number, (name, body, outcome) in enumerate(everything):
        task_id = f"job{number}"
        raw = body if isinstance(body, bytes) else body.encode()
        yield name, task_id, raw.replace(b"JOB", task_id.encode()), outcome


async def outcome_of(service: "Service", task_id: str) -> str:
    """What a waiter of a job gets."""
    try:
        diarization = await service.task(task_id).wait(0)
    except MalformedResult as error:
        return error.path if error.raw else "without its bytes"
    except TaskFailed as error:
        return f"failed with {error.code}"
    assert isinstance(diarization, Diarization)
    return f"{len(diarization)} segment{'' if len(diarization) == 1 else 's'}"


@pytest.mark.fault("a result of another shape")
@pytest.mark.asyncio
async def test_every_body_has_its_outcome(serve: "Serve", callback: Callable[..., bytes]) -> None:
    """Each body is refused without a trace, or kept for whoever waits; then all goes on."""
    store = Recorder()
    service = await serve(dispatcher=Dispatcher(store=store))
    expected, got = {}, {}
    for name, task_id, body, outcome in bodies():
        given = len(store.given)
        answer = await service.post(body)
        expected[name] = outcome
        if answer.status_code == 200:
            got[name] = await outcome_of(service, task_id)
        else:
            kept = "kept" if len(store.given) > given else "nothing kept"
            got[name] = f"{answer.status_code}, {kept}"

    assert expected == got
    assert 200 == (await service.post(callback("afterwards"))).status_code
    assert 0.5 == (await service.task("afterwards").wait(0)).segments[0].start


@pytest.mark.asyncio
async def test_waiter_gets_what_is_kept(serve: "Serve") -> None:
    """Who waited before the callback came gets the same as who looks later."""
    service = await serve()
    kept = [each for each in bodies() if each[-1] != REFUSED and len(each[2]) < 10_000]
    waiting = [asyncio.ensure_future(service.task(task_id).wait()) for _, task_id, _, _ in kept]
    answers = [(await service.post(body)).json() for _, _, body, _ in kept]
    await asyncio.wait(waiting)
    expected = {name: outcome for name, _, _, outcome in kept}
    got = {name: await outcome_of(service, task_id) for name, task_id, _, _ in kept}

    assert expected == got
    assert [{"delivery": "resolved"}] * len(kept) == answers


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["asgi"])
@pytest.mark.parametrize("count", [500_001, pytest.param(1_000_000, marks=pytest.mark.torture)])
async def test_too_many_segments_are_kept(serve: "Serve", count: int) -> None:
    """More segments than are decoded are kept all the same, and the waiter is told."""
    most = 64 * 1024 * 1024
    limits = CallbackLimits(max_body_bytes=most, max_buffered_bytes=most)
    service = await serve(limits=limits)
    row = '{"start":0,"end":1,"speaker":""}'
    body = with_segments("[" + ",".join([row] * count) + "]").encode()

    assert 200 == (await service.post(body)).status_code
    assert "$.data.data.data" == await outcome_of(service, "JOB")
