"""One order's events, worked by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from archived_orders import order
from polars.testing import assert_frame_equal
from shop_tables import at, shop, shuffled

import om_toolkit as om
from om_toolkit.metrics import timeline

if TYPE_CHECKING:
    from pathlib import Path

    from om_toolkit.tables.tables import Tables

ORDER = {"order_id": "a", "order_amount": 900, "created_at": at(0), "expires_at": at(50), "merchant_reference1": "R1"}
EVENTS = ("at", "event", "amount", "running_captured", "running_refunded", "remaining", "detail")


def capture(hours: float | None, amount: int | None, **more: Any) -> dict[str, Any]:
    moment = None if hours is None else at(hours)
    return {"order_id": "a", "captured_at": moment, "captured_amount": amount, **more}


def refund(hours: float, amount: int | None, **more: Any) -> dict[str, Any]:
    return {"order_id": "a", "refunded_at": at(hours), "refunded_amount": amount, **more}


def tables(**more: Any) -> Tables[pl.DataFrame]:
    rows: dict[str, Any] = {
        "orders": [ORDER],
        "captures": [capture(30, 200, capture_id="c2"), capture(10, 500, capture_id="c1")],
        "refunds": [refund(40, 100, refund_id="r1"), refund(60, 50)],
        "as_of": at(45),
    }
    return shop(**rows | more)


def change(first: float, last: float, field: str = "status", **more: Any) -> dict[str, Any]:
    values = {"before": "AUTHORIZED", "after": "CAPTURED", "last_seen_before": at(first), "first_seen_after": at(last)}
    return {"order_id": "a", "field": field, **values, **more}


def test_events_are_in_time_order_with_running_sums() -> None:
    shown = timeline(tables(as_of=at(70)))
    assert shown.columns == ["purchase_currency", "at", "at_latest", *EVENTS[1:]]
    assert shown.select(EVENTS).rows() == [
        (at(0), "created", 900, 0, 0, 900, "R1"),
        (at(10), "captured", 500, 500, 0, 400, "c1"),
        (at(30), "captured", 200, 700, 0, 200, "c2"),
        (at(40), "refunded", 100, 700, 100, 200, "r1"),
        (at(50), "expires", 200, 700, 100, 200, "past"),
        (at(60), "refunded", 50, 700, 150, 200, None),
    ]
    assert shown["at"].equals(shown["at_latest"])


def test_what_happened_after_as_of_is_left_out_and_the_expiry_is_to_come() -> None:
    shown = timeline(tables()).select("event", "amount", "detail")
    assert shown.rows()[3:] == [("refunded", 100, "r1"), ("expires", 200, "to come")]
    early = timeline(tables(), as_of=at(20))
    assert early.select("event", "amount", "detail").rows() == [
        ("created", 900, "R1"),
        ("captured", 500, "c1"),
        ("expires", 400, "to come"),
    ]
    assert timeline(tables(), as_of=at(50))["detail"].to_list()[-1] == "past"
    unknown = timeline(tables(as_of=None))
    assert unknown.height == 6
    assert unknown.filter(event="expires")["detail"].item() is None


def test_an_observed_change_has_the_interval_in_which_it_happened() -> None:
    rows = [
        change(5, 12, "captured_amount", before=None, after="500"),
        change(12, 46, order_id="A"),
        change(5, 12, order_id="b"),
    ]
    columns = ("at", "at_latest", "event", "amount", "running_captured", "detail")
    shown = timeline(tables(), changes=pl.DataFrame(rows), as_of=at(46)).select(columns).rows()
    assert shown[1:3] == [
        (at(10), at(10), "captured", 500, 500, "c1"),
        (at(5), at(12), "changed", None, 500, "captured_amount: (missing) → 500"),
    ]
    assert shown[5:] == [
        (at(12), at(46), "changed", None, 700, "status: AUTHORIZED → CAPTURED"),
        (at(50), at(50), "expires", 200, 700, "to come"),
    ]
    assert timeline(tables(), changes=pl.LazyFrame(rows), as_of=at(45)).height == 6  # the second was seen later


def test_an_archive_has_the_changes(tmp_path: Path) -> None:
    with om.Archive(tmp_path / "archive") as archive:
        for hours, status in ((1, "AUTHORIZED"), (2, "CANCELLED")):
            archive.add("a-1", order("A-1", status=status), at(hours))
        shown = timeline(archive.orders(), changes=archive.changes())
    assert shown.select("at", "at_latest", "event", "detail").rows() == [
        (at(1), at(2), "changed", "status: AUTHORIZED → CANCELLED"),
        (None, None, "created", None),
    ]


def test_missing_is_not_zero() -> None:
    shown = timeline(tables(captures=[capture(10, None), capture(20, 300)], refunds=[], as_of=at(70)))
    assert shown.select("event", "amount", "running_captured", "running_refunded", "remaining").rows() == [
        ("created", 900, 0, 0, 900),
        ("captured", None, None, 0, None),
        ("captured", 300, None, 0, None),
        ("expires", None, None, 0, None),
    ]
    bare = timeline(tables(orders=[{"order_id": "a"}], captures=[capture(None, 5), capture(10, 0)], refunds=[]))
    assert bare.select(EVENTS).rows() == [
        (at(10), "captured", 0, 0, 0, None, None),
        (None, "created", None, 0, 0, None, None),
        (None, "captured", 5, 5, 0, None, None),
    ]


def test_at_one_instant_creation_comes_first_then_captures_by_position() -> None:
    captures = [capture(0, 1, capture_id="z"), capture(0, 2, capture_id="a"), capture(0, 3, capture_id=None)]
    shown = timeline(tables(captures=captures, refunds=[refund(0, 4)]))
    assert shown["amount"].to_list() == [900, 1, 2, 3, 4, 894]


def test_an_order_that_is_there_twice_counts_once() -> None:
    twice = tables(as_of=at(70)).map(lambda frame: pl.concat([frame, frame]))
    assert_frame_equal(timeline(twice), timeline(tables(as_of=at(70))))


def test_an_order_orders_and_tables_give_the_same() -> None:
    text = """{"order_id": "a", "order_amount": 900, "purchase_currency": "SEK", "created_at": "2025-01-01T00:00:00Z",
        "captures": [{"captured_amount": 500, "captured_at": "2025-01-01T10:00:00Z"}]}"""
    orders = om.Orders.from_json(text, as_of=at(70))
    shown = timeline(orders[0])
    assert shown["event"].to_list() == ["created", "captured"]
    assert_frame_equal(timeline(orders), shown)
    assert_frame_equal(timeline(orders.tables().lazy()), shown)


def test_rows_of_other_orders_and_without_an_id_are_left_out() -> None:
    others = [capture(1, 7, order_id=None), capture(1, 7, order_id="b")]
    assert timeline(tables(captures=others, refunds=[]))["event"].to_list() == ["created", "expires"]


@pytest.mark.parametrize(
    ("ids", "number"), [([], 0), (["a", "b"], 2), ([None, None], 2), (["a", None], 2), (["a", "b", "a"], 2)]
)
def test_other_than_one_order_is_refused(ids: list[str | None], number: int) -> None:
    message = f"a timeline is that of 1 order, not of {number} orders; pass one, such as orders[0]"
    with pytest.raises(ValueError, match=re.escape(message)):
        timeline(tables(orders=[ORDER | {"order_id": one} for one in ids]))


def test_changes_of_another_form_are_refused() -> None:
    frame = pl.DataFrame([change(1, 2)])
    with pytest.raises(ValueError, match=re.escape("changes has no column 'field'; pass archive.changes()")):
        timeline(tables(), changes=frame.drop("field"))
    with pytest.raises(TypeError, match=re.escape("changes is [], not a polars frame; pass archive.changes()")):
        timeline(tables(), changes=[])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected Orders or Tables"):
        timeline("a")


def test_the_order_of_rows_and_lazy_frames_change_nothing() -> None:
    changes = pl.DataFrame([change(5, 12, f"field{number}") for number in range(9)])
    shown = timeline(tables(), changes=changes)
    assert shown.height == 14
    assert_frame_equal(timeline(shuffled(tables(), 1), changes=changes.sample(fraction=1, shuffle=True, seed=1)), shown)
    assert_frame_equal(timeline(tables().lazy(), changes=changes.lazy()), shown)
