"""Net, tax and gross by country, rate and period of the capture or refund."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

import om_toolkit as om


def line(
    source: str, rate: int | None, total: int | None, tax: int | None, order_id: str = "a", **more: Any
) -> dict[str, Any]:
    part = {} if source == "order" else {f"{source}_id": "1"}
    amounts = {"tax_rate": rate, "total_amount": total, "total_tax_amount": tax}
    return {"order_id": order_id, "source": source, "type": "physical", **part, **amounts, **more}


def order(order_id: str, amount: int = 2250, **more: Any) -> dict[str, Any]:
    place = {"purchase_currency": "SEK", "purchase_country": "SE"}
    return {"order_id": order_id, "order_amount": amount, **place, **more}


def capture(order_id: str, amount: int | None, hours: float | None = 0, capture_id: str = "1") -> dict[str, Any]:
    when = None if hours is None else at(hours)
    return {"order_id": order_id, "capture_id": capture_id, "captured_amount": amount, "captured_at": when}


LINES = [
    line("capture", 2500, 1250, 250),
    line("capture", 2500, 500, 100),
    line("capture", 600, 530, 30),
    line("capture", 0, -30, 0, type="discount"),
    line("capture", 2500, 100, None),
    line("refund", 2500, 500, 100),
]
SHOP = shop(
    orders=[order("a")],
    captures=[capture("a", 2350), capture("a", 70, 800, "2")],
    refunds=[{"order_id": "a", "refund_id": "1", "refunded_amount": 500, "refunded_at": at(700)}],
    order_lines=LINES,
)


def test_lines_are_summed_by_rate_and_month_and_what_has_no_lines_is_counted() -> None:
    found = om.vat(SHOP)
    columns = "purchase_currency purchase_country month tax_rate lines net_amount tax_amount gross_amount excluded"
    assert found.columns == [*columns.split(), "without_lines", "without_lines_amount"]
    january, february = date(2025, 1, 1), date(2025, 2, 1)  # hour 800 is the 3rd of February
    assert found.rows() == [
        ("SEK", "SE", january, 0.0, 1, -30, 0, -30, 0, 0, 0),
        ("SEK", "SE", january, 6.0, 1, 500, 30, 530, 0, 0, 0),
        ("SEK", "SE", january, 25.0, 3, 1400, 350, 1750, 1, 0, 0),
        ("SEK", "SE", february, None, 0, 0, 0, 0, 0, 1, 70),
    ]


def test_refunded_lines_are_summed_in_the_month_of_the_refund() -> None:
    found = om.vat(SHOP, basis="refund_date")
    assert found.select("month", "tax_rate", "net_amount", "tax_amount").rows() == [(date(2025, 1, 1), 25.0, 400, 100)]


def test_a_capture_of_the_whole_order_has_the_lines_of_the_order() -> None:
    lines = [line("order", 2500, 1000, 200), line("order", 600, 1250, 71)]
    whole = shop(orders=[order("a")], captures=[capture("a", 2250)], order_lines=lines)
    assert om.vat(whole).select("tax_rate", "gross_amount").rows() == [(6.0, 1250), (25.0, 1000)]
    part = shop(orders=[order("a")], captures=[capture("a", 2249)], order_lines=lines)
    assert om.vat(part).select("tax_rate", "without_lines_amount").rows() == [(None, 2249)]


def test_a_sales_tax_line_is_tax() -> None:
    lines = [line("capture", 0, 1000, 0), line("capture", 0, 80, 0, type="sales_tax")]
    tables = shop(orders=[order("a")], captures=[capture("a", 1080)], order_lines=lines)
    assert om.vat(tables).select("net_amount", "tax_amount", "gross_amount").rows() == [(1000, 80, 1080)]


def test_periods_are_local_and_a_capture_without_a_time_has_none() -> None:
    lines = [line("capture", 2500, 100, 20, one) for one in "ab"]
    captures = [capture("a", 100, 743.5), capture("b", 100, None)]  # 23:30 UTC on the 31st of January
    tables = shop(orders=[order("a"), order("b")], captures=captures, order_lines=lines)
    local = om.vat(tables, time_zone="Europe/Stockholm")
    assert local.select("month", "lines").rows() == [(date(2025, 2, 1), 1), (None, 1)]
    assert om.vat(tables, every="1q").select("period", "lines").rows() == [(date(2025, 1, 1), 1), (None, 1)]


def test_groups_come_before_the_currency_and_the_country() -> None:
    orders = [order("a", customer_type="person"), order("b", customer_type=None, purchase_country="NO")]
    lines = [line("capture", 2500, 100, 20, one) for one in "ab"]
    tables = shop(orders=orders, captures=[capture("a", 100), capture("b", 100)], order_lines=lines)
    assert om.vat(tables, by="customer_type").select("customer_type", "purchase_country").rows() == [
        ("person", "SE"),
        (None, "NO"),
    ]
    assert om.vat(tables, by="purchase_country").columns[:3] == ["purchase_country", "purchase_currency", "month"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"basis": "order"}, "invalid basis 'order'; use 'capture_date' or 'refund_date'"),
        ({"every": "month"}, "invalid period 'month'"),
        ({"by": "country"}, "no column 'country'"),
    ],
)
def test_invalid_arguments_are_reported(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        om.vat(SHOP, **wrong)


def test_the_order_of_rows_lazy_frames_and_no_rows_change_nothing() -> None:
    assert_frame_equal(om.vat(shuffled(SHOP, 1)), om.vat(SHOP))
    assert_frame_equal(om.vat(SHOP.lazy()), om.vat(SHOP))
    assert om.vat(shop()).schema == om.vat(SHOP).schema
    assert om.vat(shop()).height == 0
