"""What a notebook shows of orders, their parts and what holds them."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from two_orders import SECOND

import om_toolkit as om


def order(**fields: Any) -> om.Order:
    return om.Orders.from_json(json.dumps(SECOND | fields))[0]


def test_a_card_has_facts_lines_shipments_and_events_in_order() -> None:
    shipped = [{"shipping_company": "<i>Post</i>", "shipping_method": "Home", "tracking_number": "T"}]
    lines = [{"type": "physical", "name": "Jacket", "quantity": 1, "total_amount": 65}]
    shown = order(
        created_at="2026-10-01T00:00:00Z", order_amount=65, status="<b>", order_lines=lines, shipping_info=shipped
    )._repr_html_()
    steps = ["&lt;b&gt;", "<th", "1 order line", "Jacket", "shipment", "&lt;i&gt;Post&lt;/i&gt;", ">yes<", "events"]
    steps += ["2026-10-01 00:00 UTC", "placed", "0.65 SEK"]
    steps += ["2026-10-02 06:00 UTC", "captured", "0.60 SEK", "2030-01-01"]
    rest = shown
    for step in steps:
        assert step in rest, f"{step} is missing, or comes too early"
        rest = rest.partition(step)[2]
    assert "refunded" in shown


def test_a_missing_amount_is_no_fact_and_no_zero() -> None:
    shown = om.Order(order_id="1", purchase_currency="SEK")._repr_html_()
    assert "order amount" not in shown
    assert "0.00" not in shown


def test_parts_are_tuples_that_a_notebook_shows_as_a_table() -> None:
    one = order()
    assert isinstance(one.captures, tuple)
    shown = one.captures._repr_html_()  # type: ignore[attr-defined]
    assert '<th title="captured_amount"' in shown
    assert ">0.60 SEK<" in shown
    for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), om.Order.model_validate(one.model_dump())):
        assert again.captures == one.captures
        assert again.captures._repr_html_() == shown
    assert isinstance(json.loads(one.model_dump_json())["captures"], list)


def test_amounts_without_a_known_currency_are_minor_units() -> None:
    shown = order(order_lines=[{"total_amount": 123456}]).order_lines._repr_html_()  # type: ignore[attr-defined]
    assert "total amount (minor units)" in shown
    assert ">123,456<" in shown


def test_no_parts_and_texts_are_shown_as_they_are() -> None:
    assert om.Order(order_id="1").captures == ()
    body = om.ApiError.model_validate({"error_messages": ["a", "b"]})
    assert body.error_messages._repr_html_() is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["order", "captures", "order_lines", "refunds", "shipping_info"])
def test_nothing_personal_is_shown(name: str, payloads: Path) -> None:
    for path in (payloads / "orders").glob("*.json"):
        for one in om.Orders.from_json(path):
            part = one if name == "order" else getattr(one, name)
            shown = part._repr_html_() if part else ""
            assert not any(word in shown for word in ("Madeup", "Buyer", "Nigdzie", "@", "+48", "00-000"))


def test_tables_show_their_columns_with_units() -> None:
    tables = om.Orders.from_json(json.dumps(SECOND)).tables()
    for one, size in ((tables, "1 row"), (tables.lazy(), "lazy")):
        shown = one._repr_html_()
        assert f"orders: {size}" in shown
        assert shown.count("<details>") == 5
        assert "captured_amount</td>" in shown
        assert "minor units" in shown


def test_an_archive_shows_what_it_has_or_why_it_cannot_be_read(tmp_path: Path) -> None:
    with om.Archive(tmp_path / "<shop>.archive") as archive:
        archive.add("1", order(), None)
        shown = archive._repr_html_()
        assert "&lt;shop&gt;" in shown
        assert "replaced by placeholders" in shown
    assert "closed" in archive._repr_html_()


def test_a_client_shows_its_host_and_no_credentials() -> None:
    client = om.Client("kco_test_api_key_0123456789", requests_per_second=None)
    shown = client._repr_html_()
    assert "https://api.playground.kustom.co" in shown
    assert "0123456789" not in shown


def test_a_report_shows_a_preview_that_runs_no_script() -> None:
    shown = om.Report(om.Orders.from_json(json.dumps(SECOND)), title="<Oct>")._repr_html_()
    assert "sandbox srcdoc=" in shown
    assert "<Oct>" not in shown
