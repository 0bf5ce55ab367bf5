"""The head of the report: which orders it describes, and which are missing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html.parser import HTMLParser
from importlib.metadata import version
from typing import Any

import polars as pl
import pytest
from shop_tables import shop

import om_toolkit as om


class Head(HTMLParser):
    """Collects the texts of the head by the tag they are in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self._tag = ""
        self.feed(page[: page.index("</header>")])

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        self._tag = tag
        self.texts.setdefault(tag, []).append("")

    def handle_data(self, data: str) -> None:
        if self._tag:
            self.texts[self._tag][-1] += data.strip()

    @property
    def facts(self) -> dict[str, str]:
        return dict(zip(self.texts["dt"], self.texts["dd"], strict=True))


def created(*times: datetime | None) -> list[dict[str, Any]]:
    return [
        {"order_id": str(number), "status": "CAPTURED", "purchase_currency": "SEK", "order_amount": 100,
         "captured_amount": 100, "created_at": time}
        for number, time in enumerate(times)
    ]  # fmt: skip


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_the_head_has_title_period_zone_source_and_version() -> None:
    tables = shop(orders=created(utc(2026, 10, 1)), as_of=utc(2026, 11, 1))
    report = om.Report(
        tables,
        title="October",
        period=("2026-10-01", date(2026, 10, 31)),
        time_zone="Europe/Stockholm",
        min_cell=1,
        id_source="ERP <export>",
    )
    head = Head(report.html)
    assert head.texts["h1"] == ["October"]
    assert head.texts["p"] == ["1 order, as of 2026-11-01 00:00 UTC"]
    assert head.facts == {
        "Period": "created from 2026-10-01 to 2026-10-31, both included",
        "Time zone": "Europe/Stockholm",
        "Order ids": "ERP <export>",
        "Made with": f"om_toolkit {version('om-toolkit')}",
    }
    assert "ERP <export>" not in report.html
    assert list(Head(om.Report(tables).html).facts) == ["Time zone", "Made with"]


def test_a_period_has_the_local_days_of_its_time_zone() -> None:
    times = utc(2026, 9, 30, 21, 59), utc(2026, 9, 30, 22), utc(2026, 10, 1, 21, 59), utc(2026, 10, 1, 22), None
    tables = shop(orders=created(*times))
    one_day = {"period": ("2026-10-01", "2026-10-01"), "min_cell": 1}
    page = om.Report(tables, time_zone="Europe/Stockholm", **one_day).html  # type: ignore[arg-type]
    assert Head(page).texts["p"][0].startswith("2 orders, as of ")
    assert "orders without a creation time are not included" in Head(page).facts["Period"]
    dated = tables.filter(pl.col("created_at").is_not_null())
    in_utc = Head(om.Report(dated, **one_day).html)  # type: ignore[arg-type]
    assert in_utc.texts["p"][0].startswith("2 orders, as of ")
    assert "creation time" not in in_utc.facts["Period"]


@pytest.mark.slow
def test_the_line_of_python_selects_the_orders_of_the_period() -> None:
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    report = om.Report(orders, period=("2026-10-05", "2026-10-11"), time_zone="Asia/Tokyo", min_cell=1)
    page = report.html.replace("&#34;", '"')
    code = page[page.index("orders = orders.filter") :].partition("</code>")[0]
    names = {"orders": orders, "pl": pl, "date": date}
    exec(code, names)  # noqa: S102 - the page's own line
    assert 0 < len(names["orders"]) < len(orders)  # type: ignore[arg-type]
    assert f"{len(names['orders'])} orders, as of" in page  # type: ignore[arg-type]
    assert "orders.filter" not in om.Report(orders).html


@pytest.mark.parametrize(
    ("period", "error", "message"),
    [
        ("2026-10", TypeError, "invalid period '2026-10'; use .first day, last day., such as"),
        (("2026-10-01",), TypeError, "invalid period .*; use .first day, last day."),
        (("2026-10-01", 31), TypeError, "the period has an int, 31, not a day"),
        ((datetime(2026, 10, 1), date(2026, 10, 2)), TypeError, "the period has a datetime"),  # noqa: DTZ001
        (("2026-10-01", "2026-10-32"), ValueError, "invalid day '2026-10-32' in the period"),
        (("2026-10-02", "2026-10-01"), ValueError, "the period ends on 2026-10-01, before it begins on 2026-10-02"),
    ],
)
def test_an_invalid_period_is_refused(period: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        om.Report(shop(), period=period)


def test_other_invalid_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown time zone 'Stockholm'; use a name .* 'Europe/Stockholm'"):
        om.Report(shop(), time_zone="Stockholm")
    with pytest.raises(TypeError, match="id_source is an int, not text"):
        om.Report(shop(), id_source=5)  # type: ignore[arg-type]


def orders_of(number: int, failures: int) -> om.Tables[pl.DataFrame]:
    tables = shop(orders=created(*[utc(2026, 10, 1)] * number))
    failed = tuple(om.Failure(f"f{one}", "not_found" if one else "timeout") for one in range(failures))
    return om.Tables(**dict(tables.items()), as_of=None, failures=failed, is_conformed=True)


def test_failures_are_in_the_head() -> None:
    page = om.Report(orders_of(5, 30), min_cell=1).html
    missing = "30 of 35 orders are missing: 29 not found, 1 timeout. Every number on this page is without them."
    paragraph = page[page.index('<p class="om-missing') : page.index("</header>")]
    assert missing in paragraph.replace("<strong>", "").replace("</strong>", "")
    assert "1 of 6 orders is missing" in om.Report(orders_of(5, 1), min_cell=1).html
    assert 'om-missing"' not in om.Report(orders_of(5, 0)).html


def test_the_total_is_left_out_where_it_reveals_how_many_orders_are_hidden() -> None:
    page = om.Report(orders_of(2, 3), min_cell=5).html  # two orders of a currency are a small group
    assert "3 orders are missing" in page
    assert "of 5 orders" not in page
