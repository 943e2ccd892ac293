"""A result as a page of its own: timeline, speakers, segments, and the recording to listen to.

Nothing in it comes from elsewhere, and its policy lets nothing be fetched or run but what it was
written with. What others wrote, such as names, is text and data in it and never markup.

Source: W3C, Content Security Policy Level 3; WHATWG, HTML, 4.12.1.1 (data blocks).
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from os import PathLike
from string import Template
from typing import Final
from urllib.parse import quote

import attrs

from mavi_async._diarization import Diarization
from mavi_async.formats._lanes import Lane, Lanes, drawable
from mavi_async.formats._palette import DARK, LIGHT, Tones
from mavi_async.formats._recording import Recording
from mavi_async.formats._shown import clock, length, percent, shown
from mavi_async.formats._svg import facts_of, write_svg

__all__ = ["write_html"]

_LISTENING: Final = (
    "Click a segment to hear it. <kbd>Space</kbd> plays and pauses, <kbd>←</kbd> <kbd>→</kbd> go "
    "5 seconds, with <kbd>Shift</kbd> 1; in timeline and list <kbd>↑</kbd> <kbd>↓</kbd> go from "
    "segment to segment. <kbd>+</kbd> <kbd>-</kbd> or <kbd>Ctrl</kbd> and the wheel zoom."
)
_LOOKING: Final = (
    "Click a segment to find it in the list. <kbd>←</kbd> <kbd>→</kbd> go 5 seconds, with "
    "<kbd>Shift</kbd> 1; in timeline and list <kbd>↑</kbd> <kbd>↓</kbd> go from segment to "
    "segment. <kbd>+</kbd> <kbd>-</kbd> or <kbd>Ctrl</kbd> and the wheel zoom."
)
_MOST_PRINTED: Final = 1000


def write_html(
    diarization: Diarization,
    *,
    audio: str | PathLike[str] | None = None,
    audio_src: str | None = None,
    title: str | None = None,
) -> str:
    """Write a result as a page that needs nothing else.

    A timeline to zoom into, talk time, share, turns and longest turn of each speaker, and the
    list of segments; a turn is what a speaker says until somebody else begins. With a recording, a
    click on a segment plays it, and the keyboard does what a player's does. It follows the
    reader's light or dark scheme, prints, and shows a still picture where scripts are off.

    Names longer than 200 characters are cut, and what steers a terminal or the direction of
    writing is replaced by ``U+FFFD``. Lanes are for the 50 who talk most.

    Args:
        diarization: The result.
        audio: A recording to embed, of at most 32 MiB: the page becomes a third larger than it.
        audio_src: The URL of a recording to link instead: relative to where the page will lie,
            or of ``http`` or ``https``.
        title: Heading; the name of the recording by default.

    Raises:
        ConfigurationError: If the recording cannot be read or is too large, if its suffix is none
            that browsers play, or if both recordings are given.
    """
    diarization = drawable(diarization)
    heading = shown(title or diarization.uri or diarization.task_id or "Who spoke when")
    lanes = Lanes.of(diarization)
    recording = Recording.of(audio, audio_src)
    style = f"{_rules()}\n{_asset('report.css')}"
    script = _asset("report.js")
    return Template(_asset("page.html")).substitute(
        policy=_policy(style, script, recording),
        title=escape(heading),
        style=style,
        script=script,
        facts=_facts(diarization, lanes),
        player=_player(recording),
        names="\n".join(map(_name, lanes.lanes)),
        whole=f"{lanes.seconds:.0f}",
        hint=_LISTENING if recording else _LOOKING,
        picture=f"data:image/svg+xml,{quote(write_svg(diarization, title=heading, width=1000))}",
        rows="\n".join(row for lane in lanes.lanes for row in _row(lane, lanes.seconds)),
        more=_more(lanes),
        size="many" if len(diarization) > _MOST_PRINTED else "few",
        data=_data(diarization, lanes),
    )


def _policy(style: str, script: str, recording: Recording | None) -> str:
    """Allow what the page was written with, by its digest, and the one recording."""
    media = recording.origin if recording else "'none'"
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_digest(script)}",
            f"style-src {_digest(style)}",
            "img-src data:",
            f"media-src {media}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ]
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(diarization: Diarization, lanes: Lanes) -> str:
    """Write what the script draws, in a form in which no text can end the element it is in."""
    number = {speaker: place for place, speaker in enumerate(lanes.speakers)}
    segments = diarization.segments
    facts = {
        "seconds": lanes.seconds,
        "lanes": [{"name": lane.name, "colour": lane.colour} for lane in lanes.lanes],
        "segments": [
            [segment.start for segment in segments],
            [segment.end for segment in segments],
            [number.get(segment.speaker, -1) for segment in segments],
        ],
        "shared": lanes.shared,
    }
    return json.dumps(facts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _facts(diarization: Diarization, lanes: Lanes) -> str:
    facts = escape(facts_of(diarization, lanes))
    if lanes.shared:
        key = '<span class="key"></span>'
        facts += f" · {key} several at once {length(lanes.shared_seconds)}"
    return facts


def _player(recording: Recording | None) -> str:
    if recording is None:
        return ""
    return (
        f'<audio id="audio" controls preload="auto" aria-label="Recording" '
        f'src="{escape(recording.address)}"></audio>'
    )


def _name(lane: Lane) -> str:
    name = escape(lane.name)
    return f'<li class="c{lane.colour}" title="{name}"><span dir="auto">{name}</span></li>'


def _row(lane: Lane, seconds: float) -> Iterator[str]:
    """Write a speaker's row of the table."""
    share = lane.talk / seconds
    yield (
        f'<tr><td><span class="dot c{lane.colour}"></span>'
        f'<bdi title="{escape(lane.name)}">{escape(lane.name)}</bdi></td>'
        f"<td>{clock(lane.talk)}</td>"
        f'<td><svg class="share c{lane.colour}" viewBox="0 0 100 1" aria-hidden="true" '
        f'preserveAspectRatio="none"><rect width="{100 * share:.1f}" height="1" '
        f'fill="currentColor"/></svg><span>{escape(percent(share))}</span></td>'
        f"<td>{lane.turns:,}</td><td>{length(lane.longest)}</td></tr>"
    )


def _more(lanes: Lanes) -> str:
    if not lanes.lanes:
        return '<p class="faint">Nobody speaks.</p>'
    if lanes.left_out:
        return f'<p class="faint">and {lanes.left_out:,} more who talk less</p>'
    return ""


def _rules() -> str:
    """Write the colours of both schemes."""
    classes = "".join(f".c{n}{{color:var(--c{n})}}" for n in range(len(LIGHT.speakers)))
    return (
        f":root{{color-scheme:light dark;{_variables(LIGHT)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}{classes}"
    )


def _variables(tones: Tones) -> str:
    named = {k: v for k, v in attrs.asdict(tones).items() if isinstance(v, str)}
    named |= {f"c{n}": tone for n, tone in enumerate(tones.speakers)}
    return ";".join(f"--{name}:{tone}" for name, tone in named.items())


def _asset(name: str) -> str:
    return files("mavi_async.formats").joinpath("_report", name).read_text(encoding="utf-8")
