"""Four processes submit for one account through one store: makespan over the limit, rejections.

``python benchmarks/sharing.py --loaded`` adds the runs with both cores busy. Of Redis, ``scripts``
are the scripts that clients had it run for a submit, and ``commands`` all that it carried out for
one: what clients asked for, those scripts among it, and what the scripts called.
"""

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Generator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import httpx
from _harness import Report, interleave
from _processes import beside, busy_cores, run_emulator
from _redis import count_commands, run_redis

from mavi_async import MaviClient, SQLiteStore, TaskStore
from mavi_async.emulator._settings import DEFAULT_API_KEY
from mavi_async.redis import RedisStore

PROCESSES = 4
RATE = 20.0
LIMITERS = ("strict", "bucket2", "fixed", "sliding")

_spawn = multiprocessing.get_context("spawn")
_all_ready: Any = None


@attrs.frozen
class Case:
    """One kind of server and one kind of store."""

    store: str
    limiter: str
    each: int
    loaded: bool = False

    @property
    def count(self) -> int:
        """How many submits there are in all."""
        return PROCESSES * self.each


def prepare(all_ready: Any) -> None:
    """Take what a process gets when it starts."""
    global _all_ready
    _all_ready = all_ready


def submit_some(where: str, base_url: str, names: list[str]) -> list[str]:
    """Gather submits as soon as all processes are ready; return the jobs, or what went wrong."""
    _all_ready.wait()
    return asyncio.run(_submit(where, base_url, names))


async def _submit(where: str, base_url: str, names: list[str]) -> list[str]:
    store: TaskStore = RedisStore(where) if where.startswith("unix:") else SQLiteStore(where)
    client = MaviClient(DEFAULT_API_KEY, base_url=base_url, requests_per_second=RATE, store=store)
    async with client:
        submits = map(client.submit_speaker, names)
        outcomes = await asyncio.gather(*submits, return_exceptions=True)
    await store.aclose()
    return [repr(each) if isinstance(each, BaseException) else each.task_id for each in outcomes]


def measure(case: Case) -> Mapping[str, float]:
    """Let all processes submit, and read what the servers saw."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(beside(run_emulator, RATE, case.limiter))
        where = stack.enter_context(_place(case.store))
        if case.loaded:
            stack.enter_context(busy_cores())
        before = _commands(where)
        told = _submit_all(case, where, url)
        used = _commands(where) - before
        state = httpx.get(url.replace("/serve/api/v2", "/_emulator/state"), timeout=60).json()
    times = state["submit_times"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    figures = {
        "ratio": (times[-1] - times[0]) / ((case.count - 1) / RATE),
        "rejected": state["rejections"],
        "smallest gap ms": min(gaps) * 1000,
        **_check(case, told, state),
    }
    if used:
        figures["scripts"] = used["evalsha"] / case.count
        figures["commands"] = used.total() / case.count
    return figures


def _submit_all(case: Case, where: str, url: str) -> list[str]:
    barrier = _spawn.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, _spawn, prepare, (barrier,)) as pool:
        submits = [
            pool.submit(submit_some, where, url, [f"re_{who}_{it}" for it in range(case.each)])
            for who in range(PROCESSES)
        ]
        return [task_id for each in submits for task_id in each.result()]


def _check(case: Case, told: list[str], state: Mapping[str, Any]) -> dict[str, float]:
    """Count the jobs that nobody was told of, and the recordings with more than one."""
    made = {job["task_id"]: job["asset_id"] for job in state["jobs"]}
    return {
        "lost": case.count - len(set(told) & set(made)),
        "twice": state["jobs_created"] - len(set(made.values())),
    }


def _commands(where: str) -> "Counter[str]":
    return Counter(count_commands(where)) if where.startswith("unix:") else Counter()


@contextlib.contextmanager
def _place(store: str) -> Generator[str]:
    """Make room for a store."""
    if store == "Redis":
        with run_redis() as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield str(Path(folder, "mavi.sqlite3"))


def cases(each: int, *, loaded: bool) -> dict[str, Case]:
    """Name everything that one round runs."""
    chosen = {
        f"{store}, {limiter}": Case(store, limiter, each)
        for store in ("Redis", "SQLite")
        for limiter in LIMITERS
    }
    if loaded:
        for store in ("Redis", "SQLite"):
            chosen[f"{store}, strict, loaded"] = Case(store, "strict", each, loaded=True)
    return chosen


def expect(report: Report, chosen: Mapping[str, Case]) -> None:
    """Name the goals."""
    for name, case in chosen.items():
        goals = (1.01, 0)
        if case.limiter == "strict":
            goals = (1.10, 2) if case.loaded else (1.05, 1)
        report.expect(name, "ratio", goals[0])
        report.expect(name, "rejected", goals[1])
        report.expect(name, "lost", 0)
        report.expect(name, "twice", 0)


def main() -> None:
    """Read the options, run the rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=50, help="submits of each process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loaded", action="store_true", help="also with every core busy")
    parser.add_argument("--only", help="run only the cases whose name contains this")
    parser.add_argument("--patience", type=float, default=30, help="seconds to wait for idleness")
    options = parser.parse_args()
    report = Report(
        "sharing",
        f"{PROCESSES} processes, {options.each} submits each, 20 a second: makespan ÷ (N - 1)/R",
        ["mavi_async", "httpx", "redis", "uvicorn"],
    )
    chosen = cases(options.each, loaded=options.loaded)
    if options.only:
        chosen = {name: case for name, case in chosen.items() if options.only in name}
    runs = {name: partial(measure, case) for name, case in chosen.items()}
    interleave(report, runs, options.rounds, patience=options.patience)
    expect(report, chosen)
    report.finish()


if __name__ == "__main__":
    main()
