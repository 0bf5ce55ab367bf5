"""Awkward shops, drawn by hypothesis.

A few orders with ties, events at time 0, amounts of 0, no or only censored observations, unsorted and duplicate
captures, missing times, and codes in mixed case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shop_tables import at, shop

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from om_toolkit.tables.tables import Tables

Rows = dict[str, list[dict[str, Any]]]

HOURS = st.none() | st.integers(0, 6)
AMOUNTS = st.none() | st.integers(0, 4)
ORDER = st.fixed_dictionaries(
    {
        "status": st.sampled_from(
            ["AUTHORIZED", "PART_CAPTURED", "CAPTURED", "CANCELLED", "EXPIRED", "CLOSED", "ON_HOLD", None]
        ),
        "fraud_status": st.sampled_from(["PENDING", "ACCEPTED", None]),
        "purchase_country": st.sampled_from(["SE", "se", None]),
        "purchase_currency": st.sampled_from(["SEK", "sek", "JPY", None]),
        "customer_type": st.sampled_from(["person", "organization", None]),
        "order_amount": AMOUNTS,
        "captured_amount": AMOUNTS,
        "refunded_amount": AMOUNTS,
        "remaining_authorized_amount": AMOUNTS,
        "created_at": HOURS,
        "expires_at": HOURS,
        "seen_at": HOURS,
        "selected_shipping_option_method": st.sampled_from(["Home", "home", " ", None]),
        "selected_shipping_options_method": st.sampled_from([None, None, "Home\nhome", "Postal\nHome", " \nOwn"]),
    }
)
WHICH = st.integers(0, 4)
CAPTURE_ID = st.sampled_from(["1", "2", None])
CAPTURE = st.fixed_dictionaries(
    {
        "order_id": WHICH,
        "capture_id": CAPTURE_ID,
        "captured_amount": AMOUNTS,
        "refunded_amount": AMOUNTS,
        "captured_at": HOURS,
    }
)
REFUND = st.fixed_dictionaries({"order_id": WHICH, "refunded_amount": AMOUNTS, "refunded_at": HOURS})
SOURCE = st.sampled_from(["order", "capture", "capture"])
LINE = st.fixed_dictionaries(
    {
        "order_id": WHICH,
        "source": SOURCE,
        "capture_id": CAPTURE_ID,
        "type": st.sampled_from(["physical", "digital", "digital", "discount", "shipping_fee", None]),
    }
)
SHIPMENT = st.fixed_dictionaries(
    {
        "order_id": WHICH,
        "source": SOURCE,
        "capture_id": CAPTURE_ID,
        "has_tracking": st.sampled_from([True, False]),
        "shipping_method": st.sampled_from(["Home", "home", "HO ME", "Postal", " ", None]),
        "shipping_company": st.sampled_from(["DHL", "dhl", "PostNord", None]),
    }
)


def table(row: Any, size: int) -> Any:
    return st.lists(row, max_size=size)


SHOPS = st.fixed_dictionaries(
    {
        "orders": st.lists(ORDER, min_size=1, max_size=5),
        "captures": table(CAPTURE, 8),
        "refunds": table(REFUND, 4),
        "order_lines": table(LINE, 6),
        "shipments": table(SHIPMENT, 6),
    }
)


def awkward(rows: Rows, as_of: int | None) -> Tables[pl.DataFrame]:
    """Convert drawn rows to tables: every row belongs to an existing order, and hours become instants."""
    ids = [f"order-{number}" for number in range(len(rows["orders"]))]
    converted: Rows = {
        "orders": [{"order_id": order_id, **row} for order_id, row in zip(ids, rows["orders"], strict=True)]
    }
    for name in ("captures", "refunds", "order_lines", "shipments"):
        converted[name] = [{**row, "order_id": ids[row["order_id"] % len(ids)]} for row in rows[name]]
    for row in (row for of_table in converted.values() for row in of_table):
        row |= {name: None if row[name] is None else at(row[name]) for name in row if name.endswith("_at")}
    return shop(as_of=None if as_of is None else at(as_of), **converted)


def awkward_shops(examples: int, **more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test on this many shops: `rows` and `as_of` for `awkward`, and one of the values of each other argument."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        # The shops are small already, and shrinking one would take minutes.
        chosen = settings(
            derandomize=True,
            deadline=None,
            max_examples=examples,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        return chosen(
            given(rows=SHOPS, as_of=HOURS, **{name: st.sampled_from(values) for name, values in more.items()})(test)
        )

    return decorate
