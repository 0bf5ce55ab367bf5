from __future__ import annotations

import re
import time
from datetime import timedelta, timezone
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from lifelines.utils import median_survival_times, qth_survival_times
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

from om_toolkit.metrics import capture_curve, capture_latency, latency
from om_toolkit.metrics.expressions import effective_as_of
from om_toolkit.tables.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from om_toolkit.tables.tables import Tables

Observed = tuple[float, str]  # hours since creation, and the outcome: captured, expired or waiting
ENDS = ("captured", "expired", "waiting")
NOW = at(1000)


def observed(orders: Iterable[Observed], country: str | None = "SE") -> dict[str, list[dict[str, Any]]]:
    """Make orders that are captured, expire or are observed for the given hours, each with its own id."""
    rows: dict[str, list[dict[str, Any]]] = {"orders": [], "captures": []}
    for number, (hours, end) in enumerate(orders):
        order = {"order_id": f"{country}-{number}", "purchase_country": country, "created_at": at(0)}
        if end == "captured":
            rows["captures"].append({"order_id": order["order_id"], "captured_at": at(hours)})
            rows["orders"].append({**order, "status": "CAPTURED"})
        else:
            status = "EXPIRED" if end == "expired" else "AUTHORIZED"
            rows["orders"].append({**order, "status": status, "expires_at": at(hours)})
    return rows


def sample(seed: int, size: int = 300, *, ties: bool) -> list[Observed]:
    random = np.random.default_rng(seed)
    hours = np.ceil(random.exponential(40, size)) if ties else (1 + random.permutation(size)) / 4
    ends = random.choice(ENDS, size, p=(0.6, 0.15, 0.25))
    return list(zip(hours.tolist(), ends.tolist(), strict=True))


def exact_curve(orders: list[Observed]) -> list[dict[str, Any]]:
    """Compute the curve from its definition in fractions: one step per distinct time."""
    rows, survival, unended, share = [], Fraction(1), Fraction(1), Fraction(0)
    for hours in sorted({hours for hours, _ in orders}):
        at_risk = sum(other >= hours for other, _ in orders)
        captured, expired, waiting = (orders.count((hours, end)) for end in ENDS)
        share += unended * Fraction(captured, at_risk)
        survival *= 1 - Fraction(captured, at_risk)
        unended *= 1 - Fraction(captured + expired, at_risk)
        rows.append(
            {
                "hours": hours,
                "at_risk": at_risk,
                "captured": captured,
                "expired": expired,
                "waiting": waiting,
                "survival": survival,
                "captured_share": share,
            }
        )
    return rows


@pytest.mark.parametrize("ties", [False, True])
def test_survival_and_its_interval_are_those_of_lifelines(ties: bool) -> None:  # noqa: FBT001 - a parameter of the test
    orders = sample(1, ties=ties)
    fit = KaplanMeierFitter().fit([hours for hours, _ in orders], [end == "captured" for _, end in orders])
    curve = capture_curve(shop(**observed(orders), as_of=NOW))
    theirs = fit.survival_function_.join(fit.confidence_interval_).loc[curve["hours"].to_numpy()].to_numpy()
    ours = curve.select("survival", "survival_low", "survival_high").to_numpy()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_the_interval_has_no_width_before_the_first_capture_and_after_the_last_order_as_in_lifelines() -> None:
    orders = [(1.0, "waiting"), (2.0, "captured"), (3.0, "captured")]
    curve = capture_curve(shop(**observed(orders), as_of=NOW))
    fit = KaplanMeierFitter().fit([1, 2, 3], [0, 1, 1])
    assert curve.select("survival", "survival_low", "survival_high").row(0) == (1, 1, 1)
    assert curve.select("survival", "survival_low", "survival_high").row(2) == (0, 0, 0)
    assert fit.confidence_interval_.loc[[1, 3]].to_numpy().tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_and_the_interval_of_the_median_are_those_of_lifelines(seed: int) -> None:
    orders = sample(seed, ties=True)
    fit = KaplanMeierFitter().fit([hours for hours, _ in orders], [end == "captured" for _, end in orders])
    row = capture_latency(shop(**observed(orders), as_of=NOW), quantiles=(0.5, 0.8), within=()).row(0, named=True)
    theirs = qth_survival_times([0.5, 0.2], fit.survival_function_).iloc[:, 0].tolist()
    low, high = median_survival_times(fit.confidence_interval_).iloc[0]
    ours = [row["p50_hours"], row["p80_hours"], row["p50_hours_low"], row["p50_hours_high"]]
    assert ours == pytest.approx([*theirs, low, high], abs=1e-9)


def test_the_captured_share_is_aalen_johansens_of_lifelines() -> None:
    orders = sample(2, ties=False)
    causes = [{"captured": 1, "expired": 2, "waiting": 0}[end] for _, end in orders]
    fit = AalenJohansenFitter(calculate_variance=False).fit([hours for hours, _ in orders], causes, event_of_interest=1)
    curve = capture_curve(shop(**observed(orders), as_of=NOW))
    theirs = fit.cumulative_density_.loc[curve["hours"].to_numpy()].to_numpy().ravel()
    np.testing.assert_allclose(curve["captured_share"].to_numpy(), theirs, rtol=0, atol=1e-12)


orders_with_ties = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(ENDS)), min_size=1, max_size=25)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(orders_with_ties)
def test_the_curve_equals_its_definition_in_fractions(orders: list[Observed]) -> None:
    curve = capture_curve(shop(**observed(orders), as_of=NOW))
    exact = pl.DataFrame(
        [{name: float(value) for name, value in row.items()} for row in exact_curve(orders)],
    )
    assert_frame_equal(curve.select(pl.col(exact.columns).cast(pl.Float64)), exact, abs_tol=1e-12, rel_tol=0)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(orders_with_ties)
def test_quantiles_and_shares_equal_their_definition_in_fractions(orders: list[Observed]) -> None:
    row = capture_latency(shop(**observed(orders), as_of=NOW), within=("3h",)).row(0, named=True)
    exact = exact_curve(orders)
    for name, level in (("p50_hours", "0.5"), ("p90_hours", "0.1"), ("p95_hours", "0.05")):
        assert row[name] == next((step["hours"] for step in exact if step["survival"] <= Fraction(level)), None)
    shares = [step["captured_share"] for step in exact if step["hours"] <= 3]
    is_seen = exact[-1]["hours"] >= 3 or not exact[-1]["waiting"]
    assert row["within_3h"] == (pytest.approx(float(max(shares, default=0))) if is_seen else None)
    captured = [hours for hours, end in orders if end == "captured"]
    assert row["captured_only_p50_hours"] == (np.median(captured) if captured else None)
    assert [row[end] for end in ENDS] == [sum(end == other for _, other in orders) for end in ENDS]


def test_the_rows_of_a_curve_follow_from_one_another() -> None:
    curve = capture_curve(shop(**observed(sample(3, ties=True)), as_of=NOW))
    left = pl.col("at_risk") - pl.col("captured") - pl.col("expired") - pl.col("waiting")
    assert [*curve["at_risk"].to_list()[1:], 0] == curve.select(left).to_series().to_list()


CASES: dict[str, tuple[dict[str, Any], list[tuple[float | None, int]], Observed | None, Observed | None]] = {
    # the order (of 100), its captures (hour, amount), its outcome by "first" and by "full" at 100 h
    "captured at once": ({"status": "CAPTURED"}, [(0, 100)], (0, "captured"), (0, "captured")),
    "captures arrive unsorted": (
        {"status": "CAPTURED"},
        [(9, 20), (7, 20), (5, 20), (3, 20), (8, 20)],
        (3, "captured"),
        (9, "captured"),
    ),
    "captured too much": ({"status": "CAPTURED"}, [(9, 100), (1, 10), (3, 90)], (1, "captured"), (3, "captured")),
    "part captured": ({"status": "PART_CAPTURED"}, [(5, 40)], (5, "captured"), (100, "waiting")),
    "part captured, rest released": (
        {"status": "PART_CAPTURED", "remaining_authorized_amount": 0},
        [(5, 40)],
        (5, "captured"),
        None,
    ),
    "captured, rest released": ({"status": "CAPTURED"}, [(5, 40)], (5, "captured"), None),
    "captured in part, then cancelled": ({"status": "CANCELLED"}, [(5, 40)], (5, "captured"), None),
    "captured and refunded": ({"status": "CLOSED"}, [(5, 100)], (5, "captured"), (5, "captured")),
    "closed without a capture": ({"status": "CLOSED"}, [], None, None),
    "cancelled": ({"status": "CANCELLED"}, [], None, None),
    "open": ({"status": "AUTHORIZED", "expires_at": at(672)}, [], (100, "waiting"), (100, "waiting")),
    "open, overdue": ({"status": "AUTHORIZED", "expires_at": at(60)}, [], (60, "waiting"), (60, "waiting")),
    "open without an end": ({"status": "AUTHORIZED"}, [], (100, "waiting"), (100, "waiting")),
    "expired": ({"status": "EXPIRED", "expires_at": at(60)}, [], (60, "expired"), (60, "expired")),
    "expired in part": ({"status": "EXPIRED", "expires_at": at(60)}, [(5, 40)], (5, "captured"), (60, "expired")),
    "expired, time missing": ({"status": "EXPIRED"}, [], None, None),
    "expired after as_of": ({"status": "EXPIRED", "expires_at": at(200)}, [], (100, "waiting"), (100, "waiting")),
    "captured after as_of": ({"status": "CAPTURED"}, [(101, 100)], (100, "waiting"), (100, "waiting")),
    "captured after as_of, rest released": (
        {"status": "CAPTURED", "expires_at": at(90)},
        [(101, 40)],
        (90, "waiting"),
        (90, "waiting"),
    ),
    "half captured after as_of": (
        {"status": "CAPTURED"},
        [(5, 50), (101, 50)],
        (5, "captured"),
        (100, "waiting"),
    ),
    "captured before it was created": ({"status": "CAPTURED"}, [(-1, 100)], None, None),
    "created after as_of": ({"status": "AUTHORIZED", "created_at": at(101)}, [], None, None),
    "never created": ({"status": "CAPTURED", "created_at": None}, [(5, 100)], None, None),
    "captured without a capture": ({"status": "CAPTURED"}, [], None, None),
    "part captured without a capture": ({"status": "PART_CAPTURED"}, [], None, (100, "waiting")),
    "a capture without its time": ({"status": "CAPTURED"}, [(None, 60), (5, 40)], (5, "captured"), None),
    "unknown status": ({"status": "ON_HOLD"}, [], None, None),
    "no status": ({}, [], None, None),
    "no order amount": ({"status": "CAPTURED", "order_amount": None}, [(5, 100)], (5, "captured"), None),
    "open, no order amount": ({"status": "AUTHORIZED", "order_amount": None}, [], (100, "waiting"), None),
}


@pytest.mark.parametrize("event", ["first", "full"])
@pytest.mark.parametrize("case", CASES)
def test_every_order_is_captured_waiting_expired_or_excluded(case: str, event: latency.Event) -> None:
    order, captures, first, full = CASES[case]
    expected = first if event == "first" else full
    tables = shop(
        orders=[{"order_id": "a", "order_amount": 100, "created_at": at(0), **order}],
        captures=[
            {"order_id": "a", "captured_at": None if hour is None else at(hour), "captured_amount": amount}
            for hour, amount in captures
        ],
        as_of=at(100),
    )
    curve = capture_curve(tables, event=event)
    row = capture_latency(tables, event=event).row(0, named=True)
    ends = [(step["hours"], end) for step in curve.to_dicts() for end in ENDS if step[end]]
    assert ends == ([expected] if expected else [])
    assert {end: row[end] for end in (*ENDS, "excluded")} == {
        end: int(end == (expected[1] if expected else "excluded")) for end in (*ENDS, "excluded")
    }
    assert row["orders"] == 1


def test_without_as_of_an_order_is_observed_until_it_expires() -> None:
    orders = [
        {"order_id": "a", "status": "AUTHORIZED", "created_at": at(0), "expires_at": at(8)},
        {"order_id": "b", "status": "AUTHORIZED", "created_at": at(0)},
        {"order_id": "c", "status": "CAPTURED", "created_at": at(0)},
    ]
    tables = shop(orders=orders, captures=[{"order_id": "c", "captured_at": at(900)}])
    row = capture_latency(tables).row(0, named=True)
    assert (row["waiting"], row["excluded"], row["captured"]) == (1, 1, 1)
    assert capture_curve(tables)["hours"].to_list() == [8, 900]


def test_as_of_defaults_to_that_of_the_data() -> None:
    tables = shop(**observed([(5.0, "captured"), (9.0, "captured")]), as_of=at(7))
    assert capture_latency(tables)["captured"].item() == 1
    assert capture_latency(tables, as_of=at(9))["captured"].item() == 2
    assert capture_curve(tables, as_of=at(4))["hours"].to_list() == [4]


@pytest.mark.usefixtures("_far_from_utc")
def test_a_naive_as_of_is_in_utc_and_an_aware_one_in_its_time_zone() -> None:
    tables = shop(**observed([(5.0, "captured"), (9.0, "captured")]))
    naive, elsewhere = at(7).replace(tzinfo=None), at(7).astimezone(timezone(timedelta(hours=-8)))
    assert capture_latency(tables, as_of=naive)["captured"].item() == 1
    assert capture_latency(tables, as_of=elsewhere)["captured"].item() == 1


@pytest.fixture
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EST5")
        time.tzset()
        yield
    time.tzset()


def test_a_repeated_order_has_each_capture_once_in_its_running_sum() -> None:
    order = {"order_id": "a", "status": "PART_CAPTURED", "order_amount": 100, "created_at": at(0)}
    capture = {"order_id": "a", "captured_at": at(5), "captured_amount": 50}
    row = capture_latency(shop(orders=[order, order], captures=[capture], as_of=NOW), event="full").row(0, named=True)
    assert (row["orders"], row["captured"], row["waiting"]) == (2, 0, 2)


@pytest.mark.parametrize("event", ["first", "full"])
def test_a_capture_without_an_order_id_belongs_to_no_order(event: latency.Event) -> None:
    order = {"order_id": None, "status": "AUTHORIZED", "order_amount": 100, "created_at": at(0)}
    capture = {"order_id": None, "captured_at": at(5), "captured_amount": 100}
    row = capture_latency(shop(orders=[order], captures=[capture], as_of=NOW), event=event).row(0, named=True)
    assert (row["orders"], row["captured"], row["waiting"]) == (1, 0, 1)


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_of_the_median_is_lifelines_where_many_are_captured_at_once(seed: int) -> None:
    random = np.random.default_rng(seed)
    orders = [
        (float(hour), str(end)) for hour, end in zip(random.integers(1, 4, 30), random.choice(ENDS, 30), strict=True)
    ]
    fit = KaplanMeierFitter().fit([hours for hours, _ in orders], [end == "captured" for _, end in orders])
    expected = [None if np.isinf(value) else value for value in median_survival_times(fit.confidence_interval_).iloc[0]]
    row = capture_latency(shop(**observed(orders), as_of=NOW)).row(0, named=True)
    assert [row["p50_hours_low"], row["p50_hours_high"]] == expected


def test_a_quantile_is_reached_where_the_curve_touches_its_level() -> None:
    # Ten captures, one an hour: 9 h leave 0.1, which 1 - 0.9 misses by a rounding error; 5 h leave 0.5.
    row = capture_latency(shop(**observed((hour, "captured") for hour in range(1, 11)))).row(0, named=True)
    assert (row["p50_hours"], row["p90_hours"], row["p95_hours"]) == (5, 9, 10)
    assert row["captured_only_p50_hours"] == 5.5


def test_expired_orders_do_not_count_as_captured() -> None:
    # Of four, two are captured at 1 h and 3 h, one expires at 2 h, one waits until 4 h: 1/4, then 1/4 + 2/4 * 1/2.
    orders = [(1, "captured"), (2, "expired"), (3, "captured"), (4, "waiting")]
    row = capture_latency(shop(**observed(orders), as_of=NOW), within=("30m", "1h", "3h", "5h")).row(0, named=True)
    assert [row[f"within_{window}"] for window in ("30m", "1h", "3h", "5h")] == [0, 0.25, 0.5, None]


def test_a_window_beyond_the_last_order_has_a_share_if_no_order_is_waiting() -> None:
    row = capture_latency(shop(**observed([(1, "captured"), (2, "expired")]), as_of=NOW), within="1w").row(
        0, named=True
    )
    assert row["within_1w"] == 0.5


def test_columns_are_named_after_quantiles_and_windows() -> None:
    columns = capture_latency(shop(), quantiles=(0.25, 0.995), within=("90m", "7d")).columns
    assert columns[5:] == ["p25_hours", "p99_5_hours", "captured_only_p50_hours", "within_90m", "within_7d"]


def test_hours_have_decimals() -> None:
    row = capture_latency(shop(**observed([(0.25, "captured")]))).row(0, named=True)
    assert row["p50_hours"] == 0.25


def test_groups_are_sorted_with_missing_values_last() -> None:
    rows = [observed([(hours, "captured")], country) for country, hours in ((None, 3), ("SE", 1), ("NO", 2))]
    tables = shop(**{name: [row for part in rows for row in part[name]] for name in ("orders", "captures")})
    shown = capture_latency(tables, by="purchase_country").select("purchase_country", "p50_hours").rows()
    assert shown == [("NO", 2), ("SE", 1), (None, 3)]
    assert capture_curve(tables, by=["purchase_country"])["purchase_country"].to_list() == ["NO", "SE", None]


def test_a_group_of_excluded_orders_only_is_shown() -> None:
    tables = shop(orders=[{"order_id": "a", "status": "CANCELLED", "created_at": at(0)}], as_of=NOW)
    row = capture_latency(tables).row(0, named=True)
    assert (row.pop("orders"), row.pop("excluded")) == (1, 1)
    assert {name for name, value in row.items() if value} == set()
    assert row["within_24h"] is None
    assert capture_curve(tables).height == 0


def test_a_group_can_have_the_name_of_a_column_that_the_query_uses() -> None:
    tables = shop(**observed([(5, "captured")]), as_of=NOW)
    by = ["status", pl.col("created_at").dt.truncate("1mo")]
    shown = capture_latency(tables, by=by).select("status", "created_at", "p50_hours").rows()
    assert shown == [("CAPTURED", at(0), 5)]


@pytest.mark.parametrize("by", [(), "purchase_country", ["purchase_country", pl.col("order_amount") > 5]])
def test_no_orders_give_no_rows_and_the_same_columns(by: Any) -> None:
    full = shop(**observed([(5, "captured"), (3, "waiting")]), as_of=NOW)
    for metric in (capture_latency, capture_curve):
        assert metric(shop(), by=by).height == 0
        assert metric(shop(), by=by).schema == metric(full, by=by).schema


@pytest.mark.parametrize("event", ["first", "full"])
def test_the_order_of_rows_and_lazy_frames_change_nothing(event: latency.Event) -> None:
    tables = shop(**observed(sample(4, 60, ties=True)), as_of=NOW)
    for metric in (capture_latency, capture_curve):
        expected = metric(tables, by="status", event=event)
        assert_frame_equal(metric(shuffled(tables, 1), by="status", event=event), expected, abs_tol=1e-12)
        assert_frame_equal(metric(tables.lazy(), by="status", event=event), expected)


def test_the_plan_is_one_query_that_can_be_serialized() -> None:
    tables: Tables[pl.LazyFrame] = tables_of(shop(**observed(sample(5, 20, ties=True)), as_of=NOW))
    now = effective_as_of(None, tables)
    plan = latency.latency_plan(tables, by="status", event="full", quantiles=(0.5,), windows=("24h",), now=now)
    assert_frame_equal(pl.LazyFrame.deserialize(BytesIO(plan.serialize())).collect(), plan.collect())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"by": "country"},
            "the orders table has no column 'country'; did you mean 'purchase_country'? help(om.Tables) lists",
        ),
        ({"by": pl.col("country") == "SE"}, "no column 'country'"),
        ({"by": "weekday"}, "no column 'weekday'; help(om.Tables) lists all columns"),
        ({"quantiles": (50,)}, "between 0 and 1"),
        (
            {"within": "3 days"},
            "invalid duration '3 days'; use a number and a unit, such as '90m', '72h', '7d' or '2w'",
        ),
        ({"within": ["72"]}, "invalid duration '72'"),
        ({"within": "72H"}, "invalid duration '72H'"),
        ({"event": "last"}, "invalid event 'last'; use 'first' or 'full'"),
    ],
)
def test_invalid_arguments_are_reported(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        capture_latency(shop(), **wrong)


def test_data_other_than_orders_is_refused() -> None:
    with pytest.raises(TypeError, match="expected Orders or Tables, not a DataFrame"):
        capture_latency(pl.DataFrame())
