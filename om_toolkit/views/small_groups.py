"""Rows of orders in; the same rows out, with the names of small groups replaced so that no customer can be singled out.

A group is small if it has fewer orders than `min_cell`. Small groups are pooled under one name, `(few)`. If the pool
itself is small, the next larger group joins it (complementary suppression): otherwise its numbers would follow from the
total and the other groups.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import polars as pl

from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.tables.tables import Tables

FEW: Final = "(few)"
"""The name of the pooled groups."""


def pool_countries(tables: Tables[Any], min_cell: int) -> Tables[Any]:
    """Pool the countries with fewer captured orders than `min_cell`, separately for each currency.

    A currency with fewer captured orders is removed. Compute every published table from the result: a country that is
    pooled in one table and shown in another could be calculated from the two. Pooling twice changes nothing.
    """
    if min_cell == 1:
        return tables
    is_captured = (pl.col("captured_amount") > 0) & pl.col("order_id").is_in(tables.captures["order_id"].to_list())
    return replace(tables, orders=pool(tables.orders, "purchase_country", min_cell, [CURRENCY], is_captured))


def pool(
    rows: pl.DataFrame, group: str, min_cell: int, within: Sequence[str] = (), is_counted: pl.Expr | None = None
) -> pl.DataFrame:
    """Rename the small groups to `(few)`, before anything is computed from the rows.

    Each group of the result has at least `min_cell` orders, and so has the difference between any of them and their
    total. If all orders together are fewer, as in a currency of two orders, their rows are removed. Numbers within a
    group stay as they are.

    Args:
        rows: With the columns `order_id`, `group` and those of `within`.
        group: The column with the names of the groups.
        min_cell: The smallest number of orders of a group.
        within: Columns whose values are pooled separately, such as currencies.
        is_counted: Which rows count as orders; all rows by default.
    """
    orders = pl.col("order_id").filter(pl.lit(value=True) if is_counted is None else is_counted).n_unique()
    sizes = _group_sizes(rows, group, min_cell, within, orders)
    return _rename_few(rows, group, within, sizes).filter(orders.over(*within, group) >= min_cell)


def pool_parts(rows: pl.DataFrame, group: str, min_cell: int, part: str) -> pl.DataFrame:
    """Rename the small groups of each part to `(few)`, where the groups of the whole are published as well.

    The difference between a group of the whole and all parts that show it is either 0 or at least `min_cell` orders: to
    achieve this, the smallest group that is shown is pooled as well. Parts with fewer orders are removed.

    Args:
        rows: With the columns `order_id`, `group` and `part`.
        group: The column with the names of the groups.
        min_cell: The smallest number of orders of a group in a part.
        part: The column with the names of the parts.
    """
    orders = pl.col("order_id").n_unique()
    sizes = _group_sizes(rows, group, min_cell, [part], orders)
    is_shown = ~pl.col("is_few")
    is_revealing = pl.col("size").filter("is_few").sum().over(group).is_between(1, min_cell - 1)
    is_smallest = pl.col("size") == pl.col("size").filter(is_shown).min().over(group)
    is_next = is_shown & is_revealing & is_smallest
    while sizes.select(is_next.any()).item():
        sizes = sizes.with_columns(pl.col("is_few") | is_next)
    return _rename_few(rows, group, [part], sizes).filter(orders.over(part, group) >= min_cell)


def few_last(frame: pl.DataFrame, group: str) -> pl.DataFrame:
    """Move the rows of `(few)` behind all others."""
    return frame.sort(pl.col(group).eq_missing(FEW), maintain_order=True)


def _group_sizes(rows: pl.DataFrame, group: str, min_cell: int, within: Sequence[str], orders: pl.Expr) -> pl.DataFrame:
    """Return one row per group: the number of its orders, `size`, and whether it joins the pool, `is_few`."""
    sizes = rows.group_by(*within, group).agg(size=orders).sort("size", group)
    smaller = pl.struct(orders=pl.col("size").cum_sum() - pl.col("size"), groups=pl.int_range(pl.len()))
    sizes = sizes.with_columns(smaller=smaller.over(within) if within else smaller).unnest("smaller")
    is_pool_small = (pl.col("orders") < min_cell) & (pl.col("groups") > 0)
    return sizes.select(*within, group, "size", is_few=(pl.col("size") < min_cell) | is_pool_small)


def _rename_few(rows: pl.DataFrame, group: str, within: Sequence[str], sizes: pl.DataFrame) -> pl.DataFrame:
    joined = rows.join(sizes, on=[*within, group], how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.when("is_few").then(pl.lit(FEW)).otherwise(group).alias(group)).select(rows.columns)
