"""Small groups: every published group has five orders or more, and so has every difference of two groups."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.views.report import sections, small_groups

if TYPE_CHECKING:
    from om_toolkit.tables.tables import Tables

LEAST = 5


def rows(counts: dict[tuple[str, str | None], int]) -> pl.DataFrame:
    made = [
        {"order_id": f"{currency} {country} {number}", "currency": currency, "country": country}
        for (currency, country), count in counts.items()
        for number in range(count)
    ]
    return pl.DataFrame(made, schema=dict.fromkeys(("order_id", "currency", "country"), pl.String()))


def pooled(counts: dict[tuple[str, str | None], int]) -> dict[tuple[str, str | None], int]:
    frame = small_groups.published(rows(counts), "country", LEAST, ["currency"])
    return {(one, two): number for one, two, number in frame.group_by("currency", "country").len().iter_rows()}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"SE": 9, "DE": 5}, {"SE": 9, "DE": 5}),
        ({"SE": 9, "DE": 3, "FI": 2}, {"SE": 9, small_groups.FEW: 5}),
        ({"SE": 9, "DE": 6, "FI": 2}, {"SE": 9, small_groups.FEW: 8}),  # alone it would be the total minus the others
        ({"SE": 9, None: 4}, {small_groups.FEW: 13}),
        ({"SE": 2, "DE": 2}, {}),
        ({"SE": 7, "DE": 7, "FI": 4}, {"SE": 7, small_groups.FEW: 11}),
    ],
)
def test_small_groups_are_pooled(counts: dict[str | None, int], expected: dict[str, int]) -> None:
    found = pooled({("EUR", country): count for country, count in counts.items()})
    assert found == {("EUR", country): count for country, count in expected.items()}


groups = st.tuples(st.sampled_from(["EUR", "SEK"]), st.sampled_from(["SE", "DE", "FI", "JP", None]))


@given(st.dictionaries(groups, st.integers(1, 12)))
def test_every_group_and_every_difference_is_of_five_orders_or_more(counts: dict[tuple[str, str | None], int]) -> None:
    found = pooled(counts)
    assert all(count >= LEAST for count in found.values())
    for currency in ("EUR", "SEK"):
        before = sum(count for (one, _), count in counts.items() if one == currency)
        after = sum(count for (one, _), count in found.items() if one == currency)
        assert after == (before if before >= LEAST else 0)
    assert all(found[key] == counts[key] for key in found if key[1] != small_groups.FEW)


def order(number: int, country: str, currency: str = "EUR", captured: int = 100) -> dict[str, Any]:
    return {
        "order_id": f"{number}",
        "status": "CAPTURED" if captured else "AUTHORIZED",
        "purchase_country": country,
        "purchase_currency": currency,
        "order_amount": 100,
        "captured_amount": captured,
        "refunded_amount": number,
        "created_at": at(0),
        "expires_at": at(999),
    }


@pytest.fixture
def tables() -> Tables[pl.DataFrame]:
    """Build a shop with ten German orders, three Finnish, four Dutch, of which three are captured, and two in SEK."""
    orders = [order(number, "DE") for number in range(10)]
    orders += [order(number, "FI") for number in range(10, 13)]
    orders += [order(number, "NL", captured=100 * (number < 16)) for number in range(13, 17)]
    orders += [order(number, "SE", "SEK") for number in range(17, 19)]
    captured = [one for one in orders if one["captured_amount"]]
    captures = [
        {"order_id": one["order_id"], "capture_id": one["order_id"], "captured_at": at(hours), "captured_amount": 100}
        for hours, one in enumerate(captured, 1)
    ]
    methods = ["Home"] * 9 + ["Postal"] * 3 + ["BoxReg"] * 9
    shipments = [
        {"order_id": one["order_id"], "capture_id": one["order_id"], "source": "capture", "shipping_method": method,
         "has_tracking": int(one["order_id"]) % 2 == 0}
        for one, method in zip(captures, methods, strict=False)
    ]  # fmt: skip
    return shop(orders=orders, captures=captures, shipments=shipments, as_of=at(100))


def test_the_figures_of_few_are_those_of_their_orders_pooled(tables: Tables[pl.DataFrame]) -> None:
    in_euro = tables.filter(pl.col("purchase_currency") == "EUR")
    shown = small_groups.pool_countries(in_euro, LEAST)
    small = in_euro.filter(pl.col("purchase_country").is_in(["FI", "NL"]))
    page = om.Report(tables).html
    capture = sections.capture(shown, LEAST)
    assert [row[:2] for row in capture.rows] == [["DE", "10"], ["(few)", "7"]]
    median = om.capture_latency(small)["p50_hours"].item()
    assert capture.rows[1][8].startswith(f"{median:.1f} h")
    refunds = sections.refunds(shown, LEAST)
    assert [row[:2] for row in refunds.rows] == [["DE", "10"], ["(few)", "6"]]
    ratio = om.refund_ratio(small)["amount_ratio"].item()
    assert refunds.rows[1][6].startswith(f"{100 * ratio:.1f} %")
    shipping = sections.shipping(shown, LEAST)
    assert [row[:2] for row in shipping.rows] == [["Home", "9"], ["(few)", "7"]]
    for word in ("FI", "NL", "SEK", "Postal", "BoxReg"):
        assert word not in page
    assert "A currency with fewer captured orders is not shown; this hides some orders." in page
    assert "17 orders, as of" in page


def of_shop(counts: dict[tuple[str, str], tuple[int, int]], methods: str = "Home") -> Tables[pl.DataFrame]:
    """Build a shop with these numbers of captured and other orders for each currency and country."""
    orders: list[dict[str, Any]] = []
    for (currency, country), (captured, waiting) in counts.items():
        for amount in [100] * captured + [0] * waiting:
            orders.append(order(len(orders), country, currency, captured=amount))
    captures = [
        {"order_id": one["order_id"], "capture_id": one["order_id"], "captured_at": at(number), "captured_amount": 100}
        for number, one in enumerate(orders, 1)
        if one["captured_amount"]
    ]
    shipments = [
        {"order_id": one["order_id"], "capture_id": one["order_id"], "source": "capture", "shipping_method": method}
        for one, method in zip(captures, cycle(methods.split()), strict=False)
    ]
    return shop(orders=orders, captures=captures, shipments=shipments, as_of=at(500))


sizes = st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(any)
shops = st.dictionaries(
    st.tuples(st.sampled_from(["EUR", "SEK"]), st.sampled_from(["SE", "DE", "FI"])), sizes, min_size=1
)


@settings(deadline=None, max_examples=examples(30))
@given(shops)
@pytest.mark.slow
def test_the_same_countries_are_pooled_in_every_table(counts: dict[tuple[str, str], tuple[int, int]]) -> None:
    tables = of_shop(counts)
    captured = {currency: sum(one for (of, _), (one, _) in counts.items() if of == currency) for currency, _ in counts}
    pooled = small_groups.pool_countries(tables, LEAST)
    assert small_groups.pool_countries(pooled, LEAST).orders.equals(pooled.orders)
    named = {(row["purchase_currency"], row["purchase_country"]) for row in pooled.orders.to_dicts()}
    assert {currency for currency, _ in named} == {one for one, number in captured.items() if number >= LEAST}
    for currency, country in named - {(currency, small_groups.FEW) for currency in captured}:
        assert counts[currency, country][0] >= LEAST
    for row in om.refund_ratio(pooled, by="purchase_country").to_dicts():
        assert row["orders_captured"] >= LEAST
    assert set(sections.key_figures(pooled)) == {currency for currency, _ in named}


def test_two_tables_do_not_reveal_a_small_group_by_their_difference() -> None:
    tables = of_shop({("EUR", "DE"): (10, 0), ("EUR", "SE"): (6, 0), ("EUR", "FI"): (0, 2), ("NOK", "NO"): (1, 5)})
    shown = small_groups.pool_countries(tables, LEAST)
    capture, refunds = (section(shown, LEAST) for section in (sections.capture, sections.refunds))
    assert [row[:3] for row in capture.rows] == [["DE", "10", "10"], ["(few)", "8", "6"]]
    assert [row[:2] for row in refunds.rows] == [["DE", "10"], ["(few)", "6"]]
    page = om.Report(tables).html
    assert "NOK" not in page
    assert "this hides some orders" in page


def test_the_curve_has_a_step_for_every_few_captures() -> None:
    tables = of_shop({("EUR", "SE"): (12, 3), ("EUR", "DE"): (5, 0)})
    drawn: list[pl.DataFrame] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections.plots, "svg", lambda _: "")
        patch.setattr(sections.plots, "capture_curve", lambda curve, **_: drawn.append(curve))
        sections.capture(tables, LEAST)
        sections.capture(tables)
    few, all_of_it = drawn
    assert all_of_it.equals(om.capture_curve(tables))
    times = all_of_it.filter(pl.col("captured") > 0)["hours"].to_list()
    assert few["hours"].to_list() == times[4::5] == [5.0, 10.0, 18.0]


def test_the_page_says_what_is_hidden_and_what_is_not(tables: Tables[pl.DataFrame]) -> None:
    page = om.Report(tables).html
    assert "Numbers within a group are shown even if they are small" in page


def test_min_cell_of_1_pools_nothing(tables: Tables[pl.DataFrame]) -> None:
    page = om.Report(tables, min_cell=1).html
    assert all(word in page for word in ("FI", "NL", "SEK", "Postal"))
    assert "(few)" not in page
    methods = om.shipping_methods(tables).select("shipping_method", "count", "share", "with_tracking", "tracking_share")
    ours = sections._pooled_methods(tables, 1)
    assert ours.select(methods.columns).equals(methods)


def test_few_orders_make_an_empty_page_and_min_cell_is_at_least_1(tables: Tables[pl.DataFrame]) -> None:
    page = om.Report(replace(tables, orders=tables.orders.head(4))).html
    assert page.count("There is not enough data for a summary") == 7
    assert "this hides some orders" in page
    with pytest.raises(ValueError, match="invalid min_cell 0"):
        om.Report(tables, min_cell=0)
