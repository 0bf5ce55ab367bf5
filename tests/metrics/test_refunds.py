from __future__ import annotations

from datetime import UTC, date, datetime
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from property_tests import examples
from scipy.stats import binomtest
from shop_tables import at, shop, shuffled

from om_toolkit.metrics import refund_ratio, time_to_refund

if TYPE_CHECKING:
    from om_toolkit.tables.tables import Tables


def orders(amounts: list[tuple[int | None, int | None]], **more: Any) -> list[dict[str, Any]]:
    """Make orders with these captured and refunded amounts."""
    order = {"purchase_currency": "SEK", **more}
    return [
        {"order_id": f"{more}-{number}", "captured_amount": captured, "refunded_amount": refunded, **order}
        for number, (captured, refunded) in enumerate(amounts)
    ]


def wilson(share: float, size: float) -> list[float]:
    """Return Wilson's interval as the two solutions p of |share - p| = z √(p (1 - p) / size)."""
    z2 = NormalDist().inv_cdf(0.975) ** 2 / size
    a, b, c = 1 + z2, -(2 * share + z2), share**2
    return [(-b + side * sqrt(b**2 - 4 * a * c)) / (2 * a) for side in (-1, 1)]


def only(frame: pl.DataFrame) -> dict[str, Any]:
    assert frame.height == 1
    return frame.row(0, named=True)


def test_the_ratio_is_pooled_over_captured_orders() -> None:
    # 100 + 300 + 600 captured, 100 + 0 + 150 refunded: 250 / 1000 (the mean of ratios would be 5/12). The open order
    # and the one without an amount do not count; a missing refund is none; 200 refunded of 100 is more than all.
    rows = orders([(100, 100), (300, None), (600, 150), (0, 0), (None, 50)]) + orders(
        [(100, 200)], purchase_country="NO"
    )
    row = only(refund_ratio(shop(orders=rows[:5])))
    assert (row["orders_captured"], row["orders_refunded"], row["orders_fully_refunded"]) == (3, 2, 1)
    assert (row["captured_amount"], row["refunded_amount"], row["amount_ratio"]) == (1000, 250, 0.25)
    assert row["count_ratio"] == 2 / 3
    assert only(refund_ratio(shop(orders=rows[5:])))["orders_fully_refunded"] == 1


def test_the_interval_of_the_amount_ratio_worked_by_hand() -> None:
    # x = 100, 300, 600 and y = 100, 0, 150: R = 0.25, y - R x = 75, -75, 0, whose squares add up to 11250.
    # Variance 3/2 * 11250 / 1000^2 = 0.016875, hence 0.1875 / 0.016875 = 11.1 orders; Kish counts 1000^2 / 460000.
    row = only(refund_ratio(shop(orders=orders([(100, 100), (300, 0), (600, 150)]))))
    expected = wilson(0.25, 1000**2 / 460_000)
    assert [row["amount_ratio_low"], row["amount_ratio_high"]] == pytest.approx(expected, abs=1e-12)


def test_the_interval_is_that_of_the_variance_where_it_allows_fewer_orders() -> None:
    # x = 100, 100, 100 and y = 100, 0, 0: R = 1/3, y - R x = 200/3, -100/3, -100/3, whose squares add up to 60000/9.
    # Variance 3/2 * 60000/9 / 300^2 = 1/9, hence 2/9 / (1/9) = 2 orders; Kish counts 3.
    row = only(refund_ratio(shop(orders=orders([(100, 100), (100, 0), (100, 0)]))))
    assert [row["amount_ratio_low"], row["amount_ratio_high"]] == pytest.approx(wilson(1 / 3, 2), abs=1e-12)


def test_a_missing_refunded_amount_is_zero() -> None:
    untold, zero = (refund_ratio(shop(orders=orders([(100, 100), (300, amount)]))) for amount in (None, 0))
    assert_frame_equal(untold, zero)


def test_the_interval_of_the_amount_ratio_is_about_that_of_a_bootstrap() -> None:
    random = np.random.default_rng(1)
    captured = random.integers(1_000, 100_000, 600)
    refunded = np.where(random.random(600) < 0.15, captured, np.where(random.random(600) < 0.1, captured // 3, 0))
    row = only(refund_ratio(shop(orders=orders(list(zip(captured.tolist(), refunded.tolist(), strict=True))))))
    picks = random.integers(0, 600, (4_000, 600))
    low, high = np.quantile(refunded[picks].sum(axis=1) / captured[picks].sum(axis=1), [0.025, 0.975])
    width = high - low
    assert row["amount_ratio_low"] == pytest.approx(low, abs=0.1 * width)
    assert row["amount_ratio_high"] == pytest.approx(high, abs=0.1 * width)


@pytest.mark.parametrize("refunded", range(8))
def test_the_interval_of_the_count_ratio_is_scipys(refunded: int) -> None:
    row = only(refund_ratio(shop(orders=orders([(100, 10 * (number < refunded)) for number in range(7)]))))
    interval = binomtest(min(refunded, 7), 7).proportion_ci(method="wilson")
    assert [row["count_ratio_low"], row["count_ratio_high"]] == pytest.approx(list(interval), abs=1e-12)


@pytest.mark.parametrize(
    ("amounts", "share", "size"),
    [
        ([(100, 50)], 0.5, 1),
        ([(100, 50), (300, 150)], 0.5, 1.6),
        ([(100, 0), (300, 0)], 0, 1.6),
        ([(100, 100), (300, 300)], 1, 1.6),
        ([(100, 150), (100, 50)], 1, 2),
    ],
    ids=["one order", "one share", "nothing refunded", "all refunded", "too much and too little"],
)
def test_without_variance_the_interval_is_that_of_kishs_number_of_orders(
    amounts: list[tuple[int | None, int | None]], share: float, size: float
) -> None:
    row = only(refund_ratio(shop(orders=orders(amounts))))
    assert row["amount_ratio"] == share
    assert [row["amount_ratio_low"], row["amount_ratio_high"]] == pytest.approx(wilson(share, size), abs=1e-12)


def test_the_interval_is_null_if_more_was_refunded_than_captured() -> None:
    row = only(refund_ratio(shop(orders=orders([(100, 300), (100, 0)]))))
    assert (row["amount_ratio"], row["amount_ratio_low"], row["amount_ratio_high"]) == (1.5, None, None)


def test_large_amounts_do_not_overflow_or_lose_digits() -> None:
    amounts = [(9_000_000_000_000_001, 0), (9_000_000_000_000_003, 1)]
    row = only(refund_ratio(shop(orders=orders(amounts))))
    assert (row["captured_amount"], row["refunded_amount"]) == (18_000_000_000_000_004, 1)
    assert 0 < row["amount_ratio_low"] < row["amount_ratio"] < row["amount_ratio_high"]


def test_currencies_are_never_added() -> None:
    rows = (
        orders([(100, 10)], purchase_country="SE", purchase_currency="sek")
        + orders([(200, 10)], purchase_country="SE", purchase_currency="SEK")
        + orders([(100, 50)], purchase_country="SE", purchase_currency="JPY")
        + orders([(100, 100)], purchase_country=None, purchase_currency=None)
    )
    shown = ["purchase_currency", "captured_amount", "refunded_amount"]
    assert refund_ratio(shop(orders=rows)).select(shown).rows() == [
        ("JPY", 100, 50),
        ("SEK", 300, 20),
        (None, 100, 100),
    ]
    grouped = refund_ratio(shop(orders=rows), by="purchase_country")
    assert grouped.columns[:2] == ["purchase_country", "purchase_currency"]
    assert grouped["purchase_country"].to_list() == ["SE", "SE", None]


def test_the_currency_is_not_repeated_and_keeps_its_position_in_by() -> None:
    tables = shop(orders=orders([(100, 50)], purchase_country="SE"))
    assert refund_ratio(tables, by=["purchase_currency", "purchase_country"]).columns[:3] == [
        "purchase_currency",
        "purchase_country",
        "orders_captured",
    ]
    assert_frame_equal(refund_ratio(tables, by=pl.col("purchase_currency")), refund_ratio(tables))


def test_another_column_named_like_the_currency_is_not_the_currency() -> None:
    with pytest.raises(pl.exceptions.DuplicateError):
        refund_ratio(shop(), by=pl.lit("all").alias("purchase_currency"))


def monthly_shop() -> Tables[pl.DataFrame]:
    """Make the orders a, with two captures and two refunds, b, refunded in part, and c, not captured."""
    return shop(
        orders=[
            *orders([(300, 300)], order_id="a", purchase_country="SE"),
            *orders([(100, 40)], order_id="b", purchase_country="NO"),
            *orders([(0, 7)], order_id="c"),
            *orders([(50, 50)], order_id="d", purchase_country="NO"),
        ],
        captures=[
            {"order_id": "a", "captured_at": datetime(2025, 1, 31, 23, 30, tzinfo=UTC), "captured_amount": 200},
            {"order_id": "a", "captured_at": datetime(2025, 2, 2, tzinfo=UTC), "captured_amount": 100},
            {"order_id": "b", "captured_at": datetime(2025, 1, 10, tzinfo=UTC), "captured_amount": 60},
            {"order_id": "b", "captured_at": datetime(2025, 1, 20, tzinfo=UTC), "captured_amount": 40},
            {"order_id": "d", "captured_at": datetime(2025, 1, 20, tzinfo=UTC), "captured_amount": 50},
        ],
        refunds=[
            {"order_id": "a", "refunded_at": datetime(2025, 3, 1, tzinfo=UTC), "refunded_amount": 100},
            {"order_id": "a", "refunded_at": datetime(2025, 2, 5, tzinfo=UTC), "refunded_amount": 200},
            {"order_id": "b", "refunded_at": datetime(2025, 2, 7, tzinfo=UTC), "refunded_amount": 30},
            {"order_id": "b", "refunded_at": None, "refunded_amount": 10},
            {"order_id": "c", "refunded_at": datetime(2025, 2, 7, tzinfo=UTC), "refunded_amount": 7},
            {"order_id": "d", "refunded_at": datetime(2025, 2, 3, tzinfo=UTC), "refunded_amount": 50},
        ],
    )


MONTHLY = ["month", "orders_captured", "orders_refunded", "orders_fully_refunded", "captured_amount", "refunded_amount"]


def test_months_are_those_of_captures_and_of_refunds() -> None:
    result = refund_ratio(monthly_shop(), basis="refund_date")
    assert result.select(*MONTHLY, "amount_ratio", "count_ratio").rows() == [
        (date(2025, 1, 1), 3, 0, 0, 350, 0, 0, 0),
        (date(2025, 2, 1), 1, 3, 1, 100, 280, 2.8, 3),
        (date(2025, 3, 1), 0, 1, 1, 0, 100, None, None),
        (None, 0, 1, 0, 0, 10, None, None),
    ]
    assert result.select(pl.col("^.*_(low|high)$").is_null().all()).row(0) == (True,) * 4


def test_a_month_begins_in_the_given_time_zone() -> None:
    # 23:30 UTC on 31 January is February in Stockholm.
    result = refund_ratio(monthly_shop(), basis="refund_date", time_zone="Europe/Stockholm")
    assert result.select("month", "captured_amount").rows()[:2] == [(date(2025, 1, 1), 150), (date(2025, 2, 1), 300)]


def test_the_month_comes_between_the_groups_and_the_currency() -> None:
    result = refund_ratio(monthly_shop(), by="purchase_country", basis="refund_date")
    assert result.columns[:3] == ["purchase_country", "month", "purchase_currency"]
    assert result.select(result.columns[:2]).rows() == [
        ("NO", date(2025, 1, 1)),
        ("NO", date(2025, 2, 1)),
        ("NO", None),
        ("SE", date(2025, 1, 1)),
        ("SE", date(2025, 2, 1)),
        ("SE", date(2025, 3, 1)),
    ]
    result = refund_ratio(monthly_shop(), by=["purchase_currency", "status"], basis="refund_date")
    assert result.columns[:4] == ["purchase_currency", "status", "month", "orders_captured"]


def test_a_repeated_order_has_its_captures_and_refunds_once() -> None:
    tables = monthly_shop()
    twice = shop()
    twice = type(tables)(**{**dict(tables.items()), "orders": pl.concat([tables.orders] * 2)}, as_of=twice.as_of)
    assert_frame_equal(refund_ratio(twice, basis="refund_date"), refund_ratio(tables, basis="refund_date"))


def test_an_invalid_basis_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid basis 'month'; use 'order' or 'refund_date'"):
        refund_ratio(shop(), basis="month")  # type: ignore[arg-type]


@pytest.mark.parametrize("basis", ["order", "refund_date"])
@pytest.mark.parametrize("by", [(), "purchase_country", ["purchase_currency", pl.col("order_amount") > 5]])
def test_no_orders_give_no_rows_and_the_same_columns(basis: Any, by: Any) -> None:
    empty = refund_ratio(shop(), by=by, basis=basis)
    assert empty.height == 0
    assert empty.schema == refund_ratio(monthly_shop(), by=by, basis=basis).schema


amounts_of_orders = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.sampled_from(["SE", "NO", None])))


@settings(derandomize=True, deadline=None, max_examples=examples(20))
@given(amounts_of_orders, st.integers(0, 9))
def test_the_order_of_rows_and_lazy_frames_change_nothing_and_groups_add_up(
    amounts: list[tuple[int, int, str | None]], seed: int
) -> None:
    rows = orders([(captured, refunded) for captured, refunded, _ in amounts])
    countries = [{"purchase_country": country} for *_, country in amounts]
    tables = shop(orders=[row | country for row, country in zip(rows, countries, strict=True)])
    result = refund_ratio(tables, by="purchase_country")
    assert_frame_equal(refund_ratio(shuffled(tables, seed), by="purchase_country"), result, abs_tol=1e-12)
    assert_frame_equal(refund_ratio(tables.lazy(), by="purchase_country"), result, abs_tol=1e-12)
    sums = pl.col("orders_captured", "orders_refunded", "orders_fully_refunded", "captured_amount", "refunded_amount")
    assert refund_ratio(tables).select(sums.sum()).rows() == result.select(sums.sum()).rows()
    for row in result.to_dicts():
        if row["amount_ratio_low"] is not None:
            assert 0 <= row["amount_ratio_low"] <= row["amount_ratio"] + 1e-12
            assert 1 >= row["amount_ratio_high"] >= row["amount_ratio"] - 1e-12


# The captures of an order (hour, what they say was refunded of them), the hours of its refund, and the hours that may
# between the two, fewest and most; None if they are unknown.
WAITS: dict[str, tuple[list[tuple[float | None, int | None]], float | None, tuple[float, float] | None]] = {
    "one capture": ([(10, 5)], 34, (24, 24)),
    "one capture, refunded amount missing": ([(10, None)], 34, (24, 24)),
    "two captures": ([(30, 5), (10, 5)], 34, (4, 24)),
    "two captures at one moment": ([(10, 5), (10, 5)], 34, (24, 24)),
    "one of two is whole": ([(10, 5), (30, 0)], 34, (24, 24)),
    "two captures, one refunded amount missing": ([(10, 5), (30, None)], 34, (4, 24)),
    "two captures, no refunded amount above 0": ([(10, 0), (30, 0)], 34, (4, 24)),
    "the second came later": ([(10, 5), (35, 5)], 34, (24, 24)),
    "at the same moment": ([(34, 5)], 34, (0, 0)),
    "before any capture": ([(35, 5)], 34, None),
    "no capture": ([], 34, None),
    "a capture without a time": ([(None, 5)], 34, None),
    "a refund without a time": ([(10, 5)], None, None),
}


@pytest.mark.parametrize("case", WAITS)
def test_days_to_a_refund_are_exact_with_one_possible_capture_and_bounded_with_several(case: str) -> None:
    captures, hour, expected = WAITS[case]
    row = only(time_to_refund(refunded(captures, hour)))
    low, high = (None, None) if expected is None else (expected[0] / 24, expected[1] / 24)
    middle = None if expected is None else sum(expected) / 48
    assert (row["refunds"], row["exact"], row["excluded"]) == (1, low is not None and low == high, low is None)
    assert (row["p50_days"], row["p50_days_low_bound"], row["p50_days_high_bound"]) == (middle, low, high)


def refunded(captures: list[tuple[float | None, int | None]], hour: float | None) -> Tables[pl.DataFrame]:
    other = {"order_id": "other", "captured_at": at(0), "refunded_amount": 1}
    return shop(
        orders=[{"order_id": "a"}, {"order_id": "other"}],
        captures=[
            *(
                {"order_id": "a", "captured_at": None if at_ is None else at(at_), "refunded_amount": n}
                for at_, n in captures
            ),
            other,
        ],
        refunds=[{"order_id": "a", "refunded_at": None if hour is None else at(hour), "refunded_amount": 5}],
    )


def test_orders_without_a_refund_have_no_row() -> None:
    result = time_to_refund(shop(orders=orders([(100, 0)])), by="purchase_currency")
    assert result.height == 0
    assert result.schema == time_to_refund(refunded([(10, 5)], 34), by="purchase_currency").schema


def test_days_to_a_refund_are_grouped_and_a_repeated_order_counts_once() -> None:
    tables = refunded([(10, 5)], 34)
    twice = shop(
        orders=[{"order_id": "a", "purchase_country": country} for country in ("SE", "SE")],
        captures=tables.captures.to_dicts(),
        refunds=tables.refunds.to_dicts() * 2,
    )
    assert time_to_refund(twice, by="purchase_country").select("purchase_country", "refunds").rows() == [("SE", 2)]
