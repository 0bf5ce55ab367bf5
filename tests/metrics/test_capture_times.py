"""Captures by local weekday and hour."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from shop_tables import shop

import om_toolkit as om


def captured(*times: datetime | None, amount: int = 100) -> om.Tables[pl.DataFrame]:
    """Make one order with a capture at each time."""
    order = {"order_id": "a", "purchase_country": "SE", "purchase_currency": "SEK", "status": "CAPTURED"}
    captures = [{"order_id": "a", "captured_amount": amount, "captured_at": time} for time in times]
    return shop(orders=[order], captures=captures)


def counted(tables: om.Tables[pl.DataFrame], time_zone: str = "UTC") -> dict[tuple[int, int], int]:
    frame = om.capture_times(tables, time_zone=time_zone)
    return {(weekday, hour): captures for weekday, hour, captures in frame.rows() if captures}


def test_weekday_and_hour_are_local() -> None:
    sunday = captured(datetime(2026, 11, 1, 23, 30, tzinfo=UTC))  # 2026-11-01 is a Sunday
    assert counted(sunday) == {(7, 23): 1}
    assert counted(sunday, "Europe/Stockholm") == {(1, 0): 1}


def test_the_hour_that_clocks_repeat_has_both() -> None:
    twice = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]  # both 02:30 in Stockholm
    assert counted(captured(*twice), "Europe/Stockholm") == {(7, 2): 2}


def test_every_hour_of_the_week_is_there_once_in_order() -> None:
    frame = om.capture_times(captured(datetime(2026, 11, 1, tzinfo=UTC)), by="purchase_country")
    assert frame.columns == ["purchase_country", "weekday", "hour", "captures"]
    assert frame.select("weekday", "hour").rows() == [(day, hour) for day in range(1, 8) for hour in range(24)]
    assert frame["captures"].sum() == 1


def test_captures_of_nothing_or_at_no_time_are_left_out() -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    assert counted(captured(at, amount=0)) == {}
    assert counted(captured(at, None)) == {(7, 0): 1}


def test_a_missing_group_is_a_group_of_its_own() -> None:
    tables = captured(datetime(2026, 11, 1, tzinfo=UTC))
    frame = om.capture_times(tables, by="customer_type")
    assert (frame.height, frame["customer_type"].null_count(), frame["captures"].sum()) == (168, 168, 1)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown time zone 'Mars/Olympus'"):
        om.capture_times(om.Orders(), time_zone="Mars/Olympus")
