"""Cells as text: rows worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest

from om_toolkit.support.instants import as_of_text
from om_toolkit.views.formatting import amount, count, format_rows, hours, percent, text


@pytest.mark.parametrize(
    ("value", "written"), [("Home", "Home"), ("", ""), (None, "(none)"), (2026, "2026"), ("<b>", "<b>")]
)
def test_a_missing_name_is_none(value: object, written: str) -> None:
    assert text("name")({"name": value, "other": "x"}) == written


@pytest.mark.parametrize(("value", "written"), [(0, "0"), (7, "7"), (999, "999"), (1234567, "1,234,567")])
def test_counts_have_their_thousands_apart(value: int, written: str) -> None:
    assert count("orders")({"orders": value, "captured": 5}) == written


@pytest.mark.parametrize(
    ("minor_units", "currency", "written"),
    [
        (1234550, "SEK", "12,345.50 SEK"),
        (1234550, "JPY", "1,234,550 JPY"),
        (1234550, "KWD", "1,234.550 KWD"),
        (1234550, "XYZ", "1,234,550 minor units of XYZ"),
        (1234550, None, "1,234,550 minor units of ?"),
        (0, "SEK", "0.00 SEK"),
        (-199, "SEK", "-1.99 SEK"),
        (9007199254740993, "SEK", "90,071,992,547,409.93 SEK"),  # not representable as a float
        (None, "SEK", "-"),
        (None, None, "-"),
    ],
)
def test_amounts_have_the_currency_of_their_row(minor_units: int | None, currency: str | None, written: str) -> None:
    assert amount("paid")({"paid": minor_units, "purchase_currency": currency}) == written


@pytest.mark.parametrize(
    ("mean", "currency", "written"),
    [
        (30981.58, "EUR", "309.82 EUR"),
        (30981.42, "EUR", "309.81 EUR"),
        (44716.6, "JPY", "44,717 JPY"),
        (0.4, "SEK", "0.00 SEK"),
        (99.7, "SEK", "1.00 SEK"),
    ],
)
def test_a_mean_amount_is_rounded_to_the_minor_unit(mean: float, currency: str, written: str) -> None:
    assert amount("mean")({"mean": mean, "purchase_currency": currency}) == written


def figure(value: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    return {"x": value, "x_low": low, "x_high": high}


@pytest.mark.parametrize(
    ("row", "written"),
    [
        (figure(0.2217, 0.1168, 0.3803), "22.2 % (11.7\N{EN DASH}38.0)"),
        (figure(0.004, 0.0004, 0.0196), "0.4 % (0.0\N{EN DASH}2.0)"),
        (figure(0.0, 0.0, 0.5617), "0.0 % (0.0\N{EN DASH}56.2)"),
        (figure(1.0, 0.4385, 1.0), "100.0 % (43.9\N{EN DASH}100.0)"),
        (figure(0.25, None, 0.5), "25.0 % (?\N{EN DASH}50.0)"),
        (figure(0.25, 0.125, None), "25.0 % (12.5\N{EN DASH}?)"),
        (figure(0.25, None, None), "25.0 %"),
        (figure(1.5, None, None), "150.0 %"),
        (figure(None, 0.1, 0.2), "-"),
        (figure(None, None, None), "-"),
    ],
)
def test_ratios_are_written_in_per_cent_with_their_interval(row: dict[str, Any], written: str) -> None:
    assert percent("x")(row) == written


@pytest.mark.parametrize(
    ("row", "written"),
    [
        (figure(40.84, 33.36, 47.75), "40.8 h (33.4\N{EN DASH}47.8)"),
        (figure(0.0, 0.0, 0.04), "0.0 h (0.0\N{EN DASH}0.0)"),
        (figure(1420.4, 999.96, 12345.6), "1,420.4 h (1,000.0\N{EN DASH}12,345.6)"),
        (figure(24.0, 12.0, None), "24.0 h (12.0\N{EN DASH}?)"),
        (figure(24.0, None, 48.0), "24.0 h (?\N{EN DASH}48.0)"),
        (figure(24.0, None, None), "24.0 h"),
        (figure(None, 12.0, None), "-"),
        (figure(None, None, None), "-"),
    ],
)
def test_hours_are_written_with_their_interval(row: dict[str, Any], written: str) -> None:
    assert hours("x")(row) == written


@pytest.mark.parametrize(("write", "written"), [(percent, "25.0 %"), (hours, "0.2 h")])
def test_an_interval_that_is_not_wanted_is_not_written(write: Any, written: str) -> None:
    assert write("x", interval=False)(figure(0.25, 0.1, 0.5)) == written
    assert write("x", interval=False)({"x": 0.25}) == written  # the row need not have one
    assert write("x", interval=False)({"x": None}) == "-"


@pytest.mark.parametrize(
    ("as_of", "written"),
    [
        (datetime(2026, 10, 31, 12, 0, tzinfo=UTC), "as of 2026-10-31 12:00 UTC"),
        (datetime(2026, 10, 31, 1, 30, tzinfo=timezone(timedelta(hours=2))), "as of 2026-10-30 23:30 UTC"),
        (datetime(2026, 12, 31, 20, 5, tzinfo=timezone(timedelta(hours=-5))), "as of 2027-01-01 01:05 UTC"),
        (
            datetime(2026, 3, 1, 0, 15, 59, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "as of 2026-02-28 18:45 UTC",
        ),
        (None, "as of an unknown time"),
    ],
)
def test_a_moment_is_written_in_utc(as_of: datetime | None, written: str) -> None:
    assert as_of_text(as_of) == written


def test_rows_are_written_in_the_order_of_frame_and_columns() -> None:
    frame = pl.DataFrame(
        {"a": [1, 2000], "purchase_currency": ["SEK", "JPY"], "b": [150, None], "x": [0.5, None], "name": [None, "n"]}
    )
    columns = {
        "share": percent("x", interval=False),
        "group": text("name"),
        "orders": count("a"),
        "money": amount("b"),
    }
    assert format_rows(frame, columns) == [["50.0 %", "(none)", "1", "1.50 SEK"], ["-", "n", "2,000", "-"]]
    assert format_rows(frame.clear(), columns) == []
