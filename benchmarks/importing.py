"""Import time beside that of what the package cannot do without."""

import argparse
import resource
import subprocess
import sys
from collections.abc import Mapping
from functools import partial

from _harness import Report, interleave

NOTHING = "nothing"
NEEDED = "httpx, attrs, cattrs, anyio"
PROGRAMS = {
    NOTHING: "pass",
    "httpx": "import httpx",
    NEEDED: f"import {NEEDED}",
    "mavi_async": "import mavi_async",
}


def measure(program: str) -> Mapping[str, float]:
    """Return the CPU milliseconds of one interpreter's life."""
    begin = _children_cpu_time()
    subprocess.run([sys.executable, "-c", program], check=True)
    return {"ms": (_children_cpu_time() - begin) * 1000}


def _children_cpu_time() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Read the options, run the rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    report = Report(
        "importing",
        f"import mavi_async ÷ import {NEEDED}, both above bare Python",
        ["mavi_async", "httpx", "attrs", "cattrs", "anyio"],
    )
    for program in PROGRAMS.values():
        measure(program)  # writes the byte code
    runs = {name: partial(measure, program) for name, program in PROGRAMS.items()}
    interleave(report, runs, options.rounds)
    bare = report.median(NOTHING, "ms")
    for name in PROGRAMS:
        report.add(f"{name}, above bare", {"ms": report.median(name, "ms") - bare})
    report.add_ratio("mavi_async, above bare", f"{NEEDED}, above bare", "ms", "ratio")
    report.expect("mavi_async, above bare", "ratio", 1.10)
    report.finish()


if __name__ == "__main__":
    main()
