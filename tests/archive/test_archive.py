"""The archive: nothing that was added is lost or told twice, and what comes out is what went in."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import archive_processes
import pytest
from generated_documents import BATCHES, PROPERTY, written
from hypothesis import given
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.archive import archive as module
from om_toolkit.archive import store
from om_toolkit.archive.archive import can_change
from om_toolkit.orders.parsing import read_order
from om_toolkit.synthetic.shop import AS_OF, Shop
from om_toolkit.tables.schema import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

T1, T2, T3 = (datetime(2026, 10, day, 12, tzinfo=UTC) for day in (1, 2, 3))


def order(order_id: str = "a-1", **fields: Any) -> om.Order:
    return read_order(json.dumps({"order_id": order_id, **fields}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.archive"


@pytest.fixture
def archive(path: Path) -> Iterator[om.Archive]:
    with om.Archive(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def shop_orders() -> om.Orders:
    shop = Shop(300)
    return om.Orders.from_json(b"\n".join(map(shop.body, shop.order_ids)))


def filled(path: Path, orders: om.Orders, *, personal: bool = False) -> om.Archive:
    opened = om.Archive(path, personal=personal)
    for one in orders:
        opened.add(str(one.order_id), one, AS_OF)
    return opened


def rows(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM snapshots ORDER BY order_key, number").fetchall()


# ---- What goes in comes out ----


def test_a_personal_archive_gives_the_very_orders_back(path: Path, shop_orders: om.Orders) -> None:
    with filled(path, shop_orders, personal=True) as archive:
        found = archive.orders([str(one.order_id) for one in shop_orders])
    assert list(found) == list(shop_orders)
    assert found.as_of == AS_OF


def test_a_masked_archive_gives_back_all_that_names_nobody(path: Path, shop_orders: om.Orders) -> None:
    with filled(path, shop_orders) as archive:
        found = archive.orders([str(one.order_id) for one in shop_orders])
    for table, frame in shop_orders.tables().items():
        assert_frame_equal(getattr(found.tables(), table), frame)
    assert found.drift.equals(shop_orders.drift)
    assert {one.billing_address.city for one in found if one.billing_address} <= {"city-1", None}


def test_a_masked_file_holds_nothing_of_a_person(path: Path) -> None:
    person = {"given_name": "Zebulon", "email": "zebulon@example.org", "phone": "+4670"}
    with om.Archive(path) as archive:
        archive.add("a-1", order(billing_address=person, nickname="Zebbe", description=None), T1)
        archive.add("b-2", order("b-2", captures=[{"description": "for Zebulon", "shipping_address": person}]), T1)
        found = archive.orders()
        told = f"{archive!r} {archive.changes()} {[one.model_dump_json() for one in found]}"
    assert found[0].billing_address == om.Address(
        given_name="given_name-1", email="person-01@example.com", phone="phone-1"
    )
    assert "ebulon" not in told
    unpacked = b"".join(module.zlib.decompressobj(zdict=store.DICTIONARY).decompress(row[-1]) for row in rows(path))
    assert b"nickname-1" in unpacked
    for secret in (b"Zeb", b"zeb", b"+4670"):
        assert secret not in unpacked + path.read_bytes()


def test_an_answer_without_an_id_is_the_order_that_was_asked_for(archive: om.Archive) -> None:
    archive.add("a-1", read_order('{"status": "CAPTURED", "captures": [{}]}', "a-1"), T1)
    assert archive.orders()["a-1"].captures[0].order_id == "a-1"
    assert archive.tables().captures["order_id"].to_list() == ["a-1"]


@pytest.mark.parametrize("personal", [False, True])
def test_tables_are_to_the_last_value_those_of_the_orders(
    path: Path, shop_orders: om.Orders, *, personal: bool
) -> None:
    with filled(path, shop_orders, personal=personal) as archive:
        assert_same(archive.tables(personal=personal), archive.orders().tables(personal=personal))


def test_tables_of_the_payloads_are_those_of_the_orders(path: Path, payloads: Path) -> None:
    orders = [read_order(file.read_bytes()) for file in sorted(payloads.glob("orders/*.json"))]
    assert len(orders) >= 4
    with om.Archive(path, personal=True) as archive:
        for number, one in enumerate(orders):
            archive.add(str(number), one, T1)
        assert list(archive.orders()) == orders
        assert_same(archive.tables(personal=True), archive.orders().tables(personal=True))


@PROPERTY
@given(BATCHES)
def test_any_orders_come_back_equal_and_as_equal_tables(batch: list[Any]) -> None:
    orders = [read_order(written(document)) for document in batch]
    with tempfile.TemporaryDirectory() as folder, om.Archive(Path(folder, "x"), personal=True) as archive:
        for one in orders:
            archive.add(str(one.order_id), one, T1)
        found = {one.order_id: one for one in archive.orders()}
        assert [found[one.order_id] for one in orders] == orders
        assert_same(archive.tables(personal=True), archive.orders().tables(personal=True))


def assert_same(found: om.Tables[pl.DataFrame], expected: om.Tables[pl.DataFrame]) -> None:
    assert found.as_of == expected.as_of
    for table, frame in expected.items():
        assert_frame_equal(getattr(found, table), frame, check_exact=True)


def test_polars_decodes_all_but_what_is_no_json(archive: om.Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.add("a-1", order(order_amount=2**63 - 1, x=10**30, created_at="2026-10-01T08:00:00.123456789+02:00"), T1)
    monkeypatch.setattr(module, "read_order", None)
    assert archive.tables().orders.select("order_amount", "created_at").row(0) == (
        2**63 - 1,
        datetime(2026, 10, 1, 6, 0, 0, 123456, UTC),
    )
    archive.add("b-2", read_order('{"order_id": "b-2", "x": 1e400}'), T1)
    monkeypatch.undo()
    assert archive.tables().orders["order_id"].to_list() == ["a-1", "b-2"]


def test_a_capture_that_tells_another_order_and_currency_is_its_order_s(archive: om.Archive) -> None:
    own = {"order_id": "other", "purchase_currency": "nok", "order_lines": [{"quantity": 1}]}
    archive.add("a-1", order(purchase_currency="sek", captures=[own, {"order_id": ""}]), T1)
    assert_same(archive.tables(), archive.orders().tables())
    assert archive.tables().captures["order_id"].to_list() == ["a-1", "a-1"]


def test_an_answer_of_any_time_is_kept(archive: om.Archive) -> None:
    archive.add("a-1", order(created_at="0001-01-01T00:00:00Z"), None)
    assert archive.orders()["a-1"].order_id == "a-1"


def test_an_empty_archive_gives_no_orders_and_the_same_columns(archive: om.Archive) -> None:
    assert (len(archive), bool(archive), archive.orders().as_of) == (0, True, None)
    assert_same(archive.tables(), om.Orders().tables())
    assert archive.changes().schema == archive.changes(since=T1).schema


def test_tables_of_many_chunks_are_one(path: Path, shop_orders: om.Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ORDERS_AT_ONCE", 7)
    with filled(path, shop_orders) as archive:
        assert_same(archive.tables(), archive.orders().tables())


def test_parquet_is_a_folder_a_table(archive: om.Archive, tmp_path: Path) -> None:
    archive.add("a-1", order(status="CANCELLED"), T1)
    archive.export_parquet(tmp_path / "out")
    assert {folder.name for folder in (tmp_path / "out").iterdir()} == set(SCHEMAS)
    assert_same(om.Tables.read_parquet(tmp_path / "out"), archive.tables())


# ---- Snapshots ----


def test_an_answer_that_stays_the_same_is_one_snapshot_that_was_seen_again(archive: om.Archive, path: Path) -> None:
    for at in (T1, T2):
        archive.add("a-1", order(status="AUTHORIZED"), at)
    archive.add("a-1", order(status="CAPTURED"), T3)
    assert [(number, last - first) for _, number, first, last, *_ in rows(path)] == [(0, 86_400_000_000), (1, 0)]
    assert repr(archive) == "Archive('shop.archive', 1 orders, 2 snapshots, seen 2026-10-01 to 2026-10-03)"
    assert len(archive) == 1


def test_an_answer_that_returns_to_what_it_was_is_a_third_snapshot(archive: om.Archive) -> None:
    for at, status in ((T1, "AUTHORIZED"), (T2, "CAPTURED"), (T3, "AUTHORIZED")):
        archive.add("a-1", order(status=status), at)
    assert [archive.orders(as_of=at)[0].status for at in (T1, T2, T3)] == ["AUTHORIZED", "CAPTURED", "AUTHORIZED"]


def test_an_older_answer_neither_becomes_the_newest_nor_moves_when_it_was_seen(archive: om.Archive) -> None:
    archive.add("a-1", order(status="CAPTURED"), T2)
    archive.add("a-1", order(status="AUTHORIZED"), T1)
    archive.add("a-1", order(status="CAPTURED"), T1)
    assert [one.status for one in archive.orders()] == ["CAPTURED"]
    assert archive.orders().as_of == T2
    assert archive.changes().is_empty()


def test_an_answer_of_unknown_time_counts_from_the_newest_time_in_it_or_as_the_oldest(archive: om.Archive) -> None:
    archive.add("a-1", order(), None)
    assert archive.orders().as_of is None
    archive.add("b-2", order("b-2", created_at="2026-10-01T12:00:00Z"), None)
    archive.add("a-1", order(status="CANCELLED"), datetime(2026, 9, 1))  # noqa: DTZ001 - a naive time is in UTC
    assert archive.orders().as_of == T1
    assert archive.orders()["a-1"].status == "CANCELLED"
    assert archive.changes().select("field", "last_seen_before", "first_seen_after").rows() == [
        ("status", None, datetime(2026, 9, 1, tzinfo=UTC))
    ]


def test_orders_are_as_they_were_seen_at_an_instant(archive: om.Archive) -> None:
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


def test_orders_come_in_the_sequence_of_the_ids_whatever_their_case(archive: om.Archive) -> None:
    for order_id in ("a-1", "b-2", "c-3"):
        archive.add(order_id, order(order_id), T1)
    archive.add("A-1", order("a-1"), T1)
    found = archive.orders(["C-3", "unknown", "a-1", "c-3"])
    assert [one.order_id for one in found] == ["c-3", "a-1"]
    assert len(archive.orders([])) == 0
    assert len(archive) == 3


# ---- What is asked for again ----


def test_what_is_wanted_is_missing_or_open_or_all(archive: om.Archive) -> None:
    for order_id, status in (("a-1", "AUTHORIZED"), ("b-2", "CANCELLED"), ("c-3", "AUTHORIZED")):
        archive.add(order_id, order(order_id, status=status), T1)
    archive.add("c-3", order("c-3", status="EXPIRED"), T2)
    ids = ["new", "C-3", "B-2", "a-1"]
    assert archive.wanted(ids, "missing") == ["new"]
    assert archive.wanted(ids, "open") == ["new", "a-1"]
    assert archive.wanted(ids, "all") == ids
    with pytest.raises(ValueError, match="'missing', 'open' or 'all'"):
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
def test_an_order_can_change_unless_it_is_cancelled_expired_or_refunded_in_full(
    fields: dict[str, Any],
    is_open: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert can_change(order(**fields)) is is_open


def test_open_orders_that_were_seen_long_before_are_warned_of(archive: om.Archive) -> None:
    archive.add("open", order("open", status="AUTHORIZED"), T1)
    archive.add("done", order("done", status="CANCELLED"), T1)
    archive.add("late", order("late", status="AUTHORIZED"), T2)
    archive.orders()  # a day and no more: no warning, which would be an error here
    archive.add("late", order("late", status="AUTHORIZED"), T2 + timedelta(seconds=1))
    for look in (archive.orders, archive.tables):
        with pytest.warns(om.StaleOrders, match=r"^1 order.*before 2026-10-02.*refresh='open'") as caught:
            look()
        assert caught[0].filename == __file__
    archive.orders(["done"])
    archive.orders(as_of=T2)


# ---- What changed ----


def test_changes_tell_each_field_with_the_instants_between_which_it_changed(archive: om.Archive) -> None:
    line = {"name": "Lamp", "quantity": 2}
    archive.add("a-1", order(status="AUTHORIZED", captured_amount=0, region="", flag=True, rate=1.10), T1)
    archive.add("a-1", order(status="AUTHORIZED", captured_amount=0, region="", flag=True, rate=1.10), T2)
    captures = [{"capture_id": "c1", "captured_amount": 5, "order_lines": [line]}]
    archive.add("a-1", order(status="CAPTURED", captured_amount=5, captures=captures), T3)
    found = archive.changes()
    assert set(found.select("order_id", "last_seen_before", "first_seen_after").rows()) == {("a-1", T2, T3)}
    assert found.select("field", "before", "after").rows() == [
        ("status", "AUTHORIZED", "CAPTURED"),
        ("captured_amount", "0", "5"),
        ("captures[c1].capture_id", None, "c1"),
        ("captures[c1].captured_amount", None, "5"),
        ("captures[c1].order_lines[0].name", None, "Lamp"),
        ("captures[c1].order_lines[0].quantity", None, "2"),
    ]


def test_captures_and_refunds_are_told_apart_by_their_ids_not_by_their_places(archive: om.Archive) -> None:
    one, other = ({"capture_id": name, "captured_amount": 5} for name in "xy")
    archive.add("a-1", order(captures=[one, other], refunds=[{"refund_id": "r", "refunded_amount": 1}]), T1)
    archive.add("a-1", order(captures=[other, one], refunds=[{"refund_id": "r", "refunded_amount": 2}]), T2)
    assert archive.changes().select("field", "before", "after").rows() == [("refunds[r].refunded_amount", "1", "2")]


def test_changes_since_are_those_first_seen_after_that_instant(archive: om.Archive) -> None:
    for order_id in ("b-2", "a-1"):
        for at, amount in ((T1, 1), (T2, 2), (T3, 3)):
            archive.add(order_id, order(order_id, order_amount=amount), at)
    assert archive.changes(since=T2).select("order_id", "after").rows() == [("a-1", "3"), ("b-2", "3")]
    assert archive.changes(since=T3).is_empty()
    assert archive.changes().get_column("after").to_list() == ["2", "2", "3", "3"]


def test_personal_fields_are_told_only_by_a_personal_archive_that_is_asked_for_them(tmp_path: Path) -> None:
    for personal in (True, False):
        with om.Archive(tmp_path / f"{personal}", personal=personal) as archive:
            for at, city in ((T1, "Umeå"), (T2, "Lund")):
                archive.add("a-1", order(billing_address={"city": city, "country": "SE"}), at)
            assert archive.changes().is_empty()
            if personal:
                changed = archive.changes(personal=True)
                assert changed.select("field", "before", "after").rows() == [("billing_address.city", "Umeå", "Lund")]
                assert archive.tables(personal=True).orders["billing_address_city"].to_list() == ["Lund"]
                continue
            for ask in (archive.changes, archive.tables):
                with pytest.raises(om.ArchiveError, match="stand-ins"):
                    ask(personal=True)


# ---- Files ----


def is_refused(path: Path, words: str, *, personal: bool = False) -> None:
    """Hold that a file is refused, with its path and what to do, and left as it was."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(om.ArchiveError, match=words) as raised:
        om.Archive(path, personal=personal)
    assert str(path) in str(raised.value)
    assert before is None or path.read_bytes() == before


def test_what_is_no_archive_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("order_id;amount\n" * 100)
    (tmp_path / "short").write_text("x")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE snapshots (x)")
        other.execute("PRAGMA user_version = 2")
        other.commit()
    is_refused(tmp_path / "text", "no archive.*another path")
    is_refused(tmp_path / "short", "no archive.*another path")
    is_refused(tmp_path / "other.db", "something else.*another path")
    is_refused(tmp_path, "cannot be opened")
    is_refused(tmp_path / "nowhere" / "x", "is its folder there")


def test_a_file_that_was_cut_short_is_refused(path: Path, shop_orders: om.Orders) -> None:
    filled(path, shop_orders).close()
    for size in (path.stat().st_size // 2, 5_000, 600):
        os.truncate(path, size)
        is_refused(path, "damaged|no archive")


def test_a_document_that_is_damaged_is_told(archive: om.Archive) -> None:
    archive.add("a-1", order(status="CANCELLED"), T1)
    for body in ("zeroblob(50)", "substr(body, 1, 20)"):
        archive._idle[0].execute(f"UPDATE snapshots SET body = {body}")  # noqa: S608 - made here
        for look in (archive.orders, archive.tables):
            with pytest.raises(om.ArchiveError, match="damaged"):
                look()


def test_a_newer_file_is_refused_and_an_older_one_is_brought_up(
    path: Path, shop_orders: om.Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path, shop_orders).close()
    before = rows(path)
    monkeypatch.setattr(module, "MIGRATIONS", (*store.MIGRATIONS, "CREATE INDEX by_time ON snapshots (last_seen)"))
    om.Archive(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()[-1] == ("by_time",)
    assert rows(path) == before
    monkeypatch.undo()
    is_refused(path, "newer version of om_toolkit: update")


def test_an_update_that_fails_half_way_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    om.Archive(path).close()
    before = path.read_bytes()
    more = ("CREATE TABLE more (x)", "CREATE NONSENSE")
    monkeypatch.setattr(module, "MIGRATIONS", (*store.MIGRATIONS, *more))
    with pytest.raises(om.ArchiveError, match="NONSENSE"):
        om.Archive(path)
    monkeypatch.undo()
    om.Archive(path).close()
    assert path.read_bytes() == before


def test_a_file_keeps_the_dictionary_that_it_was_made_with(
    path: Path, shop_orders: om.Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path, shop_orders).close()
    monkeypatch.setattr(module, "DICTIONARY", b"another")
    with om.Archive(path) as archive:
        assert len(archive.orders()) == len(shop_orders)


@pytest.mark.parametrize("personal", [False, True])
def test_whether_it_is_personal_is_settled_when_it_is_made(path: Path, *, personal: bool) -> None:
    om.Archive(path, personal=personal).close()
    is_refused(path, f"open it with personal={personal}", personal=not personal)
    om.Archive(path, personal=personal).close()


def test_an_answer_is_packed_to_less_than_a_sixth(path: Path) -> None:
    shop = Shop(2_000)
    answers = [shop.body(order_id) for order_id in shop.order_ids]
    filled(path, om.Orders.from_json(b"\n".join(answers))).close()
    assert path.stat().st_size < sum(map(len, answers)) / 6


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of somebody whom the system refuses what it does not refuse an administrator."""
    with tempfile.TemporaryDirectory() as folder:
        somebody = os.geteuid() or 65_534
        os.chown(folder, somebody, -1)
        with acting_as(somebody):
            yield Path(folder)


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    before = os.geteuid()
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_file_or_folder_that_cannot_be_written_is_told_and_left_as_it_is(unprivileged: Path) -> None:
    path = unprivileged / "shop.archive"
    with om.Archive(path) as archive:
        archive.add("a-1", order(), T1)
    path.chmod(0o444)
    with om.Archive(path) as archive:
        with pytest.raises(om.ArchiveError, match="cannot be written: allow it"):
            archive.add("b-2", order("b-2"), T1)
        assert [one.order_id for one in archive.orders()] == ["a-1"]
    for left in (*unprivileged.glob("*-wal"), *unprivileged.glob("*-shm")):
        left.unlink()
    path.chmod(0o644)
    unprivileged.chmod(0o555)
    is_refused(path, "cannot be (written|opened)")
    is_refused(unprivileged / "new", "may you write in it")
    unprivileged.chmod(0o755)
    with om.Archive(path) as archive:
        assert len(archive) == 1


# ---- Processes and threads ----


def in_processes(what: str, path: Path) -> str:
    script = Path(archive_processes.__file__)
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(script), what, str(path)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_killed_at_fifty_moments_it_is_never_corrupt_and_ends_as_if_undisturbed(path: Path) -> None:
    in_processes("kill", path)


def test_two_processes_that_add_the_same_orders_lose_nothing_and_add_nothing_twice(path: Path) -> None:
    in_processes("share", path)


OTHER = """
import sys
import om_toolkit as om
from om_toolkit.orders.parsing import read_order
with om.Archive(sys.argv[1]) as archive:
    for place in range(10):
        order_id = f"theirs-{sys.argv[2]}-{place}"
        archive.add(order_id, read_order('{"order_id": "1"}'), None)
"""


def test_nothing_is_lost_where_it_is_open_twice_and_another_process_closes_it(path: Path, archive: om.Archive) -> None:
    archive.add("ours", order(), T1)
    om.Archive(path)  # as when a cell is run again
    assert om.privacy.scan(path).is_empty()
    for number in range(3):
        subprocess.run([sys.executable, "-c", OTHER, path, str(number)], check=True)
        for place in range(10):
            archive.add(f"ours-{number}-{place}", order(), T1)
    archive.close()
    assert len(rows(path)) == 61


def test_many_processes_may_make_it_at_the_same_moment(path: Path) -> None:
    in_processes("open", path)


def test_what_was_stored_outlives_a_quota_that_is_full_and_adding_goes_on_after(path: Path) -> None:
    assert "What was stored is kept" in in_processes("fill", path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        not mount
        or os.geteuid()
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1500k", "none", folder], check=False).returncode
    ):
        pytest.skip("only an administrator can mount a small disk")
    yield folder
    subprocess.run([str(shutil.which("umount")), folder], check=True)


def test_what_was_stored_outlives_a_full_disk_and_adding_goes_on_after(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(800_000))
    assert "the disk is full" in in_processes("fill", small_disk / "shop.archive")


def test_many_threads_add_while_others_read(path: Path, shop_orders: om.Orders) -> None:
    with om.Archive(path) as archive, ThreadPoolExecutor(16) as pool:
        assert not archive._idle
        reads = [pool.submit(lambda: len(archive.tables().orders)) for _ in range(5)]
        list(pool.map(lambda one: archive.add(str(one.order_id), one, AS_OF), [*shop_orders] * 2))
        assert all(read.result() <= len(shop_orders) for read in reads)
        assert len(rows(path)) == len(archive) == len(shop_orders)


def test_an_interrupt_while_adding_neither_blocks_nor_breaks_it(path: Path, shop_orders: om.Orders) -> None:
    with om.Archive(path) as archive:
        for delay in (0.0, 0.001, 0.003, 0.01):
            timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - whenever it comes
                timer.start()
                while True:
                    for one in shop_orders:
                        archive.add(str(one.order_id), one, AS_OF)
            timer.join()
        for one in shop_orders:
            archive.add(str(one.order_id), one, AS_OF)
        assert len(rows(path)) == len(archive) == len(shop_orders)


def test_it_can_be_sent_to_another_process_which_opens_it_anew(path: Path, archive: om.Archive) -> None:
    archive.add("a-1", order(), T1)
    with pickle.loads(pickle.dumps(archive)) as other:
        assert other.path == path
        assert [one.order_id for one in other.orders()] == ["a-1"]
        assert other.is_personal is False


def test_it_is_not_carried_over_a_fork(archive: om.Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.add("a-1", order(), T1)
    monkeypatch.setattr(module.os, "getpid", lambda: -1)
    for use in (lambda: archive.add("a-1", order(), T1), archive.orders):
        with pytest.raises(om.ArchiveError, match="open it anew in here"):
            use()
    archive.close()
    monkeypatch.undo()
    assert archive._idle[0].execute("SELECT count(*) FROM snapshots").fetchone() == (1,)  # still the parent's


def test_a_closed_archive_says_so(archive: om.Archive) -> None:
    archive.close()
    archive.close()
    assert repr(archive) == "Archive('shop.archive', closed)"


def test_a_repr_of_what_is_gone_says_so(tmp_path: Path) -> None:
    with om.Archive(tmp_path / "shop.archive") as archive:
        (tmp_path / "shop.archive").unlink()
        assert repr(archive) == "Archive('shop.archive', cannot be read)"
    for use in (lambda: archive.add("a-1", order(), T1), archive.orders, archive.tables, archive.changes):
        with pytest.raises(om.ArchiveError, match="open it anew"):
            use()


def test_closing_leaves_one_file(path: Path) -> None:
    with om.Archive(path) as archive:
        archive.add("a-1", order(), T1)
        assert len(list(path.parent.glob("shop.archive*"))) == 3
    assert list(path.parent.glob("shop.archive*")) == [path]


def test_a_file_that_another_process_keeps_locked_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_BUSY_SECONDS", 0.01)
    with om.Archive(path) as archive, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(om.ArchiveError, match="another process"):
            archive.add("a-1", order(), T1)
        other.execute("ROLLBACK")
        archive.add("a-1", order(), T1)
        assert len(archive) == 1


@pytest.mark.skipif(os.name == "nt", reason="there are no modes")
@pytest.mark.parametrize("personal", [False, True])
def test_a_file_with_persons_is_its_owner_s_only(path: Path, shop_orders: om.Orders, *, personal: bool) -> None:
    before = os.umask(0o022)
    try:
        with filled(path, shop_orders, personal=personal) as archive:
            archive.export_parquet(path.parent / "tables", personal=personal)
            files = [*path.parent.glob(f"{path.name}*"), *path.parent.glob("tables/orders/*")]
            modes = {file.stat().st_mode & 0o777 for file in files}
    finally:
        os.umask(before)
    assert len(files) == 4
    assert modes == {0o600 if personal else 0o644}


def test_tables_that_cannot_be_written_leave_nothing_behind(tmp_path: Path, shop_orders: om.Orders) -> None:
    (tmp_path / "shipments").touch()
    with pytest.raises(OSError, match="shipments"):
        shop_orders.tables(personal=True).write_parquet(tmp_path)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["shipments"]


def test_ids_are_taken_as_a_client_takes_them(archive: om.Archive) -> None:
    archive.add("abc", order("abc"), T1)
    assert [len(archive.orders(ids)) for ids in ("abc", [" ABC "], [om.Failure("abc", "timeout")])] == [1, 1, 1]
    assert archive.wanted("xyz", "missing") == ["xyz"]
    with pytest.raises(ValueError, match="item 1 of the order ids"):
        archive.orders(["abc", ""])
