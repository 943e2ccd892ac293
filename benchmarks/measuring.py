"""What is done with a result, beside pyannote.core where it does the same."""

import argparse
import random
import time
from collections.abc import Callable, Mapping
from functools import partial

from _harness import Report, best_time, interleave
from pyannote.core import Annotation, Segment

from mavi_async import Diarization, SpeakerSegment
from mavi_async.formats import FORMATS

SIZES = (28, 450, 1_718, 17_180)
OURS, THEIRS = "mavi_async", "pyannote.core"


def conversation(size: int) -> Diarization:
    """Make a conversation of five, in which about a third of the segments overlap with another."""
    dice = random.Random(size)
    segments = []
    cursor = 1.0
    for _ in range(size):
        start = cursor + dice.uniform(-0.5, 1.0)
        cursor = start + dice.uniform(0.5, 6.0)
        speaker = f"SPEAKER_{dice.randrange(5):02d}"
        segments.append(SpeakerSegment(round(start, 3), round(cursor, 3), speaker))
    return Diarization.from_segments(segments, uri="conversation")


def ours(talk: Diarization) -> Mapping[str, Callable[[], object]]:
    """Name what is measured of ours."""
    middle = talk.duration / 4, talk.duration * 3 / 4
    words = [{"start": n * 0.3, "end": n * 0.3 + 0.25} for n in range(int(talk.duration / 0.3))]
    exports = {name: partial(FORMATS[name].write, talk) for name in FORMATS}
    return {
        "overlap": talk.overlaps,
        "support": partial(talk.support, 0.5),
        "crop": partial(talk.crop, *middle),
        "chart": talk.chart,
        "gaps": talk.gaps,
        "exclusive": talk.exclusive,
        "turns": talk.turns,
        "words": partial(talk.assign_speakers, words),
        "to pyannote": talk.to_pyannote,
        **exports,
    }


def theirs(talk: Annotation) -> Mapping[str, Callable[[], object]]:
    """Name what pyannote has of it."""
    extent = talk.get_timeline().extent()
    middle = Segment(extent.end / 4, extent.end * 3 / 4)
    return {
        "overlap": talk.get_overlap,
        "support": partial(talk.support, 0.5),
        "crop": partial(talk.crop, middle),
        "chart": talk.chart,
        "gaps": lambda: talk.get_timeline().gaps(),
        "rttm": talk.to_rttm,
        "lab": talk.to_lab,
    }


def measure(function: Callable[[], object]) -> Mapping[str, float]:
    """Return the milliseconds of one call; what takes long is called once."""
    begin = time.process_time()
    function()
    once = time.process_time() - begin
    return {"ms": (once if once > 0.5 else best_time(function, repeats=3)) * 1e3}


def main() -> None:
    """Read the options, run the rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    title = "what is done with a result; ratio: pyannote.core ÷ mavi_async"
    report = Report("measuring", title, ["mavi_async", "pyannote.core"])
    runs: dict[str, Callable[[], Mapping[str, float]]] = {}
    for size in SIZES:
        talk = conversation(size)
        others = theirs(talk.to_pyannote())
        for name, function in ours(talk).items():
            runs[f"{name}, {size:,}: {OURS}"] = partial(measure, function)
            if name in others:
                runs[f"{name}, {size:,}: {THEIRS}"] = partial(measure, others[name])
    interleave(report, runs, options.rounds)
    for contender in runs:
        if contender.endswith(THEIRS):
            report.add_ratio(contender, contender.replace(THEIRS, OURS), "ms", "ratio")
    report.finish()


if __name__ == "__main__":
    main()
