"""The colours of the pictures, for light and for dark surroundings.

Text stands out by at least 4.5 to 1 and a lane's bar by 3 to 1, as WCAG 2.2 asks, and each two of
the ten colours of speakers stay apart for people who see no red, no green or no blue.
"""

from typing import Final

import attrs

__all__ = ["DARK", "LIGHT", "Tones"]


@attrs.frozen
class Tones:
    """One scheme of colours.

    Attributes:
        ground: Behind everything.
        panel: Behind what stands out from the ground.
        ink: Text.
        faint: Text that steps back.
        track: Of a lane in which nobody speaks.
        line: Ticks and borders.
        shared: Where several speak.
        accent: What is current.
        speakers: The ten colours of speakers; the terminal's have the same hues.
    """

    ground: str
    panel: str
    ink: str
    faint: str
    track: str
    line: str
    shared: str
    accent: str
    speakers: tuple[str, ...]


LIGHT: Final = Tones(
    ground="#ffffff",
    panel="#f3f4f6",
    ink="#16191d",
    faint="#555d68",
    track="#e6e8eb",
    line="#dde0e4",
    shared="#c3c9d2",
    accent="#0b57d0",
    speakers=(
        *("#0762f3", "#c47c1d", "#038646", "#b516a3", "#3b2816"),
        *("#0f4251", "#d50029", "#2721df", "#4f5800", "#f5477c"),
    ),
)
DARK: Final = Tones(
    ground="#0f1318",
    panel="#1b2129",
    ink="#e9edf2",
    faint="#a0a9b5",
    track="#262d36",
    line="#2b323c",
    shared="#47515e",
    accent="#8ab4ff",
    speakers=(
        *("#1765f8", "#c8961f", "#039343", "#c832b8", "#f8e5bf"),
        *("#92f5f6", "#ef6882", "#b5a7e2", "#e6ff7c", "#f1bdc5"),
    ),
)
