"""Goods that are gone while nothing was captured: orders, captures and shipments in, those orders out."""

from datetime import datetime
from typing import Final

import polars as pl

from om_toolkit.metrics.expressions import OPEN, effective_as_of
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.tables.results import spelling_key
from om_toolkit.tables.tables import Tables, tables_of

_UNPAID: Final = (*OPEN, "CANCELLED", "EXPIRED")
"""The statuses in which an order without a capture is listed."""

_IS_SHIPPED: Final = pl.col("has_tracking") | pl.any_horizontal(
    pl.col("shipping_company", "shipping_method").str.strip_chars() != ""
)
"""Whether a shipment has shipping info or tracking; one that has only a label for a return does not."""


def shipped_uncaptured(data: object, *, as_of: datetime | None = None) -> pl.DataFrame:
    """List the orders that were shipped although nothing was captured of them, the soonest to expire first.

    These orders are open, cancelled or expired, have a carrier, a shipping method or tracking at order level or on a
    capture of amount 0, and no captured money: their captured amount is 0, or missing while all their captures have
    amounts, and no capture has another amount than 0. Orders created after `as_of` are left out.

    Args:
        data: Orders or Tables.
        as_of: The instant that counts, by default that of the data; a naive time is in UTC. Statuses and amounts are
            always those of the data.

    Returns:
        A row per order, those without `expires_at` last:

        | column | type | meaning |
        |---|---|---|
        | `order_id`, `merchant_reference1` | String | |
        | `status` | String | |
        | `purchase_currency` | String | |
        | `order_amount` | Int64 | minor units |
        | `remaining_authorized_amount` | Int64 | minor units that can still be captured, null if unknown |
        | `shipping_company` | String | the carrier; several are separated by `, `, null if none is known |
        | `has_tracking` | Boolean | whether a shipment has tracking |
        | `expires_at` | Datetime | UTC |

    Example:
        >>> import om_toolkit as om
        >>> order = '{"order_id": "a1", "status": "EXPIRED", "order_amount": 9900, "captured_amount": 0, '
        >>> order += '"purchase_currency": "SEK", "shipping_info": [{"shipping_company": "DHL"}]}'
        >>> orders = om.Orders.from_json(order)
        >>> shipped_uncaptured(orders).select("order_id", "order_amount", "shipping_company", "has_tracking").row(0)
        ('a1', 9900, 'DHL', False)
    """
    tables = tables_of(data)
    return tables.run(
        shipped_uncaptured_orders(tables, effective_as_of(as_of, tables))
        .sort("expires_at", "order_id", nulls_last=True)
        .select(
            "order_id",
            "merchant_reference1",
            "status",
            CURRENCY,
            "order_amount",
            "remaining_authorized_amount",
            "shipping_company",
            "has_tracking",
            "expires_at",
        )
    )


def shipped_uncaptured_orders(tables: Tables[pl.LazyFrame], as_of: pl.Expr) -> pl.LazyFrame:
    """Plan the orders of `shipped_uncaptured`, with their carrier and tracking."""
    is_created_later = (pl.col("created_at") > as_of).fill_null(value=False)
    return (
        tables.orders.filter(pl.col("status").is_in(_UNPAID), ~is_created_later)
        .join(_shipments(tables), on="order_id")
        .join(_captures(tables), on="order_id", how="left")
        .filter(_is_uncaptured())
    )


def _shipments(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan a row per shipped order: its carriers, each in the alphabetically first of its spellings, and tracking."""
    amounts = tables.captures.select("order_id", "capture", "captured_amount")
    is_uncaptured = (pl.col("source") == "order") | (pl.col("captured_amount") == 0)
    name = pl.col("shipping_company").str.strip_chars()
    name = pl.when(name != "").then(name)
    return (
        tables.shipments.filter(_IS_SHIPPED)
        .join(amounts, on=["order_id", "capture"], how="left")
        .filter(is_uncaptured)
        .group_by("order_id", spelling=spelling_key(name))
        .agg(name.min(), pl.col("has_tracking").any())
        .group_by("order_id")
        .agg(pl.col("shipping_company").drop_nulls().sort().str.join(", "), pl.col("has_tracking").any())
        .with_columns(pl.when(pl.col("shipping_company") != "").then("shipping_company"))
    )


def _captures(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan whether the captures of an order have money, or an unknown amount."""
    amount = pl.col("captured_amount")
    return tables.captures.group_by("order_id").agg(has_money=(amount != 0).any(), has_unknown=amount.is_null().any())


def _is_uncaptured() -> pl.Expr:
    """Return whether it is known that nothing was captured of an order."""
    amount = pl.col("captured_amount")
    is_zero = (amount == 0) | (amount.is_null() & ~pl.col("has_unknown").fill_null(value=False))
    return is_zero & ~pl.col("has_money").fill_null(value=False)
