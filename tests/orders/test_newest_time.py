"""Without a time of fetching, the newest likely time in the data is the instant they describe."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import om_toolkit as om

CREATED, CAPTURED = "2025-03-01T08:00:00Z", "2025-03-02T08:00:00Z"


def order(order_id: str, created: str | None, *, captured: str | None = None, refunded: str | None = None) -> Any:
    parts = {"captures": [{"captured_at": captured}], "refunds": [{"refunded_at": refunded}]}
    return {"order_id": order_id, "created_at": created, **parts}


USUAL = order("usual", CREATED, captured=CAPTURED)
TYPED_WRONG = [
    order("late capture", CREATED, captured="2205-03-02T08:00:00Z"),
    order("late refund", CREATED, refunded="2052-03-02T08:00:00Z"),
    order("just beyond", CREATED, refunded="2028-03-02T08:00:00Z"),
    order("early purchase", "0205-03-01T08:00:00Z", captured="2025-12-31T08:00:00Z"),
    order("last year of all", "2025-03-01T08:00:00Z", captured="9999-12-31T23:59:59Z"),
]
RIGHT = [
    (order("after three years", CREATED, captured="2028-03-01T08:00:00Z"), datetime(2028, 3, 1, 8, tzinfo=UTC)),
    (order("no purchase", None, refunded="2031-01-01T00:00:00Z"), datetime(2031, 1, 1, tzinfo=UTC)),
    (order("before purchase", "2025-06-01T00:00:00Z", captured=CAPTURED), datetime(2025, 6, 1, tzinfo=UTC)),
    (order("nothing", None), datetime(2025, 3, 2, 8, tzinfo=UTC)),
]


def newest(folder: Path, *documents: Any) -> datetime | None:
    """Return the inferred instant, and check that all ways to it agree."""
    file = folder / "orders.ndjson"
    file.write_text("\n".join(map(json.dumps, documents)), "utf-8")
    orders, tables = om.Orders.from_json(file), om.read_tables(file)
    assert orders.as_of == tables.as_of
    assert orders.as_of_is_inferred
    assert tables.as_of_is_inferred
    assert f"as of {orders.as_of:%Y-%m-%d %H:%M} UTC, the newest time in the data" in repr(orders)
    assert f"as of {orders.as_of:%Y-%m-%d %H:%M} UTC, the newest time in the data" in repr(tables)
    return orders.as_of


@pytest.mark.parametrize("wrong", TYPED_WRONG, ids=lambda wrong: str(wrong["order_id"]))
def test_a_time_beyond_three_years_after_its_purchase_does_not_count(wrong: Any, tmp_path: Path) -> None:
    assert newest(tmp_path, wrong, USUAL) == datetime(2025, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(("right", "expected"), RIGHT, ids=lambda case: str(case)[:30])
def test_every_other_time_counts(right: Any, expected: datetime, tmp_path: Path) -> None:
    assert newest(tmp_path, right, USUAL) == expected


def test_an_archive_does_not_believe_such_a_time_either(tmp_path: Path) -> None:
    with om.Archive(tmp_path / "shop.archive") as archive:
        for one in om.Orders.from_json(json.dumps(TYPED_WRONG[:1])):
            archive.add(str(one.order_id), one, None)
        assert archive.orders().as_of == datetime(2025, 3, 1, 8, tzinfo=UTC)
