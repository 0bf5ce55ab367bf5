"""What people open in a browser: no request leaves the page, nothing fails, and there is something to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import om_toolkit as om
from om_toolkit.views.explorer import explore

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    explorer = folder / "explorer.html"
    shown = explore(orders)._repr_mimebundle_()["text/html"]
    explorer.write_text(f"<!DOCTYPE html><meta charset='utf-8'>{shown}", "utf-8")
    return {"report": om.Report(orders, title="October").save(folder / "report.html"), "explorer": explorer}


@pytest.mark.parametrize("name", ["report", "explorer"])
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


def test_the_report_prints_on_a4(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.new_page(viewport={"width": 703, "height": 1000})  # A4 less its margins
    page.goto(pages["report"].as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 703
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()
