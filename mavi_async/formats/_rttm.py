"""RTTM, the field's format for who speaks when.

Source: NIST, The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan, Appendix A.
"""

import math

from mavi_async._errors import ConfigurationError
from mavi_async._segments import SpeakerSegment

__all__ = ["read_rttm"]

# Everything else that RT-09 lets stand beside SPEAKER lines; a type outside this list means that
# the text is not RTTM at all, which should be said rather than read as silence.
_OTHER_TYPES = frozenset(
    [
        "A/P",
        "CB",
        "EDIT",
        "FILLER",
        "IP",
        "LEXEME",
        "NON-LEX",
        "NON-SPEECH",
        "NOSCORE",
        "NO_RT_METADATA",
        "SEGMENT",
        "SPKR-INFO",
        "SU",
    ]
)


def read_rttm(text: str, *, uri: str | None = None) -> list[SpeakerSegment]:
    """Read the speaker segments of one recording.

    Args:
        text: The content of an RTTM file; a byte order mark, ``;;`` comments and blank lines are
            skipped.
        uri: The recording to read. ``None`` reads the only one and refuses a text with several,
            whose segments would be mixed up.

    Returns:
        The segments sorted by start, end and speaker. A length of zero is kept: it is what the
        file says.

    Raises:
        ConfigurationError: A line is not RTTM; the message names its number.
    """
    rows = [
        (number, fields)
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1)
        if (fields := _speaker_fields(number, line)) and uri in (None, fields[1])
    ]
    recordings = sorted({fields[1] for _, fields in rows})
    if len(recordings) > 1:
        raise ConfigurationError(
            f"the RTTM text holds {len(recordings)} recordings ({', '.join(recordings[:3])}, …): "
            "say which one to read with `uri`"
        )
    return sorted(_segment(number, fields) for number, fields in rows)


def _speaker_fields(number: int, line: str) -> list[str]:
    """The fields of a SPEAKER line; nothing for lines that say something else."""
    fields = line.split()
    if not fields or fields[0].startswith(";;") or fields[0] in _OTHER_TYPES:
        return []
    if fields[0] != "SPEAKER":
        raise _bad_line(number, f"{fields[0][:40]!r} is no RTTM type")
    if len(fields) not in (9, 10):
        raise _bad_line(number, f"expected 9 or 10 fields, found {len(fields)}")
    return fields


def _segment(number: int, fields: list[str]) -> SpeakerSegment:
    """Turn start and *duration*, fields 4 and 5, into bounds."""
    start = _seconds(number, "start", fields[3])
    return SpeakerSegment(start, start + _seconds(number, "duration", fields[4]), fields[7])


def _seconds(number: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise _bad_line(number, f"the {name} {text[:40]!r} is not a number of seconds")
    return value


def _bad_line(number: int, why: str) -> ConfigurationError:
    return ConfigurationError(f"line {number} of the RTTM text: {why}")
