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
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times, qth_survival_times
from polars.testing import assert_frame_equal
from property_tests import examples
from shop_tables import at, shop, shuffled

from om_toolkit.metrics import by_period, capture_curve, capture_latency, captured_orders, latency
from om_toolkit.metrics.captured_orders import Estimand
from om_toolkit.metrics.expressions import effective_as_of
from om_toolkit.metrics.grouping import groups_of
from om_toolkit.tables.tables import tables_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from om_toolkit.tables.tables import Tables

Observed = tuple[float, str]  # hours since creation, and the outcome
Event = captured_orders.Event
STATUSES = {
    "captured": "CAPTURED",
    "waiting": "AUTHORIZED",
    "expired": "EXPIRED",
    "cancelled": "CANCELLED",
    "other": "CLOSED",
}
OUTCOMES = tuple(STATUSES)
NOW = at(1000)


def observed(orders: Iterable[Observed], country: str | None = "SE", **more: Any) -> dict[str, list[dict[str, Any]]]:
    """Make orders that are captured after the given hours, or were created these hours before `NOW`."""
    rows: dict[str, list[dict[str, Any]]] = {"orders": [], "captures": []}
    for number, (hours, outcome) in enumerate(orders):
        order_id = f"{country}-{number}"
        is_captured = outcome == "captured"
        order = {"order_id": order_id, "purchase_country": country, "status": STATUSES[outcome], **more}
        rows["orders"].append({**order, "created_at": at(0 if is_captured else 1000 - hours)})
        if is_captured:
            rows["captures"].append({"order_id": order_id, "captured_at": at(hours)})
    return rows


def sample(seed: int, size: int = 300, *, ties: bool) -> list[Observed]:
    random = np.random.default_rng(seed)
    hours = np.ceil(random.exponential(40, size)) if ties else (1 + random.permutation(size)) / 4
    outcomes = random.choice(OUTCOMES, size, p=(0.6, 0.1, 0.1, 0.1, 0.1))
    return list(zip(hours.tolist(), outcomes.tolist(), strict=True))


def fitted(orders: Iterable[Observed], weights: Any = None) -> Any:
    """Return lifelines' fit of the captures, where all else is censored."""
    hours, outcomes = zip(*orders, strict=True)
    return KaplanMeierFitter().fit(hours, [outcome == "captured" for outcome in outcomes], weights=weights)


def finite(values: Iterable[float]) -> list[float | None]:
    return [None if np.isinf(value) else float(value) for value in values]


def only(frame: pl.DataFrame) -> dict[str, Any]:
    return frame.row(0, named=True)


@pytest.mark.parametrize("ties", [False, True])
def test_the_curve_and_its_interval_are_those_of_lifelines(ties: bool) -> None:  # noqa: FBT001 - a parameter of the test
    orders = sample(1, ties=ties)
    fit, curve = fitted(orders), capture_curve(shop(**observed(orders), as_of=NOW))
    table = fit.event_table.loc[lambda rows: rows["observed"] > 0]
    assert curve["hours"].to_list() == table.index.to_list()
    assert curve.select("at_risk", "captured").to_numpy().tolist() == table[["at_risk", "observed"]].to_numpy().tolist()
    theirs = fit.survival_function_.join(fit.confidence_interval_).loc[table.index].to_numpy()
    ours = 1 - curve.select("captured_share", "captured_share_high", "captured_share_low").to_numpy()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_the_interval_has_no_width_where_every_order_is_captured_as_in_lifelines() -> None:
    orders = [(1.0, "waiting"), (2.0, "captured"), (3.0, "captured")]
    curve = capture_curve(shop(**observed(orders), as_of=NOW))
    assert curve.rows()[-1] == (3, 1, 1, 1, 1, 1)
    assert fitted(orders).confidence_interval_.loc[3].tolist() == [0, 0]


@pytest.mark.parametrize("seed", range(4))
def test_quantiles_and_windows_with_their_intervals_are_those_of_lifelines(seed: int) -> None:
    orders = sample(seed, 40 * (seed + 1), ties=True)
    fit = fitted(orders)
    row = only(capture_latency(shop(**observed(orders), as_of=NOW), quantiles=(0.3, 0.5, 0.8), within=("24h", "60h")))
    for q in (0.3, 0.5, 0.8):
        name = f"p{100 * q:.0f}_hours"
        bounds = finite(qth_survival_times(1 - q, fit.confidence_interval_).iloc[0])
        expected = [*finite([qth_survival_times(1 - q, fit.survival_function_)]), *bounds]
        assert [row[name], row[f"{name}_low"], row[f"{name}_high"]] == pytest.approx(expected, abs=1e-9)
    for hours in (24, 60):
        low, high = 1 - fit.confidence_interval_.loc[:hours].iloc[-1].to_numpy()[::-1]
        name = f"within_{hours}h"
        found = [row[name], row[f"{name}_low"], row[f"{name}_high"]]
        assert found == pytest.approx([1 - fit.predict(hours), low, high], abs=1e-9)


orders_with_ties = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(OUTCOMES)), min_size=1, max_size=25)


@settings(derandomize=True, deadline=None, max_examples=examples(40))
@given(orders_with_ties)
def test_quantiles_and_shares_equal_their_definition_in_fractions(orders: list[Observed]) -> None:
    row = only(capture_latency(shop(**observed(orders), as_of=NOW), within=("3h",)))
    survival, curve = Fraction(1), {}
    for hours in sorted({hours for hours, _ in orders}):
        survival *= 1 - Fraction(orders.count((hours, "captured")), sum(other >= hours for other, _ in orders))
        curve[hours] = survival
    for name, level in (("p50_hours", "0.5"), ("p90_hours", "0.1"), ("p95_hours", "0.05")):
        assert row[name] == next((hours for hours, step in curve.items() if step <= Fraction(level)), None)
    is_seen = max(curve) >= 3 or "waiting" not in [outcome for _, outcome in orders]
    share = 1 - min([step for hours, step in curve.items() if hours <= 3], default=Fraction(1))
    assert row["within_3h"] == (pytest.approx(float(share)) if is_seen else None)
    captured = [hours for hours, outcome in orders if outcome == "captured"]
    assert row["captured_only_p50_hours"] == (np.median(captured) if captured else None)
    assert [row[name] for name in OUTCOMES] == [sum(name == other for _, other in orders) for name in OUTCOMES]


def weighted_sample(seed: int, size: int) -> tuple[list[Observed], list[int]]:
    amounts = np.random.default_rng(seed + 100).lognormal(9, 0.8, size).astype(int).tolist()
    return sample(seed, size, ties=True), amounts


def with_amounts(orders: list[Observed], amounts: Iterable[int]) -> dict[str, list[dict[str, Any]]]:
    rows = observed(orders, purchase_currency="SEK")
    for order, amount in zip(rows["orders"], amounts, strict=True):
        order["order_amount"] = amount
    return rows


def test_weighted_by_amount_quantiles_and_shares_are_those_of_lifelines_with_weights() -> None:
    orders, amounts = weighted_sample(1, 150)
    fit = fitted(orders, amounts)
    windows = [f"{hours}h" for hours in range(5, 100, 5)]
    tables = shop(**with_amounts(orders, amounts), as_of=NOW)
    row = only(capture_latency(tables, weight="amount", within=windows, quantiles=(0.3, 0.5)))
    for window in windows:
        assert row[f"within_{window}"] == pytest.approx(1 - fit.predict(float(window[:-1])), abs=1e-9)
    expected = qth_survival_times([0.7, 0.5], fit.survival_function_).iloc[:, 0].tolist()
    assert [row["p30_hours"], row["p50_hours"]] == pytest.approx(expected, abs=1e-9)
    assert row["purchase_currency"] == "SEK"


def test_equal_amounts_weigh_like_orders() -> None:
    orders = sample(2, 80, ties=True)
    rows = with_amounts(orders, [700] * 80)
    weighted, plain = (
        only(capture_latency(shop(**rows, as_of=NOW), by="purchase_currency", weight=weight))
        for weight in ("amount", "orders")
    )
    assert weighted == pytest.approx(plain, abs=1e-9)


@pytest.mark.slow
def test_the_variance_of_the_weighted_share_is_that_of_a_bootstrap() -> None:
    # The interval is log-log: ln(-ln S) ± z √V / |ln S| gives V back.
    orders, amounts = weighted_sample(3, 500)
    tables = shop(**with_amounts(orders, amounts), as_of=NOW)
    row = only(capture_latency(tables, weight="amount", within=("24h", "48h")))
    random = np.random.default_rng(5)
    hours, is_captured = np.array([hours for hours, _ in orders]), np.array([end == "captured" for _, end in orders])
    picks = random.integers(0, 500, (2000, 500))
    for window in (24, 48):
        survivals = []
        for pick in picks:
            times, weights = hours[pick], np.array(amounts, dtype=float)[pick]
            steps = np.unique(times[is_captured[pick] & (times <= window)])
            at_risk = (weights * (times >= steps[:, None])).sum(axis=1)
            captured = (weights * ((times == steps[:, None]) & is_captured[pick])).sum(axis=1)
            survivals.append(np.prod(1 - captured / at_risk))
        survival, upper = 1 - row[f"within_{window}h"], 1 - row[f"within_{window}h_low"]
        deviation = np.log(np.log(survival) / np.log(upper)) * -np.log(survival) / 1.959963984540054
        assert deviation**2 == pytest.approx(np.var(np.log(survivals)), rel=0.1)


def test_weighted_orders_without_an_amount_are_excluded_and_one_of_0_has_no_weight() -> None:
    orders = [(1.0, "captured"), (2.0, "captured"), (3.0, "captured"), (4.0, "captured"), (9.0, "waiting")]
    rows = with_amounts(orders, [30, 0, 70, -5, 0])
    rows["orders"].append({"order_id": "x", "status": "AUTHORIZED", "created_at": at(0), "purchase_currency": "SEK"})
    row = only(capture_latency(shop(**rows, as_of=NOW), weight="amount", within=("1h", "2h", "9h")))
    assert (row["orders"], row["captured"], row["waiting"], row["excluded"]) == (6, 3, 1, 2)
    assert [row["within_1h"], row["within_2h"], row["within_9h"]] == pytest.approx([0.3, 0.3, 1])
    assert (row["p50_hours"], row["captured_only_p50_hours"]) == (3, 3)


def test_amounts_of_two_currencies_are_weighed_apart() -> None:
    rows = with_amounts([(1.0, "captured"), (2.0, "captured"), (2.0, "waiting")], [10, 30, 60])
    rows["orders"][0]["purchase_currency"] = "JPY"
    frame = capture_latency(shop(**rows, as_of=NOW), by="purchase_country", weight="amount", within="2h")
    assert frame.columns[:2] == ["purchase_country", "purchase_currency"]
    assert frame.select("purchase_currency", "within_2h").rows() == [("JPY", 1), ("SEK", pytest.approx(1 / 3))]


CASES: dict[str, tuple[dict[str, Any], list[tuple[float | None, int | None]], Observed | None, Observed | None]] = {
    # the order (of 100), its captures (hour, amount), its outcome by "first" and by "full" at 100 h, seen at 90 h
    "captured immediately": ({"status": "CAPTURED"}, [(0, 100)], (0, "captured"), (0, "captured")),
    "captures arrive unsorted": (
        {"status": "CAPTURED"},
        [(9, 20), (7, 20), (5, 20), (3, 20), (8, 20)],
        (3, "captured"),
        (9, "captured"),
    ),
    "captured too much": ({"status": "CAPTURED"}, [(9, 100), (1, 10), (3, 90)], (1, "captured"), (3, "captured")),
    "part captured": ({"status": "PART_CAPTURED"}, [(5, 40)], (5, "captured"), (90, "waiting")),
    "part captured, rest released": (
        {"status": "PART_CAPTURED", "remaining_authorized_amount": 0},
        [(5, 40)],
        (5, "captured"),
        (100, "other"),
    ),
    "captured, rest released": ({"status": "CAPTURED"}, [(5, 40)], (5, "captured"), (100, "other")),
    "captured in part, then cancelled": ({"status": "CANCELLED"}, [(5, 40)], (5, "captured"), (100, "cancelled")),
    "captured and refunded": ({"status": "CLOSED"}, [(5, 100)], (5, "captured"), (5, "captured")),
    "closed without a capture": ({"status": "CLOSED"}, [], (100, "other"), (100, "other")),
    "cancelled": ({"status": "CANCELLED"}, [], (100, "cancelled"), (100, "cancelled")),
    "cancelled, never seen": ({"status": "CANCELLED", "seen_at": None}, [], (100, "cancelled"), (100, "cancelled")),
    "open": ({"status": "AUTHORIZED", "expires_at": at(672)}, [], (90, "waiting"), (90, "waiting")),
    "open, overdue": ({"status": "AUTHORIZED", "expires_at": at(60)}, [], (90, "waiting"), (90, "waiting")),
    "open, not known when seen": ({"status": "AUTHORIZED", "seen_at": None}, [], (100, "waiting"), (100, "waiting")),
    "open, seen later": ({"status": "AUTHORIZED", "seen_at": at(300)}, [], (100, "waiting"), (100, "waiting")),
    "open, seen before it was created": (
        {"status": "AUTHORIZED", "seen_at": at(-1)},
        [],
        (0, "waiting"),
        (0, "waiting"),
    ),
    "expired": ({"status": "EXPIRED", "expires_at": at(60)}, [], (100, "expired"), (100, "expired")),
    "expired in part": ({"status": "EXPIRED", "expires_at": at(60)}, [(5, 40)], (5, "captured"), (100, "expired")),
    "expired, time missing": ({"status": "EXPIRED"}, [], (100, "expired"), (100, "expired")),
    "expired after as_of": ({"status": "EXPIRED", "expires_at": at(200)}, [], (100, "waiting"), (100, "waiting")),
    "captured after as_of": (
        {"status": "CAPTURED", "seen_at": at(300)},
        [(101, 100)],
        (100, "waiting"),
        (100, "waiting"),
    ),
    "half captured after as_of": (
        {"status": "CAPTURED", "seen_at": at(300)},
        [(5, 50), (101, 50)],
        (5, "captured"),
        (100, "waiting"),
    ),
    "captured in part after as_of, then cancelled": (
        {"status": "CANCELLED", "seen_at": at(300)},
        [(101, 50)],
        (100, "waiting"),
        (100, "waiting"),
    ),
    "captured two minutes before it was created": ({"status": "CAPTURED"}, [(-2 / 60, 100)], None, None),
    "captured by a clock that is a minute slow": (
        {"status": "CAPTURED"},
        [(-1 / 60, 100)],
        (0, "captured"),
        (0, "captured"),
    ),
    "created after as_of": ({"status": "AUTHORIZED", "created_at": at(101)}, [], None, None),
    "never created": ({"status": "CAPTURED", "created_at": None}, [(5, 100)], None, None),
    "captured without a capture": ({"status": "CAPTURED"}, [], (100, "other"), (100, "other")),
    "part captured without a capture": ({"status": "PART_CAPTURED"}, [], (90, "waiting"), (90, "waiting")),
    "a capture without its time": ({"status": "CAPTURED"}, [(None, 60), (5, 40)], (5, "captured"), (100, "other")),
    "a capture of nothing": ({"status": "AUTHORIZED"}, [(5, 0)], (90, "waiting"), (90, "waiting")),
    "a capture of nothing before one of all": (
        {"status": "CAPTURED"},
        [(2, 0), (5, 100)],
        (5, "captured"),
        (5, "captured"),
    ),
    "a capture without its amount": ({"status": "CAPTURED"}, [(5, None)], (5, "captured"), (100, "other")),
    "unknown status": ({"status": "ON_HOLD"}, [], (90, "other"), (90, "other")),
    "no status": ({}, [], (90, "other"), (90, "other")),
    "no order amount": ({"status": "CAPTURED", "order_amount": None}, [(5, 100)], (5, "captured"), None),
    "open, no order amount": ({"status": "AUTHORIZED", "order_amount": None}, [], (90, "waiting"), None),
}


@pytest.mark.parametrize("event", ["first", "full"])
@pytest.mark.parametrize("case", CASES)
def test_every_order_has_one_outcome_or_is_excluded(case: str, event: Event) -> None:
    order, captures, first, full = CASES[case]
    expected = first if event == "first" else full
    tables = shop(
        orders=[{"order_id": "a", "order_amount": 100, "created_at": at(0), "seen_at": at(90), **order}],
        captures=[
            {"order_id": "a", "captured_at": None if hour is None else at(hour), "captured_amount": amount}
            for hour, amount in captures
        ],
        as_of=at(100),
    )
    row = only(capture_latency(tables, event=event, within=()))
    counts = {name: row[name] for name in (*OUTCOMES, "excluded")}
    assert counts == {name: int(name == (expected[1] if expected else "excluded")) for name in counts}
    assert row["orders"] == 1
    ends = captured_orders.order_ends(
        tables_of(tables), groups_of(tables_of(tables).orders, ()), Estimand(event, "orders", pl.lit(at(100)))
    ).collect()
    code = None if expected is None else round(expected[0] * 3.6e9) * len(OUTCOMES) + OUTCOMES.index(expected[1])
    assert ends["end"].item() == code


def test_without_as_of_only_captures_and_what_was_seen_count() -> None:
    orders = [
        {"order_id": "a", "status": "AUTHORIZED", "created_at": at(0), "seen_at": at(8)},
        {"order_id": "b", "status": "AUTHORIZED", "created_at": at(0)},
        {"order_id": "c", "status": "CAPTURED", "created_at": at(0)},
        {"order_id": "d", "status": "CANCELLED", "created_at": at(0), "seen_at": at(8)},
    ]
    tables = shop(orders=orders, captures=[{"order_id": "c", "captured_at": at(5)}])
    row = only(capture_latency(tables, by=by_period("1y")))
    assert (row["captured"], row["waiting"], row["cancelled"], row["excluded"]) == (1, 1, 1, 1)
    assert row["mature"] is None
    assert capture_curve(tables).select("hours", "at_risk").rows() == [(5, 3)]


def test_orders_fetched_at_different_times_can_be_analysed_together() -> None:
    # Two were captured at 10 h. Of those not captured one was seen at 5 h only: it says nothing about 10 h, although
    # the others were seen at 100 h. The cancelled one was not fetched again, and is known not to be captured.
    orders = [
        {"order_id": "a", "status": "CAPTURED", "created_at": at(0), "seen_at": at(20)},
        {"order_id": "b", "status": "CAPTURED", "created_at": at(0), "seen_at": at(100)},
        {"order_id": "c", "status": "AUTHORIZED", "created_at": at(0), "seen_at": at(5)},
        {"order_id": "d", "status": "CANCELLED", "created_at": at(0), "seen_at": at(5)},
    ]
    captures = [{"order_id": name, "captured_at": at(10)} for name in "ab"]
    row = only(capture_latency(shop(orders=orders, captures=captures, as_of=at(100)), within="24h"))
    assert row["within_24h"] == pytest.approx(2 / 3)


def test_as_of_defaults_to_that_of_the_data() -> None:
    tables = shop(**observed([(5.0, "captured"), (9.0, "captured")]), as_of=at(7))
    assert capture_latency(tables)["captured"].item() == 1
    assert capture_latency(tables, as_of=at(9))["captured"].item() == 2
    assert capture_curve(tables, as_of=at(5))["hours"].to_list() == [5]
    assert capture_curve(tables, as_of=at(4)).height == 0


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
def test_a_capture_without_an_order_id_belongs_to_no_order(event: Event) -> None:
    order = {"order_id": None, "status": "AUTHORIZED", "order_amount": 100, "created_at": at(0)}
    capture = {"order_id": None, "captured_at": at(5), "captured_amount": 100}
    row = capture_latency(shop(orders=[order], captures=[capture], as_of=NOW), event=event).row(0, named=True)
    assert (row["orders"], row["captured"], row["waiting"]) == (1, 0, 1)


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_of_the_median_is_lifelines_where_many_are_captured_simultaneously(seed: int) -> None:
    random = np.random.default_rng(seed)
    drawn = zip(random.integers(1, 4, 30), random.choice(OUTCOMES[:3], 30), strict=True)
    orders = [(float(hour), str(outcome)) for hour, outcome in drawn]
    row = only(capture_latency(shop(**observed(orders), as_of=NOW)))
    expected = finite(median_survival_times(fitted(orders).confidence_interval_).iloc[0])
    assert [row["p50_hours_low"], row["p50_hours_high"]] == expected


def test_a_quantile_is_reached_where_the_curve_touches_its_level() -> None:
    # Ten captures, one an hour: 9 h leave 0.1, which 1 - 0.9 misses by a rounding error; 5 h leave 0.5.
    row = capture_latency(shop(**observed((hour, "captured") for hour in range(1, 11)))).row(0, named=True)
    assert (row["p50_hours"], row["p90_hours"], row["p95_hours"]) == (5, 9, 10)
    assert row["captured_only_p50_hours"] == 5.5


def test_orders_that_were_never_captured_stay_in_the_denominator() -> None:
    # Of six, all observed for 500 h, two are captured: a third, whatever became of the others.
    orders = [(1, "captured"), (3, "captured"), *((500, outcome) for outcome in OUTCOMES[1:])]
    row = only(capture_latency(shop(**observed(orders), as_of=NOW), within=("30m", "1h", "500h", "501h")))
    shares = [row[f"within_{window}"] for window in ("30m", "1h", "500h", "501h")]
    assert shares == [0, pytest.approx(1 / 6), pytest.approx(1 / 3), None]
    assert (row["p50_hours"], row["p90_hours"], row["p95_hours"]) == (None, None, None)


def test_a_window_beyond_the_last_order_has_a_share_if_no_order_is_waiting() -> None:
    row = only(capture_latency(shop(**observed([(1, "captured"), (2, "expired")]), as_of=NOW), within="1w"))
    assert row["within_1w"] == 0.5


def test_columns_are_named_after_quantiles_and_windows() -> None:
    columns = capture_latency(shop(), quantiles=(0.25, 0.995), within=("90m", "7d")).columns
    names = ["p25_hours", "p99_5_hours", "within_90m", "within_7d"]
    p25, p99, within_90m, within_7d = ([name, f"{name}_low", f"{name}_high"] for name in names)
    assert columns[:7] == ["orders", *OUTCOMES, "excluded"]
    assert columns[7:] == [*p25, *p99, "captured_only_p50_hours", *within_90m, *within_7d]


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
    tables = shop(orders=[{"order_id": "a", "status": "CANCELLED", "created_at": None}], as_of=NOW)
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
def test_the_order_of_rows_and_lazy_frames_change_nothing(event: Event) -> None:
    tables = shop(**observed(sample(4, 60, ties=True)), as_of=NOW)
    for metric in (capture_latency, capture_curve):
        expected = metric(tables, by="status", event=event)
        assert_frame_equal(metric(shuffled(tables, 1), by="status", event=event), expected, abs_tol=1e-12)
        assert_frame_equal(metric(tables.lazy(), by="status", event=event), expected)


def test_the_plan_is_one_query_that_can_be_serialized() -> None:
    tables: Tables[pl.LazyFrame] = tables_of(shop(**observed(sample(5, 20, ties=True)), as_of=NOW))
    estimand = Estimand("full", "amount", effective_as_of(None, tables))
    plan = latency.latency_plan(tables, by="status", estimand=estimand, quantiles=(0.5,), windows=("24h",))
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
            "invalid duration '3 days' in within; use a number and a unit, such as '90m', '72h', '7d' or '2w'",
        ),
        ({"within": ["72"]}, "invalid duration '72'"),
        ({"within": "72H"}, "invalid duration '72H'"),
        ({"within": [24]}, "invalid duration 24 in within"),
        ({"within": 24}, "invalid duration 24 in within"),
        ({"event": "last"}, "invalid event 'last'; use 'first' or 'full'"),
        ({"weight": "money"}, "invalid weight 'money'; use 'orders' or 'amount'"),
    ],
)
def test_invalid_arguments_are_reported(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        capture_latency(shop(), **wrong)


def test_data_other_than_orders_is_refused() -> None:
    with pytest.raises(TypeError, match="expected Orders or Tables, not a DataFrame"):
        capture_latency(pl.DataFrame())


def test_one_quantile_needs_no_list() -> None:
    assert_frame_equal(capture_latency(shop(), quantiles=0.75), capture_latency(shop(), quantiles=[0.75]))


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("carrier", "did you mean 'selected_shipping_option_carrier'"),
        ("shipping_company", "it is one of shipments, of which an order can have several"),
        ("refunded_at", "it is one of refunds, of which an order can have several"),
        ("nothing_like_it", "no column 'nothing_like_it'; help"),
    ],
)
def test_an_unknown_column_has_a_hint(by: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        capture_latency(shop(), by=by)
