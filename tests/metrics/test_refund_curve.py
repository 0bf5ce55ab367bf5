"""The refund curve: against a plain loop over orders, by simulation, and where data are missing."""

from __future__ import annotations

from math import exp, inf, log, sqrt
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

import om_toolkit as om
from om_toolkit.metrics import refund_curves
from om_toolkit.metrics.grouping import groups_of
from om_toolkit.tables.tables import Tables

Z = 1.959963984540054
DAY = 24
AS_OF = 61 * DAY
Followed = tuple[int, float, list[tuple[float, int]]]
"""An order: its captured amount, the days it was observed for, and its refunds as days and amounts."""


def drawn(seed: int, number: int) -> Tables[pl.DataFrame]:
    """Draw a shop with ties, repeated and partial refunds, young orders, and orders fetched at different times."""
    random = np.random.default_rng(seed)
    orders: list[dict[str, Any]] = []
    captures: list[dict[str, Any]] = []
    refunds: list[dict[str, Any]] = []
    for key in range(number):
        captured_at, amount = int(random.integers(60 * DAY)), int(random.lognormal(8, 1)) + 1
        seen_at = at(captured_at + int(random.integers(40 * DAY))) if random.random() < 0.5 else None
        orders.append(
            {
                "order_id": str(key),
                "purchase_currency": "SEK" if random.random() < 0.8 else "JPY",
                "purchase_country": ["SE", "NO", None][random.integers(3)],
                "captured_amount": amount,
                "seen_at": seen_at,
            }
        )
        captures.append({"order_id": str(key), "captured_at": at(captured_at), "captured_amount": amount})
        left = amount
        for _ in range(random.integers(4) if random.random() < 0.6 else 0):
            refunded = left if random.random() < 0.3 else int(left * random.random())
            when = captured_at + int(random.integers(30)) * DAY
            refunds.append({"order_id": str(key), "refunded_at": at(when), "refunded_amount": refunded})
            left -= refunded
    return shop(orders=orders, captures=captures, refunds=refunds, as_of=at(AS_OF))


def followed(tables: Tables[pl.DataFrame]) -> dict[tuple[str | None, str], list[Followed]]:
    """Return the orders of each country and currency."""
    captures = {row["order_id"]: row["captured_at"] for row in tables.captures.to_dicts()}
    found: dict[tuple[str | None, str], list[Followed]] = {}
    for order in tables.orders.to_dicts():
        start, amount = captures[order["order_id"]], order["captured_amount"]
        refunds = [
            ((row["refunded_at"] - start).total_seconds() / 86400, row["refunded_amount"])
            for row in tables.refunds.filter(pl.col("order_id") == order["order_id"]).to_dicts()
            if row["refunded_at"] <= at(AS_OF) and row["refunded_amount"]
        ]
        is_full = sum(refunded for _, refunded in refunds) >= amount
        until = at(AS_OF) if is_full or order["seen_at"] is None else min(at(AS_OF), order["seen_at"])
        days = (until - start).total_seconds() / 86400
        if days >= 0:
            seen = [(age, refunded) for age, refunded in refunds if age <= days]
            found.setdefault((order["purchase_country"], order["purchase_currency"]), []).append((amount, days, seen))
    return found


def plain(orders: list[Followed], t: float) -> tuple[float | None, ...]:
    """Return the values of the curve at an age, by loops over orders and ages."""
    ages = sorted({age for _, _, refunds in orders for age, _ in refunds if age <= t})
    at_risk = {s: sum(x for x, days, _ in orders if days >= s) for s in ages}
    steps = {s: sum(y for *_, refunds in orders for age, y in refunds if age == s) / at_risk[s] for s in ages}
    share = sum(steps.values())
    influences = (
        sum((sum(y for age, y in refunds if age == s) - x * steps[s]) / at_risk[s] for s in ages if s <= days)
        for x, days, refunds in orders
    )
    variance = sum(one**2 for one in influences)
    amounts = [x for x, days, _ in orders if days >= t]
    size = sum(amounts) ** 2 / sum(x * x for x in amounts)
    if 1e-12 < share < 1 - 1e-12 and variance > 1e-18:
        size = min(size, share * (1 - share) / variance)
    middle, half = share + Z**2 / (2 * size), Z * sqrt(abs(share * (1 - share)) / size + (Z / size) ** 2 / 4)
    bounds: list[float | None] = [(middle + side * half) / (1 + Z**2 / size) for side in (-1, 1)]
    if share > 1 + 1e-12:
        bounds = [None, None]
    firsts = [min((age for age, _ in refunds), default=inf) for *_, refunds in orders]
    survival, greenwood = 1.0, 0.0
    for s in ages:
        n = sum(days >= s and first >= s for (_, days, _), first in zip(orders, firsts, strict=True))
        d = firsts.count(s)
        if d:
            survival *= (n - d) / n
            greenwood += d / (n * (n - d)) if n > d else inf
    width = Z * sqrt(greenwood) / log(survival) if 0 < survival < 1 else 0
    of_orders = (1 - survival ** exp(side * width) for side in (1, -1))
    refunded = sum(y for *_, refunds in orders for age, y in refunds if age == t)
    return len(amounts), sum(amounts), refunded, share, *bounds, 1 - survival, *of_orders


@pytest.mark.parametrize("seed", [1, 2])
def test_the_curve_is_that_of_a_plain_loop(seed: int) -> None:
    tables = drawn(seed, 60)
    curve = om.refund_curve(shuffled(tables, seed), by="purchase_country").rows()
    groups = followed(tables)
    ages = {key: sorted({age for *_, refunds in orders for age, _ in refunds}) for key, orders in groups.items()}
    keys = sorted(groups, key=lambda key: [(part is None, part) for part in key])
    expected = [(*key, age, *plain(groups[key], age)) for key in keys for age in ages[key]]
    assert [row[:6] for row in curve] == [row[:6] for row in expected]
    for row, other in zip(curve, expected, strict=True):
        assert row[6:] == pytest.approx(other[6:], abs=1e-9)


def test_the_share_within_a_time_is_the_curve_at_that_age_for_the_orders_at_risk_then() -> None:
    tables = drawn(3, 60)
    groups = followed(tables)
    rows = om.refund_ratio(tables, by="purchase_country", within=["10d", "252h"]).to_dicts()
    assert len(rows) == len(groups)
    for row in rows:
        orders = groups[row["purchase_country"], row["purchase_currency"]]
        for name, days in (("10d", 10.0), ("252h", 10.5)):
            found = [row[f"refunded_within_{name}{end}"] for end in ("", "_low", "_high")]
            assert found == pytest.approx(plain(orders, days)[3:6], abs=1e-9)


def order(key: str, amount: int | None = 100, captured: float = 0, **more: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of an order that was captured at an hour; `refunds` are amounts by hour."""
    refunds = more.pop("refunds", {})
    return {
        "orders": [{"order_id": key, "purchase_currency": "SEK", "captured_amount": amount, **more}],
        "captures": [{"order_id": key, "captured_at": at(captured), "captured_amount": 100}],
        "refunds": [
            {"order_id": key, "refunded_at": None if hour is None else at(hour), "refunded_amount": refunded}
            for hour, refunded in refunds.items()
        ],
    }


def shop_of(*orders: dict[str, list[dict[str, Any]]], hour: float | None = 100 * DAY) -> Tables[pl.DataFrame]:
    rows = {name: [row for one in orders for row in one[name]] for name in ("orders", "captures", "refunds")}
    return shop(**rows, as_of=None if hour is None else at(hour))


def steps(tables: Tables[pl.DataFrame], **options: Any) -> list[Any]:
    return om.refund_curve(tables, **options).select("days", "at_risk", "refunded_amount", "refunded_share").rows()


def test_an_order_is_at_risk_until_it_was_fetched_unless_it_was_refunded_in_full() -> None:
    full = order("full", refunds={DAY: 100}, seen_at=at(2 * DAY))
    young = order("young", refunds={DAY: 50}, seen_at=at(2 * DAY))
    old = order("old", refunds={10 * DAY: 100})
    assert steps(shop_of(full, young, old)) == [(1, 3, 150, 0.5), (10, 2, 100, 1.0)]


def test_what_happened_after_as_of_is_not_visible() -> None:
    early = order("early", refunds={DAY: 20, 20 * DAY: 80})
    late = order("late", captured=15 * DAY, refunds={16 * DAY: 100})
    assert steps(shop_of(early, late), as_of=at(10 * DAY)) == [(1, 1, 20, 0.2)]
    # Captured twice, the second time after `as_of`: 100 of the 200 were captured then.
    early["orders"][0]["captured_amount"] = 200
    early["captures"].append({"order_id": "early", "captured_at": at(12 * DAY), "captured_amount": 100})
    assert steps(shop_of(early), as_of=at(10 * DAY)) == [(1, 1, 20, 0.2)]
    assert steps(shop_of(early)) == [(1, 1, 20, 0.1), (20, 1, 80, 0.5)]


def test_a_refund_of_nothing_is_no_refund_and_one_before_the_capture_counts_at_day_0() -> None:
    assert steps(shop_of(order("a", refunds={DAY: 0}), order("b", captured=5, refunds={3: 100}))) == [(0, 2, 100, 0.5)]


@pytest.mark.parametrize(
    "other",
    [order("x", refunds={None: 50}), order("x", refunds={DAY: None}), order("x", captured=101 * DAY), order("x", 0)],
    ids=["refund without a time", "refund without an amount", "captured later", "not captured"],
)
def test_an_order_that_cannot_be_followed_is_left_out(other: Any) -> None:
    one = order("a", refunds={DAY: 50})
    assert steps(shop_of(one, other)) == steps(shop_of(one)) == [(1, 1, 50, 0.5)]


def test_a_missing_captured_amount_is_that_of_the_captures() -> None:
    assert steps(shop_of(order("a", None, refunds={DAY: 50}))) == [(1, 1, 50, 0.5)]


def test_without_an_end_of_the_observation_there_is_no_curve() -> None:
    tables = shop_of(order("a", refunds={DAY: 50}), hour=None)
    ratio = om.refund_ratio(tables, by=om.by_period("1mo"), within="1d")
    assert steps(tables) == []
    assert om.refund_curve(tables).schema == om.refund_curve(shop_of(order("a", refunds={DAY: 50}))).schema
    assert ratio.select("captured_amount", "refunded_within_1d", "mature").row(0) == (100, None, None)


def test_all_of_it_refunded_has_the_interval_of_kishs_number_of_orders() -> None:
    row = om.refund_curve(shop_of(*(order(key, refunds={3: 30, 5: 30, 7: 40}) for key in "abc"))).row(-1, named=True)
    assert row["refunded_share"] == row["refunded_share_high"] == 1
    assert row["refunded_share_low"] == pytest.approx(3 / (3 + Z**2))


MONTH = om.by_period("1mo")


@pytest.mark.parametrize(
    ("young", "expected"),
    [
        ({"captured": 95 * DAY}, False),
        ({"captured": 80 * DAY}, True),
        ({"captured": 95 * DAY, "refunds": {96 * DAY: 100}}, True),
        ({"captured": 80 * DAY, "seen_at": at(85 * DAY)}, False),
    ],
    ids=["too young", "old enough", "refunded in full", "not seen since"],
)
def test_a_group_is_mature_once_the_curve_of_the_currency_is_nearly_at_its_end(young: Any, expected: bool) -> None:  # noqa: FBT001 - a case
    # The curve reaches its last value at 10 days.
    old = [
        order(key, captured=number, created_at=at(number), refunds={10 * DAY: 40}) for number, key in enumerate("abc")
    ]
    tables = shop_of(*old, order("young", created_at=at(40 * DAY), **young))
    assert om.refund_ratio(tables, by=MONTH)["mature"].to_list() == [True, expected]
    assert om.time_to_refund(tables, by=MONTH)["mature"].to_list()[:1] == [True]


def test_time_to_refund_is_mature_if_each_currency_is() -> None:
    old = [order(key, created_at=at(0), refunds={10 * DAY: 40}) for key in "ab"]
    yen = order("yen", created_at=at(0), purchase_currency="JPY", captured=99 * DAY, refunds={99.5 * DAY: 40})
    assert om.time_to_refund(shop_of(*old), by=MONTH)["mature"].to_list() == [True]
    assert om.time_to_refund(shop_of(*old, yen), by=MONTH)["mature"].to_list() == [True]
    yen["orders"][0]["purchase_currency"] = "SEK"
    assert om.time_to_refund(shop_of(*old, yen), by=MONTH)["mature"].to_list() == [False]


def test_within_needs_the_basis_that_follows_orders() -> None:
    with pytest.raises(ValueError, match="use it with basis='order'"):
        om.refund_ratio(shop(), basis="refund_date", within="30d")
    with pytest.raises(ValueError, match="invalid duration '30'"):
        om.refund_ratio(shop(), within="30")


def test_fill_ins_and_exclusions_of_the_ratio() -> None:
    filled = order("filled", None, refunded_amount=None, refunds={DAY: 30})
    unknown = order("unknown", refunded_amount=None, refunds={DAY: None})
    uncaptured = order("uncaptured", 0, refunded_amount=None, refunds={DAY: None})
    row = om.refund_ratio(shop_of(filled, unknown, uncaptured)).row(0, named=True)
    assert (row["orders_captured"], row["orders_refunded"], row["excluded"]) == (1, 1, 1)
    assert (row["captured_amount"], row["refunded_amount"]) == (100, 30)
    alone = om.refund_ratio(shop_of(unknown)).row(0, named=True)
    assert (alone["orders_captured"], alone["excluded"], alone["captured_amount"]) == (0, 1, 0)
    assert (alone["amount_ratio"], alone["count_ratio_low"]) == (None, None)


def test_other_periods_than_months_by_date_of_refund() -> None:
    tables = shop_of(order("a", refunds={DAY: 30, 8 * DAY: None}), order("b", captured=DAY, refunds={9 * DAY: 0}))
    weeks = om.refund_ratio(tables, basis="refund_date", every="1w")
    assert weeks.columns[:2] == ["period", "purchase_currency"]
    figures = weeks.select("orders_captured", "orders_refunded", "excluded", "captured_amount", "refunded_amount")
    assert figures.rows() == [(2, 1, 0, 200, 30), (0, 1, 1, 0, 0)]
    months = om.refund_ratio(tables, basis="refund_date")
    assert months.columns[0] == "month"
    assert_frame_equal(months.drop("month"), om.refund_ratio(tables, basis="refund_date", every="1y").drop("period"))


def simulated(
    log_sd: float, size: int, shops: int, share: float, ages: tuple[float, float] = (0, 60)
) -> Tables[pl.DataFrame]:
    """Return shops (countries) of orders of these ages; a share is refunded as a whole, after 14 days on average."""
    random = np.random.default_rng(7)
    number = size * shops
    keys = pl.Series([str(key) for key in range(number)])
    amounts = np.rint(10_000 * random.lognormal(0, log_sd, number)).astype(np.int64) + 1
    days_old, waits = random.uniform(*ages, number), random.exponential(14, number)
    is_seen = (random.random(number) < share) & (waits <= days_old)
    days = pl.DataFrame(
        {"order_id": keys, "age": days_old, "wait": waits, "amount": amounts, "refunded": amounts * is_seen}
    )
    start = pl.lit(at(AS_OF)) - pl.duration(microseconds=(pl.col("age") * 86_400_000_000).cast(pl.Int64))
    end = start + pl.duration(microseconds=(pl.col("wait") * 86_400_000_000).cast(pl.Int64))
    country = pl.Series(np.repeat(np.arange(shops), size)).cast(pl.String)
    made = {
        "orders": days.select(
            "order_id",
            purchase_currency=pl.lit("SEK"),
            purchase_country=country,
            captured_amount="amount",
            refunded_amount="refunded",
        ),
        "captures": days.select("order_id", captured_at=start, captured_amount="amount"),
        "refunds": days.filter(is_seen).select("order_id", refunded_at=end, refunded_amount="amount"),
    }
    empty = shop()
    frames = {
        name: pl.concat([table, made[name]], how="diagonal") if name in made else table for name, table in empty.items()
    }
    return om.Tables(**frames, as_of=at(AS_OF))


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 500])
@pytest.mark.parametrize("log_sd", [0.7, 1.2])
def test_the_share_at_30_days_of_young_orders_is_that_of_all(log_sd: float, size: int) -> None:
    truth = 0.2 * (1 - exp(-30 / 14))
    found = om.refund_ratio(simulated(log_sd, size, 200, 0.2), by="purchase_country", within="30d")
    share, low, high = (found[f"refunded_within_30d{end}"].to_numpy() for end in ("", "_low", "_high"))
    covered = float(np.mean((low <= truth) & (truth <= high)))
    error = float(np.mean(share)) - truth
    print(f"refunded within 30 d: log-sd {log_sd}, n {size}: mean error {error:.4f}, coverage {covered:.3f}")  # noqa: T201 - the table of the simulation
    assert abs(error) < 0.01
    assert 0.95 <= covered <= 0.995


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ages", "ratio_over_truth"), [((0, 35), (0.7, 0.75)), ((60, 120), (1.1, 1.2))], ids=["young", "old"]
)
@pytest.mark.parametrize("log_sd", [0.7, 1.2])
def test_cohorts_of_any_age_have_the_true_share_where_the_ratio_to_date_does_not(
    log_sd: float, ages: tuple[float, float], ratio_over_truth: tuple[float, float]
) -> None:
    truth = 0.2 * (1 - exp(-30 / 14))
    found = om.refund_ratio(simulated(log_sd, 500, 200, 0.2, ages), by="purchase_country", within="30d")
    error = float(np.mean(found["refunded_within_30d"].to_numpy())) - truth
    to_date = float(np.mean(found["amount_ratio"].to_numpy()))
    print(  # noqa: T201 - the table of the simulation
        f"refunded within 30 d: log-sd {log_sd}, {ages[0]} to {ages[1]} days old: truth {truth:.4f}, "
        f"mean error {error:+.4f}, ratio to date {to_date:.4f}"
    )
    assert abs(error) <= 0.01
    # The ratio to date has too few refunds of young orders, and those after 30 days of old ones.
    assert ratio_over_truth[0] < to_date / truth < ratio_over_truth[1]


@pytest.mark.slow
@pytest.mark.parametrize("log_sd", [0.7, 1.2])
def test_the_variance_is_that_of_a_bootstrap_over_orders(log_sd: float) -> None:
    size, times = 500, 3000
    shop = simulated(log_sd, size, 1, 0.2)
    picks = pl.DataFrame(
        {
            "order_id": np.random.default_rng(5).integers(size, size=size * times).astype(str),
            "resampled": np.arange(size * times).astype(str),
            "sample": np.repeat(np.arange(times), size).astype(str),
        }
    )
    samples = shop.map(lambda table: resample(table, picks), is_conformed=True)
    variance = at_30_days(shop)["money_variance"].item()
    bootstrapped: Any = at_30_days(samples)["money"].var()
    ratio = sqrt(variance / bootstrapped)
    print(f"refund curve at 30 d: log-sd {log_sd}, n {size}: standard error {ratio:.3f} of the bootstrap's")  # noqa: T201 - the table of the simulation
    assert at_30_days(samples).height == times
    assert variance == pytest.approx(bootstrapped, rel=0.1)


def resample(table: pl.DataFrame, picks: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the picked orders with new ids; the country of an order is its sample."""
    country = {"purchase_country": "sample"} if "purchase_country" in table.columns else {}
    return table.join(picks, on="order_id").with_columns(order_id="resampled", **country).select(table.columns)


def at_30_days(tables: Tables[pl.DataFrame]) -> pl.DataFrame:
    """Return the row of each country's curve at 30 days, with the variance."""
    lazy = tables.lazy()
    groups = groups_of(lazy.orders, "purchase_country", currency=True)
    end = pl.lit(tables.as_of, dtype=pl.Datetime("us", "UTC"))
    curve = refund_curves._refund_curve(lazy, groups, end, probes=[30 * refund_curves.MICROSECONDS_PER_DAY])
    return curve.filter("is_probe").collect()
