"""Captures and refunds have a position in their order, since their ids can be missing or repeated."""

import json
import pickle
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.orders.parsing import read_captures
from om_toolkit.synthetic.shop import Shop
from om_toolkit.tables.schema import SCHEMAS

LINE = [{"total_amount": 1}, {"total_amount": 2}]
SHIPPED = [{"shipping_method": "Home"}]
NAMELESS: dict[str, Any] = {
    "order_id": "a",
    "order_lines": LINE,
    "shipping_info": SHIPPED,
    "captures": [{"order_lines": LINE}, {}, {"capture_id": "", "order_lines": LINE[:1], "shipping_info": SHIPPED}],
    "refunds": [{}, {"refund_id": None, "order_lines": LINE}],
}
REPEATED: dict[str, Any] = {
    "order_id": "b",
    "captures": [{"capture_id": "c", "shipping_info": SHIPPED}, {"capture_id": "c", "shipping_info": SHIPPED}],
    "refunds": [{"refund_id": "r", "order_lines": LINE[:1]}, {"refund_id": "r", "order_lines": LINE[:1]}],
}
DOCUMENTS = json.dumps([NAMELESS, REPEATED])
POSITIONS = {
    "captures": [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)],
    "refunds": [("a", 0), ("a", 1), ("b", 0), ("b", 1)],
    "order_lines": [
        ("a", "order", None, None, 0),
        ("a", "order", None, None, 1),
        ("a", "capture", 0, None, 0),
        ("a", "capture", 0, None, 1),
        ("a", "capture", 2, None, 0),
        ("a", "refund", None, 1, 0),
        ("a", "refund", None, 1, 1),
        ("b", "refund", None, 0, 0),
        ("b", "refund", None, 1, 0),
    ],
    "shipments": [
        ("a", "order", None, 0),
        ("a", "capture", 2, 0),
        ("b", "capture", 0, 0),
        ("b", "capture", 1, 0),
    ],
}
KEYS = ("order_id", "source", "capture", "refund", "line", "shipment")


def positions(tables: om.Tables[pl.DataFrame]) -> dict[str, list[tuple[object, ...]]]:
    frames = {name: frame for name, frame in tables.items() if name in POSITIONS}
    return {name: frame.select(key for key in KEYS if key in frame.columns).rows() for name, frame in frames.items()}


def by_objects(_: Path) -> om.Tables[pl.DataFrame]:
    return om.Orders.from_json(DOCUMENTS).tables()


def by_file(folder: Path) -> om.Tables[pl.DataFrame]:
    (folder / "orders.json").write_text(DOCUMENTS, "utf-8")
    return om.read_tables(folder / "orders.json")


def by_archive(folder: Path) -> om.Tables[pl.DataFrame]:
    with om.Archive(folder / "shop.archive") as archive:
        for order in om.Orders.from_json(DOCUMENTS):
            archive.add(str(order.order_id), order, None)
        return archive.tables()


@pytest.mark.parametrize("read", [by_objects, by_file, by_archive])
def test_rows_without_usable_ids_have_the_position_of_their_capture_or_refund(read: Any, tmp_path: Path) -> None:
    assert positions(read(tmp_path)) == POSITIONS


def test_captures_keep_their_positions_without_their_orders() -> None:
    orders = om.Orders.from_json(DOCUMENTS)
    assert orders.captures.to_polars()["capture"].to_list() == [0, 1, 2, 0, 1]
    assert orders.captures[1:4].to_polars()["capture"].to_list() == [1, 2, 0]
    assert orders[0].captures[2].to_polars()["capture"].item() == 2
    assert [refund.position for refund in orders[1].refunds] == [0, 1]
    assert pickle.loads(pickle.dumps(orders[0].captures[2])).position == 2
    fetched = read_captures(json.dumps(NAMELESS["captures"]), "a")
    assert om.Captures(fetched).to_polars()["capture"].to_list() == [0, 1, 2]
    assert om.Capture(capture_id="x").to_polars()["capture"].item() is None


def test_a_position_is_no_field() -> None:
    first, second = om.Orders.from_json(DOCUMENTS)[1].captures
    assert first == second
    assert hash(first) == hash(second)
    assert first.model_dump() == second.model_dump()
    assert "position" not in first.model_dump_json() + repr(first)


def test_rows_count_the_captures_that_an_order_has_now() -> None:
    order = om.Orders.from_json(DOCUMENTS)[1]
    changed = om.Orders([order.model_copy(update={"captures": order.captures[1:]})]).tables()
    assert changed.captures["capture"].to_list() == changed.shipments["capture"].to_list() == [0]


ADDED = {"seen_at", "capture", "refund"}


def older(folder: Path, tables: om.Tables[Any]) -> Path:
    """Write tables as an earlier version did."""
    tables.map(lambda frame: frame.drop(ADDED, strict=False)).write_parquet(folder)
    return folder


@pytest.mark.parametrize("personal", [False, True])
def test_files_of_an_earlier_version_get_the_columns_added_since(personal: bool, tmp_path: Path) -> None:  # noqa: FBT001
    shop = Shop(60)
    tables = om.Orders.from_json(b"\n".join(map(shop.body, shop.order_ids))).tables(personal=personal)
    lazy = om.Tables.scan_parquet(older(tmp_path, tables))
    for engine in ("in-memory", "streaming"):
        for name, frame in tables.items():
            assert_frame_equal(getattr(lazy, name).collect(engine=engine), frame)
    assert_frame_equal(om.shipping_methods(lazy), om.shipping_methods(tables))


def test_positions_that_older_files_do_not_give_are_null(tmp_path: Path) -> None:
    tables = om.Tables.read_parquet(older(tmp_path, om.Orders.from_json(DOCUMENTS).tables()))
    assert positions(tables)["captures"] == POSITIONS["captures"]
    assert positions(tables)["refunds"] == POSITIONS["refunds"]
    for name in ("order_lines", "shipments"):
        assert getattr(tables, name)["capture"].null_count() == getattr(tables, name).height
    assert {name: frame.schema for name, frame in tables.items()} == {
        name: frame.schema for name, frame in om.Orders().tables().items()
    }


def test_other_columns_of_older_files_follow(tmp_path: Path) -> None:
    tables = om.Orders.from_json(DOCUMENTS).tables()
    tables.map(lambda frame: frame.drop(ADDED, strict=False).with_columns(mine=1)).write_parquet(tmp_path)
    back = om.Tables.read_parquet(tmp_path)
    for name, frame in back.items():
        assert frame.columns == [*(c for c in (column.name for column in SCHEMAS[name]) if c in frame.columns), "mine"]
