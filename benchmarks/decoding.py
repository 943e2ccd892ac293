"""From a callback's bytes to a validated `Diarization`, beside reading its JSON at all."""

import argparse
import json
from collections.abc import Callable, Mapping
from functools import partial

import orjson
from _bodies import callback_body
from _harness import Report, best_time, interleave

from mavi_async._wire import decode_callback, read_task_id

SIZES = (28, 450, 1_718, 17_180)


def measure(function: Callable[[], object]) -> Mapping[str, float]:
    """Return the microseconds of one call."""
    return {"µs": best_time(function) * 1e6}


def main() -> None:
    """Read the options, run the rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    report = Report(
        "decoding", "bytes to a Diarization ÷ json.loads", ["mavi_async", "cattrs", "orjson"]
    )
    runs: dict[str, Callable[[], Mapping[str, float]]] = {}
    for size in SIZES:
        body = callback_body(size)
        task_id = read_task_id(body)
        for name, function in {
            "json.loads": partial(json.loads, body),
            "orjson.loads": partial(orjson.loads, body),
            "task_id found": partial(read_task_id, body),
            "Diarization": partial(decode_callback, body, task_id=task_id),
        }.items():
            runs[f"{name}, {size:,} segments"] = partial(measure, function)
    interleave(report, runs, options.rounds, patience=3)
    for size in SIZES:
        reader = f"json.loads, {size:,} segments"
        for name in ("Diarization", "task_id found", "orjson.loads"):
            report.add_ratio(f"{name}, {size:,} segments", reader, "µs", "ratio")
        report.expect(f"Diarization, {size:,} segments", "ratio", 1.5)
        report.expect(f"task_id found, {size:,} segments", "ratio", 1.1)
    report.finish()


if __name__ == "__main__":
    main()
