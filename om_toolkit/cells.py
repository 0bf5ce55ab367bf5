"""Small cells: rows of orders in, with groups of only a few orders put together, so that nobody stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW: Final = "(few)"
"""What groups that were put together are called."""


def pool(rows: pl.DataFrame, group: str, least: int, within: Sequence[str] = ()) -> pl.DataFrame:
    """Rename the groups of fewer than `least` orders to `(few)`, before anything is computed of them.

    If these together are still fewer, the next larger group joins them: else what is missing from a total would tell of
    them. Where all there is is less, as in a currency of two orders, its rows are left out. Each number of a table made
    of the result thus speaks of `least` orders or more, and so does the difference between any of them and their sum.

    Args:
        rows: With the columns `order_id`, `group` and those of `within`.
        group: The column with the groups' names.
        least: The fewest orders of a group.
        within: Columns that set apart what cannot be put together, such as currencies.
    """
    orders = pl.col("order_id").n_unique()
    keys = [*within, group]
    cells = rows.group_by(keys).agg(cell=orders).sort("cell", group)
    smaller = pl.col("cell").cum_sum() - pl.col("cell")
    cells = cells.with_columns(smaller=smaller.over(within) if within else smaller)
    is_few = (pl.col("cell") < least) | pl.col("smaller").is_between(0, least, closed="none")
    named = rows.join(cells, on=keys, how="left", nulls_equal=True, maintain_order="left").with_columns(
        pl.when(is_few).then(pl.lit(FEW)).otherwise(group).alias(group)
    )
    return named.filter(orders.over(keys) >= least).select(rows.columns)


def last(frame: pl.DataFrame, group: str) -> pl.DataFrame:
    """Put the rows of `(few)` behind all others."""
    return frame.sort(pl.col(group).eq_missing(FEW), maintain_order=True)
