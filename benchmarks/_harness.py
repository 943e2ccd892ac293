"""What all benchmarks share: rounds, medians, goals, a table and a JSON file."""

import gc
import json
import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import attrs

__all__ = ["Report", "best_time", "interleave"]

_RESULTS = Path(__file__).parent / "results"


@attrs.frozen
class _Goal:
    contender: str
    figure: str
    at_most: float


class Report:
    """The figures of one benchmark, a round at a time.

    Args:
        name: Names the JSON file.
        title: What is compared, and with which limit.
        packages: Distributions whose versions matter.
    """

    def __init__(self, name: str, title: str, packages: Iterable[str]) -> None:
        self._name = name
        self._title = title
        self._packages = {package: _version(package) for package in packages}
        self._rounds: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._goals: list[_Goal] = []
        self._load_before = os.getloadavg()[0]
        print(f"{title}\n{_machine()}")
        print(", ".join(f"{name} {number}" for name, number in self._packages.items()))
        print(f"load average {self._load_before:.2f}\n", flush=True)

    def add(self, contender: str, figures: Mapping[str, float]) -> None:
        """Take the figures of one round."""
        for figure, value in figures.items():
            self._rounds[contender][figure].append(value)
        shown = "  ".join(f"{figure} {value:.4g}" for figure, value in figures.items())
        print(f"  {contender:36} {shown}", flush=True)

    def median(self, contender: str, figure: str) -> float:
        """Return the median of a figure over the rounds so far."""
        return statistics.median(self._rounds[contender][figure])

    def add_ratio(self, contender: str, other: str, figure: str, name: str) -> None:
        """Derive a figure: the contender's median over the other's."""
        ratio = self.median(contender, figure) / self.median(other, figure)
        self._rounds[contender][name] = [ratio]

    def expect(self, contender: str, figure: str, at_most: float) -> None:
        """Name the goal for a figure."""
        self._goals.append(_Goal(contender, figure, at_most))

    def finish(self) -> None:
        """Print medians and goals, and write everything down."""
        load_after = os.getloadavg()[0]
        print(f"\nmedians (worst), load average at the end {load_after:.2f}")
        for contender, figures in self._rounds.items():
            print(f"  {contender:36} " + "  ".join(_shown(*entry) for entry in figures.items()))
        for goal in self._goals:
            print(f"  {self._verdict(goal)}")
        _RESULTS.mkdir(exist_ok=True)
        path = _RESULTS / f"{self._name}.json"
        path.write_text(json.dumps(self._document(load_after), indent=2) + "\n")
        print(f"written to {path.relative_to(Path(__file__).parent.parent)}\n")

    def _verdict(self, goal: _Goal) -> str:
        value = self.median(goal.contender, goal.figure)
        word = "met   " if value <= goal.at_most else "MISSED"
        return f"{word} {goal.contender}: {goal.figure} {value:.3f}, goal {goal.at_most:g}"

    def _document(self, load_after: float) -> dict[str, object]:
        return {
            "title": self._title,
            "machine": _machine(),
            "packages": self._packages,
            "load_average": [self._load_before, load_after],
            "rounds": self._rounds,
            "goals": [
                {**attrs.asdict(goal), "median": self.median(goal.contender, goal.figure)}
                for goal in self._goals
            ],
        }


def interleave(
    report: Report,
    contenders: Mapping[str, Callable[[], Mapping[str, float]]],
    rounds: int,
    *,
    patience: float = 0.0,
) -> None:
    """Run all contenders in turn, several times, so that a noisy minute hits them alike.

    To what they return is added how busy the whole machine was, so that noise shows.

    Args:
        report: Where the figures go.
        contenders: What to run, by name; each returns its figures.
        rounds: How often.
        patience: Seconds to wait before each run for an idle machine.
    """
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}, load average {os.getloadavg()[0]:.2f}")
        for contender, run in contenders.items():
            gc.collect()
            _wait_until_idle(patience)
            before = _cpu_times()
            figures = run()
            report.add(contender, {**figures, "busy": _busy_share(before)})


def _wait_until_idle(patience: float) -> None:
    """Wait until the machine has nothing else to do; after a while measure all the same."""
    give_up_at = time.monotonic() + patience
    while time.monotonic() < give_up_at:
        before = _cpu_times()
        time.sleep(1.0)
        if _busy_share(before) < 0.1:
            return


def _busy_share(before: tuple[int, int]) -> float:
    """Return the share of all cores' time used since then; 0 where the system does not tell."""
    idle, total = (after - earlier for after, earlier in zip(_cpu_times(), before, strict=True))
    return 1 - idle / total if total else 0.0


def _cpu_times() -> tuple[int, int]:
    try:
        columns = Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
    except OSError:
        return 0, 0
    times = [int(column) for column in columns]
    return times[3] + times[4], sum(times)


def best_time(function: Callable[[], object], *, repeats: int = 5, at_least: float = 0.02) -> float:
    """Return the seconds that one call takes: the best of several batches."""
    function()
    calls = 1
    while (taken := _batch(function, calls)) < at_least:
        calls = max(2 * calls, int(calls * at_least / max(taken, 1e-9)))
    return min(_batch(function, calls) for _ in range(repeats)) / calls


def _batch(function: Callable[[], object], calls: int) -> float:
    begin = time.process_time()
    for _ in range(calls):
        function()
    return time.process_time() - begin


def _shown(figure: str, values: list[float]) -> str:
    median, worst = statistics.median(values), max(values)
    return f"{figure} {median:.4g}" + (f" ({worst:.4g})" if worst != median else "")


def _machine() -> str:
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{implementation}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
