"""The report: what people look at."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

import om_toolkit as om

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def orders() -> om.Orders:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids)


class Tags(HTMLParser):
    """Checks that every tag is closed where it was opened, and collects the attributes that fetch something."""

    VOID = frozenset("meta link img br hr".split())

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href", "srcset"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_complete_and_requests_nothing(orders: om.Orders) -> None:
    page = om.Report(orders, title="October <1>").html
    tags = Tags(page)
    assert tags.open == []
    assert not [url for url in tags.fetched if not url.startswith(("#", "data:"))]
    assert not re.findall(r"url\((?!#)|@import", page)
    assert "<title>October &lt;1&gt;</title>" in page
    assert page.count("<svg") == 5
    assert "A currency with fewer captured orders is not shown. " in page
    assert "as of 2026-10-31 12:00 UTC" in page


def test_its_figures_are_those_of_the_metrics(orders: om.Orders) -> None:
    page = om.Report(orders).html
    for row in om.key_figures(orders).iter_rows(named=True):
        assert om.money.format(row["captured_amount"], row["purchase_currency"]) in page
    total = om.capture_latency(orders).row(0, named=True)
    assert f"{total['orders']} orders: {total['captured']} captured, {total['waiting']} waiting" in page
    assert f"{total['excluded']} excluded (" in page


@pytest.mark.slow
def test_the_same_orders_give_the_same_page(orders: om.Orders) -> None:
    assert om.Report(orders).html == om.Report(orders.tables().lazy()).html == om.Report(orders).html


def test_failures_are_counted_by_kind() -> None:
    failures = [om.Failure("1", "not_found"), om.Failure("2", "not_found"), om.Failure("3", "timeout")]
    page = om.Report(om.Orders(failures=failures)).html
    assert "3 orders could not be fetched or read and are not included: 2 not found, 1 timeout." in page
    assert Tags(page).open == []


@pytest.mark.parametrize("name", ["captured", "business_split_shipping", "short"])
def test_a_single_order_makes_a_report(name: str, payloads: Path, tmp_path: Path) -> None:
    orders = om.Orders.from_json(payloads / "orders" / f"{name}.json")
    path = om.Report(orders, min_cell=1).save(tmp_path / "one.html")
    page = path.read_text("utf-8")
    assert Tags(page).open == []
    assert "1 order, as of" in page
    assert "1 orders" not in page
    assert not [word for word in ("Buyer-", "Ingenvägen", "000000-0000", "email", "example.com") if word in page]


def test_a_page_that_cannot_be_written_leaves_the_old_one(orders: om.Orders, tmp_path: Path) -> None:
    path = om.Report(orders).save(tmp_path / "page.html")
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        om.Report(orders, title="half an emoji: \ud83d").save(path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]


def test_other_data_is_refused() -> None:
    with pytest.raises(TypeError, match="expected Orders or Tables, not a list"):
        om.Report([])  # type: ignore[arg-type]


@pytest.mark.parametrize("min_cell", [1, 5])
def test_a_page_can_be_sent_by_mail(orders: om.Orders, min_cell: int) -> None:
    size = len(om.Report(orders, min_cell=min_cell).html.encode())
    assert 40_000 < size < 200_000


@pytest.mark.parametrize("name", ["report.pdf", "report"])
def test_a_report_is_not_saved_under_the_name_of_another_format(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"use a name that ends with \.html or \.xlsx"):
        om.Report(om.Orders()).save(tmp_path / name)
    assert not list(tmp_path.iterdir())
