"""The page of a result, in a browser."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

from mavi_async import Diarization
from mavi_async.formats._html import write_html
from mavi_async.formats._svg import write_svg

FLAGS: Final = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
)
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER: Final = "no Chromium here: install it, or set MAVI_TEST_CHROMIUM to its path"
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")

# For each element with text of its own that one can see: the text, its contrast, and its colours.
CONTRASTS: Final = """() => {
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const [r, g, b, alpha = 1] = numbers(getComputedStyle(element).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    throw new Error("no background");
  };
  const own = (element) => [...element.childNodes].some(
    (node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  return [...document.body.querySelectorAll("*")]
    .filter((element) => own(element) && element.checkVisibility())
    .map((element) => {
      const style = getComputedStyle(element);
      const [a, b] = [light(numbers(style.color)), light(ground(element))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return [element.textContent.slice(0, 40), contrast];
    });
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; one for this module, since it keeps an event loop running meanwhile."""
    path = os.environ.get("MAVI_TEST_CHROMIUM") or next(
        filter(None, map(shutil.which, BROWSERS)), None
    )
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=list(FLAGS), chromium_sandbox=False, timeout=300_000
        )
        yield browser
        browser.close()


@attrs.define
class Opened:
    """A page that was opened.

    Attributes:
        page: What the browser shows.
        troubles: What it complained about, asked or fetched.
    """

    page: Page
    troubles: list[str] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.page.set_default_timeout(20_000)
        note = self.troubles.append
        self.page.on("console", lambda message: note(message.text))
        self.page.on("pageerror", lambda error: note(str(error)))
        self.page.on("dialog", lambda dialog: note(dialog.message))
        self.page.on("request", lambda asked: note(asked.url) if is_outside(asked) else None)

    @property
    def audio(self) -> Locator:
        """The player."""
        return self.page.locator("audio")

    @property
    def rows(self) -> Locator:
        """The list of segments."""
        return self.page.locator("#list button")

    @property
    def time(self) -> float:
        """Where the player is."""
        seconds: float = self.audio.evaluate("(audio) => audio.currentTime")
        return seconds

    @property
    def head(self) -> float:
        """Where the playhead is, in pixels from the beginning."""
        pixels: float = self.page.locator("#head").evaluate(
            "(head) => new DOMMatrix(getComputedStyle(head).transform).e"
        )
        return pixels

    def after(self, doing: Callable[[], None], *events: str) -> list[float]:
        """Do something, wait for events of the player, and say where it was at each."""
        self.audio.evaluate(
            "(audio, events) => { audio.heard = Promise.all(events.map((event) => new Promise("
            "(heard) => audio.addEventListener(event, () => heard(audio.currentTime), "
            "{once: true})))); }",
            events,
        )
        doing()
        seconds: list[float] = self.audio.evaluate("(audio) => audio.heard")
        return seconds


def is_outside(request: Request) -> bool:
    """Whether it leaves the page and its folder."""
    return not request.url.startswith(("data:", "file:"))


Open: TypeAlias = Callable[..., Opened]


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens text as a file; at the end nobody may have complained, asked or fetched."""
    pages: list[Opened] = []

    def open_text(
        text: str,
        *,
        scripts: bool = True,
        name: str = "page.html",
    ) -> Opened:
        (tmp_path / name).write_text(text, encoding="utf-8")
        opened = Opened(
            browser.new_page(viewport={"width": 1280, "height": 800}, java_script_enabled=scripts)
        )
        pages.append(opened)
        opened.page.goto((tmp_path / name).as_uri())
        return opened

    yield open_text
    troubles = [trouble for opened in pages for trouble in opened.troubles]
    for opened in pages:
        opened.page.context.close()

    assert [] == troubles


@pytest.fixture
def playing(open_page: Open, conversation: Diarization, recording: Path) -> Opened:
    """The page of a conversation, with its recording embedded."""
    return open_page(write_html(conversation, audio=recording))


def test_a_click_in_the_list_plays_the_segment(playing: Opened, conversation: Diarization) -> None:
    """The player starts where the clicked segment starts, and the row is the current one."""
    row, segment = playing.rows.nth(4), conversation.segments[4]

    sought, _ = playing.after(row.click, "seeking", "playing")

    assert pytest.approx(segment.start, abs=1e-3) == sought
    expect(row).to_have_attribute("aria-current", "true")
    expect(playing.page.locator(".names .on")).to_have_text([segment.speaker])


def test_a_click_in_the_timeline_plays_the_segment(
    playing: Opened, conversation: Diarization
) -> None:
    """Where one clicks in a segment does not matter: it plays from its start."""
    segment = conversation.segments[4]
    run = playing.page.locator("#run")
    width: float = run.evaluate("(run) => run.clientWidth")
    x = (segment.start + segment.end) / 2 / conversation.duration * width
    y = 8 + 26 * conversation.speakers.index(segment.speaker) + 13

    sought, _ = playing.after(lambda: run.click(position={"x": x, "y": y}), "seeking", "playing")

    assert pytest.approx(segment.start, abs=1e-3) == sought


def test_the_playhead_follows(playing: Opened, conversation: Diarization) -> None:
    """While it plays the playhead moves on, and from one segment to the next the current row."""
    width: float = playing.page.locator("#run").evaluate("(run) => run.clientWidth")
    end = conversation.segments[0].end
    playing.after(playing.rows.nth(0).click, "playing")
    expect(playing.rows.nth(0)).to_have_attribute("aria-current", "true")

    playing.audio.evaluate("(audio, time) => { audio.currentTime = time; }", end - 0.1)

    expect(playing.rows.nth(0)).not_to_have_attribute("aria-current", "true")
    playing.after(lambda: playing.page.keyboard.press("Space"), "pause")
    assert playing.time >= end
    assert pytest.approx(playing.time / conversation.duration * width, abs=1) == playing.head


def test_the_keyboard_plays_and_moves(playing: Opened, conversation: Diarization) -> None:
    """Space plays and pauses wherever the focus is, also on a row; arrows go on and back."""
    press = playing.page.keyboard.press
    playing.after(lambda: press("Space"), "playing")
    [paused] = playing.after(lambda: press("Space"), "pause")
    [moved] = playing.after(lambda: press("ArrowRight"), "seeked")
    [back] = playing.after(lambda: press("Shift+ArrowLeft"), "seeked")

    assert pytest.approx([paused + 5, paused + 4], abs=1e-3) == [moved, back]

    playing.rows.nth(0).focus()
    playing.after(lambda: press("Home"), "seeked")
    for _ in range(3):
        playing.after(lambda: press("ArrowDown"), "seeked")

    expect(playing.rows.nth(2)).to_be_focused()
    assert pytest.approx(conversation.segments[2].start, abs=1e-3) == playing.time
    assert playing.audio.evaluate("(audio) => audio.paused")

    playing.after(lambda: press("Enter"), "playing", "timeupdate")
    [stopped] = playing.after(lambda: press("Space"), "pause")

    assert stopped == playing.time


def test_a_linked_recording_plays(
    open_page: Open, conversation: Diarization, recording: Path, tmp_path: Path
) -> None:
    """The policy of the page lets the one file be loaded that it links."""
    (tmp_path / "a talk.flac").write_bytes(recording.read_bytes())
    opened = open_page(write_html(conversation, audio_src="a%20talk.flac"))

    sought, _ = opened.after(opened.rows.nth(1).click, "seeking", "playing")

    assert pytest.approx(conversation.segments[1].start, abs=1e-3) == sought


def test_a_recording_that_cannot_be_played_is_said(
    open_page: Open, conversation: Diarization, tmp_path: Path
) -> None:
    """Somebody who hears nothing learns that it is the file."""
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"no sound")

    said = open_page(write_html(conversation, audio=broken)).page.locator("#said")

    expect(said).to_have_text("This browser cannot play the recording.")


def test_names_do_nothing(open_page: Open, hostile: Diarization) -> None:
    """Whatever a name says, it is text: nothing runs, is fetched or pushed away."""
    opened = open_page(write_html(hostile))

    expect(opened.rows).to_have_count(len(hostile))
    assert opened.page.title() != "run"
    assert 2 == opened.page.locator("script").count()  # the data, and what draws it
    for width in (1280, 360):
        opened.page.set_viewport_size({"width": width, "height": 800})
        view = opened.page.locator("#view").bounding_box()
        assert view is not None
        assert view["width"] > width / 2
        assert opened.page.locator(".names").evaluate("(it) => it.scrollWidth <= it.clientWidth")
        assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_names_do_nothing_in_the_picture(open_page: Open, hostile: Diarization) -> None:
    """An SVG that is opened by itself could run scripts; there are none."""
    opened = open_page(write_svg(hostile), name="picture.svg")

    assert 0 == opened.page.locator("script").count()
    assert len(hostile.speakers) == opened.page.locator("g").count()


def test_all_text_is_legible(open_page: Open, conversation: Diarization) -> None:
    """Text stands out from what is behind it by 4.5 to 1, in the current row as well."""
    opened = open_page(write_html(conversation))
    opened.rows.nth(4).click()
    expect(opened.rows.nth(4)).to_have_attribute("aria-current", "true")

    for scheme in SCHEMES:
        opened.page.emulate_media(color_scheme=scheme)
        contrasts: list[tuple[str, float]] = opened.page.evaluate(CONTRASTS)

        assert len(contrasts) > 40
        assert [] == [(text, contrast) for text, contrast in contrasts if contrast < 4.5]
    assert "rgb(15, 19, 24)" == opened.page.locator("body").evaluate(
        "(body) => getComputedStyle(body).backgroundColor"
    )


@pytest.mark.parametrize("segments", [1_718, pytest.param(17_180, marks=pytest.mark.torture)])
def test_a_long_result_can_be_looked_at(
    open_page: Open, long_talk: Diarization, segments: int
) -> None:
    """However many segments there are, all are listed, and one can zoom in on each."""
    result = Diarization.from_segments(long_talk.segments[:segments])
    opened = open_page(write_html(result))
    expect(opened.rows).to_have_count(segments, timeout=60_000)
    run, last = (
        opened.page.locator("#run"),
        opened.page.locator("ol:last-child li:last-child button"),
    )
    whole: float = run.evaluate("(run) => run.clientWidth")

    last.click()
    for _ in range(6):
        opened.page.keyboard.press("+")

    expect(last).to_have_attribute("aria-current", "true")
    assert pytest.approx(64 * whole, rel=0.01) == run.evaluate("(run) => run.clientWidth")
    left: float = opened.page.locator("#view").evaluate("(view) => view.scrollLeft")
    assert -1 <= opened.head - left <= whole + 1

    opened.page.locator("#fit").click()

    assert whole == run.evaluate("(run) => run.clientWidth")


def test_paper_and_pages_without_scripts_have_a_picture(
    open_page: Open, conversation: Diarization
) -> None:
    """What one cannot use there is left out, and a still picture stands in its place."""
    page = write_html(conversation)
    printed, still = open_page(page).page, open_page(page, scripts=False).page
    printed.emulate_media(media="print")

    for each in (printed, still):
        expect(each.locator(".still")).to_be_visible()
        expect(each.locator("#view")).to_be_hidden()
        assert each.locator(".still").evaluate("(picture) => picture.naturalWidth") == 1000
    expect(printed.locator("#list button").first).to_be_visible()
