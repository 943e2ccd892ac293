"""What recordings will cost, about, before any of them is submitted."""

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Final, Self

import attrs

from mavi_async._length import length_of

__all__ = ["USD_PER_SECOND", "CostEstimate", "estimate_cost"]

USD_PER_SECOND: Final = 0.001


@attrs.frozen
class CostEstimate:
    """What recordings will cost, as far as their files tell.

    It is an estimate: MAVI bills by the length that it finds itself, at the price of the day.

    Attributes:
        seconds: How long those are together that tell.
        unknown: Those that do not tell, which `usd` leaves out.
    """

    seconds: float
    unknown: tuple[str | os.PathLike[str], ...] = ()

    @property
    def usd(self) -> float:
        """US dollars, at 0.001 for a second of audio."""
        return self.seconds * USD_PER_SECOND

    def assuming(self, seconds: float) -> Self:
        """Take each recording of unknown length for so many seconds."""
        return attrs.evolve(self, seconds=self.seconds + len(self.unknown) * seconds, unknown=())

    def __str__(self) -> str:
        known = f"about USD {self.usd:.2f} for {timedelta(seconds=round(self.seconds))} of audio"
        if not self.unknown:
            return known
        count = len(self.unknown)
        return f"{known}, and {count} recording{'s' * (count != 1)} of unknown length"


def estimate_cost(recordings: Iterable[str | os.PathLike[str]]) -> CostEstimate:
    """Read from files how long they are, and tell about what their jobs will cost.

    Nothing is sent. FLAC, M4A, MP3, MP4, MOV, OGG, WAV and WMV tell, unless they were written
    into a pipe; the others, and what cannot be read, are named as unknown. It takes some
    milliseconds a file and blocks: call it in a thread where there are many. It needs
    ``mavi-async[cost]``.

    Args:
        recordings: The files. Text is an asset id, as everywhere, and of unknown length.

    Raises:
        ConfigurationError: If the extra is missing.

    Source: the price list of MAVI's API.
    """
    seconds, unknown = 0.0, list[str | os.PathLike[str]]()
    for each in recordings:
        length = None if isinstance(each, str) else length_of(each)
        if length is None:
            unknown.append(each)
        else:
            seconds += length
    return CostEstimate(seconds, tuple(unknown))
