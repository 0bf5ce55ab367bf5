"""The order lines of captures: captures and order lines in, the lines that each capture consists of out."""

from typing import Final

import polars as pl

from om_toolkit.metrics.expressions import CAPTURE_POSITION
from om_toolkit.tables.tables import Tables

GOODS: Final = ("physical", "digital", "package")
"""The types of order lines that are goods, as are lines without a type."""


def is_goods() -> pl.Expr:
    """Return whether an order line is goods, not a fee, a discount, a gift card or a tax."""
    return pl.col("type").is_in(GOODS).fill_null(value=True)


def captured_lines(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the order lines of captures.

    A capture of the whole order amount without lines has those of its order. Each line has the position of its capture.
    """
    lines = tables.order_lines.filter(pl.col("source") == "capture")
    whole = (
        tables.captures.join(lines, on=CAPTURE_POSITION, how="anti", nulls_equal=True)
        .join(tables.orders.select("order_id", "order_amount"), on="order_id")
        .filter(pl.col("captured_amount") == pl.col("order_amount"))
        .group_by("order_id")
        .agg(pl.col("capture").min())
    )
    own = tables.order_lines.filter(pl.col("source") == "order").drop("capture").join(whole, on="order_id")
    return pl.concat([lines, own.select(lines.collect_schema().names())])
