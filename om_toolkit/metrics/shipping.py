"""Shipping: counts and shares of methods and carriers. `shipped_items.py` plans what is counted."""

import polars as pl

from om_toolkit.metrics.expressions import total
from om_toolkit.metrics.grouping import By, Groups, groups_of, has_currency
from om_toolkit.metrics.intervals import amount_ratio, moments, unit_ratio
from om_toolkit.metrics.shipped_items import (
    Grain,
    Source,
    chosen_texts,
    counted_items,
    label_of_method,
    shipped_texts,
    spellings,
)
from om_toolkit.tables.tables import Tables, tables_of


def shipping_methods(
    data: object, *, by: By = (), grain: Grain = "capture", source: Source = "shipped"
) -> pl.DataFrame:
    """Count captures, shipments or orders by shipping method.

    A capture with several different methods is `(mixed)`. A capture without a method is `(missing)`; if it has no
    shipping info at all, it is `(unknown)` without order lines and `(digital)` with digital order lines only, where
    lines that are not goods, such as discounts, are left out. `Undefined` and `Digital` are ordinary methods. Spellings
    that differ only in case or blanks are one method, shown in its most common spelling (of equally common ones, the
    alphabetically first).

    The shipping info of an order applies to its captures if none of them has any. With `grain="shipment"`, a capture of
    physical goods without shipping info is one `(missing)` shipment. An order (`grain="order"`) combines all its
    captures; without a method it has the first of `(missing)`, `(unknown)`, `(digital)` that one of its captures has.
    Orders without captures count with `source="chosen"` only.

    An order can have several captures and shipments, so the variance of a share is taken over orders.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        grain: What is counted: `capture`, `shipment` (each entry of shipping_info) or `order`.
        source: `shipped` (`captures[].shipping_info`), or `chosen` (`selected_shipping_option.method`, or the methods
            of `selected_shipping_options` where an order has them), which requires `grain="order"`.

    Returns:
        A row per group and method, the most frequent first:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `shipping_method` | String | |
        | `count` | Int64 | |
        | `share`, `share_low`, `share_high` | Float64 | `count` over that of the group, with 95 % interval |
        | `with_tracking` | Int64 | those with a tracked shipment |
        | `tracking_share`, `tracking_share_low`, `…_high` | Float64 | `with_tracking` over `count` |
        | `captured_amount` | Int64 | minor units; with `purchase_currency` in `by`, not for shipments |
        | `amount_share`, `amount_share_low`, `…_high` | Float64 | over that of the group; the same condition |

    Raises:
        ValueError: If a column of `by`, the grain or the source does not exist, or `chosen` is combined with another
            grain than `order`.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> shipping_methods(orders).select("shipping_method", "count", "with_tracking").row(0)
        ('Home', 86, 80)
    """
    tables = tables_of(data)
    return tables.run(shipping_plan(tables, by, grain, source, "shipping_method"))


def carriers(data: object, *, by: By = (), grain: Grain = "capture") -> pl.DataFrame:
    """Count captures, shipments or orders by carrier.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        grain: What is counted: `capture`, `shipment` or `order`.

    Returns:
        The columns of `shipping_methods`, with `shipping_company` (String) instead of the method.

    Raises:
        ValueError: If a column of `by` or the grain does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> carriers(orders, by="purchase_country").select("purchase_country", "shipping_company", "count").row(0)
        ('DE', 'DHL', 17)
    """
    tables = tables_of(data)
    return tables.run(shipping_plan(tables, by, grain, "shipped", "shipping_company"))


def shipping_plan(tables: Tables[pl.LazyFrame], by: By, grain: Grain, source: Source, label: str) -> pl.LazyFrame:
    """Plan the query of `shipping_methods`, or of `carriers` with its label."""
    groups = groups_of(tables.orders, by)
    items = counted_items(tables, grain, source, label)
    texts = chosen_texts(tables) if source == "chosen" else shipped_texts(tables, label)
    figures = (
        _by_method(items, groups, tables)
        .join(spellings(texts), on="method", how="left")
        .rename({"spelling": label})
        .with_columns(
            *unit_ratio("share", "count", "all_items"),
            *unit_ratio("tracking_share", "with_tracking", "count"),
            *amount_ratio("amount_share", "captured_amount", "all_amount", "all_orders"),
        )
    )
    amounts = ["captured_amount", *_with_bounds("amount_share")] if has_currency(by) and grain != "shipment" else []
    columns = [label, "count", *_with_bounds("share"), "with_tracking", *_with_bounds("tracking_share"), *amounts]
    return groups.present(figures, -pl.col("count"), pl.col(label)).select(*groups.names, *columns)


def _with_bounds(name: str) -> list[str]:
    return [name, f"{name}_low", f"{name}_high"]


def _by_method(items: pl.LazyFrame, groups: Groups, tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the sums of each group and method, with the sums of squares and products over orders."""
    of_group = groups.keys
    labelled = items.select(
        "key", "items", "amount", method=label_of_method(), tracked_items=pl.when("has_tracking").then("items")
    )
    by_order = _of_orders(labelled.join(groups.of_keys(tables.orders), on="key", nulls_equal=True), of_group)
    count, amount, tracked = map(pl.col, ("items", "amount", "tracked_items"))
    return (
        by_order.group_by(*of_group, "method")
        .agg(
            count=count.sum(),
            with_tracking=tracked.sum(),
            captured_amount=amount.sum(),
            orders=total("is_first"),
            **moments("share", count, pl.col("order_items")),
            **moments("tracking_share", tracked, count),
            **moments("amount_share", amount, pl.col("order_amount")),
        )
        .with_columns(
            all_items=pl.col("count").sum().over(of_group),
            all_amount=pl.col("captured_amount").sum().over(of_group),
            all_orders=pl.col("orders").sum().over(of_group),
            # Over all orders, x² is the sum of x·y over the methods, because the y of an order add up to its x.
            share_xx=pl.col("share_xy").sum().over(of_group),
            amount_share_xx=pl.col("amount_share_xy").sum().over(of_group),
        )
    )


def _of_orders(items: pl.LazyFrame, groups: list[str]) -> pl.LazyFrame:
    """Plan the sums of each order and method, beside those of the order; an order with one item has its values."""
    sums, method = ("items", "tracked_items", "amount"), pl.col("method")
    counted = items.with_columns(pl.col(sums).fill_null(0), is_single=pl.len().over("key") == 1)
    single = counted.filter("is_single").with_columns(
        order_items="items", order_amount="amount", is_first=pl.lit(value=True)
    )
    several = (
        counted.filter(~pl.col("is_single"))
        .group_by(*groups, "key", "method")
        .agg(*map(total, sums))
        .with_columns(
            order_items=pl.col("items").sum().over("key"),
            order_amount=pl.col("amount").sum().over("key"),
            is_first=method == method.min().over("key"),
        )
    )
    columns = [*groups, "method", *sums, "order_items", "order_amount", "is_first"]
    return pl.concat([single.select(columns), several.select(columns)])
