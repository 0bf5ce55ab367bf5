"""What customers chose and what they got: orders and shipments in, the cross table of shipping methods out."""

import polars as pl

from om_toolkit.metrics.grouping import By, groups_of
from om_toolkit.metrics.intervals import count_ratio
from om_toolkit.metrics.shipped_items import (
    ABSENT_LABELS,
    MIXED,
    chosen_texts,
    counted_items,
    label_of_method,
    shipped_texts,
    spellings,
)
from om_toolkit.tables.tables import Tables, tables_of


def chosen_vs_shipped(data: object, *, by: By = ()) -> pl.DataFrame:
    """Count captured orders by the shipping method that was chosen and the one that was used.

    The methods are those of `shipping_methods` with `grain="order"`: `(mixed)` if there are several, `(missing)` or
    another label if there is none. Both sides show one spelling of a method. Orders without captures are left out.

    `as_chosen_share` is that of a whole group, and the same in all its rows. It compares the orders of which one chosen
    method and what was shipped are known: an order without a method on either side, or with several chosen ones, is no
    deviation. One that was shipped by several methods is.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.

    Returns:
        A row per group and pair of methods, the most frequent first:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `chosen` | String | `selected_shipping_option.method`, or all of `selected_shipping_options` |
        | `shipped` | String | `shipping_info.shipping_method` |
        | `orders` | Int64 | |
        | `share`, `share_low`, `share_high` | Float64 | `orders` over those of the group, 95 % interval (Wilson 1927) |
        | `compared_orders` | Int64 | orders of the group of which both methods are known |
        | `as_chosen_orders` | Int64 | those of them that were shipped as chosen |
        | `as_chosen_share`, `as_chosen_share_low`, `…_high` | Float64 | `as_chosen_orders` over `compared_orders` |

    Raises:
        ValueError: If a column of `by` does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> chosen_vs_shipped(orders).select("chosen", "shipped", "orders").row(0)
        ('Home', 'Home', 49)
        >>> chosen_vs_shipped(orders).select("compared_orders", "as_chosen_orders").row(0)
        (131, 125)
    """
    tables = tables_of(data)
    return tables.run(_cross_table(tables, by))


def _cross_table(tables: Tables[pl.LazyFrame], by: By) -> pl.LazyFrame:
    groups = groups_of(tables.orders, by)
    chosen = counted_items(tables, "order", "chosen", "shipping_method")
    shipped = counted_items(tables, "order", "shipped", "shipping_method")
    shown = spellings(chosen_texts(tables), shipped_texts(tables, "shipping_method"))
    sides = {"chosen": chosen, "shipped": shipped}
    pairs = groups.of_keys(tables.orders)
    for side, items in sides.items():
        methods = items.select("key", method=label_of_method()).unique("key", keep="first")
        labels = methods.join(shown, on="method", how="left").select("key", pl.col("spelling").alias(side))
        pairs = pairs.join(labels, on="key")
    orders, chosen_label, shipped_label = map(pl.col, ("orders", *sides))
    is_compared = ~chosen_label.is_in([*ABSENT_LABELS, MIXED]) & ~shipped_label.is_in(ABSENT_LABELS)
    of_group = {
        "all_orders": orders,
        "compared_orders": orders.filter(is_compared),
        "as_chosen_orders": orders.filter(is_compared & (chosen_label == shipped_label)),
    }
    counted = (
        pairs.group_by(*groups.keys, *sides)
        .agg(orders=pl.len().cast(pl.Int64))
        .with_columns(**{name: counts.sum().over(groups.keys) for name, counts in of_group.items()})
        .with_columns(
            *count_ratio("share", "orders", "all_orders"),
            *count_ratio("as_chosen_share", "as_chosen_orders", "compared_orders"),
        )
    )
    rows = groups.present(counted, -orders, chosen_label, shipped_label)
    return rows.select(*groups.names, *sides, "orders", "^share.*$", "compared_orders", "^as_chosen_.*$")
