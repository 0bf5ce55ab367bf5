"""Large files become tables in chunks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from two_orders import BOTH, FIRST, SECOND

import om_toolkit as om
from om_toolkit.orders import bulk
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from pathlib import Path


class TestReadTables:
    def test_the_tables_equal_those_of_the_orders(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "_DOCUMENTS_PER_CHUNK", 3)
        shop = Shop(20)
        file = tmp_path / "orders.ndjson"
        file.write_bytes(b"\xef\xbb\xbf" + b"\n\n".join(shop.body(order_id) for order_id in shop.order_ids))
        orders = om.Orders.from_json(file)
        for personal in (False, True):
            tables, expected = om.read_tables(file, personal=personal), orders.tables(personal=personal)
            assert tables.as_of == orders.as_of
            for name, table in expected.items():
                assert getattr(tables, name).equals(table)

    def test_failures_are_kept_and_the_last_of_a_repeated_order_counts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "_DOCUMENTS_PER_CHUNK", 2)
        lines = [FIRST, SECOND, FIRST | {"order_amount": "x"}, FIRST | {"order_amount": 7}, SECOND, SECOND]
        file = tmp_path / "orders.ndjson"
        file.write_text("\n".join([*map(json.dumps, lines), "{broken}"]), "utf-8")
        with pytest.warns(om.RepeatedOrders, match="2 orders .*a-1, b-2"):
            tables = om.read_tables(file)
        assert sorted(tables.orders["order_id"]) == ["a-1", "b-2"]
        assert tables.orders.filter(order_id="a-1")["order_amount"].to_list() == [7]
        assert tables.captures.height == 2
        assert [(one.order_id, one.kind) for one in tables.failures] == [
            ("a-1", "invalid_order"),
            ("orders.ndjson #7", "invalid_body"),
        ]
        assert "2 orders could not be fetched or read" in om.Report(tables).html

    @pytest.mark.parametrize("text", ["", BOTH, json.dumps(SECOND, indent=1), "[]"])
    def test_a_file_of_one_order_or_an_array_is_read(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "orders.json"
        file.write_text(text, "utf-8")
        as_of = datetime(2026, 11, 1, tzinfo=UTC)
        tables, expected = om.read_tables(file, as_of=as_of), om.Orders.from_json(file, as_of=as_of).tables()
        assert tables.as_of == as_of
        assert tables.orders.equals(expected.orders)
