"""The page in a real browser: pictures behind figures, keys, narrow screens, hostile names."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eval.report import write_report
from tests.eval.report.browser import PROGRAM, Browser
from tests.eval.report.known_run import SHOWN, known_report, known_run
from tests.eval.report.made_reports import DAY, draw_noise, made, worse

CELL = '.heat a[title="2 of 7 dog objects detected as cat"]'
IS_OPEN = 'document.getElementById("viewer").open'


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if PROGRAM is None:
        pytest.skip("no chromium is installed")
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report of which everything is known."""
    return known_report(tmp_path_factory.mktemp("known")).as_uri()


@pytest.fixture
def opened(browser: Browser, page: str) -> Iterator[Browser]:
    """The browser with that report; afterwards, the page must have caused no problem."""
    browser.size(1280)
    browser.open(page)
    yield browser
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith("data:")] == [page]


def shown(browser: Browser) -> list[Any]:
    """Position and file of the enlarged picture, and the number of its boxes that are meant."""
    return browser.value(
        '[document.getElementById("viewer-position").textContent,'
        'document.getElementById("viewer-file").textContent,'
        'document.querySelectorAll("#viewer-stage .meant").length]'
    )


def test_cell_shows_exactly_its_pictures(opened: Browser) -> None:
    opened.click(CELL)
    title = opened.value('document.getElementById("viewer-title").textContent')
    assert title == "2 of 7 dog objects detected as cat"
    assert shown(opened) == ["1 / 2", "1.jpg", 2]
    assert opened.value('document.querySelectorAll("#viewer-strip img").length') == 2
    opened.press("ArrowRight")
    assert shown(opened) == ["2 / 2", "3.jpg", 2]
    opened.press("ArrowRight")
    assert shown(opened) == ["2 / 2", "3.jpg", 2]
    opened.press("ArrowLeft")
    assert shown(opened) == ["1 / 2", "1.jpg", 2]


def test_every_figure_leads_to_a_picture(opened: Browser) -> None:
    links = opened.value('document.querySelectorAll("a.set").length')
    assert links > 20
    for index in range(links):
        opened.value(f'document.querySelectorAll("a.set")[{index}].click()')
        position, file, meant = shown(opened)
        assert position.startswith("1 / ") and file and meant, index
        opened.press("Escape")
        opened.wait_for('location.hash === ""')


def test_keys_alone_do(opened: Browser) -> None:
    opened.value(f"document.querySelector('{CELL}').focus()")
    opened.press("Enter")
    assert shown(opened)[0] == "1 / 2"
    opened.press("End")
    assert shown(opened)[0] == "2 / 2"
    opened.press("Home")
    assert shown(opened)[0] == "1 / 2"
    for _ in range(6):
        opened.press("Tab")
        focused = "document.activeElement"
        assert opened.value(f'!!{focused}.closest("#viewer") || {focused} === document.body')
    opened.press("Escape")
    opened.wait_for('location.hash === ""')
    assert opened.value(f"!{IS_OPEN}")
    assert opened.value(f"document.activeElement === document.querySelector('{CELL}')")


def test_focus_stays_in_the_row_of_small_pictures(opened: Browser) -> None:
    opened.click("#picture-1 a")
    opened.value('document.querySelectorAll("#viewer-strip button")[3].focus()')
    opened.press("Enter")
    assert shown(opened)[:2] == ["4 / 7", "7.jpg"]
    opened.press("ArrowRight")
    assert opened.value("document.activeElement.ariaLabel") == "Image 5"


def test_all_pictures_are_leafed_through(opened: Browser) -> None:
    opened.click("#picture-1 a")
    files = []
    for number in range(1, 8):
        position, file, meant = shown(opened)
        assert (position, meant) == (f"{number} / 7", 0)
        assert opened.value("location.hash") == f"#picture-{number}"
        assert opened.value('document.querySelector("#viewer-stage img").naturalWidth') == 640
        files.append(file)
        opened.press("ArrowRight")
    assert files == [f"{number}.jpg" for number in SHOWN]
    lines = opened.value('document.getElementById("viewer-boxes").innerText')
    assert lines.splitlines() == ["dog 0.50: found"] * 4


def test_picture_has_a_link_and_back_closes_it(browser: Browser, page: str) -> None:
    browser.size(1280)
    browser.open(page + "#picture-3")
    assert shown(browser) == ["3 / 7", "3.jpg", 0]
    browser.press("Escape")
    browser.wait_for('location.hash === "#pictures"')
    browser.click("#picture-5 a")
    browser.press("ArrowRight")
    assert browser.value("location.hash") == "#picture-6"
    browser.value("history.back()")
    browser.wait_for(f"!{IS_OPEN}")
    assert browser.value("location.hash") == "#pictures"
    assert browser.problems == []


def test_swiping(opened: Browser) -> None:
    opened.size(390, 844)
    opened.click("#picture-1 a")
    for start, end, position in ((300, 100, "2 / 7"), (100, 300, "1 / 7"), (200, 215, "1 / 7")):
        opened.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[at(start)])
        opened.send("Input.dispatchTouchEvent", type="touchMove", touchPoints=[at(end)])
        opened.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        assert shown(opened)[0] == position


def at(x: int) -> dict[str, int]:
    return {"x": x, "y": 420}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 820, 1400])
def test_nothing_is_wider_than_the_screen(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, width: int, theme: str
) -> None:
    folder = tmp_path_factory.mktemp("wide")
    names = ["aeroplane", "a" * 60, *(f"class {number}" for number in range(18))]
    run = made(folder / "made", names, images=30)
    draw_noise(folder / "1.jpg", (1000, 1000))
    path = write_report(folder / "report", *run, images=folder, other=worse(*run), date=DAY)
    browser.size(width, prefers_color_scheme=theme)
    browser.open(path.as_uri())
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not browser.value(wide), browser.value(
        "[...document.querySelectorAll('body *')].filter((part) => !part.closest('.scroll')"
        " && part.getBoundingClientRect().right > innerWidth).map((part) => part.outerHTML"
        ".slice(0, 80))"
    )
    hint = 'getComputedStyle(document.querySelector("#classes .scroll-hint")).display'
    assert browser.value(hint) == ("block" if width < 400 else "none")
    browser.click("#picture-1 a")
    assert browser.value(IS_OPEN) and not browser.value(wide)
    assert browser.problems == []


def test_wide_table_says_at_which_side_it_continues(opened: Browser) -> None:
    opened.size(320)
    sides = 'document.querySelector("#classes .scroll-frame").dataset.more'
    opened.wait_for(f'{sides} === "right"')
    opened.value('document.querySelector("#classes .scroll").scrollLeft = 20')
    opened.wait_for(f'{sides} === "left right"')
    opened.value('document.querySelector("#classes .scroll").scrollLeft = 2000')
    opened.wait_for(f'{sides} === "left"')
    opened.size(1280)
    opened.wait_for(f"{sides} === undefined")


def test_table_sorts_and_class_is_highlighted(opened: Browser) -> None:
    names = '[...document.querySelectorAll("#class-table tbody th")].map((cell) => cell.innerText)'
    assert opened.value(names) == ["cat", "dog"]  # AP 2.5 / 4 and (1 + 4 * 5 / 6) / 7
    for order in (["cat", "dog"], ["dog", "cat"]):
        opened.click("#class-table thead th:first-child button")
        assert opened.value(names) == order
    opened.click("#class-table tbody tr:last-child .pick")
    assert opened.value('document.querySelector(".curve.chosen title").textContent') == "cat"
    assert "AP" in opened.value('document.getElementById("readout").textContent')


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_frames_are_seen_on_every_background(opened: Browser, theme: str) -> None:
    """Somewhere across each frame, two neighbouring pixels differ by a contrast of 3 or more."""
    opened.size(1280, prefers_color_scheme=theme)
    for number, kinds in ((1, {"missed", "false"}), (2, {"true", "false"}), (5, {"true"})):
        opened.value(f'document.querySelector("#picture-{number} a").click()')
        for kind in kinds:
            place = opened.value(
                f'(() => {{ const box = document.querySelector("#viewer-stage .box.{kind}")'
                ".getBoundingClientRect(); return [box.left, box.top, box.height]; })()"
            )
            # A dashed frame has gaps, so several heights are tried.
            left, heights = round(place[0]), np.linspace(0.4, 0.6, 9) * place[2] + place[1]
            pixels = screenshot(opened)
            lines = [pixels[round(y), left - 4 : left + 8] for y in heights]
            assert max(contrast(line) for line in lines) >= 3, (number, kind)
        opened.press("Escape")
        opened.wait_for('location.hash === ""')


def screenshot(browser: Browser) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.picture())).convert("RGB")) / 255


def contrast(line: np.ndarray) -> float:
    """The largest contrast of neighbouring pixels (N, 3), as WCAG 2 defines it."""
    linear = np.where(line <= 0.04045, line / 12.92, ((line + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722) + 0.05
    ratios = luminance[1:] / luminance[:-1]
    return float(np.maximum(ratios, 1 / ratios).max())


def test_without_script_the_page_is_readable(browser: Browser, page: str) -> None:
    browser.size(390)
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page + "#picture-4")
        assert browser.value('document.documentElement.className === ""')
        assert not browser.value(IS_OPEN)
        # The picture that the link leads to is as wide as the page; its labels are legible.
        assert browser.value('document.querySelector("#picture-4 img").clientWidth') > 300
        label = 'getComputedStyle(document.querySelector("#picture-4 .box b")).display'
        assert browser.value(label) == "block"
        assert browser.value("document.documentElement.scrollWidth <= innerWidth")
        assert browser.value('document.querySelector(".choice").checkVisibility()') is False
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


def test_names_are_never_markup(browser: Browser, tmp_path: Path) -> None:
    names = ("<img src=x onerror=hacked=1>", "\"'></script><script>hacked=1</script>")
    report, table, dataset = known_run(tmp_path, names)
    file = "<b onclick=hacked=1>'\" & 1.jpg"
    Image.new("RGB", (1000, 1000)).save(tmp_path / file)
    records = list(dataset.images)
    object.__setattr__(dataset, "images", (records[0]._replace(file_name=file), *records[1:]))
    path = write_report(tmp_path / "report", report, table, dataset, images=tmp_path, date=DAY)
    browser.size(1280)
    browser.open(path.as_uri())
    browser.click("#picture-1 a")
    assert shown(browser)[1] == file
    lines = browser.value('document.getElementById("viewer-boxes").textContent')
    assert "<img src=x onerror=ha…" in lines  # long names are shortened
    assert browser.value("typeof hacked") == "undefined"
    assert browser.value('document.querySelectorAll("script").length') == 3
    assert browser.problems == []
    # Even if a name did become markup, the policy of the page would not run it.
    browser.value(
        '{ const script = document.createElement("script"); script.textContent = "hacked = 1";'
        "document.body.append(script); }"
    )
    assert browser.value("typeof hacked") == "undefined"
    assert any("Content Security Policy" in problem for problem in browser.problems)
