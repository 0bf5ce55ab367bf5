"""What people open in a browser: no request leaves the page, nothing fails, and there is something to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from executed_notebooks import PAGES

import om_toolkit as om
from om_toolkit.views.explorer import explore

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

NOTEBOOKS = {path.stem: path for path in sorted(PAGES.glob("*.html"))}
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Explorer</title>
<main><h1>Orders</h1>{}</main>
</html>
"""
BARRIERS = {"moderate", "serious", "critical"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    explorer = folder / "explorer.html"
    shown = explore(orders)._repr_mimebundle_()["text/html"]
    explorer.write_text(PAGE.format(shown), "utf-8")
    report = om.Report(orders, title="October").save(folder / "report.html")
    return {"report": report, "explorer": explorer, **NOTEBOOKS}


@pytest.mark.parametrize("name", ["report", "explorer", *NOTEBOOKS])
@pytest.mark.parametrize("width", [1366, 794, 390], ids=["laptop", "A4", "phone"])
def test_a_page_asks_for_nothing_fails_nowhere_and_fits(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    requested: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(pages[name].as_uri())

    assert [url for url in requested if not url.startswith("data:")] == [pages[name].as_uri()]
    assert problems == []
    for picture in page.query_selector_all("figure svg"):
        box = picture.bounding_box()
        assert box
        assert box["width"] > 300
        assert box["height"] > 100
        assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("name", ["report", "explorer", *NOTEBOOKS])
@pytest.mark.parametrize(("theme", "width"), [("light", 1000), ("dark", 400)])
def test_a_page_has_no_barrier(
    browser: Browser, pages: dict[str, Path], name: str, theme: Literal["light", "dark"], width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - slow to load

    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    page.goto(pages[name].as_uri())
    found = Axe().run(page).response
    assert [rule for rule in found["violations"] if rule["impact"] in BARRIERS] == []
    page.close()


def test_the_report_prints_on_a4(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.new_page(viewport={"width": 703, "height": 1000})  # A4 less its margins
    page.goto(pages["report"].as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 703
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()


LUMINANCE = """selector => {
    const style = getComputedStyle(document.querySelector(selector));
    const sum = colour => colour.match(/\\d+/g).slice(0, 3).reduce((all, part) => all + Number(part), 0);
    return [sum(style.backgroundColor), sum(style.color)];
}"""


@pytest.mark.parametrize(("scheme", "media"), [("dark", "screen"), ("light", "screen"), ("dark", "print")])
def test_the_report_has_a_dark_theme_that_is_not_printed(
    browser: Browser, pages: dict[str, Path], scheme: Literal["dark", "light"], media: Literal["print", "screen"]
) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 900})
    page.emulate_media(color_scheme=scheme, media=media)
    page.goto(pages["report"].as_uri())
    for selector in ("body", "td", "tbody th"):
        paper, ink = page.evaluate(LUMINANCE, selector)
        assert (paper < ink) == (scheme == "dark" and media == "screen")
        assert abs(paper - ink) > 450
    page.close()


def test_a_table_can_be_scrolled_with_the_keyboard_and_has_a_name(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 900})
    page.goto(pages["report"].as_uri())
    regions = page.query_selector_all(".om-wide")
    assert len(regions) > 5
    for region in regions:
        assert region.get_attribute("tabindex") == "0"
        assert region.get_attribute("aria-label") or region.get_attribute("aria-labelledby") == "key-figures"
    for figure in page.query_selector_all("figure"):
        assert figure.get_attribute("role") == "img"
        assert len(figure.get_attribute("aria-label") or "") > 40
    headings = page.eval_on_selector_all("h1, h2", "all => all.map(one => one.tagName)")
    assert headings[0] == "H1"
    assert set(headings[1:]) == {"H2"}
    page.close()
