"""Awkward shops, drawn by hypothesis, and contradictory ones, drawn by seed.

Awkward ones have a few orders with ties, events at time 0, amounts of 0, no or only censored observations, unsorted and
duplicate captures, missing times, and codes in mixed case. Contradictory ones also have amounts below 0 and
contradictions of every kind; every value is drawn on its own, so that rare combinations occur too.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from property_tests import examples as drawn
from shop_tables import at, shop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
            max_examples=drawn(examples),
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        return chosen(
            given(rows=SHOPS, as_of=HOURS, **{name: st.sampled_from(values) for name, values in more.items()})(test)
        )

    return decorate


TIMES = (None, *range(7))
SIGNED = (None, -1, 0, 1, 2, 3, 4)
ORDERED = (None, -1, 0, 4, 4, 4, 4)
IDS = ("1", "2", "3", None)
CONTRADICTORY: dict[str, tuple[int, dict[str, Sequence[Any]]]] = {
    "orders": (
        5,
        {
            "status": (
                *("AUTHORIZED", "AUTHORIZED", "PART_CAPTURED", "CAPTURED", "CAPTURED"),
                *("CANCELLED", "EXPIRED", "EXPIRED", "CLOSED", "ON_HOLD", None),
            ),
            "fraud_status": ("PENDING", "ACCEPTED", "MAYBE", None),
            "customer_type": ("person", "organization", "robot", None),
            "purchase_currency": ("SEK", "JPY", "ZZZ", "QQQ", None),
            "order_amount": ORDERED,
            **dict.fromkeys(("captured_amount", "refunded_amount", "remaining_authorized_amount"), SIGNED),
            **dict.fromkeys(("created_at", "expires_at", "seen_at"), TIMES),
        },
    ),
    "captures": (
        8,
        {"capture_id": IDS, "captured_amount": SIGNED, "refunded_amount": SIGNED, "captured_at": TIMES},
    ),
    "refunds": (5, {"refund_id": IDS, "refunded_amount": SIGNED, "refunded_at": TIMES}),
    "order_lines": (
        8,
        {
            "source": ("order", "capture", "capture", "refund"),
            "capture_id": IDS,
            "refund_id": IDS,
            "type": ("physical", "physical", "digital", "gift", None),
            "line": range(8),
            "tax_rate": (0, 2500, 10000, None),
            **dict.fromkeys(("quantity", "unit_price", "total_discount_amount", "total_tax_amount"), (None, *range(5))),
            "total_amount": ORDERED,
        },
    ),
    "shipments": (
        4,
        {
            "source": ("order", "capture", "capture"),
            "capture_id": IDS,
            "has_tracking": (True, False, False),
            "shipping_method": ("Home", "Pigeon", " ", None),
            "shipping_company": ("DHL", None),
        },
    ),
}
LISTED: dict[str, Sequence[Any]] = {"capture_id": IDS, "captured_amount": SIGNED}


def contradictory_shop(seed: int) -> Tables[pl.DataFrame]:
    """Return a shop that may break any rule of the audit; each row has the currency of its order."""
    random = Random(seed)  # noqa: S311 - no cryptography
    rows = {name: drawn_rows(random, size, values) for name, (size, values) in CONTRADICTORY.items()}
    rows["orders"] = rows["orders"] or [dict.fromkeys(CONTRADICTORY["orders"][1])]
    currencies = [order["purchase_currency"] for order in rows["orders"]]
    for row in (row for name, of_table in rows.items() if name != "orders" for row in of_table):
        row["purchase_currency"] = currencies[row["order_id"] % len(currencies)]
    for order in rows["orders"]:
        order.pop("order_id", None)  # `awkward` numbers the orders
    return awkward(rows, random.choice((*TIMES, 9, 9, 9)))


def listed_captures(seed: int, orders: int) -> list[dict[str, Any]]:
    """Return captures as the API could list them for a shop with this number of orders."""
    rows = drawn_rows(Random(f"listed {seed}"), 5, LISTED)  # noqa: S311 - no cryptography
    return [row | {"order_id": f"order-{row['order_id'] % orders}"} for row in rows]


def drawn_rows(random: Random, size: int, values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return up to so many rows with the number of an order and one value of each column."""
    return [
        {"order_id": random.randrange(5), **{name: random.choice(choices) for name, choices in values.items()}}
        for _ in range(random.randint(0, size))
    ]
