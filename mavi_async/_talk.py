"""When anybody speaks and for how long: what a result measures, and the parts to look at."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from operator import attrgetter
from typing import Literal, Self, get_args

from mavi_async._arguments import refused, require_seconds, require_span, require_speakers
from mavi_async._diarized import Diarized
from mavi_async._errors import ConfigurationError
from mavi_async._segments import Overlap, TimeSpan
from mavi_async._sweep import cut, gaps, merged, overlaps, turns, union
from mavi_async._words import Word, speakers_of

__all__ = ["CropMode", "Talk"]

CropMode = Literal["intersection", "loose", "strict"]

_start = attrgetter("start")


class Talk(Diarized):
    """The measures and queries of `Diarization`.

    Wherever a speaker's segments overlap each other, the shared time counts once.
    """

    __slots__ = ()

    @property
    def extent(self) -> TimeSpan:
        """From the start of the first segment to the end of the last; 0 to 0 without any."""
        if not self.segments:
            return TimeSpan(0.0, 0.0)
        return TimeSpan(self.segments[0].start, max(segment.end for segment in self.segments))

    @property
    def speech_duration(self) -> float:
        """Seconds in which anybody speaks, however many do."""
        return math.fsum(span.duration for span in union(self.segments))

    @property
    def overlap_duration(self) -> float:
        """Seconds in which at least two speakers speak, however many do."""
        return math.fsum(overlap.duration for overlap in overlaps(self.segments))

    @property
    def overlap_ratio(self) -> float:
        """The share of speech, from 0 to 1, in which at least two speakers speak."""
        speech = self.speech_duration
        return self.overlap_duration / speech if speech else 0.0

    def speaker_duration(self, speaker: str) -> float:
        """Return how many seconds one speaker speaks.

        Raises:
            ConfigurationError: Nobody of that name speaks.
        """
        require_speakers([speaker], self.speakers)
        own = (segment for segment in self.segments if segment.speaker == speaker)
        return math.fsum(span.duration for span in union(own))

    def chart(self, percent: bool = False) -> list[tuple[str, float]]:
        """Return how long each speaker speaks, most talkative first, equals by name.

        Args:
            percent: Return shares of everybody's talk time instead of seconds. As in pyannote
                they are fractions, which add up to 1.
        """
        spoken: defaultdict[str, list[float]] = defaultdict(list)
        for turn in merged(self.segments):
            spoken[turn.speaker].append(turn.end - turn.start)
        talk = {speaker: math.fsum(seconds) for speaker, seconds in spoken.items()}
        whole = math.fsum(talk.values()) if percent else 1.0
        ranked = sorted(talk.items(), key=lambda entry: (-entry[1], entry[0]))
        return [(speaker, seconds / whole) for speaker, seconds in ranked]

    def argmax(self) -> str | None:
        """Return the speaker who speaks for longest, the first of the chart, if anybody does."""
        return next((speaker for speaker, _ in self.chart()), None)

    def gaps(self) -> list[TimeSpan]:
        """Return the silences between the first word and the last, in order.

        As in pyannote, what comes before the first word and after the last is none of them.
        """
        return list(gaps(self.segments))

    def overlaps(self) -> list[Overlap]:
        """Return the stretches in which at least two speakers speak, in order.

        One ends where somebody joins or stops, so stretches may touch, and each says who speaks
        in it. Nobody overlaps with themselves.
        """
        return list(overlaps(self.segments))

    def at(self, t: float) -> tuple[str, ...]:
        """Return who speaks at a moment, in the order in which they began.

        A segment covers its start and not its end: where one speaker hands over to another
        without a pause, only the other one speaks.

        Raises:
            ConfigurationError: The moment is not a finite number.
        """
        t = require_seconds("t", t)
        begun = self.segments[: bisect_right(self.segments, t, key=_start)]
        return tuple(dict.fromkeys(segment.speaker for segment in begun if segment.end > t))

    def crop(self, start: float, end: float, mode: CropMode = "intersection") -> Self:
        """Keep what is said between two moments, at the same times as before.

        Use ``shift(-start)`` afterwards for times that count from the cut. ``duration`` stays that
        of the recording.

        Args:
            start: Seconds from the start of the audio.
            end: Seconds from the start of the audio; ``math.inf`` for all the rest.
            mode: What happens to a segment that lies across a bound: ``"intersection"`` cuts it
                off there, ``"loose"`` keeps it whole, ``"strict"`` leaves it out.

        Raises:
            ConfigurationError: The end is not after the start, or there is no such mode.
        """
        start, end = require_span(start, end)
        if mode == "intersection":
            return self._with(cut(self.segments, start, end))
        if mode == "loose":
            return self._with(s for s in self.segments if s.start < end and s.end > start)
        if mode == "strict":
            return self._with(s for s in self.segments if s.start >= start and s.end <= end)
        modes = ", ".join(map(repr, get_args(CropMode)))
        raise ConfigurationError(f"there is no mode {mode!r}: choose one of {modes}")

    def subset(self, speakers: Iterable[str]) -> Self:
        """Keep what some of the speakers say.

        Raises:
            ConfigurationError: One of them does not speak here, or a text was given, whose
                letters would count as speakers: put it into a list.
        """
        if isinstance(speakers, str):
            raise refused("speakers", speakers, "a list of speakers")
        wanted: Collection[str] = list(speakers)
        require_speakers(wanted, self.speakers)
        wanted = frozenset(wanted)
        return self._with(segment for segment in self.segments if segment.speaker in wanted)

    def turns(self, max_gap: float = math.inf) -> Self:
        """Join what a speaker says until somebody else begins: a conversation as it alternates.

        Whoever begins ends everybody's turn, also by a word in between: `drop_short` leaves such
        words out, and `support` joins across what others say.

        Args:
            max_gap: Seconds of silence after which a speaker who goes on begins a new turn. By
                default, no silence is too long.

        Raises:
            ConfigurationError: The gap is negative or not a number.
        """
        if max_gap != math.inf:
            max_gap = require_seconds("max_gap", max_gap, at_least=0.0)
        return self._with(turns(self.segments, max_gap))

    def assign_speakers(
        self, words: Iterable[Word], fill_nearest: bool = False
    ) -> list[str | None]:
        """Find who says each word of a transcript.

        It is the speaker with the most time within the word, all segments summed; of equals, the
        one who began earlier. For a word without length, it is who speaks at that moment.

        Args:
            words: Dictionaries with ``start`` and ``end``, or objects with such attributes, in
                any order: words, or whole lines. They are not changed.
            fill_nearest: Give a word that nobody says to the speaker who is closest in time,
                the earlier one on a tie; and one without times, such as whisperX makes of
                figures, to the speaker of the word before it in the list.

        Returns:
            A speaker for each word, in the order of the words; ``None`` where nobody speaks or
            the word has no times.

        Raises:
            ConfigurationError: A word's times are no numbers, or in the wrong order; the message
                names its index.
        """
        return speakers_of(words, merged(self.segments), fill_nearest=fill_nearest)
