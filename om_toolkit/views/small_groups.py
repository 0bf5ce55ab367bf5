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
    orders = pl.col("order_id").filter(pl.lit(value=True) if counts is None else counts).n_unique()
    return _renamed(rows, group, within, _cells(rows, group, least, within, orders)).filter(
        orders.over(*within, group) >= least
    )


def pool_parts(rows: pl.DataFrame, group: str, least: int, within: str) -> pl.DataFrame:
    """Rename the small groups of each part to `(few)`, where the groups of the whole are shown as well.

    What a group of the whole has more than all parts that show it is of no order or of `least` and more: else the
    smallest that is shown of it is renamed, too. Parts of fewer orders are left out.

    Args:
        rows: With the columns `order_id`, `group` and `within`.
        group: The column with the groups' names.
        least: The fewest orders of a group in a part.
        within: The column that tells the parts.
    """
    orders = pl.col("order_id").n_unique()
    cells = _cells(rows, group, least, [within], orders)
    is_shown = ~pl.col("is_few")
    tells = pl.col("cell").filter("is_few").sum().over(group).is_between(1, least - 1)
    is_next = is_shown & tells & (pl.col("cell") == pl.col("cell").filter(is_shown).min().over(group))
    while cells.select(is_next.any()).item():
        cells = cells.with_columns(pl.col("is_few") | is_next)
    return _renamed(rows, group, [within], cells).filter(orders.over(within, group) >= least)


def _cells(rows: pl.DataFrame, group: str, least: int, within: Sequence[str], orders: pl.Expr) -> pl.DataFrame:
    """Return a row per group: how many orders it has, `cell`, and whether it is to stand among the few."""
    cells = rows.group_by(*within, group).agg(cell=orders).sort("cell", group)
    before = pl.struct(orders=pl.col("cell").cum_sum() - pl.col("cell"), groups=pl.int_range(pl.len()))
    cells = cells.with_columns(before=before.over(within) if within else before).unnest("before")
    is_few = (pl.col("cell") < least) | ((pl.col("orders") < least) & (pl.col("groups") > 0))
    return cells.select(*within, group, "cell", is_few=is_few)


def _renamed(rows: pl.DataFrame, group: str, within: Sequence[str], cells: pl.DataFrame) -> pl.DataFrame:
    named = rows.join(cells, on=[*within, group], how="left", nulls_equal=True, maintain_order="left")
    return named.with_columns(pl.when("is_few").then(pl.lit(FEW)).otherwise(group).alias(group)).select(rows.columns)


def last(frame: pl.DataFrame, group: str) -> pl.DataFrame:
    """Put the rows of `(few)` behind all others."""
    return frame.sort(pl.col(group).eq_missing(FEW), maintain_order=True)
