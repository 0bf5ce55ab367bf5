"""Sequences of orders, saved answers, and their tables."""

from __future__ import annotations

import json
import pickle
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.orders import bulk
from om_toolkit.synthetic.shop import Shop
from om_toolkit.tables.schema import SCHEMAS, columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FIRST = {"order_id": "a-1", "order_amount": 100, "purchase_currency": "sek", "created_at": "2026-10-01T08:00:00Z"}
SECOND = {
    "order_id": "b-2",
    "purchase_currency": "SEK",
    "expires_at": "2030-01-01T00:00:00Z",
    "order_lines": [{"type": "physical", "reference": ""}, {"type": "shipping_fee"}],
    "shipping_info": [{"shipping_method": "Home"}],
    "captures": [
        {
            "capture_id": "c-1",
            "captured_amount": 60,
            "captured_at": "2026-10-02T08:00:00+02:00",
            "order_lines": [{"type": "physical", "total_amount": 60}],
            "shipping_info": [{"tracking_number": "t"}, {"tracking_number": ""}],
        },
        {"capture_id": "c-2"},
    ],
    "refunds": [{"refund_id": "r-1", "refunded_amount": 5, "order_lines": [{"name": "Stol"}]}],
}
BOTH = json.dumps([FIRST, SECOND])
NDJSON = f"{json.dumps(FIRST)}\n\n{json.dumps(SECOND)}\n"


@pytest.mark.parametrize("text", [BOTH, NDJSON, NDJSON.replace("\n", "\r\n"), json.dumps([FIRST, SECOND], indent=2)])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_saved_answers_are_read_from_text_bytes_and_files(text: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    file.write_bytes(text.encode(encoding))
    for source in (text, "\ufeff" + text, text.encode(encoding), file, str(file)):
        orders = om.Orders.from_json(source)
        assert [order.order_id for order in orders] == ["a-1", "b-2"]
        assert orders.failures == ()


@pytest.mark.parametrize("repeated", [False, True])
def test_orders_laid_out_as_they_are_read_make_the_tables_of_their_objects(repeated: bool) -> None:  # noqa: FBT001
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
    assert_frame_equal(read.tables().captures, read.captures.to_polars())  # and the second time as well


def test_orders_can_be_pickled_whether_their_tables_were_made_or_not() -> None:
    orders = om.Orders.from_json(BOTH)
    for _ in range(2):
        assert_frame_equal(pickle.loads(pickle.dumps(orders)).tables().order_lines, orders.tables().order_lines)


A, B, C = (f'{{"order_id":"{number}"}}' for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "ids", "failed"),
    [
        (f"{A}}}\n{B}", "12", 1),
        (f"{A}\n{B}}}", "12", 1),
        (f"{A} junk }}\n{B}", "12", 1),
        (f"[\n{A}}}\n{B}\n]", "12", 1),
        (f"[\n{A}, {B}\n]", "12", 0),
        (f"{A}{B}\n{C}", "123", 0),
        (f'{A}{{"order_id":"2","customer":{{}}\n{C}', "13", 1),
        (f'{{"order_id":"1","locale":"{{"}} {B}\n{C}', "123", 0),
        (f'[\n{A},\n{{"order_id":"2","customer":{{}}', "1", 1),
    ],
)
def test_what_stands_beside_an_order_on_its_line_costs_none(text: str, ids: str, failed: int) -> None:
    orders = om.Orders.from_json(text)
    assert [order.order_id for order in orders] == list(ids)
    assert [failure.kind for failure in orders.failures] == ["invalid_body"] * failed


def happened(orders: om.Orders) -> Iterator[datetime | None]:
    for order in orders:
        yield order.created_at
        yield from (capture.captured_at for capture in order.captures)
        yield from (refund.refunded_at for refund in order.refunds)


def test_one_order_is_read_pretty_printed() -> None:
    assert om.Orders.from_json(json.dumps(SECOND, indent=2))[0].order_id == "b-2"


def test_a_bad_answer_costs_no_other_and_is_told() -> None:
    bad = [{"order_id": "x-1", "order_amount": "12.50"}, {"status": "CAPTURED"}, 17]
    orders = om.Orders.from_json(json.dumps([FIRST, *bad, SECOND]))
    assert [order.order_id for order in orders] == ["a-1", "b-2"]
    assert [(failure.order_id, failure.kind) for failure in orders.failures] == [
        ("x-1", "invalid_order"),
        ("document #3", "invalid_order"),
        ("document #4", "invalid_order"),
    ]
    with pytest.raises(om.FailedOrders, match="3 orders"):
        orders.raise_for_failures()


def test_an_array_cut_short_keeps_what_was_whole() -> None:
    orders = om.Orders.from_json(BOTH[:-20])
    assert [order.order_id for order in orders] == ["a-1"]
    assert [failure.kind for failure in orders.failures] == ["invalid_body"]


def test_ndjson_with_a_broken_line_keeps_the_others() -> None:
    orders = om.Orders.from_json(f"{json.dumps(FIRST)}\n{json.dumps(SECOND)[:50]}\n{json.dumps(SECOND)}")
    assert len(orders) == 2
    assert orders.failures[0].order_id == "document #2"


def test_the_last_of_a_repeated_order_counts_and_a_warning_says_so() -> None:
    with pytest.warns(om.RepeatedOrders, match="a-1"):
        orders = om.Orders.from_json(json.dumps([FIRST, SECOND, FIRST | {"order_amount": 99}]))
    assert [order.order_amount for order in orders] == [None, 99]


@pytest.mark.parametrize(
    ("text", "ids", "failed"),
    [
        (f"[{json.dumps(FIRST)}]\n[{json.dumps(SECOND)}]", ["a-1", "b-2"], 0),
        (f"[{json.dumps(FIRST)}]\n{json.dumps(SECOND)}", ["a-1", "b-2"], 0),
        (f"[{json.dumps(FIRST)},", ["a-1"], 1),
        (f"[{json.dumps(FIRST)}", ["a-1"], 1),
        ("[", [], 1),
        (f"{json.dumps(FIRST)}\nnull\n# a remark\n{json.dumps(SECOND)}", ["a-1", "b-2"], 2),
        (f"{{broken\n{json.dumps(FIRST)}\n{json.dumps(SECOND)}", ["a-1", "b-2"], 1),
        (f"{json.dumps(FIRST)}{json.dumps(SECOND)}", ["a-1", "b-2"], 0),
        (json.dumps(FIRST | {"locale": "\u2028"}, ensure_ascii=False) + "\n" + json.dumps(SECOND), ["a-1", "b-2"], 0),
        ("[" * 100_000, [], 1),
        ('[{"order_id": "z", "x": ' + "[" * 100_000, [], 1),
        ('{"order_id": "z", "x": ' + "[" * 100_000, [], 1),
        ("", [], 0),
    ],
)
@pytest.mark.filterwarnings("error")
def test_every_answer_is_an_order_or_a_failure(text: str, ids: list[str], failed: int) -> None:
    orders = om.Orders.from_json(text)
    assert [order.order_id for order in orders] == ids
    assert len(orders.failures) == failed


def test_of_several_sources_the_last_one_counts_and_each_failure_is_kept(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "orders.json").write_text(json.dumps([FIRST | {"locale": folder}, 17]), "utf-8")
    with pytest.warns(om.RepeatedOrders):
        orders = om.Orders.from_json(tmp_path / "a" / "orders.json", tmp_path / "b" / "orders.json")
    assert [order.locale for order in orders] == ["b"]
    assert len({failure.order_id for failure in orders.failures}) == 2
    one = om.Orders.from_json("[17]")
    assert len((one + om.Orders.from_json('[{"order_id": "1", "order_amount": true}]')).failures) == 2


def test_as_of_is_in_utc_whatever_zone_it_was_given_in() -> None:
    there = datetime(2026, 10, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    orders = om.Orders.from_json(BOTH, as_of=there)
    assert "as of 2026-10-31 10:00 UTC" in repr(orders)
    assert "as of 2026-10-31 10:00 UTC" in om.Report(orders).html
    naive = om.Orders.from_json(BOTH, as_of=datetime(2026, 10, 31, 12))  # noqa: DTZ001 - that is what is tested
    assert naive.as_of == datetime(2026, 10, 31, 12, tzinfo=UTC)
    assert (orders + naive).as_of == naive.as_of


def test_what_is_no_file_and_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        om.Orders.from_json("nowhere.json")
    (tmp_path / "picture.json").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"picture\.json is not JSON"):
        om.Orders.from_json(tmp_path / "picture.json")


def test_as_of_is_what_is_told_else_the_newest_thing_that_happened() -> None:
    told = datetime(2026, 11, 1, tzinfo=UTC)
    assert om.Orders.from_json(BOTH, as_of=told).as_of == told
    derived = om.Orders.from_json(BOTH)
    assert derived.as_of == datetime(2026, 10, 2, 6, tzinfo=UTC)
    assert "newest time in the data" in repr(derived)
    assert derived.captures.as_of == derived[:1].as_of == derived.as_of


def test_orders_are_an_immutable_sequence() -> None:
    orders = om.Orders.from_json(BOTH)
    assert orders["b-2"] is orders[1]
    assert isinstance(orders[:1], om.Orders)
    assert orders[1] in orders
    assert "b-2" in orders
    assert "nobody" not in orders
    assert [capture.capture_id for capture in orders.captures] == ["c-1", "c-2"]
    assert orders.captures["c-1"].order_id == "b-2"
    with pytest.raises(KeyError):
        orders["nobody"]
    with pytest.raises(TypeError):
        orders[0] = orders[1]  # type: ignore[index]


def test_merging_keeps_the_newer_of_an_order_whichever_side_it_is_on() -> None:
    old = om.Orders.from_json(json.dumps([FIRST, {"x": 1}]), as_of=datetime(2026, 10, 1, tzinfo=UTC))
    new = om.Orders.from_json(json.dumps(FIRST | {"order_amount": 7}), as_of=datetime(2026, 10, 9, tzinfo=UTC))
    for merged in (old + new, new + old):
        assert [order.order_amount for order in merged] == [7]
        assert merged.as_of == new.as_of
        assert len(merged.failures) == 1


def test_a_failed_order_that_is_had_later_is_no_failure_any_more() -> None:
    failed = om.Orders(failures=[om.Failure("a-1", "timeout")])
    assert (failed + om.Orders.from_json(json.dumps(FIRST))).failures == ()


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


def test_objects_become_the_rows_that_they_are_in_the_tables() -> None:
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


def test_personal_columns_come_only_when_asked_for_by_name(payloads: Path) -> None:
    orders = om.Orders.from_json(payloads / "orders" / "captured.json")
    hidden = "".join(table.write_csv() for _, table in orders.tables().items())
    shown = "".join(table.write_csv() for _, table in orders.tables(personal=True).items())
    for secret in ("buyer@example.com", "+48000000000", "Buyer-pl", "Nigdzie", "00-000"):
        assert secret not in hidden
        assert secret in shown


def test_every_payload_reaches_the_tables(payloads: Path) -> None:
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


def test_tables_answer_sql() -> None:
    tables = om.Orders.from_json(BOTH).tables()
    assert tables.sql("SELECT sum(captured_amount) AS total FROM captures").item() == 60


def test_filtered_tables_hold_what_belongs_to_the_orders_kept() -> None:
    kept = om.Orders.from_json(BOTH).tables().filter(pl.col("order_id") == "a-1")
    assert {name: table.height for name, table in kept.items()} == dict.fromkeys(SCHEMAS, 0) | {"orders": 1}


def test_captures_merge_and_one_without_an_id_is_like_no_other() -> None:
    orders = om.Orders.from_json(BOTH)
    again = om.Orders.from_json(BOTH, as_of=datetime(2026, 11, 1, tzinfo=UTC))
    merged = orders.captures + again.captures
    assert isinstance(merged, om.Captures)
    assert [capture.capture_id for capture in merged] == ["c-1", "c-2"]
    assert merged["c-1"] is again.captures[0]
    nameless = om.Orders.from_json(
        '{"order_id": "1", "captures": [{"captured_amount": 1}, {"captured_amount": 1}]}'
    ).captures
    assert len(nameless + merged) == 4


def test_orders_are_filtered_by_a_function_or_an_expression() -> None:
    orders = om.Orders.from_json(BOTH)
    by_function = orders.filter(lambda order: order.order_amount)
    by_expression = orders.filter(pl.col("order_amount") > 5)
    assert isinstance(by_function, om.Orders)
    assert [order.order_id for order in by_function] == [order.order_id for order in by_expression] == ["a-1"]
    assert by_expression.as_of == orders.as_of
    assert [capture.capture_id for capture in orders.captures.filter(lambda capture: capture.captured_at)] == ["c-1"]


def test_drift_tells_what_the_documentation_does_not_know() -> None:
    documents = [
        FIRST | {"status": "ON_HOLD", "moon": {"phase": 1}, "customer": {"type": "", "shoe_size": 44}},
        SECOND | {"moon": "full", "refunds": [{"order_lines": [{"type": "bonus", "stars": [5]}]}]},
        SECOND
        | {
            "order_id": "c-3",
            "status": "ON_HOLD",
            "captures": [{"shipping_info": [{"shipping_method": "PickupStore"}]}],
            "fraud_status": "ask ada@lovelace.se",
        },
    ]
    drift = om.Orders.from_json(json.dumps(documents)).drift
    assert drift.rows() == [
        ("captures.shipping_info.shipping_method", "value", "PickupStore", 1, "c-3"),
        ("customer.shoe_size", "field", "a number", 1, "a-1"),
        ("fraud_status", "value", "some text", 1, "c-3"),
        ("moon", "field", "an object", 1, "a-1"),
        ("moon", "field", "some text", 1, "b-2"),
        ("refunds.order_lines.stars", "field", "an array", 1, "b-2"),
        ("refunds.order_lines.type", "value", "bonus", 1, "b-2"),
        ("status", "value", "ON_HOLD", 2, "a-1"),
    ]
    assert om.Orders().drift.schema == drift.schema


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("status", "AUTHORIZED PART_CAPTURED CAPTURED CANCELLED EXPIRED CLOSED"),
        ("fraud_status", "ACCEPTED PENDING REJECTED"),
        (
            "initial_payment_method.type",
            "BANK_TRANSFER CARD FIXED_AMOUNT INVOICE_BUSINESS INVOICE MOBILEPAY PAY_BY_CARD",
        ),
        (
            "initial_payment_method.type",
            "PAY_LATER_IN_PARTS SWISH APPLE_PAY_CARD GOOGLE_PAY_CARD CARTES_BANCAIRES BLIK",
        ),
        ("initial_payment_method.type", "TWINT BANCONTACT OTHER"),
        ("customer.type", "person organization"),
        ("customer.organization_entity_type", "LIMITED_COMPANY PUBLIC_LIMITED_COMPANY ENTREPRENEURIAL_COMPANY OTHER"),
        ("customer.organization_entity_type", "LIMITED_PARTNERSHIP_LIMITED_COMPANY LIMITED_PARTNERSHIP SOLE_TRADER"),
        ("customer.organization_entity_type", "GENERAL_PARTNERSHIP REGISTERED_SOLE_TRADER CIVIL_LAW_PARTNERSHIP"),
        ("customer.organization_entity_type", "PUBLIC_INSTITUTION"),
        ("order_lines[].type", "physical discount shipping_fee sales_tax store_credit gift_card digital surcharge"),
        ("order_lines[].type", "return_fee package"),
        ("shipping_info[].shipping_method", "PickUpStore Home BoxReg BoxUnreg PickUpPoint Own Postal DHLPackstation"),
        ("shipping_info[].shipping_method", "Digital Undefined PickUpWarehouse ClickCollect PalletDelivery"),
    ],
)
def test_the_documentation_s_own_vocabulary_is_no_drift(path: str, values: str) -> None:
    for value in values.split():
        document: object = value
        for step in reversed(path.split(".")):
            document = {step.removesuffix("[]"): [document] if step.endswith("[]") else document}
        orders = om.Orders.from_json(json.dumps(document | {"order_id": "1"}))  # type: ignore[operator]
        assert len(orders) == 1
        assert orders.drift.is_empty()


def test_an_order_shows_its_timeline_in_a_notebook() -> None:
    order = om.Orders.from_json(
        json.dumps(
            SECOND
            | {"created_at": "2026-10-01T00:00:00Z", "order_amount": 65, "status": "<b>", "klarna_reference": "K"}
        )
    )[0]
    shown = order._repr_html_()
    steps = ["2026-10-01 00:00 UTC", "placed", "0.65 SEK", "2026-10-02 06:00 UTC", "captured", "0.60 SEK", "2030-01-01"]
    places = [shown.index(step) for step in steps]
    assert places == sorted(places)
    assert "&lt;b&gt;" in shown
    assert "refunded" in shown


class TestReadTables:
    def test_they_are_those_of_the_orders(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    def test_other_files_of_answers_will_do(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "orders.json"
        file.write_text(text, "utf-8")
        as_of = datetime(2026, 11, 1, tzinfo=UTC)
        tables, expected = om.read_tables(file, as_of=as_of), om.Orders.from_json(file, as_of=as_of).tables()
        assert tables.as_of == as_of
        assert tables.orders.equals(expected.orders)


def test_a_notebook_shows_counts_and_failures_in_words() -> None:
    failure = om.Failure("<x>", "not_found", status=404, error_code="NO_SUCH_ORDER", correlation_id="abc")
    shown = om.Orders(om.Orders.from_json(BOTH), failures=[failure] * 7)._repr_html_()
    assert "SEK" in shown
    assert "&lt;x&gt;: not_found" in shown
    assert "correlation id abc" in shown
    assert "2 more" in shown


# ---- Merging, with when each was answered ----


def at(day: int, *documents: dict[str, Any], failures: Iterable[om.Failure] = ()) -> om.Orders:
    read = om.Orders.from_json(json.dumps(documents), as_of=datetime(2026, 10, day, tzinfo=UTC))
    return om.Orders(read, failures=failures, as_of=read.as_of)


def test_of_an_order_what_was_answered_last_counts_however_batches_are_merged() -> None:
    other, old, new = (
        at(3, {"order_id": "x"}),
        at(1, {"order_id": "b", "order_amount": 1}),
        at(2, {"order_id": "b", "order_amount": 2}),
    )
    for merged in ((other + old) + new, other + (old + new), (new + other) + old, new + (old + other)):
        assert merged["b"].order_amount == 2
        assert merged.as_of == datetime(2026, 10, 3, tzinfo=UTC)


def test_of_two_failures_the_later_one_is_told() -> None:
    late, early = om.Failure("a", "not_found", attempts=1), om.Failure("a", "timeout", attempts=6)
    for merged in (at(3, failures=[late]) + at(1, failures=[early]), at(1, failures=[early]) + at(3, failures=[late])):
        assert merged.failures == (late,)


def test_failures_of_saved_answers_stay_though_they_look_alike() -> None:
    one, other = om.Orders.from_json('{"x": 1}'), om.Orders.from_json('{"x": 2}')
    assert len((one + other).failures) == 2
    assert len((one + other + one).failures) == 2
    assert [failure.order_id for failure in om.Orders.from_json('{"x": 1}', '{"x": 2}').failures] == [
        "document #1",
        "document #2",
    ]


def test_an_order_without_captures_was_answered_too() -> None:
    with om.sandbox(20) as shop:
        ids = [order.order_id for order in shop.orders(shop.order_ids) if not order.captures]
        failed = om.Captures(failures=[om.Failure(str(one), "timeout", attempts=6) for one in ids])
        assert ids
        assert (failed + shop.captures(failed.failures)).failures == ()


def test_the_currency_that_the_order_tells_stays_when_its_captures_are_fetched_again() -> None:
    with om.sandbox(20) as shop:
        orders = shop.orders(shop.order_ids)
        again = shop.captures(shop.order_ids)
        assert {capture.purchase_currency for capture in again} == {None}
        assert list(orders.captures + again) == list(orders.captures)


def test_only_like_is_merged_with_like() -> None:
    orders = at(1, {"order_id": "a"})
    with pytest.raises(TypeError):
        orders + orders.captures  # type: ignore[operator]


def test_an_expression_filters_as_polars_does() -> None:
    orders = at(1, {"order_id": "a", "order_amount": 5}, {"order_id": "b", "order_amount": 1}, {"order_id": "c"})
    assert len(orders.filter(pl.lit(value=True))) == 3
    assert len(orders.filter(pl.col("order_amount").sum() > 5)) == 3
    assert [order.order_id for order in orders.filter(pl.col("order_amount") > 3)] == ["a"]
    with pytest.raises(pl.exceptions.PolarsError):
        orders.filter(pl.col("status"))


def test_a_table_that_is_changed_in_place_changes_no_other() -> None:
    orders = at(1, {"order_id": "a"})
    orders.tables().orders.insert_column(0, pl.Series("more", [1]))
    assert orders.tables().orders.columns[0] == "order_id"


def test_an_unknown_id_is_named() -> None:
    with pytest.raises(KeyError, match="zz is not among 1 order"):
        at(1, {"order_id": "a"})["zz"]


def test_a_capture_that_tells_another_order_is_its_order_s_and_drift() -> None:
    other = {"order_id": "b", "purchase_currency": "eur", "captured_amount": 5, "order_lines": [{"quantity": 1}]}
    orders = at(1, {"order_id": "a", "purchase_currency": "sek", "captures": [other]})
    tables = orders.tables()
    for table in (tables.captures, tables.order_lines):
        assert table.select("order_id", "purchase_currency").rows() == [("a", "SEK")]
    assert orders.drift["path"].to_list() == ["captures.order_id", "captures.purchase_currency"]


def test_what_an_unknown_field_says_is_no_key() -> None:
    line = at(1, {"order_id": "a", "order_lines": [{"line": "first", "source": {"a": 1}, "order_id": 3}]})[0]
    assert line.order_lines[0].to_polars().select("line", "source", "order_id").rows() == [(None, None, None)]
