"""A result in the terms of other libraries; each is imported when it is asked for."""

from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

from mavi_async._arguments import require_kind, require_seconds
from mavi_async._diarized import Diarized
from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment
from mavi_async._sweep import merged

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    import polars as pl
    from matplotlib.axes import Axes
    from pyannote.core import Annotation  # type: ignore[import-untyped]

    from mavi_async._diarization import Diarization

__all__ = ["Bridges"]

_LONGEST_LABEL: Final = 30
# Seconds up to which pyannote takes a segment for empty.
_NOTHING: Final = 1e-6
_REFERENCE: Final = (
    "a Diarization; of pyannote's Annotation, that is Diarization.from_rttm(annotation.to_rttm())"
)


class Bridges(Diarized):
    """The methods of `Diarization` that need an extra.

    Without it, they raise `ConfigurationError` with the command that installs it.
    """

    __slots__ = ()

    def to_pyannote(self) -> "Annotation":
        """Return a ``pyannote.core.Annotation``; needs ``mavi-async[pyannote]``.

        The track of a segment is its number, so that two speakers with the same bounds are both
        kept. pyannote takes segments of a microsecond or less for empty and leaves them out.
        """
        return _annotation(self, self.segments)

    def to_pandas(self) -> "pd.DataFrame":
        r"""Return a table of ``start``, ``end``, ``duration`` and ``speaker``, a row a segment.

        Needs ``mavi-async[pandas]``. Half of a surrogate pair in a name, which no table holds,
        is spelled out, as in ``\ud800``.
        """
        pandas = _extra("pandas", "pandas")
        table: pd.DataFrame = pandas.DataFrame(self._columns())
        # What has no rows has no types either, unless they are given.
        return table.astype({"start": float, "end": float, "duration": float, "speaker": str})

    def to_polars(self) -> "pl.DataFrame":
        r"""Return a table of ``start``, ``end``, ``duration`` and ``speaker``, a row a segment.

        Needs ``mavi-async[polars]``. Half of a surrogate pair in a name, which no table holds,
        is spelled out, as in ``\ud800``.
        """
        polars = _extra("polars", "polars")
        number, text = polars.Float64, polars.String
        schema = {"start": number, "end": number, "duration": number, "speaker": text}
        table: pl.DataFrame = polars.DataFrame(self._columns(), schema=schema)
        return table

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw a lane for each speaker with matplotlib; needs ``mavi-async[plot]``.

        `to_svg` draws without it, in the same colours.

        Args:
            ax: Where to draw; by default in a new figure of pyplot, which notebooks show.

        Returns:
            Where it was drawn, to go on with: ``ax.figure.savefig("talk.png")``.
        """
        from mavi_async.formats._lanes import colours, drawable, length_of
        from mavi_async.formats._palette import LIGHT

        seconds = length_of(self)
        ax = ax or _new_axes(self.num_speakers)
        lanes: dict[str, list[tuple[float, float]]] = {}
        for segment in drawable(self).segments:
            lanes.setdefault(segment.speaker, []).append((segment.start, segment.duration))
        for lane, (speaker, number) in enumerate(colours(lanes).items()):
            ax.broken_barh(lanes[speaker], (lane - 0.4, 0.8), facecolors=LIGHT.speakers[number])
        ax.set_yticks(range(len(lanes)), labels=[_label(speaker) for speaker in lanes])
        ax.set_ylim(max(len(lanes), 1) - 0.5, -0.5)
        ax.set_xlim(0, seconds)
        ax.set_xlabel("seconds")
        return ax

    def der(self, reference: "Diarization", collar: float = 0.0) -> float:
        """Return the diarization error rate; needs ``mavi-async[metrics]``.

        It is missed speech, false alarms and confused speakers together, divided by the speech of
        the reference, under the best pairing of speakers: 0 is perfect, and it may exceed 1.
        Overlapping speech counts. Both sides' segments of one speaker are joined where they
        overlap, which pyannote would count as false alarms.

        Args:
            reference: Who really spoke when.
            collar: Seconds around each bound of the reference that do not count, in all: as in
                pyannote, 0.5 forgives a quarter of a second on either side.

        Raises:
            ConfigurationError: The extra is missing, or the collar is negative or not a number.
        """
        collar = require_seconds("collar", collar, at_least=0.0)
        metrics = _extra("pyannote.metrics.diarization", "metrics")
        return _rate(metrics.DiarizationErrorRate(collar=collar), reference, self)

    def jer(self, reference: "Diarization") -> float:
        """Return the Jaccard error rate; needs ``mavi-async[metrics]``.

        It is the mean over the reference's speakers of the share of time that they and their
        counterparts do not have in common, from 0 to 1: all speakers weigh the same, however
        little they say. As for `der`, each speaker's overlapping segments are joined.

        Args:
            reference: Who really spoke when.

        Raises:
            ConfigurationError: The extra is missing.
        """
        metrics = _extra("pyannote.metrics.diarization", "metrics")
        return _rate(metrics.JaccardErrorRate(), reference, self)

    def _columns(self) -> dict[str, list[float] | list[str]]:
        return {
            "start": [segment.start for segment in self.segments],
            "end": [segment.end for segment in self.segments],
            "duration": [segment.duration for segment in self.segments],
            "speaker": [_whole(segment.speaker) for segment in self.segments],
        }


def _extra(module: str, extra: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        message = f'this needs {module}: pip install "mavi-async[{extra}]"'
        raise ConfigurationError(message) from error


def _new_axes(lanes: int) -> "Axes":
    pyplot = _extra("matplotlib.pyplot", "plot")
    ax: Axes = pyplot.subplots(figsize=(10, 1.2 + 0.35 * lanes), layout="constrained")[1]
    return ax


def _annotation(diarized: Diarized, segments: Iterable[SpeakerSegment]) -> "Annotation":
    core = _extra("pyannote.core", "pyannote")
    annotation = core.Annotation(uri=diarized.uri, modality="speaker")
    for track, segment in enumerate(segments):
        annotation[core.Segment(segment.start, segment.end), track] = segment.speaker
    return annotation


def _rate(metric: Callable[..., float], reference: Diarized, hypothesis: Diarized) -> float:
    """Compare over all that either says; pyannote would guess that, and warn that it did."""
    require_kind("reference", reference, Diarized, _REFERENCE)
    core = _extra("pyannote.core", "metrics")
    sides = [
        [segment for segment in merged(side.segments) if segment.duration > _NOTHING]
        for side in (reference, hypothesis)
    ]
    if not any(sides):
        return 0.0
    everything = core.Timeline(core.Segment(s.start, s.end) for side in sides for s in side)
    rate = metric(
        _annotation(reference, sides[0]),
        _annotation(hypothesis, sides[1]),
        uem=core.Timeline([everything.extent()]),
    )
    return float(rate)


def _whole(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _label(speaker: str) -> str:
    """A name as it may stand at an axis, where dollars begin a formula."""
    from mavi_async.formats._shown import shown

    return shown(speaker, longest=_LONGEST_LABEL).replace("$", r"\$")
