"""Periods as groups, and which of them are old enough to be judged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from shop_tables import at, shop

from om_toolkit.metrics import by_period, capture_latency, refund_ratio


def created(*moments: datetime) -> Any:
    return shop(orders=[{"order_id": str(n), "created_at": moment} for n, moment in enumerate(moments)])


@pytest.mark.parametrize(
    ("every", "first", "last"),
    [
        # Local midnights, in UTC: clocks go forward on 30 March 2025 in Sweden, and back on 26 October.
        ("1d", datetime(2025, 3, 29, 23, tzinfo=UTC), datetime(2025, 3, 30, 22, tzinfo=UTC)),  # 23 hours
        ("1d", datetime(2025, 10, 25, 22, tzinfo=UTC), datetime(2025, 10, 26, 23, tzinfo=UTC)),  # 25 hours
        ("1w", datetime(2025, 3, 23, 23, tzinfo=UTC), datetime(2025, 3, 30, 22, tzinfo=UTC)),
        ("1mo", datetime(2025, 2, 28, 23, tzinfo=UTC), datetime(2025, 3, 31, 22, tzinfo=UTC)),
        ("1q", datetime(2024, 12, 31, 23, tzinfo=UTC), datetime(2025, 3, 31, 22, tzinfo=UTC)),
        ("1y", datetime(2024, 12, 31, 23, tzinfo=UTC), datetime(2025, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_period_begins_and_ends_at_a_local_midnight(every: str, first: datetime, last: datetime) -> None:
    moments = [first - timedelta(microseconds=1), first, last - timedelta(microseconds=1), last]
    rows = capture_latency(created(*moments), by=by_period(every, time_zone="Europe/Stockholm"))
    assert rows["orders"].to_list() == [1, 2, 1]
    assert rows[f"created_at_{every}"][1] == (first + timedelta(hours=2)).date()


def test_a_day_can_begin_after_midnight() -> None:
    # In Beirut clocks went from 00:00 to 01:00 on 30 March 2025: that day began at 01:00.
    day = capture_latency(created(datetime(2025, 3, 29, 22, tzinfo=UTC)), by=by_period("1d", time_zone="Asia/Beirut"))
    assert day["created_at_1d"].to_list() == [date(2025, 3, 30)]


def test_weeks_begin_on_monday_and_any_time_can_be_used() -> None:
    tables = shop(orders=[{"order_id": "a", "captured_amount": 5, "expires_at": datetime(2025, 1, 5, tzinfo=UTC)}])
    rows = refund_ratio(tables, by=by_period("1w", of="expires_at"))
    assert rows["expires_at_1w"].to_list() == [date(2024, 12, 30)]


@pytest.mark.parametrize("every", ["1h", "week", "1", "0d", "", "-1w", "1.5d"])
def test_an_invalid_period_is_refused(every: str) -> None:
    with pytest.raises(ValueError, match=f"invalid period {every!r}; use a number and d, w, mo, q or y"):
        by_period(every)


def test_an_unknown_time_or_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no column 'updated_at'"):
        capture_latency(shop(), by=by_period("1w", of="updated_at"))
    with pytest.raises(ValueError, match="unknown time zone 'Europe/Atlantis'; use a name of the IANA database"):
        by_period("1w", time_zone="Europe/Atlantis")


def cohorts(waits: int = 0) -> Any:
    """Make ten orders on each of the first four days, captured after 1 to 10 hours, and some waiting ones."""
    orders = [
        {"order_id": f"{day}-{hour}", "created_at": at(24 * day), "status": "CAPTURED"}
        for day in range(4)
        for hour in range(1, 11)
    ]
    captures = [
        {"order_id": f"{day}-{hour}", "captured_at": at(24 * day + hour)} for day in range(4) for hour in range(1, 11)
    ]
    orders += [{"order_id": f"w{n}", "created_at": at(0), "status": "AUTHORIZED"} for n in range(waits)]
    return shop(orders=orders, captures=captures, as_of=at(24 * 3 + 8.5))


def test_a_cohort_is_mature_when_its_youngest_order_is_as_old_as_the_90_percent_quantile() -> None:
    # 90 % of all are captured within 9 hours. The youngest day is 8.5 hours old, or 9, or the whole of it 32.5.
    rows = capture_latency(cohorts(), by=by_period("1d"))
    assert rows["mature"].to_list() == [True, True, True, False]
    assert capture_latency(cohorts(), by=by_period("1d"), as_of=at(81))["mature"].to_list() == [True] * 4
    youngest = capture_latency(cohorts(), by=[by_period("1mo"), pl.col("status")])
    assert youngest["mature"].to_list() == [False]


def test_orders_that_are_never_captured_do_not_keep_a_cohort_from_maturity() -> None:
    # Twenty more orders of the first day wait on: less than 90 % are ever captured, but nothing more is to come.
    assert capture_latency(cohorts(waits=20), by=by_period("1d"))["mature"].to_list() == [True, True, True, False]


def test_a_cohort_in_which_no_order_is_waiting_is_mature_at_any_age() -> None:
    orders = [
        {"order_id": "a", "created_at": at(0), "status": "CAPTURED"},
        {"order_id": "b", "created_at": at(48), "status": "CAPTURED"},
        {"order_id": "c", "created_at": at(48), "status": "CANCELLED"},
    ]
    captures = [{"order_id": "a", "captured_at": at(40)}, {"order_id": "b", "captured_at": at(49)}]
    tables = shop(orders=orders, captures=captures, as_of=at(50))
    assert capture_latency(tables, by=by_period("1d"))["mature"].to_list() == [True, True]


def test_a_cohort_is_as_old_as_its_youngest_order_when_that_was_fetched() -> None:
    # All orders with a capture have it after 10 h. The waiting one was created last, and fetched after 9 or 11 h.
    orders = [
        *({"order_id": f"{n}", "created_at": at(n), "status": "CAPTURED", "seen_at": at(11)} for n in range(3)),
        {"order_id": "w", "created_at": at(3), "status": "AUTHORIZED"},
    ]
    captures = [{"order_id": f"{n}", "captured_at": at(n + 10)} for n in range(3)]
    for seen, is_mature in ((12, False), (13, True)):
        orders[-1]["seen_at"] = at(seen)
        found = capture_latency(shop(orders=orders, captures=captures, as_of=at(99)), by=by_period("1d"))
        assert found["mature"].to_list() == [is_mature]


def test_without_any_capture_no_cohort_with_a_waiting_order_is_mature() -> None:
    tables = shop(orders=[{"order_id": "a", "status": "AUTHORIZED", "created_at": at(0)}], as_of=at(9000))
    assert capture_latency(tables, by=by_period("1d"))["mature"].to_list() == [False]


def test_weighted_by_amount_a_cohort_is_compared_with_its_currency() -> None:
    # Kronor take 2 h, yen 30 h; of each the second order waits, for 5 h.
    orders = [
        {"order_id": f"{currency}{day}", "purchase_currency": currency, "order_amount": 7, "created_at": at(24 * day)}
        for currency in ("SEK", "JPY")
        for day in (0, 1)
    ]
    captures = [{"order_id": "SEK0", "captured_at": at(2)}, {"order_id": "JPY0", "captured_at": at(30)}]
    status = {"SEK0": "CAPTURED", "JPY0": "CAPTURED"}
    rows = [{**order, "status": status.get(order["order_id"], "AUTHORIZED")} for order in orders]
    found = capture_latency(shop(orders=rows, captures=captures, as_of=at(30)), by=by_period("1d"), weight="amount")
    assert found.select("purchase_currency", "mature").rows() == [
        ("JPY", True),
        ("SEK", True),
        ("JPY", False),
        ("SEK", True),
    ]


def test_only_groups_of_time_have_maturity_and_it_is_null_without_as_of() -> None:
    assert "mature" not in capture_latency(cohorts(), by="status").columns
    months = capture_latency(cohorts(), by=pl.col("created_at").dt.truncate("1mo"))
    assert months.columns[-1] == "mature"
    unknown = shop(orders=[{"order_id": "a", "status": "AUTHORIZED"}])
    assert capture_latency(unknown, by=by_period("1d")).select("created_at_1d", "mature").rows() == [(None, None)]
    assert capture_latency(shop(), by=by_period("1d")).schema == capture_latency(cohorts(), by=by_period("1d")).schema
