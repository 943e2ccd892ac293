"""Submits at the account's rate: makespan over the physical limit, rejections, lost jobs.

``python benchmarks/pacing.py --loaded`` adds the runs with both cores busy.
"""

import argparse
import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import attrs
import httpx
from _harness import Report, interleave
from _processes import beside, busy_cores, far_away, run_emulator
from aiolimiter import AsyncLimiter

from mavi_async import MaviClient
from mavi_async.emulator._settings import DEFAULT_API_KEY

PATH = "/transcriptions/async-generate-speaker"
HEADERS = {"Authorization": DEFAULT_API_KEY}
SIMULTANEOUS = httpx.Limits(max_connections=8, max_keepalive_connections=8)

Submitter = Callable[[str, float, int], Awaitable[None]]


@attrs.frozen
class Case:
    """One server, one way to reach it, one client."""

    submit: Submitter
    rate: float
    count: int
    limiter: str = "strict"
    round_trip: float = 0.0
    jitter: float = 0.0
    loaded: bool = False


async def submit_all(base_url: str, rate: float, count: int) -> None:
    """Gather this package's submits."""
    client = MaviClient(DEFAULT_API_KEY, base_url=base_url, requests_per_second=rate)
    async with client:
        submits = [client.submit_speaker(f"re_{number}") for number in range(count)]
        await asyncio.gather(*submits, return_exceptions=True)


async def retry_after(base_url: str, rate: float, count: int) -> None:
    """Gather posts that wait as long as each rejection says."""
    async with httpx.AsyncClient(limits=SIMULTANEOUS, headers=HEADERS, timeout=None) as client:
        await asyncio.gather(*(_post(client, base_url, number) for number in range(count)))


async def limit_leaving(base_url: str, rate: float, count: int) -> None:
    """Gather posts that a leaky bucket of one lets through."""
    limiter = AsyncLimiter(1, 1 / rate)
    async with httpx.AsyncClient(limits=SIMULTANEOUS, headers=HEADERS, timeout=None) as client:
        posts = [_post(client, base_url, number, limiter) for number in range(count)]
        await asyncio.gather(*posts)


async def _post(
    client: httpx.AsyncClient, base_url: str, number: int, limiter: AsyncLimiter | None = None
) -> None:
    while True:
        async with limiter or contextlib.nullcontext():
            answer = await client.post(base_url + PATH, json={"asset_id": f"re_{number}"})
        if answer.status_code != 429:
            return
        await asyncio.sleep(float(answer.headers.get("retry-after", 1)))


def measure(case: Case) -> Mapping[str, float]:
    """Let one client submit, and read what the server saw."""
    with contextlib.ExitStack() as stack:
        near = stack.enter_context(beside(run_emulator, case.rate, case.limiter))
        url = near
        if case.round_trip:
            url = stack.enter_context(far_away(near, case.round_trip, case.jitter))
        if case.loaded:
            stack.enter_context(busy_cores())
        asyncio.run(_run(case, url))
        state = httpx.get(near.replace("/serve/api/v2", "/_emulator/state"), timeout=60).json()
    times = state["submit_times"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    return {
        "ratio": (times[-1] - times[0]) / ((case.count - 1) / case.rate),
        "rejected": state["rejections"],
        "lost": case.count - state["jobs_created"],
        "smallest gap ms": min(gaps) * 1000,
    }


async def _run(case: Case, url: str) -> None:
    await case.submit(url, case.rate, case.count)


def cases(count: int, *, loaded: bool, others: bool) -> dict[str, Case]:
    """Name everything that one round runs."""
    quick = partial(Case, rate=20.0, count=count)
    chosen = {
        "mavi_async, strict": quick(submit_all),
        "mavi_async, bucket2": quick(submit_all, limiter="bucket2"),
        "mavi_async, fixed": quick(submit_all, limiter="fixed"),
        "mavi_async, sliding": quick(submit_all, limiter="sliding"),
        "mavi_async, R=1, 100 ms away": Case(
            submit_all, rate=1.0, count=30, round_trip=0.1, jitter=0.01
        ),
    }
    if others:
        chosen["aiolimiter(1, 1/R), strict"] = quick(limit_leaving)
        chosen["httpx and Retry-After, strict"] = quick(retry_after)
    if loaded:
        chosen["mavi_async, strict, loaded"] = quick(submit_all, loaded=True)
        if others:
            chosen["aiolimiter(1, 1/R), strict, loaded"] = quick(limit_leaving, loaded=True)
    return chosen


def expect(report: Report, *, loaded: bool) -> None:
    """Name the goals."""
    for limiter, ratio, rejected in [
        ("strict", 1.05, 1),
        ("bucket2", 1.01, 0),
        ("fixed", 1.01, 0),
        ("sliding", 1.01, 0),
        ("R=1, 100 ms away", 1.03, 0),
        *([("strict, loaded", 1.10, 2)] if loaded else []),
    ]:
        report.expect(f"mavi_async, {limiter}", "ratio", ratio)
        report.expect(f"mavi_async, {limiter}", "rejected", rejected)
        report.expect(f"mavi_async, {limiter}", "lost", 0)


def main() -> None:
    """Read the options, run the rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="submits gathered at 20 a second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loaded", action="store_true", help="also with every core busy")
    parser.add_argument("--alone", action="store_true", help="leave out the other clients")
    parser.add_argument("--only", help="run only the cases whose name contains this")
    options = parser.parse_args()
    report = Report(
        "pacing",
        f"{options.n} submits at 20 a second: makespan ÷ (N - 1)/R",
        ["mavi_async", "httpx", "aiolimiter", "uvicorn"],
    )
    chosen = cases(options.n, loaded=options.loaded, others=not options.alone)
    if options.only:
        chosen = {name: case for name, case in chosen.items() if options.only in name}
    runs = {name: partial(measure, case) for name, case in chosen.items()}
    interleave(report, runs, options.rounds, patience=30)
    if not options.only:
        expect(report, loaded=options.loaded)
    report.finish()


if __name__ == "__main__":
    main()
