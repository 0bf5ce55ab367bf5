"""Orders become five tables, which go to Parquet and back."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from two_orders import BOTH

import om_toolkit as om
from om_toolkit.synthetic.shop import Shop
from om_toolkit.tables.schema import SCHEMAS, columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def at(day: int, *documents: dict[str, Any], failures: Iterable[om.Failure] = ()) -> om.Orders:
    read = om.Orders.from_json(json.dumps(documents), as_of=datetime(2026, 10, day, tzinfo=UTC))
    return om.Orders(read, failures=failures, as_of=read.as_of)


def test_rows_are_those_of_the_documents() -> None:
    tables = om.Orders.from_json(BOTH).tables()
    assert {name: table.height for name, table in tables.items()} == {
        "orders": 2,
        "captures": 2,
        "refunds": 1,
        "order_lines": 4,
        "shipments": 3,
    }
    assert tables.order_lines.select("order_id", "source", "capture_id", "refund_id", "line").rows() == [
        ("b-2", "order", None, None, 0),
        ("b-2", "order", None, None, 1),
        ("b-2", "capture", "c-1", None, 0),
        ("b-2", "refund", None, "r-1", 0),
    ]
    assert tables.shipments.select("source", "capture_id", "shipment", "has_tracking", "shipping_method").rows() == [
        ("order", None, 0, False, "Home"),
        ("capture", "c-1", 0, True, None),
        ("capture", "c-1", 1, False, None),
    ]
    for table in (tables.captures, tables.refunds, tables.order_lines, tables.shipments):
        assert set(table["purchase_currency"]) == {"SEK"}


def test_empty_text_is_null_and_codes_are_upper_case() -> None:
    tables = om.Orders.from_json(BOTH).tables()
    assert tables.order_lines["reference"].null_count() == 4
    assert tables.orders["purchase_currency"].to_list() == ["SEK", "SEK"]
    assert tables.captures["captured_at"][0] == datetime(2026, 10, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize("personal", [False, True])
def test_the_schema_is_the_same_with_and_without_orders(personal: bool) -> None:  # noqa: FBT001 - a parameter
    empty, some = om.Orders().tables(personal=personal), om.Orders.from_json(BOTH).tables(personal=personal)
    for name, table in some.items():
        assert getattr(empty, name).schema == table.schema
        assert table.schema == {column.name: column.kind.dtype for column in columns(name, personal=personal)}


def happened(orders: om.Orders) -> Iterator[datetime | None]:
    for order in orders:
        yield order.created_at
        yield from (capture.captured_at for capture in order.captures)
        yield from (refund.refunded_at for refund in order.refunds)


@pytest.mark.parametrize("repeated", [False, True])
def test_tables_are_the_same_if_an_order_was_repeated(repeated: bool) -> None:  # noqa: FBT001
    shop = Shop(100)
    bodies = [shop.body(order_id) for order_id in shop.order_ids]
    if repeated:
        older = {**json.loads(bodies[7]), "captures": [{"capture_id": "gone", "captured_at": "2030-01-01T00:00:00Z"}]}
        bodies.insert(3, json.dumps(older).encode())
    with pytest.warns(om.RepeatedOrders) if repeated else nullcontext():
        read = om.Orders.from_json(b"\n".join(bodies))
    made = om.Orders(read)
    assert read.as_of == max(filter(None, happened(made)))
    for personal in (False, True):
        tables, expected = (orders.tables(personal=personal) for orders in (read, made))
        for name, frame in expected.items():
            assert_frame_equal(getattr(tables, name), frame)
    assert_frame_equal(read.tables().captures, read.captures.to_polars())  # tables made earlier stay as they were


def test_an_object_becomes_its_row_of_the_tables() -> None:
    orders = om.Orders.from_json(BOTH)
    tables = orders.tables()
    assert orders[1].to_polars().equals(tables.orders[1:])
    assert orders[1].captures[0].to_polars().equals(tables.captures[:1])
    assert orders[1].refunds[0].to_polars().equals(tables.refunds)
    assert orders.captures.to_polars().equals(tables.captures)
    line = orders[1].captures[0].order_lines[0].to_polars()
    assert line.schema == tables.order_lines.schema
    assert line["total_amount"].item() == 60
    assert orders[1].shipping_info[0].to_polars()["shipping_method"].item() == "Home"


def test_an_unknown_field_with_the_name_of_a_key_is_no_key() -> None:
    line = at(1, {"order_id": "a", "order_lines": [{"line": "first", "source": {"a": 1}, "order_id": 3}]})[0]
    assert line.order_lines[0].to_polars().select("line", "source", "order_id").rows() == [(None, None, None)]


def test_personal_columns_exist_only_on_request(payloads: Path) -> None:
    orders = om.Orders.from_json(payloads / "orders" / "captured.json")
    hidden = "".join(table.write_csv() for _, table in orders.tables().items())
    shown = "".join(table.write_csv() for _, table in orders.tables(personal=True).items())
    for secret in ("buyer@example.com", "+48000000000", "Buyer-pl", "Nigdzie", "00-000"):
        assert secret not in hidden
        assert secret in shown


def test_every_part_of_the_payloads_is_a_row(payloads: Path) -> None:
    files = sorted((payloads / "orders").glob("*.json"))
    orders = [om.Orders.from_json(file) for file in files]
    assert files
    assert [len(each.raise_for_failures()) for each in orders] == [1] * len(files)
    heights = dict.fromkeys(SCHEMAS, 0)
    for each in orders:
        for name, table in each.tables(personal=True).items():
            heights[name] += table.height
    counted = [json.loads(file.read_text("utf-8")) for file in files]
    assert heights["orders"] == len(files)
    assert heights["captures"] == sum(len(order.get("captures", [])) for order in counted) > 0
    assert heights["order_lines"] == sum(len(order.get("order_lines", [])) for order in counted) > 0
    assert heights["shipments"] == sum(len(order.get("shipping_info", [])) for order in counted) > 0


def test_changing_a_table_in_place_changes_no_other() -> None:
    orders = at(1, {"order_id": "a"})
    orders.tables().orders.insert_column(0, pl.Series("more", [1]))
    assert orders.tables().orders.columns[0] == "order_id"


def test_filtered_tables_keep_the_rows_of_the_kept_orders() -> None:
    kept = om.Orders.from_json(BOTH).tables().filter(pl.col("order_id") == "a-1")
    assert {name: table.height for name, table in kept.items()} == dict.fromkeys(SCHEMAS, 0) | {"orders": 1}


def test_tables_go_to_parquet_and_back(tmp_path: Path) -> None:
    tables = om.Orders.from_json(BOTH).tables()
    tables.write_parquet(tmp_path)
    tables.write_parquet(tmp_path)
    back = om.Tables.read_parquet(tmp_path)
    assert back.as_of == tables.as_of
    lazy = om.Tables.scan_parquet(tmp_path)
    for name, table in tables.items():
        assert getattr(back, name).equals(table)
        assert isinstance(getattr(lazy, name), pl.LazyFrame)
    with pytest.raises(FileNotFoundError, match="write_parquet"):
        om.Tables.scan_parquet(tmp_path / "elsewhere")


def test_tables_can_be_written_where_they_were_read_from(tmp_path: Path) -> None:
    folder = tmp_path / "a[b]"
    om.Orders.from_json(BOTH).tables().write_parquet(folder)
    om.Tables.scan_parquet(folder).filter(pl.col("order_id") == "a-1").write_parquet(folder)
    assert om.Tables.read_parquet(folder).orders["order_id"].to_list() == ["a-1"]
    assert om.Tables.read_parquet(folder).captures.is_empty()


def test_tables_run_sql() -> None:
    tables = om.Orders.from_json(BOTH).tables()
    assert tables.sql("SELECT sum(captured_amount) AS total FROM captures").item() == 60


def test_all_chosen_methods_of_an_order_are_in_one_column(tmp_path: Path) -> None:
    chosen = [{"method": "Home", "price": 9}, {"method": ""}, {"carrier": "DHL"}, {"method": 7}, {"method": "Home"}]
    documents = [
        {"order_id": "a", "selected_shipping_options": chosen},
        {"order_id": "b", "selected_shipping_options": [], "selected_shipping_option": {"method": "Home"}},
        {"order_id": "c", "selected_shipping_options": None},
        {"order_id": "d", "selected_shipping_options": [{"name": "x"}]},
    ]
    orders = at(1, *documents)
    with om.Archive(tmp_path / "shop.archive") as archive:
        for order in orders:
            archive.add(str(order.order_id), order, None)
        for tables in (orders.tables(), archive.tables(), archive.orders().tables()):
            assert tables.orders["selected_shipping_options_method"].to_list() == ["Home\n7\nHome", None, None, None]
    assert orders.drift.is_empty()
