"""The picture of a result, without a browser: what it shows, and what it never holds."""

import math
import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure

from mavi_async import Diarization, SpeakerSegment
from mavi_async.formats._html import write_html
from mavi_async.formats._lanes import colours
from mavi_async.formats._palette import DARK, LIGHT, Tones
from mavi_async.formats._rttm import read_rttm
from mavi_async.formats._svg import write_svg

SVG: Final = "{http://www.w3.org/2000/svg}"
TAGS: Final = {"svg", "title", "style", "rect", "text", "tspan", "path", "g"}
MIDDLE: Final = re.compile(r"M(\d+) ")


def lanes_of(picture: str) -> dict[str, Element]:
    """The lanes of a picture by the names in their tooltips."""
    groups = ET.fromstring(picture).iter(f"{SVG}g")
    return {(group.findtext(f"{SVG}title") or "").rpartition(": ")[0]: group for group in groups}


def scale_of(picture: str) -> float:
    """How many pixels the whole time has: the length of the track."""
    [width] = set(re.findall(r'class="mavi-track" d="M[\d.]+ [\d.]+h([\d.]+)', picture))
    return float(width)


def strokes_of(lane: Element) -> list[tuple[float, float]]:
    """Where the bars of a lane begin and end, in pixels from the beginning of time."""
    _, bars = lane.findall(f"{SVG}path")
    strokes = re.findall(r"M([\d.]+) 0h([\d.]+)", bars.attrib["d"])
    return [(float(x), float(x) + float(length)) for x, length in strokes]


def columns_of(lane: Element) -> list[tuple[float, float]]:
    """Which columns of a lane are not empty, in pixels from the beginning of time."""
    _, bars = lane.findall(f"{SVG}path")
    steps = re.findall(r"H(\d+)v(-?\d+)", bars.attrib["d"])
    height, found = 0, []
    for (x, change), (until, _) in pairwise(steps):
        height += int(change)
        if height:
            found.append((float(x), float(until)))
    return found


def covered(spans: list[tuple[float, float]]) -> float:
    """How long spans that do not overlap are together."""
    return sum(end - start for start, end in spans)


def test_each_segment_is_at_its_place(shared_data: Path) -> None:
    """On real recordings, the bars of a speaker are the segments, to a tenth of a pixel."""
    for path in sorted(shared_data.glob("rttm/**/*.rttm"))[::12]:
        result = Diarization.from_segments(read_rttm(path.read_text()))
        picture = write_svg(result)
        lanes, pixels = lanes_of(picture), scale_of(picture) / result.duration

        assert list(result.speakers) == list(lanes)
        for speaker, lane in lanes.items():
            turns = [turn for turn in result.support() if turn.speaker == speaker]
            strokes = strokes_of(lane)
            assert pytest.approx([turn.start * pixels for turn in turns], abs=0.06) == [
                start for start, _ in strokes
            ]
            assert pytest.approx([turn.end * pixels for turn in turns], abs=0.56) == [
                end for _, end in strokes
            ]


def test_long_results_are_drawn_in_columns(long_talk: Diarization) -> None:
    """Of more segments than pixels, a column is drawn where anything is said, and nowhere else."""
    picture = write_svg(long_talk)
    pixels = scale_of(picture) / long_talk.duration

    for speaker, lane in lanes_of(picture).items():
        lit = {x for start, end in columns_of(lane) for x in range(int(start), int(end), 2)}
        said = {
            2 * column
            for turn in long_talk.support()
            if turn.speaker == speaker
            for column in range(int(turn.start * pixels / 2), int(turn.end * pixels / 2) + 1)
        }
        assert lit <= said
        assert len(said - lit) <= 2  # a turn may end exactly where a column does


def test_overlaps_are_seen(conversation: Diarization) -> None:
    """Where both speak there is a band, and the heading says for how long."""
    picture = write_svg(conversation)
    [overlap] = conversation.overlaps()
    [(x, length)] = re.findall(r'class="mavi-shared".*? d="M([\d.]+) 0h([\d.]+)"', picture)
    pixels = scale_of(picture) / conversation.duration

    assert pytest.approx(overlap.start * pixels, abs=0.06) == float(x)
    assert pytest.approx(overlap.duration * pixels, abs=0.2) == float(length)
    assert f"several at once {overlap.duration:.1f} s" in picture


def test_overlaps_are_seen_in_columns() -> None:
    """Of more segments than pixels, the columns have a band that are shared for half their time."""
    picture = write_svg(
        Diarization.from_segments(
            [SpeakerSegment(n, n + 1, "ann") for n in range(1000)]
            + [SpeakerSegment(n, n + 1, "bob") for n in range(200, 400)]
        )
    )
    [path] = re.findall(r'class="mavi-shared".*? d="(.*?)"', picture)
    columns = [int(x) for x in re.findall(r"M(\d+) 0h2", path)]
    pixels = scale_of(picture) / 1000

    assert list(range(columns[0], columns[-1] + 1, 2)) == columns
    assert pytest.approx([200 * pixels, 400 * pixels], abs=1) == [columns[0], columns[-1] + 2]


def test_nobody_speaks() -> None:
    """A recording without speech has a picture that says so."""
    assert "Nobody speaks." in write_svg(Diarization(()))


def test_a_turn_before_the_beginning_is_cut() -> None:
    """What was shifted to before the recording is not drawn over the names."""
    picture = write_svg(
        Diarization.from_segments([SpeakerSegment(-4, -2, "ann"), SpeakerSegment(-1, 10, "ann")])
    )

    assert [(0.0, scale_of(picture))] == strokes_of(lanes_of(picture)["ann"])


def test_size_is_bounded(long_talk: Diarization) -> None:
    """Half a million characters of segments fit into 64 kB, and so do many speakers."""
    everybody = Diarization.from_segments(
        SpeakerSegment(n / 60, n / 60 + 30, f"someone called {n % 60}") for n in range(60_000)
    )

    assert len(write_svg(long_talk).encode()) < 64_000
    picture = write_svg(everybody)
    assert len(picture.encode()) < 64_000
    assert 50 == len(lanes_of(picture))
    assert "and 10 more who talk less" in picture


@pytest.mark.parametrize(("asked", "got"), [(1, 320), (500, 500), (10**9, 4000)])
def test_width_is_bounded(conversation: Diarization, asked: int, got: int) -> None:
    """A picture is at least as wide as a phone, and no wall."""
    assert str(got) == ET.fromstring(write_svg(conversation, width=asked)).get("width")


def test_a_picture_begins_at_0(conversation: Diarization) -> None:
    """What was moved before it is neither drawn nor counted, in a page as in a picture."""
    moved = conversation.shift(-10)
    visible = moved.crop(0, math.inf)

    assert len(visible) < len(moved)
    assert write_svg(visible) == write_svg(moved)
    assert write_html(visible) == write_html(moved)


def test_names_are_text(hostile: Diarization) -> None:
    """Whatever a name says, the picture is well-formed, and the name is in it as text."""
    picture = write_svg(hostile)
    elements = list(ET.fromstring(picture).iter())

    assert TAGS == {element.tag.removeprefix(SVG) for element in elements}
    assert not any(name.startswith("on") or "href" in name for e in elements for name in e.attrib)
    assert len(hostile.speakers) == len(lanes_of(picture))
    assert "<script>document.title='run'</script>" in lanes_of(picture)
    assert len(picture) < 30_000  # though one of the names has a million letters


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(codec=None), max_size=30), max_size=5, unique=True), st.text()
)
def test_any_name_can_be_drawn(names: list[str], title: str) -> None:
    """No text at all makes a picture that is not XML, or one with other elements in it."""
    segments = (SpeakerSegment(n, n + 2, name) for n, name in enumerate(names))
    picture = write_svg(Diarization.from_segments(segments), title=title)

    assert {element.tag.removeprefix(SVG) for element in ET.fromstring(picture).iter()} <= TAGS
    assert len(names) == picture.count("<g ")


def test_titles(conversation: Diarization) -> None:
    """It is an image with a name: the title given, or else that of the recording."""
    for title, expected in ((None, "libri2spk"), ("A & B", "A & B")):
        root = ET.fromstring(write_svg(conversation, title=title))

        assert "img" == root.get("role")
        assert expected == root.findtext(f"{SVG}title")
        assert f"{expected}: 0:56 · 2 speakers · 10 segments" == root.get("aria-label")


def test_a_label_keeps_its_colour() -> None:
    """Its number decides, whoever else speaks; two share a colour only when all are taken."""
    few, many = colours(["SPEAKER_03", "SPEAKER_01"]), colours(f"SPEAKER_{n:02}" for n in range(20))

    assert {"SPEAKER_03": 3, "SPEAKER_01": 1} == few
    assert [*range(10), *range(10)] == list(many.values())
    assert colours(["ann"]) == colours(["ann"]) != colours(["bob"])
    assert {1, 2} == set(colours(["SPEAKER_01", "SPEAKER_11"]).values())
    assert 1 == len(colours(["\ud800"]))


def test_notebooks_and_plots(conversation: Diarization) -> None:
    """A notebook shows the picture, and a plot has its colours."""
    axes = conversation.plot(Figure().add_subplot())
    drawn = [to_rgba_array(bars.get_facecolor()).tolist() for bars in axes.collections]
    expected = [LIGHT.speakers[number] for number in colours(conversation.speakers).values()]

    assert write_svg(conversation) == conversation.to_svg() == conversation._repr_svg_()
    assert [to_rgba_array([tone]).tolist() for tone in expected] == drawn


# Machado, Oliveira and Fernandes, 2009: what people see who lack one kind of cone.
SIGHTS: Final = {
    "all colours": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def linear(tone: str) -> list[float]:
    """Red, green and blue as amounts of light."""
    parts = (int(tone[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG has it."""
    red, green, blue = 0.2126, 0.7152, 0.0722
    dark, light = sorted(red * r + green * g + blue * b for r, g, b in (linear(one), linear(other)))
    return (light + 0.05) / (dark + 0.05)


def seen(tone: str, sight: str) -> Iterator[float]:
    """A colour as somebody sees it: lightness and two opponent colours (CIE 1976)."""
    light = linear(tone)
    r, g, b = (
        max(0.0, sum(weight * part for weight, part in zip(row, light, strict=True)))
        for row in SIGHTS[sight]
    )
    x, y, z = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in (
            (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
            0.2126 * r + 0.7152 * g + 0.0722 * b,
            (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
        )
    )
    yield from (116 * y - 16, 500 * (x - y), 200 * (y - z))


@pytest.mark.parametrize("tones", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_stay_apart(tones: Tones, sight: str) -> None:
    """Each two colours of speakers differ, also for people who lack one kind of cone."""
    for one, other in combinations(tones.speakers, 2):
        pairs = zip(seen(one, sight), seen(other, sight), strict=True)

        assert sum((a - b) ** 2 for a, b in pairs) ** 0.5 > 14, (one, other)


@pytest.mark.parametrize("tones", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_stand_out(tones: Tones) -> None:
    """Bars stand out from the ground by 3 to 1, text by 4.5 to 1, as WCAG 2.2 asks."""
    for ground in (tones.ground, tones.panel):
        assert all(contrast(tone, ground) >= 3 for tone in tones.speakers)
        assert contrast(tones.ink, ground) >= 4.5
        assert contrast(tones.faint, ground) >= 4.5
