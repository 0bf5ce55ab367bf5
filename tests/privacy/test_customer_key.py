"""`customer_key` counts repeat customers without identifying them, and only with a key."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from traceback import TracebackException
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import om_toolkit as om
from om_toolkit import privacy
from om_toolkit.tables.schema import SCHEMAS, columns

if TYPE_CHECKING:
    from pathlib import Path

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OM_PSEUDONYM_KEY", KEY)


def order(order_id: str, email: str | None = None, number: str | None = None, country: str = "SE") -> dict[str, Any]:
    return {
        "order_id": order_id,
        "billing_address": {"email": email, "country": country},
        "customer": {"organization_registration_id": number},
    }


ORDERS = [
    order("1", "ada@home.se"),
    order("2", " Ada@Home.se"),
    order("3", "bo@home.se"),
    order("4", "ada@firm.se", "556000-0000"),
    order("5", "bo@firm.se", "5560000000", "se"),
    order("6", "bo@firm.se", "5560000000", "DK"),
    order("7"),
]


def keys(orders: om.Orders) -> list[str | None]:
    return orders.to_polars()["customer_key"].to_list()


@pytest.mark.usefixtures("_key")
def test_it_is_equal_for_one_customer_and_differs_between_customers() -> None:
    found = keys(om.Orders.from_json(json.dumps(ORDERS)))
    assert found[0] == found[1] == hmac.new(KEY.encode(), b"email ada@home.se", sha256).hexdigest()[:32]
    assert found[3] == found[4] == hmac.new(KEY.encode(), b"organization SE 5560000000", sha256).hexdigest()[:32]
    assert found[6] is None
    assert len(set(found)) == 5


def test_another_secret_gives_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for key in (KEY, KEY[::-1]):
        monkeypatch.setenv("OM_PSEUDONYM_KEY", key)
        found += [key for key in keys(om.Orders.from_json(json.dumps(ORDERS))) if key]
    assert len(set(found)) == 8


def test_without_a_secret_there_is_no_such_column(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = om.Orders.from_json(json.dumps(ORDERS))
    without = orders.to_polars(personal=True)
    assert "customer_key" not in without.columns
    assert orders[0].customer_key is None
    monkeypatch.setenv("OM_PSEUDONYM_KEY", KEY)
    assert orders.to_polars(personal=True).drop("customer_key").equals(without)
    assert [column.name for column in columns("orders", personal=True)] == [one.name for one in SCHEMAS["orders"]]


def test_a_secret_that_is_set_after_reading_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = om.Orders.from_json(json.dumps(ORDERS))
    monkeypatch.setenv("OM_PSEUDONYM_KEY", KEY)
    assert orders.tables().orders["customer_key"].to_list() == keys(orders)


@pytest.mark.usefixtures("_key")
def test_every_way_to_the_orders_table_has_it(tmp_path: Path) -> None:
    file = tmp_path / "saved.ndjson"
    file.write_text("\n".join(map(json.dumps, ORDERS)))
    orders = om.Orders.from_json(file)
    tables = om.read_tables(file)
    tables.write_parquet(tmp_path / "tables")
    read = om.Tables.read_parquet(tmp_path / "tables").orders
    with om.Archive(tmp_path / "open.archive", personal=True) as archive:
        add(archive, orders)
        kept = [archive.orders().to_polars(), archive.tables().orders, archive.tables(personal=True).orders]
    for table in (orders.to_polars(), orders.tables().orders, tables.orders, read, *kept):
        assert table.schema["customer_key"] == pl.String()
        assert table["customer_key"].to_list() == keys(orders)
    assert om.Orders().to_polars().schema["customer_key"] == pl.String()
    assert om.capture_latency(orders, by="customer_key").height == 5


def add(archive: om.Archive, orders: om.Orders) -> None:
    for one in orders:
        archive.add(one.order_id or "", one, None)


@pytest.mark.usefixtures("_key")
def test_an_archive_without_personal_data_has_no_customer_keys(tmp_path: Path) -> None:
    with om.Archive(tmp_path / "masked.archive") as archive:
        add(
            archive,
            om.Orders.from_json(json.dumps([*ORDERS, order("8", "no address"), order("9", "a" * 50 + "@b.se")])),
        )
        kept = archive.orders()
        assert kept[0].billing_address
        assert str(kept[0].billing_address.email).startswith("person-0")
        assert keys(kept) == archive.tables().orders["customer_key"].to_list() == [None] * 9
        exported = "\n".join(one.model_dump_json() for one in kept)
    assert keys(om.Orders.from_json(exported)) == [None] * 9


@pytest.mark.usefixtures("_key")
def test_the_placeholders_of_one_recording_count_the_same_customers() -> None:
    blank = [order("8", " "), order("9", " ", "--")]
    scrubber = privacy.Scrubber()
    documents: list[Any] = [scrubber.scrub(document, privacy.ORDER) for document in [*ORDERS, *blank]]
    real, counted = (keys(om.Orders.from_json(json.dumps(given))) for given in ([*ORDERS, *blank], documents))
    assert [real.index(key) for key in real] == [counted.index(key) for key in counted]
    assert (counted[-3:], len(set(counted))) == ([None] * 3, 5)


def test_secrets_and_addresses_need_not_be_valid_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OM_PSEUDONYM_KEY", f"{KEY}\udcff")
    found = [privacy.customer_key(email=email) for email in ("ada@home.se", "ada\ud83d@home.se")]
    assert None not in found
    assert len(set(found)) == 2


@pytest.mark.parametrize("weak", ["", "short", "a" * 64, KEY[:31]])
def test_a_secret_that_is_easily_guessed_is_refused_and_not_shown(weak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OM_PSEUDONYM_KEY", weak)
    orders = om.Orders.from_json(json.dumps(ORDERS))  # to read them no key is needed
    with pytest.raises(om.InvalidSetting, match="OM_PSEUDONYM_KEY is too easily guessed") as caught:
        orders.to_polars()
    traceback = TracebackException.from_exception(caught.value, capture_locals=True)
    in_package = (frame for frame in traceback.stack if "om_toolkit" in frame.filename)
    shown = [str(caught.value), *(str(frame.locals) for frame in in_package)]
    assert not weak or not any(weak in text for text in shown)
