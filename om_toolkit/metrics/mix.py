"""The mix of orders: orders in, their number and amount by payment method, customer type or another vocabulary out."""

import polars as pl

from om_toolkit.metrics.expressions import total
from om_toolkit.metrics.grouping import CURRENCY, By, expressions, groups_of, has_currency
from om_toolkit.metrics.intervals import amount_ratio, count_ratio
from om_toolkit.tables.tables import Tables, tables_of


def mix(data: object, column: str, *, by: By = ()) -> pl.DataFrame:
    """Show how orders and their amounts divide into the values of a column.

    Args:
        data: Orders or Tables.
        column: A column of the orders table, such as `initial_payment_method_type`, `customer_type`, `status` or
            `shipping_address_country`.
        by: Columns of the orders table, or polars expressions over it. A share is of the orders of its group and
            currency.

    Returns:
        A row per group, currency and value, the most frequent first:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `purchase_currency` | String | |
        | the column | | null where an order has no value |
        | `count` | Int64 | orders |
        | `share` | Float64 | `count` over that of the group and currency |
        | `share_low`, `share_high` | Float64 | 95 % interval (Wilson 1927) |
        | `order_amount` | Int64 | minor units |
        | `amount_share` | Float64 | `order_amount` over that of the group and currency |
        | `amount_share_low`, `amount_share_high` | Float64 | 95 % interval, as in `refund_ratio` |
        | `average_order_value`, `p50_order_value` | Float64 | minor units: mean and median |
        | `excluded` | Int64 | orders without `order_amount`, which the amounts leave out |

    Raises:
        ValueError: If a column does not exist, or `column` is one of the groups already.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> shown = mix(orders, "customer_type").select("purchase_currency", "customer_type", "count")
        >>> shown.row(0)
        ('EUR', 'person', 101)
    """
    tables = tables_of(data)
    return tables.run(_mix_plan(tables, column, by))


def _mix_plan(tables: Tables[pl.LazyFrame], column: str, by: By) -> pl.LazyFrame:
    outer = [*expressions(by), *([] if has_currency(by) else [pl.col(CURRENCY)])]
    if column in [expr.meta.output_name() for expr in outer]:
        raise ValueError(f"{column!r} is a group already; choose another column, or use by= without it")
    groups = groups_of(tables.orders, [*outer, pl.col(column)])
    amount = pl.col("order_amount")
    squares = (amount.cast(pl.Int128) ** 2).sum()
    counted = (
        groups.select(tables.orders, "order_amount")
        .group_by(groups.keys)
        .agg(
            count=pl.len().cast(pl.Int64),
            order_amount=total(amount),
            average_order_value=amount.mean(),
            p50_order_value=amount.median(),
            excluded=total(amount.is_null()),
            amount_share_yy=squares,
        )
        .with_columns(amount_share_xy="amount_share_yy")
        .with_columns(
            pl.col("count", "order_amount", "excluded").sum().over(groups.keys[:-1]).name.prefix("all_"),
            amount_share_xx=pl.col("amount_share_yy").sum().over(groups.keys[:-1]),
        )
        .with_columns(all_with_amount=pl.col("all_count") - pl.col("all_excluded"))
        .with_columns(
            *count_ratio("share", "count", "all_count"),
            *amount_ratio("amount_share", "order_amount", "all_order_amount", "all_with_amount"),
        )
    )
    ordered = counted.sort(-pl.col("count"), groups.keys[-1], nulls_last=True).sort(
        groups.keys[:-1], maintain_order=True, nulls_last=True
    )
    return ordered.select(
        *(pl.col(key).alias(name) for key, name in zip(groups.keys, groups.names, strict=True)),
        *("count", "share", "share_low", "share_high"),
        *("order_amount", "amount_share", "amount_share_low", "amount_share_high"),
        *("average_order_value", "p50_order_value", "excluded"),
    )
