"""Small cells: groups of only a few orders put together, so that nobody is a group alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW: Final = "(few)"
"""What groups that were put together are called."""


def pool(
    rows: pl.DataFrame, group: str, least: int, within: Sequence[str] = (), counts: pl.Expr | None = None
) -> pl.DataFrame:
    """Rename the groups of fewer than `least` orders to `(few)`, before anything is computed of them.

    If these together are still fewer, the next larger group joins them: else what is missing from a total would tell of
    them. Where all there is is less, as in a currency of two orders, its rows are left out. Each group of the result
    thus is of `least` orders or more, and so is the difference between any of them and their sum. Within a group
    nothing is hidden.

    Args:
        rows: With the columns `order_id`, `group` and those of `within`.
        group: The column with the groups' names.
        least: The fewest orders of a group.
        within: Columns that set apart what cannot be put together, such as currencies.
        counts: Which rows' orders count; else all.
    """
    keys = [*within, group]
    orders = pl.col("order_id").filter(pl.lit(value=True) if counts is None else counts).n_unique()
    cells = rows.group_by(keys).agg(cell=orders).sort("cell", group)
    before = pl.struct(orders=pl.col("cell").cum_sum() - pl.col("cell"), groups=pl.int_range(pl.len()))
    cells = cells.with_columns(before=before.over(within) if within else before).unnest("before")
    is_few = (pl.col("cell") < least) | ((pl.col("orders") < least) & (pl.col("groups") > 0))
    named = rows.join(cells, on=keys, how="left", nulls_equal=True, maintain_order="left").with_columns(
        pl.when(is_few).then(pl.lit(FEW)).otherwise(group).alias(group)
    )
    return named.filter(orders.over(keys) >= least).select(rows.columns)


def pool_alike(rows: pl.DataFrame, group: str, least: int, within: str) -> pl.DataFrame:
    """Rename groups to `(few)`, the same ones in each part, until no group is of 1 to `least` - 1 orders in a part.

    Groups thus are the same in each part, and what is missing from a table of the whole tells of no few orders of a
    part. Parts of fewer orders are left out.

    Args:
        rows: With the columns `order_id`, `group` and `within`.
        group: The column with the groups' names.
        least: The fewest orders of a group in a part.
        within: The column that tells the parts.
    """
    orders = pl.col("order_id").n_unique()
    rows = rows.filter(orders.over(within) >= least)
    smallest = rows.group_by(within, group).agg(cell=orders).group_by(group).agg(pl.col("cell").min())
    names = smallest.sort("cell", group)[group].to_list()
    for number in range(len(names) + 1):
        is_few = pl.col(group).is_in(names[:number], nulls_equal=True)
        named = rows.with_columns(pl.when(is_few).then(pl.lit(FEW)).otherwise(group).alias(group))
        if named.filter(orders.over(within, group) < least).is_empty():
            break
    return named


def last(frame: pl.DataFrame, group: str) -> pl.DataFrame:
    """Put the rows of `(few)` behind all others."""
    return frame.sort(pl.col(group).eq_missing(FEW), maintain_order=True)
