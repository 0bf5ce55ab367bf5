"""The mix of orders by a column: counts, amounts, and shares of a group and currency."""

from __future__ import annotations

from math import sqrt
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from shop_tables import shop, shuffled

import om_toolkit as om

Z2 = 1.959963984540054**2
ORDERS = [
    {"order_id": "a", "purchase_currency": "SEK", "customer_type": "person", "order_amount": 100},
    {"order_id": "b", "purchase_currency": "SEK", "customer_type": "person", "order_amount": 300},
    {"order_id": "c", "purchase_currency": "SEK", "customer_type": "organization", "order_amount": 600},
    {"order_id": "d", "purchase_currency": "SEK", "customer_type": None, "order_amount": None},
    {"order_id": "e", "purchase_currency": "JPY", "customer_type": "person", "order_amount": 7},
]


def test_orders_and_amounts_are_divided_within_each_currency() -> None:
    found = om.mix(shop(orders=ORDERS), "customer_type")
    assert found.select("purchase_currency", "customer_type", "count", "share").rows() == [
        ("JPY", "person", 1, 1.0),
        ("SEK", "person", 2, 0.5),
        ("SEK", "organization", 1, 0.25),
        ("SEK", None, 1, 0.25),
    ]
    columns = ("order_amount", "amount_share", "average_order_value", "p50_order_value", "excluded")
    assert found.select(columns).rows() == [
        (7, 1.0, 7.0, 7.0, 0),
        (400, 0.4, 200.0, 200.0, 0),
        (600, 0.6, 600.0, 600.0, 0),
        (0, 0.0, None, None, 1),
    ]


def test_the_interval_of_a_share_is_wilson_s() -> None:
    row = om.mix(shop(orders=ORDERS), "customer_type").row(1, named=True)
    middle, half = (2 + Z2 / 2) / (4 + Z2), sqrt(Z2 * 2 * 2 / 4 + Z2**2 / 4) / (4 + Z2)
    assert (row["share_low"], row["share_high"]) == pytest.approx((middle - half, middle + half))


def test_the_interval_of_an_amount_share_has_the_variance_over_orders() -> None:
    # Of 1000 SEK in three orders, 400 are of persons: the residuals y - R·x are 60, 180 and -240.
    row = om.mix(shop(orders=ORDERS), "customer_type").row(1, named=True)
    variance = 3 / 2 * (60**2 + 180**2 + 240**2) / 1000**2
    kish = 1000**2 / (100**2 + 300**2 + 600**2)
    n = min(kish, 0.4 * 0.6 / variance)
    middle = (0.4 + Z2 / (2 * n)) / (1 + Z2 / n)
    half = sqrt(Z2 * 0.4 * 0.6 / n + Z2**2 / (4 * n**2)) / (1 + Z2 / n)
    assert (row["amount_share_low"], row["amount_share_high"]) == pytest.approx((middle - half, middle + half))


def test_a_share_is_of_the_group() -> None:
    orders = [{**one, "purchase_country": "SE" if one["order_id"] in "ab" else "NO"} for one in ORDERS]
    found = om.mix(shop(orders=orders), "customer_type", by="purchase_country")
    assert found.columns[:3] == ["purchase_country", "purchase_currency", "customer_type"]
    assert found.select("purchase_country", "purchase_currency", "customer_type", "share").rows() == [
        ("NO", "JPY", "person", 1.0),
        ("NO", "SEK", "organization", 0.5),
        ("NO", "SEK", None, 0.5),
        ("SE", "SEK", "person", 1.0),
    ]


@pytest.mark.parametrize(
    ("column", "by", "message"),
    [
        ("customer", (), "no column 'customer'"),
        ("purchase_currency", (), "'purchase_currency' is a group already"),
        ("status", ["status"], "'status' is a group already"),
    ],
)
def test_a_column_that_cannot_be_used_is_refused(column: str, by: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        om.mix(shop(orders=ORDERS), column, by=by)


def test_the_order_of_rows_lazy_frames_and_no_rows_change_nothing() -> None:
    tables = shop(orders=ORDERS)
    is_large = (pl.col("order_amount") > 100).alias("is_large")
    found = om.mix(tables, "customer_type", by=is_large)
    assert_frame_equal(om.mix(shuffled(tables, 1), "customer_type", by=is_large), found)
    assert_frame_equal(om.mix(tables.lazy(), "customer_type", by=is_large), found)
    assert om.mix(shop(), "customer_type").schema == om.mix(tables, "customer_type").schema
    assert om.mix(shop(), "customer_type").height == 0
