"""The page of a result, without a browser: its data, its policy and its recording."""

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavi_async import ConfigurationError, Diarization, SpeakerSegment
from mavi_async.formats._html import write_html
from mavi_async.formats._recording import LARGEST_AUDIO_BYTES


class Outline(HTMLParser):
    """The elements of a page, with the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))


def data_of(page: str) -> dict[str, Any]:
    """What the page's script draws."""
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    data: dict[str, Any] = json.loads(text)
    return data


def policy_of(page: str) -> list[str]:
    """The directives of its content security policy."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)">', page)
    assert policy is not None
    return policy.group(1).split("; ")


def named(names: list[str]) -> Diarization:
    return Diarization.from_segments(SpeakerSegment(n, n + 2, name) for n, name in enumerate(names))


def test_the_data_is_exact(crowd: Diarization) -> None:
    """A page holds the times as they are, to the last bit."""
    data = data_of(write_html(crowd))
    starts, ends, numbers = data["segments"]

    assert [(s.start, s.end, s.speaker) for s in crowd] == [
        (start, end, data["lanes"][number]["name"])
        for start, end, number in zip(starts, ends, numbers, strict=True)
    ]


def test_the_table_counts(crowd: Diarization) -> None:
    """A row says how long a speaker talks, and how often the speaker takes the floor."""
    speaker, talk = crowd.chart()[0]
    turns = [turn.duration for turn in crowd.turns() if turn.speaker == speaker]
    minutes, seconds = divmod(round(talk), 60)
    longest = divmod(round(max(turns)), 60)
    [row] = [row for row in write_html(crowd).split("<tr>") if f">{speaker}</bdi>" in row]
    cells = re.findall(r"<td[^>]*>(?:<svg.*?</svg>)?(?:<span>)?([^<]*)", row)

    assert [
        f"{minutes}:{seconds:02}",
        f"{talk / crowd.duration:.0%}",
        str(len(turns)),
        f"{longest[0]}:{longest[1]:02}",
    ] == cells[1:]


def test_nothing_else_may_run(conversation: Diarization) -> None:
    """The policy allows the one script and the one style sheet by their digests, and no source."""
    page = write_html(conversation)
    digests = {
        kind: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for kind, text in re.findall(r"<(style|script)>(.*?)</\1>", page, re.DOTALL)
    }

    assert [
        "default-src 'none'",
        f"script-src 'sha256-{digests['script']}'",
        f"style-src 'sha256-{digests['style']}'",
        "img-src data:",
        "media-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ] == policy_of(page)


def test_names_are_text(hostile: Diarization) -> None:
    """With names that mean harm, a page has the elements and attributes that it has with others."""
    harmless = named([f"SPEAKER_{n:02}" for n in range(len(hostile))])
    page = write_html(hostile)

    assert Outline(write_html(harmless)).tags == Outline(page).tags
    assert len(hostile) == len(data_of(page)["lanes"])
    assert len(page) < 100_000  # though one of the names has a million letters


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(codec=None), max_size=30), min_size=3, max_size=3, unique=True)
)
def test_any_name_can_be_shown(names: list[str]) -> None:
    """No text at all adds or takes an element, and a page can always be written as UTF-8."""
    page = write_html(named(names), title=names[0])

    page.encode()
    assert Outline(write_html(named(["a", "b", "c"]))).tags == Outline(page).tags
    assert 3 == len(data_of(page)["lanes"])


def test_more_speakers_than_lanes() -> None:
    """Beyond 50 speakers those who talk least have no lane, and what they say is still listed."""
    crowd = Diarization.from_segments(
        SpeakerSegment(n, n + 1 + n / 100, f"guest {n}") for n in range(60)
    )
    page = write_html(crowd)

    assert "and 10 more who talk less" in page
    assert 50 == len(data_of(page)["lanes"])
    assert [-1] * 10 + list(range(50)) == data_of(page)["segments"][2]


def test_nobody_speaks() -> None:
    """A recording without speech has a page that says so."""
    assert "Nobody speaks." in write_html(Diarization(()))


def test_a_list_of_reams_is_not_printed(long_talk: Diarization, crowd: Diarization) -> None:
    """On paper the list is left out where it would fill more than a few sheets."""
    assert 'id="list" class="many"' in write_html(long_talk)
    assert 'id="list" class="few"' in write_html(crowd)


def test_a_recording_is_embedded(conversation: Diarization, tmp_path: Path) -> None:
    """The page holds the bytes of the file and its type, and may load nothing but them."""
    path = tmp_path / "talk.FLAC"
    path.write_bytes(bytes(range(256)))
    page = write_html(conversation, audio=path)
    [content] = re.findall(r'<audio [^>]* src="data:audio/flac;base64,(.*?)">', page)

    assert bytes(range(256)) == base64.b64decode(content)
    assert "media-src data:" in policy_of(page)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("talk%20%22one%22.mp3", "'self' file:"),
        ('a" onplay="x', "'self' file:"),
        ("/talks/1.mp3?a=1&b=2", "'self' file:"),
        ("https://cdn.example.com:8443/talk.mp3", "https://cdn.example.com:8443"),
    ],
)
def test_a_recording_is_linked(conversation: Diarization, address: str, allowed: str) -> None:
    """The page links the URL as it is, and may load from there alone."""
    page = write_html(conversation, audio_src=address)
    [link] = re.findall(r'<audio [^>]* src="(.*?)">', page)

    assert address == unescape(link)
    assert f"media-src {allowed}" in policy_of(page)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:audio/wav;base64,AA",
        "https://a.example; script-src */x.mp3",
        "//cdn.example.com/talk.mp3",
        "https://[",
        "",
        " talk.mp3",
        "talk.mp3\n",
        "\\\\host\\share\\talk.mp3",
        "/\t/cdn.example.com/talk.mp3",
        "https:\\\\cdn.example.com/talk.mp3",
    ],
)
def test_no_other_link_is_taken(conversation: Diarization, address: str) -> None:
    """What is neither relative nor plain http(s) is refused, and so is what widens the policy.

    Browsers take backslashes for slashes and drop what steers: a host may hide in both.
    """
    with pytest.raises(ConfigurationError, match="give a URL relative to the page"):
        write_html(conversation, audio_src=address)


def test_recordings_that_cannot_be_embedded(conversation: Diarization, tmp_path: Path) -> None:
    """The error says what to do: convert, link, look again, or choose."""
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(LARGEST_AUDIO_BYTES + 1)

    with pytest.raises(ConfigurationError, match=r"'talk.doc'.* convert it to one of .*\.flac"):
        write_html(conversation, audio=tmp_path / "talk.doc")
    with pytest.raises(ConfigurationError, match="at most 32: link it with `audio_src`"):
        write_html(conversation, audio=large)
    with pytest.raises(ConfigurationError, match=r"cannot read .*nowhere.mp3': No such file"):
        write_html(conversation, audio=str(tmp_path / "nowhere.mp3"))
    with pytest.raises(ConfigurationError, match=r"`audio` to embed .* or `audio_src` to link"):
        write_html(conversation, audio=large, audio_src="large.wav")
