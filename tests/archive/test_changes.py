"""The changes between snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from archived_orders import T1, T2, T3, order

import om_toolkit as om

if TYPE_CHECKING:
    from pathlib import Path


def test_changes_have_each_field_and_the_times_between_which_it_changed(archive: om.Archive) -> None:
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


def test_captures_and_refunds_are_matched_by_id_not_by_position(archive: om.Archive) -> None:
    one, other = ({"capture_id": name, "captured_amount": 5} for name in "xy")
    archive.add("a-1", order(captures=[one, other], refunds=[{"refund_id": "r", "refunded_amount": 1}]), T1)
    archive.add("a-1", order(captures=[other, one], refunds=[{"refund_id": "r", "refunded_amount": 2}]), T2)
    assert archive.changes().select("field", "before", "after").rows() == [("refunds[r].refunded_amount", "1", "2")]


def test_since_selects_changes_first_seen_after_it(archive: om.Archive) -> None:
    for order_id in ("b-2", "a-1"):
        for at, amount in ((T1, 1), (T2, 2), (T3, 3)):
            archive.add(order_id, order(order_id, order_amount=amount), at)
    assert archive.changes(since=T2).select("order_id", "after").rows() == [("a-1", "3"), ("b-2", "3")]
    assert archive.changes(since=T3).is_empty()
    assert archive.changes().get_column("after").to_list() == ["2", "2", "3", "3"]


def test_personal_fields_require_a_personal_archive_and_personal_true(tmp_path: Path) -> None:
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
                with pytest.raises(om.ArchiveError, match=r"contains placeholders.*omit personal=True"):
                    ask(personal=True)
