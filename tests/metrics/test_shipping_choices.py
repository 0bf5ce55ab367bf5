"""What was chosen and what was shipped, order by order."""

from __future__ import annotations

from typing import Any

import pytest
from polars.testing import assert_frame_equal
from scipy.stats import binomtest
from shop_tables import shop, shuffled

import om_toolkit as om


def made(**orders: tuple[str | None, list[str | None]]) -> Any:
    """Make tables of orders with one capture each: the chosen method, and those that were shipped."""
    return shop(
        orders=[{"order_id": one, "selected_shipping_option_method": chosen} for one, (chosen, _) in orders.items()],
        captures=[{"order_id": one, "capture_id": "1"} for one in orders],
        shipments=[
            {"order_id": one, "capture_id": "1", "source": "capture", "shipping_method": method}
            for one, (_, methods) in orders.items()
            for method in methods
        ],
    )


SHOP = made(
    a=("Home", ["home"]),
    b=("Home", ["Home", "HO ME"]),
    c=("Home", ["PickUpPoint"]),
    d=("home", ["Home", "PickUpPoint"]),
    e=(None, ["PickUpPoint"]),
    f=("PickUpPoint", []),
)


def test_orders_are_counted_by_both_methods_in_one_spelling() -> None:
    found = om.chosen_vs_shipped(SHOP)
    assert found.select("chosen", "shipped", "orders").rows() == [
        ("Home", "Home", 2),
        ("(missing)", "PickUpPoint", 1),
        ("Home", "(mixed)", 1),
        ("Home", "PickUpPoint", 1),
        ("PickUpPoint", "(unknown)", 1),
    ]
    low, high = binomtest(2, 6).proportion_ci(method="wilson")
    assert found.select("share", "share_low", "share_high").row(0) == pytest.approx((2 / 6, low, high))


def test_the_share_shipped_as_chosen_is_of_the_orders_of_which_both_methods_are_known() -> None:
    found = om.chosen_vs_shipped(SHOP)
    low, high = binomtest(2, 4).proportion_ci(method="wilson")
    share = found.select("compared_orders", "as_chosen_orders", "^as_chosen_share.*$").unique()
    assert share.rows() == [pytest.approx((4, 2, 0.5, low, high))]
    unknown = om.chosen_vs_shipped(made(a=(None, ["Home"]), b=("Home", [])))
    assert unknown.select("compared_orders", "as_chosen_share", "as_chosen_share_high").rows() == [(0, None, None)] * 2


def test_orders_without_captures_are_left_out_and_shares_are_of_the_group() -> None:
    tables = shop(
        orders=[{"order_id": one, "purchase_country": "SE" if one == "a" else "NO"} for one in "abc"],
        captures=[{"order_id": one, "capture_id": "1"} for one in "ab"],
    )
    found = om.chosen_vs_shipped(tables, by="purchase_country")
    assert found.select("purchase_country", "chosen", "shipped", "orders", "share").rows() == [
        ("NO", "(missing)", "(unknown)", 1, 1.0),
        ("SE", "(missing)", "(unknown)", 1, 1.0),
    ]


def test_the_order_of_rows_lazy_frames_and_no_rows_change_nothing() -> None:
    assert_frame_equal(om.chosen_vs_shipped(shuffled(SHOP, 1)), om.chosen_vs_shipped(SHOP))
    assert_frame_equal(om.chosen_vs_shipped(SHOP.lazy()), om.chosen_vs_shipped(SHOP))
    assert om.chosen_vs_shipped(shop()).schema == om.chosen_vs_shipped(SHOP).schema
