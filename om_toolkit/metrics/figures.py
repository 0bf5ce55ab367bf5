"""Key figures: the five tables in, one row per currency with the main figures of several metrics out."""

from typing import Final

import polars as pl

from om_toolkit.metrics import latency, refunds
from om_toolkit.metrics.captured_orders import Estimand
from om_toolkit.metrics.expressions import OPEN, effective_as_of, total
from om_toolkit.metrics.grouping import CURRENCY, By, Groups, expressions, groups_of, has_currency
from om_toolkit.metrics.intervals import amount_ratio, moments, unit_ratio
from om_toolkit.metrics.refunded_orders import amounts_of_orders
from om_toolkit.metrics.shipped_items import counted_items
from om_toolkit.tables.tables import Tables, tables_of

_KEY_FIGURE_COLUMNS: Final = """
    orders order_amount captured_orders captured_amount capture_rate capture_rate_low capture_rate_high
    refunded_orders refunded_amount refund_ratio refund_ratio_low refund_ratio_high
    open_orders open_amount expired_orders expired_amount cancelled_orders cancelled_amount
    average_order_value median_order_value
    captures captures_with_tracking tracking_share tracking_share_low tracking_share_high
    p50_hours p50_hours_low p50_hours_high excluded
""".split()
_LATENCY: Final = ("p50_hours", "p50_hours_low", "p50_hours_high")

_ZERO_IF_MISSING: Final = ("refunded_orders", "refunded_amount", "captures", "captures_with_tracking")


def key_figures(data: object, *, by: By = ()) -> pl.DataFrame:
    """Summarise orders, captures and refunds per currency and group.

    The figures are those of `refund_ratio`, `shipping_methods` (captures with tracking) and `capture_latency`
    (`p50_hours`, first capture) in the same groups. `capture_rate` is the captured amount over the order amount, with
    the interval of `refund_ratio`'s `amount_ratio`. Where an order lacks its captured amount, the sum of its captures
    is used. An order whose captured or order amount is unknown is left out of the rate, and counted in `excluded`.

    What remains of an open order is its remaining amount, or its order amount less its captured amount. Unknown amounts
    are left out of sums, of the average and of the median.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it; the currency is always a group.

    Returns:
        A row per group and currency. Amounts are minor units; each ratio has its 95 % interval as `_low` and `_high`.

        | column | type | meaning |
        |---|---|---|
        | by…, `purchase_currency` | | |
        | `orders`, `order_amount` | Int64 | all orders |
        | `captured_orders`, `captured_amount`, `capture_rate` | Int64, Int64, Float64 | captured over ordered |
        | `refunded_orders`, `refunded_amount`, `refund_ratio` | Int64, Int64, Float64 | refunded over captured |
        | `open_orders`, `open_amount` | Int64 | AUTHORIZED and PART_CAPTURED orders, what remains authorised |
        | `expired_orders`, `expired_amount` | Int64 | EXPIRED orders, what was not captured |
        | `cancelled_orders`, `cancelled_amount` | Int64 | CANCELLED orders, what was not captured |
        | `average_order_value`, `median_order_value` | Float64 | |
        | `captures`, `captures_with_tracking`, `tracking_share` | Int64, Int64, Float64 | tracked over all captures |
        | `p50_hours`, `p50_hours_low`, `p50_hours_high` | Float64 | hours, with the 95 % interval |
        | `excluded` | Int64 | orders that the capture rate leaves out |
        | `mature` | Boolean | where a group is a time: whether its capture rate is final, see `capture_latency` |

    Raises:
        ValueError: If a column of `by` does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> key_figures(orders).select("purchase_currency", "orders", "order_amount", "captured_amount").row(0)
        ('EUR', 121, 3748771, 2910020)
    """
    tables = tables_of(data)
    keys = [*expressions(by), *([] if has_currency(by) else [pl.col(CURRENCY)])]
    groups = groups_of(tables.orders, keys)
    names = list(groups.names)
    waits = latency.latency_plan(tables, by=keys, estimand=_first_capture(tables), quantiles=(0.5,), windows=())
    mature = ["mature"] if "mature" in waits.collect_schema() else []
    figures = groups.present(_order_figures(tables, groups))
    for metric in (_refund_figures(tables, keys, names), groups.present(_tracking_figures(tables, groups))):
        figures = figures.join(metric, on=names, how="left", nulls_equal=True)
    return tables.run(
        figures.join(waits.select(*names, *_LATENCY, *mature), on=names, how="left", nulls_equal=True)
        .with_columns(pl.col(_ZERO_IF_MISSING).fill_null(0))
        .with_columns(
            *amount_ratio("capture_rate", "rated_captured", "rated_ordered", "rated_orders"),
            *unit_ratio("tracking_share", "captures_with_tracking", "captures"),
        )
        .select(*names, *_KEY_FIGURE_COLUMNS, *mature)
        .sort(names, nulls_last=True)
    )


def _first_capture(tables: Tables[pl.LazyFrame]) -> Estimand:
    return Estimand("first", "orders", effective_as_of(None, tables))


def _order_figures(tables: Tables[pl.LazyFrame], groups: Groups) -> pl.LazyFrame:
    orders = amounts_of_orders(tables, groups, "order_amount", "status", "remaining_authorized_amount")
    ordered, captured, status = pl.col("order_amount"), pl.col("captured"), pl.col("status")
    is_open, is_expired, is_cancelled = status.is_in(OPEN), status == "EXPIRED", status == "CANCELLED"
    is_known = ordered.is_not_null() & captured.is_not_null()
    rated_captured, rated_ordered = (pl.when(is_known).then(one).otherwise(0) for one in (captured, ordered))
    return orders.group_by(groups.keys).agg(
        orders=pl.len().cast(pl.Int64),
        order_amount=total(ordered),
        captured_orders=total(captured > 0),
        captured_amount=total(captured),
        rated_captured=total(rated_captured),
        rated_ordered=total(rated_ordered),
        rated_orders=total(is_known),
        excluded=total(~is_known),
        **moments("capture_rate", rated_captured, rated_ordered),
        open_orders=total(is_open),
        open_amount=total(pl.coalesce("remaining_authorized_amount", ordered - captured).filter(is_open)),
        expired_orders=total(is_expired),
        expired_amount=total((ordered - captured).filter(is_expired)),
        cancelled_orders=total(is_cancelled),
        cancelled_amount=total((ordered - captured).filter(is_cancelled)),
        average_order_value=ordered.mean(),
        median_order_value=ordered.median(),
    )


def _refund_figures(tables: Tables[pl.LazyFrame], by: By, names: list[str]) -> pl.LazyFrame:
    return refunds.refund_plan(tables, by).select(
        *names,
        "refunded_amount",
        refunded_orders="orders_refunded",
        **{f"refund_ratio{end}": f"amount_ratio{end}" for end in ("", "_low", "_high")},
    )


def _tracking_figures(tables: Tables[pl.LazyFrame], groups: Groups) -> pl.LazyFrame:
    """Plan the captures and those with tracking; an order can have several, so squares are summed over orders."""
    captures, tracked = pl.col("captures"), pl.col("captures_with_tracking")
    return (
        counted_items(tables, "capture", "shipped", "shipping_method")
        .join(groups.of_keys(tables.orders), on="key")
        .group_by(*groups.keys, "key")
        .agg(captures=total("items"), captures_with_tracking=total(pl.col("items").filter("has_tracking")))
        .group_by(groups.keys)
        .agg(total(captures), total(tracked), **moments("tracking_share", tracked, captures))
    )
