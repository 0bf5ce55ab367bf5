"""The figures that head a report, per currency: the single metrics side by side, from one query."""

from __future__ import annotations

from typing import Final

import polars as pl

from om_toolkit.metrics import latency, refunds, shipping
from om_toolkit.metrics.expressions import OPEN, count
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.metrics.intervals import amount_ratio, count_ratio, moments
from om_toolkit.tables.tables import Tables, tables_of

_COLUMNS: Final = """
    purchase_currency orders order_amount
    captured_orders captured_amount capture_rate capture_rate_low capture_rate_high
    refunded_orders refunded_amount refund_ratio refund_ratio_low refund_ratio_high
    open_orders open_amount expired_orders expired_amount cancelled_orders cancelled_amount
    average_order_value median_order_value
    captures captures_with_tracking tracking_share tracking_share_low tracking_share_high
    p50_hours p50_hours_low p50_hours_high
""".split()
_COUNTED: Final = ("refunded_orders", "refunded_amount", "captures", "captures_with_tracking")


def key_figures(data: object) -> pl.DataFrame:
    """Sum up orders, captures and refunds per currency.

    Every number is that of the metric it comes from: `refund_ratio`, `shipping_methods` (captures with tracking) and
    `capture_latency` (`p50_hours`, first capture), each by currency. `capture_rate` is captured over ordered money of
    all orders, with the ratio estimator's interval (Cochran, Sampling Techniques, ch. 6), null for fewer than two
    orders and for a rate not between 0 and 1. A missing amount is 0 in sums, and no part of the average and the median.

    Args:
        data: Orders or Tables.

    Returns:
        A row per currency: `purchase_currency`, and where nothing else is said Int64, amounts in minor units:
        `orders`, `order_amount`, `captured_orders`, `captured_amount`, `capture_rate`, `refunded_orders`,
        `refunded_amount`, `refund_ratio` (Float64, each ratio with its 95 % `_low` and `_high`), `open_orders`,
        `open_amount` (what remains authorised of AUTHORIZED and PART_CAPTURED), `expired_orders`, `expired_amount`,
        `cancelled_orders`, `cancelled_amount` (what was not captured of either), `average_order_value`,
        `median_order_value` (Float64, minor units), `captures`, `captures_with_tracking`, `tracking_share` (Float64,
        with `_low` and `_high`), `p50_hours`, `p50_hours_low`, `p50_hours_high` (Float64).

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> key_figures(orders).select("purchase_currency", "orders", "order_amount", "captured_amount").row(0)
        ('EUR', 121, 3748771, 2910020)
    """
    tables = tables_of(data)
    figures = _orders(tables)
    for metric in (_refunds(tables), _captures(tables), _latency(tables)):
        figures = figures.join(metric, on=CURRENCY, how="left", nulls_equal=True)
    return (
        figures.with_columns(pl.col(_COUNTED).fill_null(0))
        .with_columns(
            *amount_ratio("capture_rate", "captured_amount", "order_amount", "orders"),
            *count_ratio("tracking_share", "captures_with_tracking", "captures"),
        )
        .select(_COLUMNS)
        .sort(CURRENCY, nulls_last=True)
        .collect()
    )


def _orders(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    ordered, captured = pl.col("order_amount").fill_null(0), pl.col("captured_amount").fill_null(0)
    status = pl.col("status")
    is_open, is_expired, is_cancelled = status.is_in(OPEN), status == "EXPIRED", status == "CANCELLED"
    return tables.orders.group_by(CURRENCY).agg(
        orders=pl.len().cast(pl.Int64),
        order_amount=count(ordered),
        captured_orders=count(captured > 0),
        captured_amount=count(captured),
        **moments(captured, ordered),
        open_orders=count(is_open),
        open_amount=count(pl.col("remaining_authorized_amount").filter(is_open)),
        expired_orders=count(is_expired),
        expired_amount=count((ordered - captured).filter(is_expired)),
        cancelled_orders=count(is_cancelled),
        cancelled_amount=count((ordered - captured).filter(is_cancelled)),
        average_order_value=pl.col("order_amount").mean(),
        median_order_value=pl.col("order_amount").median(),
    )


def _refunds(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    return refunds.plan(tables, CURRENCY).select(
        CURRENCY,
        "refunded_amount",
        refunded_orders="orders_refunded",
        refund_ratio="amount_ratio",
        refund_ratio_low="amount_ratio_low",
        refund_ratio_high="amount_ratio_high",
    )


def _captures(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    methods = shipping.plan(tables, CURRENCY, "capture", "shipped", "shipping_method")
    return methods.group_by(CURRENCY).agg(captures=count("count"), captures_with_tracking=count("with_tracking"))


def _latency(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    waits = latency.plan(tables, by=CURRENCY, event="first", quantiles=(0.5,), within=(), as_of=None)
    return waits.select(CURRENCY, "p50_hours", "p50_hours_low", "p50_hours_high")
