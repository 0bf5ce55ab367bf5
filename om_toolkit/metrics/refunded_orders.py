"""What was captured and refunded of each order: orders, captures and refunds in, amounts and their ages out.

An order-level amount that is missing is not zero: the sum of the captures or refunds is used instead if all of them
have amounts. A capture or refund of amount 0 does not count.
"""

import polars as pl

from om_toolkit.metrics.expressions import observed_until, with_seen_at
from om_toolkit.metrics.grouping import CURRENCY, Groups
from om_toolkit.metrics.hashes import ORDER_HASH
from om_toolkit.tables.tables import Tables


def amounts_of_orders(tables: Tables[pl.LazyFrame], groups: Groups, *columns: str) -> pl.LazyFrame:
    """Plan one row per order with its group, other columns, and the amounts `captured` and `refunded`.

    An amount is null if the order does not have it and neither do all its captures or refunds. Most orders have their
    amounts; only the others are joined.
    """
    amounts = {"captured": pl.col("captured_amount"), "refunded": pl.col("refunded_amount")}
    orders = groups.select(tables.orders, *{"order_id", *columns}, **amounts)
    is_known = pl.col("captured").is_not_null() & pl.col("refunded").is_not_null()
    incomplete = orders.filter(~is_known)
    filled = incomplete
    for name, parts in (("captured", tables.captures), ("refunded", tables.refunds)):
        lacking = incomplete.filter(pl.col(name).is_null()).select("order_id").unique()
        sums = (
            parts.join(lacking, on="order_id", how="semi").group_by("order_id").agg(**_sum_of_parts(f"{name}_amount"))
        )
        filled = filled.join(sums, on="order_id", how="left").with_columns(
            pl.coalesce(name, _known_sum()).alias(name),
        )
        filled = filled.drop("sum", "is_partial")
    return pl.concat([orders.filter(is_known), filled.select(orders.collect_schema().names())])


def _sum_of_parts(amount: str) -> dict[str, pl.Expr]:
    return {"sum": pl.col(amount).sum(), "is_partial": pl.col(amount).is_null().any()}


def _known_sum() -> pl.Expr:
    """Return the sum of an order's captures or refunds, 0 without any; null if one of them has no amount."""
    return pl.when(pl.col("is_partial").fill_null(value=False)).then(None).otherwise(pl.col("sum").fill_null(0))


def captured_orders(tables: Tables[pl.LazyFrame], groups: Groups, as_of: pl.Expr) -> pl.LazyFrame:
    """Plan one row per captured order whose refunds can be followed in time.

    Left out are orders without a known captured amount or time, or of which a refund has no amount or no time.

    Returns:
        The group columns; `key`; the currency; `captured`; `captured_at` of the first capture; `end`, the microseconds
        since then for which the order was observed; `is_full`, whether it was refunded in full.
    """
    own = pl.coalesce("captured_amount", _known_sum())
    captured = pl.when("is_captured_later").then(_known_sum()).otherwise(own)
    is_full = pl.col("refunded").fill_null(0) >= pl.col("captured")
    end = (observed_until(as_of, is_full) - pl.col("captured_at")).dt.total_microseconds()
    refunds = (
        _visible_refunds(tables, as_of)
        .group_by("key")
        .agg(
            refunded=pl.col("refunded_amount").sum(),
            is_dated=(pl.col("refunded_at").is_not_null() & pl.col("refunded_amount").is_not_null()).all(),
        )
    )
    return (
        groups.select(with_seen_at(tables.orders), "captured_amount", "seen_at", CURRENCY, key=ORDER_HASH)
        .join(_first_captures(tables, as_of), on="key")
        .with_columns(captured=captured)
        .filter(pl.col("captured") > 0)
        .join(refunds, on="key", how="left")
        .filter(pl.col("is_dated").fill_null(value=True))
        .select(*groups.keys, "key", CURRENCY, "captured", "captured_at", is_full=is_full, end=end)
        .filter(pl.col("end") >= 0)
    )


def refunds_of(orders: pl.LazyFrame, groups: Groups, tables: Tables[pl.LazyFrame], as_of: pl.Expr) -> pl.LazyFrame:
    """Plan one row per refund of the orders of `captured_orders`, while they were observed.

    Returns:
        The group columns, `key`, `captured` and `end` of the order; `refunded`; `at`, the microseconds since the first
        capture, 0 for a refund before it.
    """
    at = (pl.col("refunded_at") - pl.col("captured_at")).dt.total_microseconds().clip(lower_bound=0)
    return (
        _visible_refunds(tables, as_of)
        .join(orders, on="key")
        .select(*groups.keys, "key", "captured", "end", at=at, refunded="refunded_amount")
        .filter(pl.col("at") <= pl.col("end"))
    )


def _visible_refunds(tables: Tables[pl.LazyFrame], as_of: pl.Expr) -> pl.LazyFrame:
    """Plan the refunds until `as_of`; one without a time may be one of them."""
    is_later = (pl.col("refunded_at") > as_of).fill_null(value=False)
    refunds = tables.refunds.filter(pl.col("order_id").is_not_null() & pl.col("refunded_amount").ne_missing(0))
    return refunds.filter(~is_later).select("refunded_amount", "refunded_at", key=ORDER_HASH)


def _first_captures(tables: Tables[pl.LazyFrame], as_of: pl.Expr) -> pl.LazyFrame:
    """Plan the first capture of each order and the sum of those until `as_of`."""
    is_later = (pl.col("captured_at") > as_of).fill_null(value=False)
    return (
        tables.captures.filter(pl.col("order_id").is_not_null() & pl.col("captured_amount").ne_missing(0))
        .select("captured_amount", "captured_at", key=ORDER_HASH, is_later=is_later)
        .group_by("key")
        .agg(
            captured_at=pl.col("captured_at").min(),
            sum=pl.col("captured_amount").filter(~pl.col("is_later")).sum(),
            is_partial=(pl.col("captured_amount").is_null() & ~pl.col("is_later")).any(),
            is_captured_later=pl.col("is_later").any(),
        )
    )
