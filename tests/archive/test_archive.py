"""An archive returns what was added, as it was seen at any instant."""

from __future__ import annotations

import pickle
import re
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from archived_orders import T1, T2, T3, assert_same, filled, order, rows
from generated_documents import BATCHES, PROPERTY, written
from hypothesis import given
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.archive import archive as module
from om_toolkit.archive.archive import can_change
from om_toolkit.archive.rows import unpack
from om_toolkit.archive.schema import preset_dictionary
from om_toolkit.orders.parsing import read_order
from om_toolkit.synthetic.shop import AS_OF
from om_toolkit.tables.schema import SCHEMAS


def test_a_personal_archive_returns_the_same_orders(path: Path, shop_orders: om.Orders) -> None:
    with filled(path, shop_orders, personal=True) as archive:
        found = archive.orders([str(one.order_id) for one in shop_orders])
    assert list(found) == list(shop_orders)
    assert found.as_of == AS_OF


def test_a_masked_archive_returns_everything_that_is_not_personal(path: Path, shop_orders: om.Orders) -> None:
    with filled(path, shop_orders) as archive:
        found = archive.orders([str(one.order_id) for one in shop_orders])
    for table, frame in shop_orders.tables().items():
        assert_frame_equal(getattr(found.tables(), table), frame)
    assert found.drift.equals(shop_orders.drift)
    cities = {one.order_id: one.billing_address.city for one in shop_orders if one.billing_address}
    masked = {one.order_id: one.billing_address.city for one in found if one.billing_address}
    assert all(city is None or re.fullmatch(r"city-\d{14}", city) for city in masked.values())
    pairs = {(cities[order_id], masked[order_id]) for order_id in cities}
    assert len(pairs) == len(set(cities.values())) == len(set(masked.values())) > 5


def test_a_masked_file_contains_no_personal_data(path: Path) -> None:
    person = {"given_name": "Zebulon", "email": "zebulon@example.org", "phone": "+4670"}
    with om.Archive(path) as archive:
        archive.add("a-1", order(billing_address=person, nickname="Zebbe", description=None), T1)
        archive.add("b-2", order("b-2", captures=[{"description": "for Zebulon", "shipping_address": person}]), T1)
        found = archive.orders()
        shown = f"{archive!r} {archive.changes()} {[one.model_dump_json() for one in found]}"
    shown_person = found[0].billing_address
    assert shown_person
    assert shown_person == found[1].captures[0].shipping_address
    assert re.fullmatch(r"person-0\d{14}@example\.com", shown_person.email or "")
    assert re.fullmatch(r"phone-\d{14}", shown_person.phone or "")
    assert "ebulon" not in shown
    unpacked = b"".join(unpack(row[-1], preset_dictionary()) for row in rows(path))
    assert b'"nickname":"nickname-' in unpacked
    for secret in (b"Zeb", b"zeb", b"+4670"):
        assert secret not in unpacked + path.read_bytes()


NUMBERS = ("811218-9876", "131052-308T", "36574261809")


def test_an_id_that_is_a_personal_number_is_masked_everywhere_and_found_by_the_id_itself(path: Path) -> None:
    with om.Archive(path) as archive:
        for order_id in NUMBERS:
            archive.add(order_id, order(order_id, status="AUTHORIZED", captures=[{"reference": order_id}]), T1)
            archive.add(order_id.lower(), order(order_id, status="CANCELLED"), T2)
        found = archive.orders(NUMBERS[::-1])
        placeholders = [one.order_id for one in found]
        assert len(archive) == len(set(placeholders)) == len(NUMBERS)
        assert len(archive.orders([NUMBERS[1].lower()])) == 1
        assert archive.wanted([*NUMBERS, "new"], "missing") == ["new"]
        assert set(archive.changes()["order_id"]) == set(placeholders)
        assert sorted(placeholders, key=str) == archive.tables().orders["order_id"].to_list()
    with om.Archive(path) as again:
        again.add(NUMBERS[0], order(NUMBERS[0], status="CANCELLED"), T3)
        assert [one.order_id for one in again.orders(NUMBERS[::-1])] == placeholders
        assert again._store.counts().snapshots == 2 * len(NUMBERS)
    content = path.read_bytes() + b"".join(unpack(row[-1], preset_dictionary()) for row in rows(path))
    assert not [number for number in NUMBERS if number.encode() in content or number.lower().encode() in content]
    assert om.privacy.scan(path).is_empty()


def test_two_archives_have_different_placeholders(tmp_path: Path) -> None:
    cities = []
    for name in "xy":
        with om.Archive(tmp_path / name) as archive:
            archive.add("a-1", order(billing_address={"city": "Umeå"}), T1)
            cities.append(archive.tables(personal=False).orders["order_id"][0])
            cities.append(archive.orders()[0].model_dump_json())
    assert cities[0] == cities[2]
    assert cities[1] != cities[3]


def test_a_document_without_an_id_gets_the_requested_id(archive: om.Archive) -> None:
    archive.add("a-1", read_order('{"status": "CAPTURED", "captures": [{}]}', "a-1"), T1)
    assert archive.orders()["a-1"].captures[0].order_id == "a-1"
    assert archive.tables().captures["order_id"].to_list() == ["a-1"]


@pytest.mark.parametrize("personal", [False, True])
def test_tables_equal_those_of_the_orders(path: Path, shop_orders: om.Orders, *, personal: bool) -> None:
    with filled(path, shop_orders, personal=personal) as archive:
        assert_same(archive.tables(personal=personal), archive.orders().tables(personal=personal))


def test_tables_of_the_payloads_equal_those_of_the_orders(path: Path, payloads: Path) -> None:
    orders = [read_order(file.read_bytes()) for file in sorted(payloads.glob("orders/*.json"))]
    assert len(orders) >= 4
    with om.Archive(path, personal=True) as archive:
        for number, one in enumerate(orders):
            archive.add(str(number), one, T1)
        assert list(archive.orders()) == orders
        assert_same(archive.tables(personal=True), archive.orders().tables(personal=True))


@PROPERTY
@given(BATCHES)
def test_any_orders_are_returned_equal_with_equal_tables(batch: list[Any]) -> None:
    orders = [read_order(written(document)) for document in batch]
    with tempfile.TemporaryDirectory() as folder, om.Archive(Path(folder, "x"), personal=True) as archive:
        for one in orders:
            archive.add(str(one.order_id), one, T1)
        found = {one.order_id: one for one in archive.orders()}
        assert [found[one.order_id] for one in orders] == orders
        assert_same(archive.tables(personal=True), archive.orders().tables(personal=True))


def test_only_documents_that_are_not_strict_json_are_read_as_objects(
    archive: om.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add("a-1", order(order_amount=2**63 - 1, x=10**30, created_at="2026-10-01T08:00:00.123456789+02:00"), T1)
    monkeypatch.setattr(module, "read_order", None)
    assert archive.tables().orders.select("order_amount", "created_at").row(0) == (
        2**63 - 1,
        datetime(2026, 10, 1, 6, 0, 0, 123456, UTC),
    )
    archive.add("b-2", read_order('{"order_id": "b-2", "x": 1e400}'), T1)
    monkeypatch.undo()
    assert archive.tables().orders["order_id"].to_list() == ["a-1", "b-2"]


def test_a_capture_takes_order_id_and_currency_from_its_order(archive: om.Archive) -> None:
    own = {"order_id": "other", "purchase_currency": "nok", "order_lines": [{"quantity": 1}]}
    archive.add("a-1", order(purchase_currency="sek", captures=[own, {"order_id": ""}]), T1)
    assert_same(archive.tables(), archive.orders().tables())
    assert archive.tables().captures["order_id"].to_list() == ["a-1", "a-1"]


def test_a_document_of_any_time_is_kept(archive: om.Archive) -> None:
    archive.add("a-1", order(created_at="0001-01-01T00:00:00Z"), None)
    assert archive.orders()["a-1"].order_id == "a-1"


def test_an_empty_archive_has_no_orders_and_the_same_columns(archive: om.Archive) -> None:
    assert (len(archive), bool(archive), archive.orders().as_of) == (0, True, None)
    assert_same(archive.tables(), om.Orders().tables())
    assert archive.changes().schema == archive.changes(since=T1).schema


def test_tables_of_several_chunks_are_concatenated(
    path: Path, shop_orders: om.Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SNAPSHOTS_PER_CHUNK", 7)
    with filled(path, shop_orders) as archive:
        assert_same(archive.tables(), archive.orders().tables())


def test_parquet_has_a_folder_per_table(archive: om.Archive, tmp_path: Path) -> None:
    archive.add("a-1", order(status="CANCELLED"), T1)
    archive.export_parquet(tmp_path / "out")
    assert {folder.name for folder in (tmp_path / "out").iterdir()} == set(SCHEMAS)
    assert_same(om.Tables.read_parquet(tmp_path / "out"), archive.tables())


def test_an_unchanged_document_is_one_snapshot_seen_again(archive: om.Archive, path: Path) -> None:
    for at in (T1, T2):
        archive.add("a-1", order(status="AUTHORIZED"), at)
    archive.add("a-1", order(status="CAPTURED"), T3)
    assert [(number, last - first) for _, number, first, last, *_ in rows(path)] == [(0, 86_400_000_000), (1, 0)]
    assert repr(archive) == "Archive('shop.archive', 1 order, 2 snapshots, seen 2026-10-01 to 2026-10-03)"
    assert len(archive) == 1


def test_a_document_that_changes_back_is_a_third_snapshot(archive: om.Archive) -> None:
    for at, status in ((T1, "AUTHORIZED"), (T2, "CAPTURED"), (T3, "AUTHORIZED")):
        archive.add("a-1", order(status=status), at)
    assert [archive.orders(as_of=at)[0].status for at in (T1, T2, T3)] == ["AUTHORIZED", "CAPTURED", "AUTHORIZED"]


def test_an_older_document_changes_nothing(archive: om.Archive) -> None:
    archive.add("a-1", order(status="CAPTURED"), T2)
    archive.add("a-1", order(status="AUTHORIZED"), T1)
    archive.add("a-1", order(status="CAPTURED"), T1)
    assert [one.status for one in archive.orders()] == ["CAPTURED"]
    assert archive.orders().as_of == T2
    assert archive.changes().is_empty()


def test_without_a_time_the_newest_in_the_document_counts_or_else_it_is_the_oldest(archive: om.Archive) -> None:
    archive.add("a-1", order(), None)
    assert archive.orders().as_of is None
    archive.add("b-2", order("b-2", created_at="2026-10-01T12:00:00Z"), None)
    archive.add("a-1", order(status="CANCELLED"), datetime(2026, 9, 1))  # noqa: DTZ001 - a naive time is in UTC
    assert archive.orders().as_of == T1
    assert archive.orders()["a-1"].status == "CANCELLED"
    assert archive.changes().select("field", "last_seen_before", "first_seen_after").rows() == [
        ("status", None, datetime(2026, 9, 1, tzinfo=UTC))
    ]


def test_as_of_returns_orders_as_they_were_seen_then(archive: om.Archive) -> None:
    archive.add("a-1", order(status="AUTHORIZED"), T1)
    archive.add("b-2", order("b-2", status="CAPTURED"), T2)
    archive.add("a-1", order(status="CANCELLED"), T3)
    before = T2 - timedelta(hours=1)
    found = archive.orders(as_of=before.astimezone(timezone(timedelta(hours=9))))
    assert ([(one.order_id, one.status) for one in found], found.as_of) == ([("a-1", "AUTHORIZED")], before)
    assert archive.tables(as_of=before).orders["status"].to_list() == ["AUTHORIZED"]
    assert archive.tables(as_of=before).as_of == before
    assert len(archive.orders(as_of=T1 - timedelta(seconds=1))) == 0
    assert [one.status for one in archive.orders(as_of=T3)] == ["CANCELLED", "CAPTURED"]


def test_since_returns_the_orders_that_were_seen_again(archive: om.Archive) -> None:
    archive.add("a-1", order(status="CANCELLED"), T1)
    archive.add("b-2", order("b-2", status="AUTHORIZED"), T1)
    archive.add("c-3", order("c-3", status="AUTHORIZED"), T1)
    archive.add("b-2", order("b-2", status="AUTHORIZED"), T2)  # seen again, unchanged: its seen_at is another
    archive.add("c-3", order("c-3", status="CAPTURED"), T3)
    later = T1 + timedelta(seconds=1)
    found = archive.tables(since=later.astimezone(timezone(timedelta(hours=9))))
    assert found.orders.select("order_id", "status", "seen_at").rows() == [
        ("b-2", "AUTHORIZED", T2),
        ("c-3", "CAPTURED", T3),
    ]
    assert found.as_of == T3
    assert_same(archive.tables(since=T1), archive.tables())
    assert archive.tables(since=T3, as_of=T3).orders["order_id"].to_list() == ["c-3"]
    assert_same(archive.tables(since=T3 + timedelta(seconds=1)), om.Orders(as_of=T3).tables())


def test_what_was_seen_since_completes_the_tables_of_before(path: Path, shop_orders: om.Orders) -> None:
    ids = [str(one.order_id) for one in shop_orders]
    with om.Archive(path) as archive:
        for order_id in ids[:200]:
            archive.add(order_id, shop_orders[order_id], AS_OF)
        before = archive.tables()
        for order_id in ids[150:]:
            archive.add(order_id, shop_orders[order_id], AS_OF + timedelta(days=1))
        new = archive.tables(since=before.as_of + timedelta(seconds=1))
        assert new.orders.height == 150
        for name, table in archive.tables().items():
            kept = getattr(before, name).join(new.orders, on="order_id", how="anti")
            merged = pl.concat([kept, getattr(new, name)])
            assert_frame_equal(merged, table, check_row_order=False)


def test_orders_are_returned_in_the_sequence_of_the_ids_ignoring_case(archive: om.Archive) -> None:
    for order_id in ("a-1", "b-2", "c-3"):
        archive.add(order_id, order(order_id), T1)
    archive.add("A-1", order("a-1"), T1)
    found = archive.orders(["C-3", "unknown", "a-1", "c-3"])
    assert [one.order_id for one in found] == ["c-3", "a-1"]
    assert len(archive.orders([])) == 0
    assert len(archive) == 3


def test_wanted_returns_missing_or_open_or_all_orders(archive: om.Archive) -> None:
    for order_id, status in (("a-1", "AUTHORIZED"), ("b-2", "CANCELLED"), ("c-3", "AUTHORIZED")):
        archive.add(order_id, order(order_id, status=status), T1)
    archive.add("c-3", order("c-3", status="EXPIRED"), T2)
    ids = ["new", "C-3", "B-2", "a-1"]
    assert archive.wanted(ids, "missing") == ["new"]
    assert archive.wanted(ids, "open") == ["new", "a-1"]
    assert archive.wanted(ids, "all") == ids
    with pytest.raises(ValueError, match="invalid refresh='some'; use 'missing', 'open' or 'all'"):
        archive.wanted(ids, "some")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "is_open"),
    [
        ({}, True),
        ({"status": "AUTHORIZED"}, True),
        ({"status": "CANCELLED"}, False),
        ({"status": "EXPIRED"}, False),
        ({"status": "CAPTURED", "captured_amount": 5, "refunded_amount": 0, "remaining_authorized_amount": 0}, True),
        ({"status": "CAPTURED", "captured_amount": 5, "refunded_amount": 4, "remaining_authorized_amount": 0}, True),
        ({"status": "CLOSED", "captured_amount": 5, "refunded_amount": 5, "remaining_authorized_amount": 0}, False),
        (
            {"status": "PART_CAPTURED", "captured_amount": 5, "refunded_amount": 5, "remaining_authorized_amount": 1},
            True,
        ),
        ({"status": "CAPTURED", "captured_amount": 5, "refunded_amount": 5}, True),
        ({"status": "CLOSED", "captured_amount": 0, "refunded_amount": 0, "remaining_authorized_amount": 0}, True),
    ],
)
def test_an_order_can_change_unless_cancelled_expired_or_refunded_in_full(
    fields: dict[str, Any],
    is_open: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert can_change(order(**fields)) is is_open


def test_open_orders_last_seen_long_before_cause_a_warning(archive: om.Archive) -> None:
    archive.add("open", order("open", status="AUTHORIZED"), T1)
    archive.add("done", order("done", status="CANCELLED"), T1)
    archive.add("late", order("late", status="AUTHORIZED"), T2)
    archive.orders()  # exactly a day: no warning, which would be an error here
    archive.add("late", order("late", status="AUTHORIZED"), T2 + timedelta(seconds=1))
    for look in (archive.orders, archive.tables):
        with pytest.warns(om.StaleOrders, match=r"^1 order .* was last seen .* 2026-10-02.*refresh='open'") as caught:
            look()
        assert caught[0].filename == __file__
    archive.orders(["done"])
    archive.orders(as_of=T2)


def test_a_pickled_archive_opens_the_file_again(path: Path, archive: om.Archive) -> None:
    archive.add("a-1", order(), T1)
    with pickle.loads(pickle.dumps(archive)) as other:
        assert other.path == path
        assert [one.order_id for one in other.orders()] == ["a-1"]
        assert other.is_personal is False


def test_the_repr_of_a_closed_archive(archive: om.Archive) -> None:
    archive.close()
    archive.close()
    assert repr(archive) == "Archive('shop.archive', closed)"


def test_the_repr_of_a_removed_file(tmp_path: Path) -> None:
    with om.Archive(tmp_path / "shop.archive") as archive:
        (tmp_path / "shop.archive").unlink()
        assert repr(archive) == "Archive('shop.archive', cannot be read)"
    for use in (lambda: archive.add("a-1", order(), T1), archive.orders, archive.tables, archive.changes):
        with pytest.raises(om.ArchiveError, match=r"open it again with om\.Archive"):
            use()


def test_ids_are_accepted_as_by_a_client(archive: om.Archive) -> None:
    archive.add("abc", order("abc"), T1)
    assert [len(archive.orders(ids)) for ids in ("abc", [" ABC "], [om.Failure("abc", "timeout")])] == [1, 1, 1]
    assert archive.wanted("xyz", "missing") == ["xyz"]
    with pytest.raises(ValueError, match=r"order_ids\[1\]"):
        archive.orders(["abc", ""])
