"""Products: lines of captures and refunds by product, and the money that no line explains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from drawn_shops import Rows, awkward, awkward_shops
from polars.testing import assert_frame_equal
from shop_tables import shop, shuffled

import om_toolkit as om
from om_toolkit.synthetic.shop import Shop


def line(order_id: str, source: str, amount: int | None, path: str | None = None, **more: Any) -> dict[str, Any]:
    part = {} if source == "order" else {f"{source}_id": "1"}
    return {
        "order_id": order_id,
        "source": source,
        "type": "physical",
        "quantity": 1,
        "total_amount": amount,
        "purchase_currency": "SEK",
        "product_identifiers_category_path": path,
        **part,
        **more,
    }


def order(order_id: str, captured: int | None, refunded: int | None = 0, **more: Any) -> dict[str, Any]:
    amounts = {"order_amount": captured, "captured_amount": captured, "refunded_amount": refunded}
    return {"order_id": order_id, "purchase_currency": "SEK", **amounts, **more}


def part(kind: str, order_id: str, amount: int | None) -> dict[str, Any]:
    return {
        "order_id": order_id,
        f"{kind}_id": "1",
        f"{kind}d_amount" if kind == "capture" else "refunded_amount": amount,
    }


LINES = [
    line("a", "capture", 600, "Shoes > Boots", quantity=2, total_discount_amount=100, total_tax_amount=120),
    line("a", "capture", 300, " Shoes ", total_tax_amount=60),
    line("a", "capture", 50, type="shipping_fee", total_tax_amount=10),
    line("a", "capture", -30, type="discount"),
    line("a", "refund", 300, "Shoes > Boots"),
    line("a", "refund", -20, type="return_fee"),
    line("b", "order", 400, "Hats", quantity=4),
]
SHOP = shop(
    orders=[order("a", 1000, 350), order("b", 400, 100), order("c", 70)],
    captures=[part("capture", "a", 1000), part("capture", "b", 400), part("capture", "c", 70)],
    refunds=[part("refund", "a", 350), part("refund", "b", 100)],
    order_lines=LINES,
)


def test_lines_are_summed_by_category_and_the_rest_is_shown() -> None:
    # Of order a 920 of 1000 has lines, and 280 of the 350 refunded; order b was captured as a whole, so its own lines
    # count; order c has no lines at all: 80 + 70 captured and 70 + 100 refunded are without lines.
    found = om.products(SHOP)
    columns = ("category", "captured_quantity", "captured_amount", "refunded_quantity", "refunded_amount")
    assert found.select(columns).rows() == [
        ("Shoes", 3, 900, 1, 300),
        ("Hats", 4, 400, 0, 0),
        ("(shipping_fee)", 0, 50, 0, 0),
        ("(return_fee)", 0, 0, 0, -20),
        ("(discount)", 0, -30, 0, 0),
        ("(no lines)", None, 150, None, 170),
    ]
    ratios = ("amount_ratio", "quantity_ratio", "discount_amount", "discount_share", "tax_amount")
    assert found.select(ratios).rows() == [
        (300 / 900, 1 / 3, 100, 100 / 1000, 180),
        (0.0, 0.0, 0, 0.0, 0),
        (0.0, None, 0, 0.0, 10),
        (None, None, 0, None, 0),
        (None, None, 0, None, 0),
        (None, None, None, None, None),
    ]
    assert found["amount_ratio_low"].to_list()[1:] == [0.0, 0.0, None, None, None]


def test_an_interval_has_the_variance_over_orders() -> None:
    orders = [order(name, 100, 50 if name == "a" else 0) for name in "abc"]
    lines = [line(name, "capture", 100, "Hats") for name in "abc"] + [line("a", "refund", 50, "Hats")]
    captures = [part("capture", name, 100) for name in "abc"]
    tables = shop(orders=orders, captures=captures, refunds=[part("refund", "a", 50)], order_lines=lines)
    hats, ratio = om.products(tables), om.refund_ratio(tables)
    ends = ("amount_ratio", "amount_ratio_low", "amount_ratio_high")
    assert hats.select(ends).row(0) == pytest.approx(ratio.select(ends).row(0))


def test_an_order_of_unknown_amount_is_excluded_from_the_rest_only() -> None:
    lines = [line("a", "capture", 600, "Shoes"), line("b", "capture", 100, "Shoes")]
    captures = [part("capture", "a", None), part("capture", "b", 150)]
    tables = shop(orders=[order("a", None), order("b", 150)], captures=captures, order_lines=lines)
    found = om.products(tables).select("category", "captured_amount", "excluded")
    assert found.rows() == [("Shoes", 700, 0), ("(no lines)", 50, 1)]


def test_a_capture_of_a_part_without_lines_does_not_have_those_of_the_order() -> None:
    tables = shop(
        orders=[order("a", 300, order_amount=400)],
        captures=[part("capture", "a", 300)],
        order_lines=[line("a", "order", 400, "Hats")],
    )
    assert om.products(tables).select("category", "captured_amount").rows() == [("(no lines)", 300)]


@pytest.mark.parametrize(
    ("by", "labels"),
    [
        ("brand", ["Acme", None, "(discount)", "(no lines)"]),
        ("name", ["Boots", "Hat", "Rebate", "(no lines)"]),
        ("reference", ["r1", None, "r2", "(no lines)"]),
        ("type", ["physical", None, "discount", "(no lines)"]),
        ("purchase_country", ["SE", "(no lines)"]),
        (pl.col("total_amount") > 50, ["true", "false", "(no lines)"]),
    ],
)
def test_lines_are_grouped_by_named_groups_columns_and_expressions(by: Any, labels: list[str | None]) -> None:
    lines = [
        line("a", "capture", 100, name="Boots", reference="r1", product_identifiers_brand="Acme "),
        line("a", "capture", 60, name="Hat", type=None, product_identifiers_brand=" "),
        line("a", "capture", -10, name="Rebate", reference="r2", type="discount"),
    ]
    tables = shop(
        orders=[order("a", 150, purchase_country="SE")], captures=[part("capture", "a", 150)], order_lines=lines
    )
    found = om.products(tables, by=by)
    assert found.get_columns()[0].to_list() == labels
    assert found["captured_amount"].sum() == 150


def test_two_groups_and_two_currencies_are_kept_apart() -> None:
    lines = [line("a", "capture", 100, "Hats"), line("b", "capture", 7, "Hats", purchase_currency="JPY")]
    orders = [order("a", 100, purchase_country="SE"), order("b", 7, purchase_country="JP", purchase_currency="JPY")]
    tables = shop(orders=orders, captures=[part("capture", "a", 100), part("capture", "b", 7)], order_lines=lines)
    found = om.products(tables, by=["category", "purchase_country"])
    assert found.select("category", "purchase_country", "purchase_currency", "captured_amount").rows() == [
        ("Hats", "JP", "JPY", 7),
        ("(no lines)", None, "JPY", 0),
        ("Hats", "SE", "SEK", 100),
        ("(no lines)", None, "SEK", 0),
    ]


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    message = "neither order lines nor orders have a column 'categry'; did you mean 'category'"
    with pytest.raises(ValueError, match=message):
        om.products(SHOP, by="categry")


def adds_up(tables: Any) -> None:
    """Check that the rows of each currency add up to what was captured and refunded."""
    for by in ("category", "brand", ["type", "purchase_country"]):
        found = (
            om.products(tables, by=by).group_by("purchase_currency").agg(pl.col("^(captured|refunded)_amount$").sum())
        )
        expected = tables.orders.group_by("purchase_currency").agg(pl.col("captured_amount", "refunded_amount").sum())
        assert_frame_equal(found, expected, check_row_order=False)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_rows_of_a_synthetic_shop_add_up_to_what_was_captured_and_refunded(seed: int) -> None:
    made = Shop(200, seed=seed)
    adds_up(om.Orders.from_json(b"\n".join(made.body(one) for one in made.order_ids)).tables())


@awkward_shops(20)
def test_the_rows_of_awkward_shops_add_up(rows: Rows, as_of: int | None) -> None:
    tables = awkward(rows, as_of)
    orders = tables.orders.with_columns(pl.col("captured_amount", "refunded_amount").fill_null(0))
    owners = orders.select("order_id", "purchase_currency")
    lines = tables.order_lines.drop("purchase_currency").join(owners, on="order_id", maintain_order="left")
    lines = lines.select(tables.order_lines.columns)
    adds_up(replace(tables, orders=orders, order_lines=lines, is_conformed=True))


def test_the_order_of_rows_lazy_frames_and_no_rows_change_nothing() -> None:
    assert_frame_equal(om.products(shuffled(SHOP, 1)), om.products(SHOP))
    assert_frame_equal(om.products(SHOP.lazy()), om.products(SHOP))
    assert om.products(shop()).schema == om.products(SHOP).schema
    assert om.products(shop()).height == 0
