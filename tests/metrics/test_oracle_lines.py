"""The metrics over order lines against plain Python over the same documents (`line_results`)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import line_results as plain
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from property_tests import examples

import om_toolkit as om
from om_toolkit.synthetic.shop import Shop

CLOSE = 1e-9  # of ratios and rates; everything else is equal

AMOUNTS = st.none() | st.integers(-2, 60)
TIMES = st.sampled_from(
    [None, "2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-10-15T12:00:00Z", "2026-11-02T00:00:00Z"]
)
AS_OF = st.sampled_from([None, "2026-10-20T00:00:00Z", "2026-12-01T00:00:00Z"])
LINE = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["physical", "digital", "package", None, "discount", "shipping_fee", "sales_tax", "return_fee"]
        ),
        "category_path": st.sampled_from(["Shoes > Boots", " Shoes ", "Hats", " > Boots", None]),
        "brand": st.sampled_from(["Acme", " Acme", " ", None]),
        "quantity": st.none() | st.integers(0, 3),
        "total_amount": AMOUNTS,
        "total_discount_amount": st.none() | st.integers(0, 9),
        "total_tax_amount": st.none() | st.integers(0, 9),
        "tax_rate": st.sampled_from([2500, 1250, 0, None]),
    }
)
SHIPMENT = st.fixed_dictionaries(
    {
        "shipping_company": st.sampled_from(["DHL", "dhl", " D H L", "PostNord", " ", None]),
        "shipping_method": st.sampled_from(["Home", " ", None]),
        "tracking_number": st.sampled_from(["1", None]),
    }
)
LINES = st.lists(LINE, max_size=3)
CAPTURE = st.fixed_dictionaries(
    {
        "captured_amount": st.none() | st.integers(0, 3),
        "captured_at": TIMES,
        "order_lines": LINES,
        "shipping_info": st.lists(SHIPMENT, max_size=2),
    }
)
REFUND = st.fixed_dictionaries(
    {"refunded_amount": st.none() | st.integers(0, 3), "refunded_at": TIMES, "order_lines": LINES}
)
ORDER = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["AUTHORIZED", "PART_CAPTURED", "CAPTURED", "CANCELLED", "EXPIRED", "CLOSED"]),
        "purchase_currency": st.sampled_from(["SEK", "JPY", None]),
        "purchase_country": st.sampled_from(["SE", None]),
        "order_amount": st.none() | st.integers(0, 3),
        "captured_amount": st.none() | st.integers(0, 3),
        "refunded_amount": st.none() | st.integers(0, 3),
        "remaining_authorized_amount": st.none() | st.integers(0, 3),
        "created_at": TIMES,
        "expires_at": TIMES,
        "order_lines": LINES,
        "shipping_info": st.lists(SHIPMENT, max_size=2),
        "captures": st.lists(CAPTURE, max_size=3),
        "refunds": st.lists(REFUND, max_size=2),
    }
)
PRODUCTS = (
    *("purchase_currency", "captured_quantity", "captured_amount", "refunded_quantity", "refunded_amount"),
    *("amount_ratio", "amount_ratio_low", "amount_ratio_high", "discount_amount", "tax_amount", "excluded"),
)
VAT = (
    *("purchase_currency", "purchase_country", "month", "tax_rate", "lines", "net_amount", "tax_amount"),
    *("gross_amount", "excluded", "without_lines", "without_lines_amount"),
)
SHIPPED = ("order_id", "remaining_authorized_amount", "shipping_company", "has_tracking")


def as_sent(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line as the API sends it."""
    identifiers = {"category_path": line["category_path"], "brand": line["brand"]}
    return {name: value for name, value in line.items() if name not in identifiers} | {
        "product_identifiers": identifiers
    }


def sent(value: Any) -> Any:
    """Return documents as the API sends them."""
    if isinstance(value, list):
        return [sent(one) for one in value]
    if isinstance(value, dict):
        return as_sent(value) if "category_path" in value else {name: sent(one) for name, one in value.items()}
    return value


def drawn(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the API as it is drawn here."""
    names = ("type", "quantity", "total_amount", "total_discount_amount", "total_tax_amount", "tax_rate")
    identifiers = line.get("product_identifiers") or {}
    return {name: line.get(name) for name in names} | {
        name: identifiers.get(name) for name in ("category_path", "brand")
    }


def check(documents: list[dict[str, Any]], orders: om.Orders, as_of: str | None) -> None:
    for kind in ("category", "brand", "type"):
        found = om.products(orders, by=kind).select(kind, *PRODUCTS)
        same(found, plain.products(documents, kind), f"products by {kind}")
    for basis in ("capture_date", "refund_date"):
        taxes = om.vat(orders, basis=basis).select(*VAT).with_columns(pl.col("month").dt.strftime("%Y-%m"))  # type: ignore[arg-type]
        same(taxes, plain.vat(documents, basis, as_of), f"vat by {basis}")
    same(
        om.shipped_uncaptured(orders).select(SHIPPED), plain.shipped_uncaptured(documents, as_of), "shipped_uncaptured"
    )


def same(found: pl.DataFrame, expected: list[tuple[Any, ...]], what: str) -> None:
    assert found.height == len(expected), f"{what}: {found.rows()} is not {expected}"
    for row, other in zip(found.rows(), expected, strict=True):
        are_close = (
            one == also or (isinstance(one, float) and also is not None and abs(one - also) < CLOSE)
            for one, also in zip(row, other, strict=True)
        )
        assert all(are_close), f"{what}: {row} is not {other}"


def check_drawn(drawn_orders: list[dict[str, Any]], as_of: str | None) -> None:
    documents = [{"order_id": f"order-{number}"} | order for number, order in enumerate(drawn_orders)]
    read = om.Orders.from_json(json.dumps(sent(documents)))
    assert not read.failures
    instant = datetime.fromisoformat(as_of) if as_of else None
    orders = om.Orders(read, as_of=instant)
    check(documents, orders, as_of)


DRAWN = given(drawn_orders=st.lists(ORDER, min_size=1, max_size=5), as_of=AS_OF)


@settings(derandomize=True, deadline=None, max_examples=examples(15), phases=[Phase.generate])
@DRAWN
def test_on_drawn_orders(drawn_orders: list[dict[str, Any]], as_of: str | None) -> None:
    check_drawn(drawn_orders, as_of)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=examples(150), phases=[Phase.generate])
@DRAWN
def test_on_many_drawn_orders(drawn_orders: list[dict[str, Any]], as_of: str | None) -> None:
    check_drawn(drawn_orders, as_of)


@pytest.mark.parametrize("seed", [1, 2])
def test_on_a_synthetic_shop(seed: int) -> None:
    shop = Shop(400, seed=seed)
    bodies = [shop.body(order_id) for order_id in shop.order_ids]
    documents = []
    for body in bodies:
        document = json.loads(body)
        names = (
            "purchase_country",
            "order_amount",
            "captured_amount",
            "refunded_amount",
            "remaining_authorized_amount",
        )
        document = dict.fromkeys(names) | {"created_at": None, "expires_at": None, "purchase_currency": None} | document
        document["order_lines"] = list(map(drawn, document.get("order_lines") or []))
        for name in ("status", "purchase_currency", "purchase_country"):
            document[name] = document[name] and document[name].upper()
        for name, time in (("captures", "captured_at"), ("refunds", "refunded_at")):
            document[name] = [
                {time: None, time.replace("_at", "_amount"): None}
                | part
                | {"order_lines": list(map(drawn, part.get("order_lines") or []))}
                for part in document.get(name) or []
            ]
        for owner in (document, *document["captures"]):
            blank = {"shipping_company": None, "shipping_method": None, "tracking_number": None}
            owner["shipping_info"] = [blank | one for one in owner.get("shipping_info") or []]
        documents.append(document)
    orders = om.Orders.from_json(b"\n".join(bodies), as_of=datetime(2026, 10, 31, 12, tzinfo=UTC))
    check(documents, orders, "2026-10-31T12:00:00Z")
