"""Key figures: the five tables in, one row per currency with the main figures of several metrics out."""

from typing import Final

import polars as pl

from om_toolkit.metrics import latency, refunds, shipping
from om_toolkit.metrics.captured_orders import Estimand
from om_toolkit.metrics.expressions import OPEN, effective_as_of, total
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.metrics.intervals import amount_ratio, count_ratio, moments
from om_toolkit.tables.tables import Tables, tables_of

_KEY_FIGURE_COLUMNS: Final = """
    purchase_currency orders order_amount
    captured_orders captured_amount capture_rate capture_rate_low capture_rate_high
    refunded_orders refunded_amount refund_ratio refund_ratio_low refund_ratio_high
    open_orders open_amount expired_orders expired_amount cancelled_orders cancelled_amount
    average_order_value median_order_value
    captures captures_with_tracking tracking_share tracking_share_low tracking_share_high
    p50_hours p50_hours_low p50_hours_high
""".split()
_ZERO_IF_MISSING: Final = ("refunded_orders", "refunded_amount", "captures", "captures_with_tracking")


def key_figures(data: object) -> pl.DataFrame:
    """Summarise orders, captures and refunds per currency.

    The figures are those of `refund_ratio`, `shipping_methods` (captures with tracking) and `capture_latency`
    (`p50_hours`, first capture), each by currency. `capture_rate` is the captured amount over the order amount of all
    orders, with the interval of `refund_ratio`'s `amount_ratio`, null where the rate is not between 0 and 1. A missing
    amount is 0 in sums; the average and the median leave it out.

    Args:
        data: Orders or Tables.

    Returns:
        A row per currency. Amounts are minor units; each ratio has its 95 % interval as `_low` and `_high`.

        | column | type | meaning |
        |---|---|---|
        | `purchase_currency` | String | |
        | `orders`, `order_amount` | Int64 | all orders |
        | `captured_orders`, `captured_amount`, `capture_rate` | Int64, Int64, Float64 | captured over ordered |
        | `refunded_orders`, `refunded_amount`, `refund_ratio` | Int64, Int64, Float64 | refunded over captured |
        | `open_orders`, `open_amount` | Int64 | AUTHORIZED and PART_CAPTURED orders, what remains authorised |
        | `expired_orders`, `expired_amount` | Int64 | EXPIRED orders, what was not captured |
        | `cancelled_orders`, `cancelled_amount` | Int64 | CANCELLED orders, what was not captured |
        | `average_order_value`, `median_order_value` | Float64 | |
        | `captures`, `captures_with_tracking`, `tracking_share` | Int64, Int64, Float64 | tracked over all captures |
        | `p50_hours`, `p50_hours_low`, `p50_hours_high` | Float64 | hours, with the 95 % interval |

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> key_figures(orders).select("purchase_currency", "orders", "order_amount", "captured_amount").row(0)
        ('EUR', 121, 3748771, 2910020)
    """
    tables = tables_of(data)
    figures = _order_figures(tables)
    for metric in (_refund_figures(tables), _tracking_figures(tables), _latency_figures(tables)):
        figures = figures.join(metric, on=CURRENCY, how="left", nulls_equal=True)
    return tables.run(
        figures.with_columns(pl.col(_ZERO_IF_MISSING).fill_null(0))
        .with_columns(
            *amount_ratio("capture_rate", "captured_amount", "order_amount", "orders"),
            *count_ratio("tracking_share", "captures_with_tracking", "captures"),
        )
        .select(_KEY_FIGURE_COLUMNS)
        .sort(CURRENCY, nulls_last=True)
    )


def _order_figures(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    ordered, captured = pl.col("order_amount").fill_null(0), pl.col("captured_amount").fill_null(0)
    status = pl.col("status")
    is_open, is_expired, is_cancelled = status.is_in(OPEN), status == "EXPIRED", status == "CANCELLED"
    return tables.orders.group_by(CURRENCY).agg(
        orders=pl.len().cast(pl.Int64),
        order_amount=total(ordered),
        captured_orders=total(captured > 0),
        captured_amount=total(captured),
        **moments("capture_rate", captured, ordered),
        open_orders=total(is_open),
        open_amount=total(pl.col("remaining_authorized_amount").filter(is_open)),
        expired_orders=total(is_expired),
        expired_amount=total((ordered - captured).filter(is_expired)),
        cancelled_orders=total(is_cancelled),
        cancelled_amount=total((ordered - captured).filter(is_cancelled)),
        average_order_value=pl.col("order_amount").mean(),
        median_order_value=pl.col("order_amount").median(),
    )


def _refund_figures(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    return refunds.refund_plan(tables, CURRENCY).select(
        CURRENCY,
        "refunded_amount",
        refunded_orders="orders_refunded",
        **{f"refund_ratio{end}": f"amount_ratio{end}" for end in ("", "_low", "_high")},
    )


def _tracking_figures(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    methods = shipping.shipping_plan(tables, CURRENCY, "capture", "shipped", "shipping_method")
    return methods.group_by(CURRENCY).agg(captures=total("count"), captures_with_tracking=total("with_tracking"))


def _latency_figures(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    estimand = Estimand("first", "orders", effective_as_of(None, tables))
    waits = latency.latency_plan(tables, by=CURRENCY, estimand=estimand, quantiles=(0.5,), windows=())
    return waits.select(CURRENCY, "p50_hours", "p50_hours_low", "p50_hours_high")
