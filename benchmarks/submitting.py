"""The client's own cost of a submit, with the network taken away."""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import httpx
import httpx2
from _harness import Report, interleave

from mavi_async import MaviClient
from mavi_async.emulator._settings import DEFAULT_API_KEY

URL = "http://127.0.0.1:1/serve/api/v2"
PATH = "/transcriptions/async-generate-speaker"
WARM_UP = 50
UNPACED = 1e9

_Run = Callable[[Any, Any, int], Awaitable[float]]


def answer_with(library: Any) -> Callable[[object], object]:
    """Accept every request with a task id of its own."""
    count = 0

    def answer(_: object) -> object:
        nonlocal count
        count += 1
        body = b'{"code":"0000","msg":"success","data":{"task_id":"%032x"},"success":true}' % count
        return library.Response(200, content=body, headers={"content-type": "application/json"})

    return answer


async def submit(library: Any, client: Any, count: int) -> float:
    """Submit one recording after the other."""
    mavi = MaviClient(
        DEFAULT_API_KEY, base_url=URL, requests_per_second=UNPACED, http_client=client
    )
    async with mavi:
        for number in range(WARM_UP):
            await mavi.submit_speaker(f"re_{number}")
        begin = time.process_time()
        for number in range(count):
            await mavi.submit_speaker(f"re_{number}")
        return time.process_time() - begin


async def post(library: Any, client: Any, count: int) -> float:
    """Do the same with the HTTP client's own method."""
    headers = {"Authorization": DEFAULT_API_KEY}
    for number in range(WARM_UP):
        await client.post(URL + PATH, json={"asset_id": f"re_{number}"}, headers=headers)
    begin = time.process_time()
    for number in range(count):
        await client.post(URL + PATH, json={"asset_id": f"re_{number}"}, headers=headers)
    return time.process_time() - begin


def measure(library: Any, run: _Run, count: int) -> Mapping[str, float]:
    """Return the microseconds of one submit."""

    async def main() -> float:
        transport = library.MockTransport(answer_with(library))
        async with library.AsyncClient(transport=transport) as client:
            return await run(library, client, count)

    return {"µs": asyncio.run(main()) / count * 1e6}


def main() -> None:
    """Read the options, run the rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    report = Report(
        "submitting",
        "submit_speaker ÷ client.post(json=…), no network",
        ["mavi_async", "httpx", "httpx2"],
    )
    runs = {
        f"{name}, {library.__name__}": partial(measure, library, run, options.n)
        for library in (httpx, httpx2)
        for name, run in (("client.post", post), ("submit_speaker", submit))
    }
    interleave(report, runs, options.rounds, patience=3)
    for library, goal in (("httpx", 0.80), ("httpx2", 0.90)):
        ours = f"submit_speaker, {library}"
        report.add_ratio(ours, f"client.post, {library}", "µs", "ratio")
        report.expect(ours, "ratio", goal)
    report.finish()


if __name__ == "__main__":
    main()
