"""How far a result is from what was really said: error rates, and what they are made of."""

import json
import sys
from collections.abc import Sequence

import attrs
from rich.text import Text

from mavi_async._arguments import require_seconds
from mavi_async._diarization import Diarization
from mavi_async._errors import ConfigurationError, TaskError
from mavi_async.cli._notes import error_notes
from mavi_async.cli._place import Place
from mavi_async.cli._sources import STANDARD_INPUT, NotHere, Sources
from mavi_async.cli._text import make_console, safe_text
from mavi_async.formats._recognised import named_by_suffix

__all__ = ["Score", "ScoreOptions", "measure", "run_score"]


@attrs.frozen
class ScoreOptions:
    """What is asked for.

    Attributes:
        collar: Seconds around each bound of the reference that do not count, in all.
        skip_overlap: Whether to leave out where several speak in the reference.
        uri: Where a file holds several recordings, the one to read.
        format_name: The format of what does not tell by its suffix.
        as_json: Whether to write a JSON object.
    """

    collar: float
    skip_overlap: bool
    uri: str | None
    format_name: str | None
    as_json: bool


@attrs.frozen
class Score:
    """Error rates, as shares, and what the first is made of, in seconds.

    Attributes:
        der: The diarization error rate.
        jer: The Jaccard error rate.
        missed: Speech of the reference that is not in the result.
        false_alarm: Speech of the result that is not in the reference.
        confusion: Speech of somebody else than the reference says.
        total: Speech of the reference, each speaker's counted.
    """

    der: float
    jer: float
    missed: float
    false_alarm: float
    confusion: float
    total: float


def measure(
    hypothesis: Diarization,
    reference: Diarization,
    *,
    collar: float = 0.0,
    skip_overlap: bool = False,
) -> Score:
    """Compare two results of a recording, as `Diarization.der` and `Diarization.jer` do.

    Collar and overlap are matters of the first rate alone, as is usual.

    Raises:
        ConfigurationError: If the extra is missing, or the collar is negative or not a number.
    """
    require_seconds("--collar", collar, at_least=0.0)
    jer = hypothesis.jer(reference)  # which says it where the extra is missing
    from pyannote.core import Segment, Timeline  # type: ignore[import-untyped]
    from pyannote.metrics.diarization import DiarizationErrorRate

    # What one speaker says twice at a time would be a false alarm, and pyannote warns unless it
    # is told what to look at.
    sides = [side.support() for side in (reference, hypothesis)]
    bounds = [side.extent for side in sides if side]
    start = min((each.start for each in bounds), default=0.0)
    end = max((each.end for each in bounds), default=0.0)
    rate = DiarizationErrorRate(collar=collar, skip_overlap=skip_overlap)
    truth, guess = (side.to_pyannote() for side in sides)
    parts = rate.compute_components(truth, guess, uem=Timeline([Segment(start, end)]))
    return Score(
        der=float(rate.compute_metric(parts)),
        jer=jer,
        missed=float(parts["missed detection"]),
        false_alarm=float(parts["false alarm"]),
        confusion=float(parts["confusion"]),
        total=float(parts["total"]),
    )


async def run_score(hypothesis: str, reference: str, options: ScoreOptions, place: Place) -> int:
    """Print how far a result is from a reference, and return the exit code.

    Raises:
        ConfigurationError: If one of them cannot be read, or the extra is missing.
    """
    if (hypothesis, reference) == ("-", "-"):
        raise ConfigurationError("only one of the two can come from standard input")
    sides: list[Diarization] = []
    async with Sources(place) as sources:
        for name in (hypothesis, reference):
            try:
                told = options.format_name if _is_unclear(name) else None
                found = await sources.read(name, format_name=told, uri=options.uri)
                sides.append(found.outcome.result())
            except NotHere as error:
                error_notes()(str(error))
                return 1
            except TaskError as error:
                error_notes()(f"failed: {name}: {error}")
                return 1
    score = measure(*sides, collar=options.collar, skip_overlap=options.skip_overlap)
    names = [STANDARD_INPUT if each == "-" else each for each in (hypothesis, reference)]
    if options.as_json:
        _say_json(score, names, options)
    else:
        speakers = [each.num_speakers for each in sides]
        _say_text(score, names, speakers, options)
    return 0


def _is_unclear(name: str) -> bool:
    """Tell whether the suffix of a file leaves its format open; of two, it mostly is of one."""
    try:
        return named_by_suffix(name) is None
    except ConfigurationError:
        return True


def _say_json(score: Score, names: Sequence[str], options: ScoreOptions) -> None:
    document = {
        "hypothesis": names[0],
        "reference": names[1],
        "collar": options.collar,
        "skip_overlap": options.skip_overlap,
        **attrs.asdict(score),
    }
    make_console(sys.stdout).out(json.dumps(document, ensure_ascii=True), highlight=False)


def _say_text(
    score: Score, names: Sequence[str], speakers: Sequence[int], options: ScoreOptions
) -> None:
    title = " against ".join(safe_text(name, longest=80) for name in names)
    counts = f"  speakers: {speakers[0]}, in the reference {speakers[1]}"
    lines = [
        Text.assemble((title, "bold"), (counts, "dim")),
        _line("diarization error rate", score.der, f"of {score.total:.2f} s of speech", "bold"),
        _line("  missed", _share(score.missed, score), f"{score.missed:.2f} s"),
        _line("  false alarm", _share(score.false_alarm, score), f"{score.false_alarm:.2f} s"),
        _line("  confusion", _share(score.confusion, score), f"{score.confusion:.2f} s"),
        _line("Jaccard error rate", score.jer, "", "bold"),
    ]
    left_out = [f"{options.collar / 2:g} s on either side of each bound"] if options.collar else []
    left_out += ["where several speak"] if options.skip_overlap else []
    if left_out:
        lines.append(Text(f"  left out of the first rate: {', and '.join(left_out)}", "dim"))
    console = make_console(sys.stdout)
    for line in lines:
        console.print(line, soft_wrap=True)


def _line(name: str, rate: float | None, rest: str, style: str = "") -> Text:
    figure = " " * 8 if rate is None else f"{rate:8.2%}"
    line = Text.assemble((f"  {name:24}{figure}", style), f"  {rest}")
    line.rstrip()
    return line


def _share(seconds: float, score: Score) -> float | None:
    """A part of the rate; there is none where nobody speaks in the reference."""
    return seconds / score.total if score.total else None
