"""Frames as people read them: cells, headings, captions, and what is never shown."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.tables.units import Unit, heading, unit_of

AT = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)


def cells(frame: pl.DataFrame, **options: Any) -> dict[str, list[str]]:
    """Return the texts of each column, by its heading."""
    shown = om.show(frame, **options)
    return {one.words: [row[place] for row in shown.rows] for place, one in enumerate(shown.headings)}


@pytest.mark.parametrize(
    ("columns", "heading", "text"),
    [
        ({"captured_amount": 1234550, "purchase_currency": "SEK"}, "captured amount", "12,345.50 SEK"),
        ({"captured_amount": 980, "purchase_currency": "JPY"}, "captured amount", "980 JPY"),
        ({"captured_amount": 980, "purchase_currency": "XYZ"}, "captured amount", "980 minor units of XYZ"),
        ({"captured_amount": 980}, "captured amount (minor units)", "980"),
        ({"average_order_value": 150.5, "purchase_currency": "EUR"}, "average order value", "1.50 EUR"),
        ({"share": 0.2217, "share_low": 0.117, "share_high": 0.38}, "share", "22.2 % (11.7\N{EN DASH}38.0)"),
        ({"within_72h": 0.5, "within_72h_low": None, "within_72h_high": None}, "within 72 h", "50.0 %"),
        (
            {"p50_hours": 43.92, "p50_hours_low": 30.0, "p50_hours_high": None},
            "half within",
            "43.9 h (30.0\N{EN DASH}?)",
        ),
        ({"p90_hours": 124.8}, "90 % within", "5.2 d"),
        (
            {"p50_days": 3.0, "p50_days_low_bound": 2.0, "p50_days_high_bound": 4.5},
            "median time",
            "3.0 d (2.0\N{EN DASH}4.5)",
        ),
        ({"tax_rate": 25.5}, "tax rate", "25.5 %"),
        ({"tax_rate": 2550}, "tax rate", "25.5 %"),
        ({"orders": 1234}, "orders", "1,234"),
        ({"mature": False}, "mature", "no"),
        ({"created_at_1mo": date(2026, 7, 1)}, "created at: month", "2026-07"),
        ({"created_at_1w": date(2026, 7, 6)}, "created at: week", "2026-07-06"),
        ({"created_at": AT}, "created at (UTC)", "2026-07-01 22:30"),
        ({"my own": 0.25}, "my own", "0.25"),
        ({"my own": "<b>"}, "my own", "<b>"),
    ],
)
def test_a_cell_has_the_unit_of_its_column(columns: dict[str, Any], heading: str, text: str) -> None:
    assert cells(pl.DataFrame([columns]))[heading] == [text]


@pytest.mark.parametrize(
    "dtype", [pl.Int64(), pl.Float64(), pl.String(), pl.Boolean(), pl.Date(), pl.Datetime("us", "UTC")]
)
@pytest.mark.parametrize(
    "name", ["captured_amount", "share", "p50_hours", "p50_days", "tax_rate", "created_at", "orders"]
)
def test_missing_is_never_zero(name: str, dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"purchase_currency": ["EUR"], name: pl.Series([None], dtype=dtype)})
    assert om.show(frame).rows[0][1] in {"-", "(none)"}


def test_all_durations_of_a_column_have_one_unit() -> None:
    assert cells(pl.DataFrame({"p50_hours": [24.0, 96.0, 240.0]}))["half within"] == ["1.0 d", "4.0 d", "10.0 d"]
    assert cells(pl.DataFrame({"p50_hours": [24.0, 25.0, 240.0]}))["half within"] == ["24.0 h", "25.0 h", "240.0 h"]


def test_times_are_local_on_request() -> None:
    local = cells(pl.DataFrame({"expires_at": [AT]}), time_zone="Europe/Stockholm")
    assert local == {"expires at (Europe/Stockholm)": ["2026-07-02 00:30"]}


def test_ids_are_whole_and_messages_wrap() -> None:
    order_id = "9f8e7d6c-0001-4abc-8def-1234567890ab"
    page = om.show(pl.DataFrame({"order_id": [order_id], "message": ["A long message. " * 10]})).html
    assert f">{order_id}</th>" in page
    assert page.count("om-text om-long") == 1


def test_copying_a_cell_copies_the_number() -> None:
    frame = pl.DataFrame({"k": ["a"], "share": [0.2217], "share_low": [0.117], "share_high": [0.38]})
    page = om.show(frame).html
    assert "<td>22.2<span> % (11.7\N{EN DASH}38.0)</span></td>" in page
    assert re.search(r"td span[^}]*user-select: none", page)


def test_a_heading_has_the_name_of_its_column_as_a_tooltip() -> None:
    assert '<th scope="col" title="within_72h">within 72 h</th>' in om.show(pl.DataFrame({"within_72h": [0.5]})).html


def test_text_of_the_data_is_escaped() -> None:
    page = om.show(pl.DataFrame({"<i>": ["<script>alert(1)</script>"]}), caption="<b>").html
    assert "<script" not in page
    assert "<i>" not in page
    assert "<caption>&lt;b&gt;" in page


def test_a_long_frame_says_how_many_rows_are_missing() -> None:
    shown = om.show(pl.DataFrame({"k": range(60)}))
    assert (len(shown.rows), shown.note) == (50, "10 more rows (rows=60)")
    assert om.show(pl.DataFrame({"k": range(60)}), rows=60).note == ""


def test_the_caption_counts_orders_and_what_was_left_out() -> None:
    tables = shop(
        as_of=at(1000),
        orders=[
            {
                "order_id": "a",
                "purchase_currency": "SEK",
                "order_amount": 100,
                "created_at": at(0),
                "status": "CAPTURED",
            },
            {
                "order_id": "b",
                "purchase_currency": "SEK",
                "order_amount": 100,
                "created_at": None,
                "status": "CAPTURED",
            },
        ],
        captures=[{"order_id": "a", "captured_amount": 100, "captured_at": at(5)}],
    )
    frame = om.capture_latency(tables)
    assert om.show(frame).note == "2 orders, 1 excluded"
    assert om.show(frame, data=tables, caption="July").note.startswith("July, 2 orders, as of 2")


def test_amounts_without_a_currency_take_the_only_one_of_the_data() -> None:
    tables = shop(
        orders=[
            {
                "order_id": "a",
                "purchase_currency": "SEK",
                "order_amount": 12345,
                "created_at": at(0),
                "status": "AUTHORIZED",
            }
        ]
    )
    assert cells(om.timeline(tables))["amount"][0] == "123.45 SEK"
    events = om.timeline(tables).drop("purchase_currency")
    assert cells(events, data=tables)["amount"][0] == "123.45 SEK"
    assert cells(events)["amount (minor units)"][0] == "12,345"


def test_the_result_of_compare_has_a_row_for_each_figure() -> None:
    orders = [
        {
            "order_id": name,
            "purchase_currency": "SEK",
            "order_amount": 1000,
            "captured_amount": 1000,
            "created_at": at(0),
        }
        | {"status": "CAPTURED", "refunded_amount": refunded}
        for name, refunded in (("a", 0), ("b", 250))
    ]
    captures = [{"order_id": name, "captured_amount": 1000, "captured_at": at(1)} for name in "ab"]
    before, after = (
        shop(orders=[order], captures=[capture], as_of=at(9000))
        for order, capture in zip(orders, captures, strict=True)
    )
    with pytest.warns(om.ImmatureGroups):
        shown = om.show(om.compare(om.refund_ratio, before, after))
    assert [one.words for one in shown.headings] == ["purchase currency", "figure", "before", "after", "difference"]
    rows = {row[1]: tuple(row[2:]) for row in shown.rows}
    assert rows["refunded amount"] == ("0.00 SEK", "2.50 SEK", "+2.50 SEK")
    assert rows["orders captured"] == ("1", "1", "+0")
    assert rows["refunded share of amount"][:2] == ("0.0 %", "25.0 %")
    assert rows["refunded share of amount"][2].startswith("+25.0 pp")


@pytest.mark.parametrize(("before", "after", "expected"), [(60.0, 90.0, "d"), (20.0, 100.0, "h")])
def test_a_row_of_a_comparison_has_one_unit(before: float, after: float, expected: str) -> None:
    hours = {"p50_hours_before": [before], "p50_hours_after": [after], "p50_hours_difference": [after - before]}
    row = om.show(pl.DataFrame(hours)).rows[0]
    assert [cell.split()[-1] for cell in row[1:]] == [expected] * 3


def test_the_caption_says_what_is_counted() -> None:
    tables = shop(orders=[{"order_id": one, "order_amount": 5} for one in "ab"], captures=[{"order_id": "a"}])
    notes = [om.show(frame).note for frame in (om.mix(tables, "status"), om.shipping_methods(tables))]
    assert notes == ["2 orders", "1 shipped item"]
    assert om.show(pl.DataFrame({"count": [2]})).note == ""


def test_the_text_is_a_table() -> None:
    text = repr(om.show(pl.DataFrame({"carrier": ["DHL", None], "orders": [1, 1200]})))
    assert text.splitlines() == ["1,201 orders", "carrier  orders", "DHL           1", "(none)    1,200"]


@pytest.mark.parametrize(
    ("frame", "options", "error", "message"),
    [
        (pl.LazyFrame({"a": [1]}), {}, TypeError, "show takes a polars DataFrame, not a LazyFrame; collect it"),
        ([1], {}, TypeError, "show takes a polars DataFrame, not a list, such as the result of"),
        (pl.DataFrame(), {"data": 3}, TypeError, "expected Orders or Tables, not an int"),
        (pl.DataFrame(), {"time_zone": "Stockholm"}, ValueError, "unknown time zone 'Stockholm'.*'Europe/Stockholm'"),
        (pl.DataFrame(), {"time_zone": None}, ValueError, "unknown time zone None"),
    ],
)
def test_a_wrong_call_gets_one_sentence(frame: Any, options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        om.show(frame, **options)


def test_a_wrong_time_zone_of_a_period_gets_the_same_sentence() -> None:
    with pytest.raises(ValueError, match=r"unknown time zone 'Stockholm'; use a name of the IANA database, such as"):
        om.by_period("1d", time_zone="Stockholm")


def test_an_empty_frame_is_an_empty_table() -> None:
    assert om.show(pl.DataFrame(schema={"orders": pl.Int64, "share": pl.Float64})).rows == []


def test_a_column_of_another_type_is_not_taken_for_a_figure() -> None:
    assert unit_of("share", pl.Int64()) is Unit.COUNT
    assert unit_of("captured_amount", pl.String()) is Unit.TEXT
    assert heading("my_column") == "my column"


def test_a_column_with_before_but_none_with_after_is_no_comparison() -> None:
    changes = pl.DataFrame({"order_id": ["1"], "before": ["5"], "after": ["7"], "last_seen_before": [3]})
    shown = om.show(changes)
    assert [heading.name for heading in shown.headings] == changes.columns
    assert [str(cell) for cell in shown.rows[0]] == ["1", "5", "7", "3"]
