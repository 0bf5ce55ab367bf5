"""Two sets side by side, what a number means, and the orders behind it."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit import metrics
from om_toolkit.tables.results import FIRST_FIGURES

if TYPE_CHECKING:
    from om_toolkit.tables.tables import Tables


def compare(metric: Any, before: Any, after: Any, **options: Any) -> pl.DataFrame:
    """Compare two sets whose orders have different ids."""
    rename = pl.concat_str(pl.lit("after "), "order_id").alias("order_id")
    if isinstance(after, om.Tables):
        after = after.map(lambda frame: frame.with_columns(rename), is_conformed=True)
    return om.compare(metric, before, after, **options)


def refunded(captured: int, refunds: int, currency: str = "SEK") -> list[dict[str, Any]]:
    return [
        {"order_id": f"{currency}{n}", "captured_amount": 100, "refunded_amount": 50 * (n < refunds)}
        | {"purchase_currency": currency}
        for n in range(captured)
    ]


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        # Newcombe 1998 (Statistics in Medicine 17, 873-890), table II, method 10: 56/70 - 48/80 and so on.
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0000)),
    ],
)
def test_the_interval_of_two_shares_is_newcombes(
    after: tuple[int, int], before: tuple[int, int], expected: tuple[float, float]
) -> None:
    now, then = (shop(orders=refunded(n, k)) for k, n in (after, before))
    row = compare(om.refund_ratio, then, now).row(0, named=True)
    assert row["count_ratio_difference"] == pytest.approx(after[0] / after[1] - before[0] / before[1])
    assert (row["count_ratio_difference_low"], row["count_ratio_difference_high"]) == pytest.approx(expected, abs=5e-5)


def observed(seed: int, scale: float, size: int = 200) -> Tables[pl.DataFrame]:
    hours = np.random.default_rng(seed).exponential(scale, size).tolist()
    return shop(
        orders=[{"order_id": str(n), "status": "CAPTURED", "created_at": at(0)} for n in range(size)],
        captures=[{"order_id": str(n), "captured_at": at(hour)} for n, hour in enumerate(hours)],
    )


def test_the_interval_of_two_medians_combines_their_own() -> None:
    before, after = observed(1, 20), observed(2, 30)
    row = compare(om.capture_latency, before, after).row(0, named=True)
    b, a = (metrics.capture_latency(data).row(0, named=True) for data in (before, after))
    difference = a["p50_hours"] - b["p50_hours"]
    down = sqrt((a["p50_hours"] - a["p50_hours_low"]) ** 2 + (b["p50_hours_high"] - b["p50_hours"]) ** 2)
    up = sqrt((a["p50_hours_high"] - a["p50_hours"]) ** 2 + (b["p50_hours"] - b["p50_hours_low"]) ** 2)
    ends = (row["p50_hours_difference_low"], row["p50_hours_difference_high"])
    assert row["p50_hours_difference"] == pytest.approx(difference)
    assert ends == pytest.approx((difference - down, difference + up))
    assert row["p90_hours_difference"] == pytest.approx(a["p90_hours"] - b["p90_hours"])
    assert row["p90_hours_difference_low"] < row["p90_hours_difference"] < row["p90_hours_difference_high"]


@pytest.mark.slow
def test_the_interval_of_two_medians_covers_the_true_difference_in_about_95_of_100_shops() -> None:
    truth = 10 * np.log(2)  # the medians of exponential waits of 30 and 20 hours on average
    rows = [
        compare(om.capture_latency, observed(seed, 20, 80), observed(1000 + seed, 30, 80)).row(0, named=True)
        for seed in range(100)
    ]
    covered = sum(row["p50_hours_difference_low"] <= truth <= row["p50_hours_difference_high"] for row in rows)
    assert 90 <= covered <= 100


def test_the_difference_of_days_to_refund_has_certain_bounds() -> None:
    def paid(first: float, second: float) -> Tables[pl.DataFrame]:
        captures = [{"order_id": "a", "captured_at": at(hour)} for hour in (first, second)]
        return shop(orders=[{"order_id": "a"}], captures=captures, refunds=[{"order_id": "a", "refunded_at": at(240)}])

    # Before: between 5 and 9 days; after: between 2 and 3. The difference lies between 2 - 9 and 3 - 5.
    row = compare(om.time_to_refund, paid(24, 120), paid(168, 192)).row(0, named=True)
    names = ("p50_days_before", "p50_days_after", "p50_days_difference")
    assert [row[name] for name in names] == [7, 2.5, -4.5]
    assert (row["p50_days_difference_low"], row["p50_days_difference_high"]) == (-7, -2)


def test_groups_of_either_set_are_compared_and_amounts_are_exact() -> None:
    large = 9_007_199_254_740_993
    before = shop(orders=[{"order_id": "1", "purchase_currency": "SEK", "captured_amount": large}])
    after = shop(
        orders=[
            {"order_id": "1", "purchase_currency": "SEK", "captured_amount": large - 2},
            {"order_id": "2", "purchase_currency": "EUR", "captured_amount": 5},
            {"order_id": "3", "purchase_currency": None, "captured_amount": 5},
        ]
    )
    rows = compare(om.refund_ratio, before, after).select(
        "purchase_currency", "captured_amount_before", "captured_amount_after", "captured_amount_difference"
    )
    assert rows.rows() == [("EUR", None, 5, None), ("SEK", large, large - 2, -2), (None, None, 5, None)]
    assert rows.schema.dtypes()[1:] == [pl.Int64] * 3


@pytest.mark.parametrize(
    ("metric", "options", "keys"),
    [
        (om.capture_latency, {"by": [pl.col("order_amount") // 1000, "purchase_country"]}, 2),
        (om.refund_ratio, {"by": "initial_payment_method_number_of_installments", "basis": "refund_date"}, 3),
        (om.shipping_methods, {"by": "purchase_currency"}, 2),
        (om.carriers, {}, 1),
        (om.time_to_refund, {}, 0),
        (om.key_figures, {}, 1),
        (om.at_risk, {"within": None}, 1),
        (om.chosen_vs_shipped, {}, 2),
        (om.products, {}, 2),
        (om.mix, {"column": "customer_type"}, 2),
        (om.vat, {"every": "1q"}, 4),
    ],
)
@pytest.mark.filterwarnings("ignore::om_toolkit.errors.ImmatureGroups")
def test_each_metric_with_one_row_per_group_can_be_compared(metric: Any, options: dict[str, Any], keys: int) -> None:
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    result = compare(metric, orders[:150], orders[150:], **options)
    single = [metric(part, **options) for part in (orders[:150], orders[150:])]
    names = single[0].columns[:keys]
    assert result.columns[:keys] == names
    groups = pl.concat([part.select(names) for part in single]).unique() if names else [None]
    assert result.height == len(groups)
    if names:
        assert result.select(names).is_duplicated().any() is False
    assert all(f"{result.columns[keys].removesuffix('_before')}_{end}" in result for end in ("before", "after"))


@pytest.mark.parametrize("metric", [om.capture_curve, om.refund_curve, om.expiring, om.audit, om.shipped_uncaptured])
def test_a_metric_with_several_rows_per_group_is_refused(metric: Any) -> None:
    tables = shop(
        orders=[
            {"order_id": str(n % 2), "status": "AUTHORIZED", "created_at": at(0), "expires_at": at(5)}
            | {"remaining_authorized_amount": 5}
            for n in range(4)
        ],
        captures=[{"order_id": str(n), "captured_at": at(n)} for n in range(2)],
        as_of=at(1),
    )
    with pytest.raises(ValueError, match=f"{metric.__name__} has several rows per group"):
        compare(metric, tables, tables)


def test_sets_with_common_orders_are_refused() -> None:
    before, after = (shop(orders=[{"order_id": one} for one in ids]) for ids in ("abc", "bcd"))
    with pytest.raises(
        ValueError, match="the sets have 2 common orders, such as b; compare sets without common orders"
    ):
        om.compare(om.refund_ratio, before, after)


def test_the_metric_comes_first() -> None:
    tables: Any = shop()
    with pytest.raises(TypeError, match=r"the metric first: om.compare\(om.refund_ratio, before, after\)"):
        om.compare(tables, shop(), om.refund_ratio)


def carried(order_id: str, company: str) -> Tables[pl.DataFrame]:
    key = {"order_id": order_id, "capture_id": "1"}
    return shop(
        orders=[{"order_id": order_id}],
        captures=[key],
        shipments=[{**key, "source": "capture", "shipping_company": company}],
    )


def test_a_label_matches_in_any_spelling() -> None:
    result = om.compare(om.carriers, carried("a", "Post Nord"), carried("b", "postnord"))
    columns = ("shipping_company", "count_before", "count_after", "count_difference")
    assert result.select(columns).rows() == [("Post Nord", 1, 1, 0)]


def refunded_later(prefix: str, created: Any, waits: list[float | None], until: float) -> Tables[pl.DataFrame]:
    """Make orders that are captured when they are created and, after a wait, refunded if that was before `until`."""
    orders, captures, refunds = [], [], []
    for number, (start, wait) in enumerate(zip(np.broadcast_to(created, len(waits)).tolist(), waits, strict=True)):
        key = {"order_id": f"{prefix}{number}"}
        is_refunded = wait is not None and start + wait <= until
        amounts = {"order_amount": 100, "captured_amount": 100, "refunded_amount": 100 * is_refunded}
        orders.append({**key, **amounts, "purchase_currency": "SEK", "status": "CAPTURED", "created_at": at(start)})
        captures.append({**key, "captured_amount": 100, "captured_at": at(start)})
        if wait is not None and is_refunded:
            refunds.append({**key, "refunded_amount": 100, "refunded_at": at(start + wait)})
    return shop(orders=orders, captures=captures, refunds=refunds, as_of=at(until))


def test_an_immature_set_warns_unless_the_metric_compares_at_equal_age() -> None:
    waits = [24.0 * (1 + n % 20) if n % 3 == 0 else None for n in range(60)]
    old, young = (refunded_later(name, start, waits, 1500) for name, start in (("o", 0), ("y", 1400)))
    message = "many refunds of the orders after are still to come, .*; use within=.'30d'. to compare at equal age"
    with pytest.warns(om.ImmatureGroups, match=message):
        naive = om.compare(om.refund_ratio, old, young)
    assert naive["amount_ratio_difference"].item() < 0
    equal = om.compare(om.refund_ratio, old, young, within="3d")  # errors, as all warnings do here, would fail
    assert equal["refunded_within_3d_difference"].item() == pytest.approx(0)
    with pytest.warns(om.ImmatureGroups, match="of the orders before"):
        om.compare(om.time_to_refund, young, old)


def test_mature_sets_and_sets_without_as_of_do_not_warn() -> None:
    waits = [24.0 * (1 + n % 5) if n % 3 == 0 else None for n in range(60)]
    old, other = (refunded_later(name, start, waits, 3000) for name, start in (("o", 0), ("y", 100)))
    om.compare(om.refund_ratio, old, other)
    om.compare(om.capture_latency, old, other)
    compare(om.refund_ratio, shop(orders=refunded(10, 5)), shop(orders=refunded(10, 1)))


@pytest.mark.slow
def test_two_months_of_one_process_differ_at_equal_age_in_few_seeds_and_always_warn() -> None:
    """The younger month has refunds still to come; at equal age it must not look different."""
    differences = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        months = []
        for name, start in (("o", 0), ("y", 720)):
            waits = [24 * wait if random.random() < 0.2 else None for wait in random.lognormal(2.5, 0.7, 150).tolist()]
            months.append(refunded_later(name, random.uniform(start, start + 720, 150), waits, 1440))
        with pytest.warns(om.ImmatureGroups):
            om.compare(om.refund_ratio, *months)
        equal = om.compare(om.refund_ratio, *months, within="14d").row(0, named=True)
        low, high = (equal[f"refunded_within_14d_difference_{end}"] for end in ("low", "high"))
        differences += not low <= 0 <= high
    print(f"two months of one process, at equal age: a difference in {differences} of 200 seeds")  # noqa: T201 - the table of the simulation
    assert differences <= 16


def test_the_first_figure_of_each_metric_is_known() -> None:
    assert {*FIRST_FIGURES} ^ {*metrics.__all__} == {"by_period", "compare", "explain"}
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    arguments = {"mix": ["customer_type"]}
    for name, first in FIRST_FIGURES.items():
        assert (
            first in getattr(om, name)(orders[0] if name == "timeline" else orders, *arguments.get(name, [])).columns
        ), name


def test_another_function_is_compared_by_its_group_columns() -> None:
    def largest_order(orders: om.Orders, *, by: str) -> pl.DataFrame:
        return orders.to_polars().group_by(by).agg(pl.col("order_amount").max(), pl.col("status").first())

    before, after = (
        om.Orders.from_json(f'{{"order_id": "{n}", "purchase_country": "SE", "order_amount": {n}}}') for n in (3, 5)
    )
    row = compare(largest_order, before, after, by="purchase_country").row(0, named=True)
    assert (row["purchase_country"], row["order_amount_difference"], row["status_after"]) == ("SE", 2, None)


@pytest.mark.parametrize("name", sorted({*metrics.__all__} - {"explain"}))
def test_each_metric_is_explained_by_its_own_documentation(name: str) -> None:
    text = om.explain(name)
    assert text.splitlines()[0] == (getattr(om, name).__doc__ or "").splitlines()[0]
    assert repr(text) == text


def test_a_notebook_shows_headings_lists_and_code() -> None:
    page = om.explain("refund_ratio")._repr_markdown_()
    assert "R = Σy / Σx" in page
    assert "\n**Args**\n\n- `data`: Orders or Tables.\n" in page
    assert "\n**Raises**\n\n- `ValueError`: If" in page
    assert "\n**Example**\n\n    >>> import om_toolkit as om\n" in page


def test_an_unknown_name_raises_an_error_with_the_known_names() -> None:
    with pytest.raises(ValueError, match="there is no metric 'refunds'; use one of at_risk, audit, "):
        om.explain("refunds")


ORDERS = om.Orders.from_json(
    """[
    {"order_id": "1", "purchase_country": "se", "purchase_currency": "SEK", "captured_amount": 5, "order_amount": 5},
    {"order_id": "2", "purchase_country": "SE", "purchase_currency": "EUR", "captured_amount": 7, "order_amount": 1500},
    {"order_id": "3", "purchase_currency": "SEK", "captured_amount": 5, "created_at": "2025-01-31T23:30:00Z"}
    ]"""
)


def ids(orders: om.Orders) -> list[str | None]:
    return [order.order_id for order in orders]


def test_a_row_gives_the_orders_of_its_group() -> None:
    rows = om.capture_latency(ORDERS, by="purchase_country")
    assert [ids(ORDERS.where(row)) for row in rows.iter_rows(named=True)] == [["1", "2"], ["3"]]
    assert [ids(ORDERS.where(rows[n])) for n in range(2)] == [["1", "2"], ["3"]]
    assert ids(ORDERS.where(om.capture_latency(ORDERS))) == ["1", "2", "3"]


@pytest.mark.parametrize("metric", [om.shipping_methods, om.carriers, om.chosen_vs_shipped])
def test_a_shipping_method_is_not_part_of_the_group_of_a_row(metric: Any) -> None:
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    row = metric(orders, by="purchase_country")[0]
    assert ids(orders.where(row)) == ids(orders.where({"purchase_country": "DE", "orders": 1}))


def test_amounts_of_a_row_are_not_its_group() -> None:
    row = om.refund_ratio(ORDERS).filter(pl.col("purchase_currency") == "SEK")
    assert row["captured_amount"].item() == 10
    assert ids(ORDERS.where(row)) == ["1", "3"]


@pytest.mark.parametrize(
    "by",
    [
        om.by_period("1mo", time_zone="Europe/Stockholm"),
        pl.col("created_at").dt.convert_time_zone("Europe/Stockholm").dt.truncate("1mo"),
        [pl.col("order_amount") > 1000, "purchase_currency"],
        pl.col("order_amount") // 1000,
    ],
)
def test_a_group_of_an_expression_is_found_with_the_same_by(by: Any) -> None:
    rows = om.capture_latency(ORDERS, by=by)
    parts = [ORDERS.where(row, by=by) for row in rows.iter_rows(named=True)]
    assert [len(part) for part in parts] == rows["orders"].to_list()
    assert sorted(str(one) for part in parts for one in ids(part)) == ["1", "2", "3"]
    with pytest.raises(ValueError, match="the group of the row is unknown"):
        ORDERS.where(rows[0])


def test_a_row_about_one_order_gives_that_order() -> None:
    assert ids(ORDERS.where(om.audit(ORDERS).filter(pl.col("order_id") == "3")[0])) == ["3"]


@pytest.mark.parametrize(
    ("row", "by", "message"),
    [
        (
            {"shipping_method": "Home", "count": 1},
            (),
            "the group of the row is unknown (shipping_method, count); pass the by= of the metric",
        ),
        ({"purchase_country": "SE", "p50_hours": 1.0}, (), "the group of the row is unknown"),
        ({"purchase_country": "NO", "orders": 1}, (), "no order has purchase_country='NO'"),
        ({"orders": 1}, "purchase_country", "the row has no column purchase_country; it has orders"),
    ],
)
def test_a_row_without_a_group_is_refused(row: dict[str, Any], by: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is checked
        ORDERS.where(row, by=by)
    assert message in str(raised.value)


def test_explain_lists_the_metrics_accepts_one_and_suggests_names() -> None:
    lines = om.explain().splitlines()
    assert [line.partition(":")[0] for line in lines] == [name for name in om.metrics.__all__ if name != "explain"]
    assert all(line.endswith(".") for line in lines)
    assert om.explain(om.at_risk) == om.explain("at_risk")
    with pytest.raises(ValueError, match="did you mean 'refund_curve' or 'refund_ratio' or 'time_to_refund'"):
        om.explain("refund")
    with pytest.raises(ValueError, match="there is no metric 'len'; use one of"):
        om.explain(len)
