"""Rows of orders in; the same rows out, with the names of small groups replaced so that no customer can be singled out.

A group is small if it has fewer orders than `min_cell`. Small groups are pooled under one name, `(few)`. If the pool
itself is small, the next larger group joins it: otherwise its numbers would follow from the total and the other groups.

Two rules keep the sums of a whole page from revealing a small group:

1. The rows of every table come from `published`, and all tables pool a column in the same way. So a group, and the
   orders outside it, are none or at least `min_cell`.
2. No table and no picture combines two groupings, such as country and shipping method, and a count within groups, such
   as the captures with tracking, is shown for one grouping only. Then the page says nothing about the overlap of a
   country A and a method B but their sizes: of n orders, it has between max(0, A + B - n) and min(A, B) (Fréchet
   1940). The difference of these bounds is min(A, B, n - A, n - B), at least `min_cell`, unless A or B is everything,
   and then the overlap is a published group.

Payment methods and customer types are further groupings of the same orders, each counted alone. The overlap of A, B and
C has between max(0, A + B + C - 2n) and min(A, B, C) orders; that difference is at least `min_cell` as well.

Country and currency are one grouping: each country is shown with the currency, and pooled separately in each.
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
    return pool(tables, "purchase_country", min_cell)


def pool(tables: Tables[Any], column: str, min_cell: int) -> Tables[Any]:
    """Pool the groups of a column of the orders table as `pool_countries` does."""
    if min_cell == 1:
        return tables
    of_captures = tables.captures.select("order_id", has_capture=pl.lit(value=True)).unique()
    orders = tables.orders.join(of_captures, on="order_id", how="left", maintain_order="left")
    is_captured = (pl.col("captured_amount") > 0) & pl.col("has_capture").fill_null(value=False)
    orders = published(orders, column, min_cell, [CURRENCY], is_captured).drop("has_capture")
    return replace(tables, orders=orders, is_conformed=True)


def published(
    rows: pl.DataFrame, group: str, min_cell: int, within: Sequence[str] = (), is_counted: pl.Expr | None = None
) -> pl.DataFrame:
    """Rename the small groups to `(few)`, before anything is computed from the rows.

    Each group of the result has at least `min_cell` orders, and so has the difference between any of them and their
    total. If all orders together are fewer, as in a currency of two orders, their rows are removed. Numbers within a
    group stay as they are. A `min_cell` of 1 changes nothing.

    Args:
        rows: With the columns `order_id`, `group` and those of `within`.
        group: The column with the names of the groups.
        min_cell: The smallest number of orders of a group.
        within: Columns whose values are pooled separately, such as currencies.
        is_counted: Which rows count as orders; all rows by default.
    """
    if min_cell == 1:
        return rows
    orders = pl.col("order_id").filter(pl.lit(value=True) if is_counted is None else is_counted).n_unique()
    sizes = _group_sizes(rows, group, min_cell, within, orders)
    return _rename_few(rows, group, within, sizes).filter(orders.over(*within, group) >= min_cell)


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
